"""What a page shows that is not text: pictures of the document, embedded into it or beside it."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Literal
from urllib.parse import unquote

from trainer_document.policy import is_image

Place = Literal["embedded", "beside"]

EACH = 2_000_000  # bytes of one picture
TOTAL = 10_000_000  # bytes of all pictures together, each as often as the page holds it

_TYPE = re.compile(r"image/(?:png|jpeg|gif|webp)")
_BESIDE = re.compile(r"assets/([0-9a-f]{64})\.(png|jpeg|gif|webp)")
_SHOWN = re.compile(rf'(?<= src="){_BESIDE.pattern}(?=")')


class Assets:
    """The assets of one document, for one page: within it, or `beside` it, and then in `files` by their addresses.

    What the page cannot have is told in `notes`.
    """

    def __init__(self, assets: Mapping[str, tuple[str, bytes]], place: Place = "embedded") -> None:
        self._assets = assets
        self._beside = place == "beside"
        self._size = 0
        self._known: dict[str, tuple[str, bytes, str]] = {}
        self.files: dict[str, bytes] = {}
        self.notes: list[str] = []

    def address(self, url: str) -> str:
        """The address of a picture, `data:` or that of a file; "" if the page cannot have it."""
        if url not in self._known:
            self._known[url] = self._picture(url)
        kind, content, name = self._known[url]
        if not kind or name in self.files:
            return name
        if len(content) > EACH or self._size + len(content) > TOTAL:
            size = f"{len(content):,}"
            self._note(f"A picture of {size} bytes is left out: a page holds {EACH:,} of one, {TOTAL:,} in all.")
            return ""
        self._size += len(content)
        if self._beside:
            self.files[name] = content
        return name or f"data:{kind};base64,{b64encode(content).decode()}"

    def _picture(self, url: str) -> tuple[str, bytes, str]:
        """A picture of the document: its media type, its bytes, and its name if it is to stand beside the page."""
        if not is_image(url):
            return "", b"", ""
        kind, content = self._assets.get(url, ("", b"")) if url.startswith("asset:") else _embedded(url)
        if not _TYPE.fullmatch(kind):
            self._note(f"The picture {url[:18]} is not among the document's.")
            return "", b"", ""
        name = f"assets/{sha256(content).hexdigest()}.{kind.removeprefix('image/')}"
        return kind, content, name if self._beside else ""

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def is_beside(url: str) -> bool:
    """Whether `url` is that of a picture beside the page."""
    return _BESIDE.fullmatch(url) is not None


def regained(html: str, files: Mapping[str, bytes]) -> tuple[str, dict[str, tuple[str, bytes]]]:
    """A page whose pictures lie in `files` with those addresses that pictures have in a tree, and these pictures."""
    found = {match[0]: match for match in map(_BESIDE.fullmatch, files) if match}
    html = _SHOWN.sub(lambda match: f"asset:{match[1]}" if match[0] in found else match[0], html)
    return html, {f"asset:{match[1]}": (f"image/{match[2]}", files[name]) for name, match in found.items()}


def _embedded(url: str) -> tuple[str, bytes]:
    head, _, text = url.removeprefix("data:").partition(",")
    text = unquote(text).rstrip("=")
    try:
        return head.partition(";")[0], b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return "", b""
