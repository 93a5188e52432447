"""One page of HTML as a PDF. Importing this imports WeasyPrint."""

from __future__ import annotations

import logging
import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import SubElement  # it makes elements here, and reads nothing

from weasyprint import CSS, HTML  # type: ignore[import-untyped]
from weasyprint.text.fonts import FontConfiguration  # type: ignore[import-untyped]
from weasyprint.urls import URLFetcher, URLFetcherResponse  # type: ignore[import-untyped]

from trainer_pdf.tags import mend

NOWHERE = "http://assets.invalid/"  # what addresses within the assets folder begin with
MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
}  # fmt: skip

os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # the date of the fonts in a PDF would be the moment
logging.getLogger("weasyprint").addHandler(logging.NullHandler())  # it would print to the terminal of the run


class Fetcher(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
    """Lets through what is embedded or lies beside the page, and images and fonts of one folder, and nothing else.

    `beside` are the contents of what lies beside the page, in base64, by their addresses from it.
    """

    def __init__(self, assets: str, beside: Mapping[str, str]) -> None:
        super().__init__(allowed_protocols={"data"}, allow_redirects=False)
        self._assets = Path(assets) if assets else None
        self._beside = {f"{NOWHERE}{name}": content for name, content in beside.items()}

    def fetch(self, url: str, headers: Any = None) -> Any:
        """The content of an address. Raises `ValueError` for one that is not let through."""
        parts = urlsplit(url)
        if parts.scheme == "data":
            return super().fetch(url, headers)
        if url in self._beside:
            return URLFetcherResponse(
                url, b64decode(self._beside[url]), {"Content-Type": MEDIA.get(Path(url).suffix, "")}
            )
        path = (self._assets / unquote(parts.path).lstrip("/")).resolve() if self._assets else None
        if not url.startswith(NOWHERE) or path is None or self._assets not in path.parents or path.suffix not in MEDIA:
            raise ValueError("this address is not of the document")
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": MEDIA[path.suffix]})


def print_page(
    html: bytes,
    *,
    styles: Sequence[str] = (),
    assets: str = "",
    variant: str | None = None,
    beside: Mapping[str, str] | None = None,
) -> bytes:
    """The page as a PDF with bookmarks, and with tags where `variant` asks for them."""
    fetcher, fonts = Fetcher(assets, beside or {}), FontConfiguration()
    style = (files("trainer_pdf") / "print.css").read_text(encoding="utf-8")
    sheet = CSS(string=style, url_fetcher=fetcher, base_url=NOWHERE, font_config=fonts)
    page = HTML(string=html.decode("utf-8", "replace"), url_fetcher=fetcher, base_url=NOWHERE)
    for element in page.etree_element.iter():
        if "attachment" in element.get("rel", "").lower():
            del element.attrib["rel"]  # it would put a file into the PDF
        if element.tag.endswith("math") and (tex := element.get("alttext")):
            _spell(element, tex)
    for style in styles:  # at the end of the page, where they win over its own
        SubElement(page.etree_element, "style").text = style
    printed: bytes = page.write_pdf(stylesheets=[sheet], finisher=mend, pdf_variant=variant, font_config=fonts)
    return printed


def _spell(formula: Any, tex: str) -> None:
    """Write a formula as its TeX: WeasyPrint knows no MathML, and would print a fraction as two figures in a row."""
    tail = formula.tail
    formula.clear()
    formula.tag, formula.text, formula.tail = "code", tex, tail
