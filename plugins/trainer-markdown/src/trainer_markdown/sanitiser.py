"""The last gate: what is not on these lists does not reach the page, whatever wrote it."""

from __future__ import annotations

import re
from functools import cache

import nh3

from trainer_document.policy import is_image, is_link
from trainer_markdown.assets import is_beside
from trainer_markdown.formulas import TAGS as MATH

DRAWING = {
    "circle", "defs", "desc", "ellipse", "g", "line", "linearGradient", "path", "polygon", "polyline", "rect", "stop",
    "svg", "text", "title", "tspan",
}  # fmt: skip
TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption",
    "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s",
    "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u",
    "ul",
}  # fmt: skip
SHAPE = {
    "cx", "cy", "d", "dominant-baseline", "dx", "dy", "fill", "fill-opacity", "font-size", "font-weight", "height",
    "offset", "opacity", "points", "r", "rx", "ry", "stop-color", "stop-opacity", "stroke", "stroke-dasharray",
    "stroke-linecap", "stroke-linejoin", "stroke-opacity", "stroke-width", "text-anchor", "transform",
    "vector-effect", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip
FORMULA = {
    "columnalign", "displaystyle", "fence", "height", "linethickness", "lspace", "mathvariant", "maxsize", "minsize",
    "movablelimits", "notation", "rspace", "scriptlevel", "separator", "stretchy", "width",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"class", "id", "aria-label", "role"},
    "a": {"href", "title", "data-source"},
    "div": {"tabindex"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"title"},
    "th": {"scope"},
    **dict.fromkeys(DRAWING - {"svg"}, SHAPE),
    "svg": SHAPE
    | {
        "viewBox",
        "xmlns",
        "aria-labelledby",
        "aria-describedby",
        "focusable",
        "preserveAspectRatio",
        "lang",
        "font-family",
    },
    **dict.fromkeys(MATH - {"math"}, FORMULA),
    "math": {"alttext", "display", "xmlns"},
}

_FETCHED = re.compile(r"\\|url|image|src|//", re.IGNORECASE)


def sanitise(html: str) -> str:
    """`html` with nothing active in it, and nothing that is fetched but pictures beside the page."""
    return _cleaner().clean(html)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS | DRAWING | MATH,
        attributes=ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style"},
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":  # by far the most
        return value
    if attribute == "href":
        return value if is_link(value) else None
    if attribute == "src":
        return value if is_image(value) or is_beside(value) else None
    if tag in DRAWING and attribute in SHAPE and _FETCHED.search(value):
        return None
    return value
