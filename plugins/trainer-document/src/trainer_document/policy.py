"""Which addresses, drawings and formulas a document may have, in any format."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from attrs import define

_LINK = re.compile(r"https?://[^\s]|mailto:[^\s]|#", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=%]+|asset:[0-9a-f]{64}")

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"svg", "title", "desc", "g", "path", "rect", "circle", "line", "text", "tspan"}
FOREIGN = {"href", "src", "style"}
_FETCHED = re.compile(r"url|image|//|\\", re.IGNORECASE)
DRAWN = 2_000_000  # characters
TEX, EACH = 150_000, 20  # letters of all formulas of a document that are set, and what each counts beside its own


def is_link(url: str) -> bool:
    """Whether a link may lead to `url`: the web, mail, or a place of this document."""
    return _LINK.match(url) is not None


def is_image(url: str) -> bool:
    """Whether `url` is an image that is its own content, or an asset of the document.

    One fetched from elsewhere tells on its reader.
    """
    return _IMAGE.fullmatch(url) is not None


def is_drawing(svg: str) -> bool:
    """Whether `svg` is a drawing of shapes and words alone: no script, style sheet, address or declaration in it."""
    if "<!" in svg or "<?" in svg or len(svg) > DRAWN:
        return False
    try:
        elements = list(ElementTree.fromstring(svg).iter())  # noqa: S314  # without a declaration there are no entities
    except (ElementTree.ParseError, ValueError, RecursionError):
        return False
    return all(
        element.tag.removeprefix(SVG) in SHAPES
        and not any(
            name in FOREIGN or name.startswith(("{", "on")) or _FETCHED.search(value) for name, value in element.items()
        )
        for element in elements
    )


@define
class Formulas:
    """Which formulas of one document are set. To set one takes long: those beyond the limit are shown as TeX."""

    left: int = TEX

    def allow(self, tex: str) -> bool:
        """Whether the next formula of the document is set."""
        self.left -= len(tex) + EACH
        return self.left >= 0
