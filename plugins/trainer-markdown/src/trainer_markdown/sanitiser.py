"""The last gate: what is not on these lists does not reach the page, whatever wrote it."""

from __future__ import annotations

import re
from functools import cache

import nh3

TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s", "section", "small", "span", "strong", "sub",
    "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"class", "id", "aria-label"},
    "a": {"href", "title"},
    "div": {"role", "tabindex"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"role"},
    "th": {"scope"},
}

_LINK = re.compile(r"https?://[^\s]|mailto:[^\s]|#", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=%]+")


def is_link(url: str) -> bool:
    """Whether a link may lead to `url`: the web, mail, or a place on this page."""
    return _LINK.match(url) is not None


def is_image(url: str) -> bool:
    """Whether `url` is an image that is its own content. One fetched from elsewhere tells on its reader."""
    return _IMAGE.fullmatch(url) is not None


def sanitise(html: str) -> str:
    """`html` with nothing active in it and nothing that is fetched."""
    return _cleaner().clean(html)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style"},
    )


def _filter(_: str, attribute: str, value: str) -> str | None:
    allowed = {"href": is_link, "src": is_image}.get(attribute)
    return value if allowed is None or allowed(value) else None
