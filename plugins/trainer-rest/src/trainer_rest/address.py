"""Addresses with {placeholders} that no value can lead elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import httpx
from attrs import frozen

from trainer.errors import RetrievalError

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
ORIGIN = re.compile(r"https?://[^/?#\\{}@\s]+", re.IGNORECASE)
DOTS = {".", ".."}


@frozen
class Template:
    """An address: the `origin`, which is fixed, and the rest, which may have placeholders."""

    origin: str
    rest: str

    @classmethod
    def read(cls, text: str) -> Template:
        """From an address. Raises `ValueError` for what is not a whole one, or has a user or fragment in it."""
        match = ORIGIN.match(text)
        rest = text[match.end() :] if match else ""
        bare = PLACEHOLDER.sub("", rest)
        if not match or (rest and rest[0] not in "/?") or re.search(r"[{}#\\\s\0-\x1f]", bare) or _has_dots(bare):
            raise ValueError(
                "an address is https://host/path, without a user, a fragment or dot segments, "
                "and has its {placeholders} after the host"
            )
        return cls(origin(match[0]), rest)

    @property
    def names(self) -> list[str]:
        """The placeholders, each once."""
        return list(dict.fromkeys(PLACEHOLDER.findall(self.rest)))

    def fill(self, values: Mapping[str, Any]) -> str:
        """The address with each placeholder percent-encoded. Raises `RetrievalError` for a value that does not fit.

        A value stays one segment of the path or one value of the query: what a server could take for a way up is
        refused, encoded or not.
        """
        filled = PLACEHOLDER.sub(lambda match: _encoded(match[1], values[match[1]]), self.rest)
        if _has_dots(filled.partition("?")[0]):
            raise RetrievalError(
                "a value makes a dot segment of the path, which leads elsewhere", "Give a name without dots."
            )
        return self.origin + filled


def origin(text: str) -> str:
    """Scheme, host and port as they are compared. Raises `ValueError` for what is not such an address alone."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is not an origin: {error}") from error
    if not ORIGIN.fullmatch(text.removesuffix("/")) or not url.host:
        raise ValueError("an origin is scheme and host alone, for example https://api.example.org")
    return f"{url.scheme}://{url.netloc.decode()}"


def text_of(name: str, value: Any) -> str:
    """A scalar as it stands in an address. Raises `RetrievalError` for anything else, and for nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or value == "" or re.search("[\ud800-\udfff]", str(value)):
        raise RetrievalError(f"{name} must be a text or a number that is not empty", f"Give {name} one value.")
    return str(value)


def _encoded(name: str, value: Any) -> str:
    text = text_of(name, value)
    if not text.isprintable() or text in DOTS or DOTS.intersection(_segments(text)):
        raise RetrievalError(
            f"{name} is {text[:40]!r}, which could change the path of the address", f"Give {name} a plain name."
        )
    return quote(text, safe="")


def _segments(text: str) -> list[str]:
    """The segments of a path, decoded as often as a chain of servers might."""
    while (decoded := unquote(text)) != text:
        text = decoded
    return re.split(r"[/\\]", text)


def _has_dots(path: str) -> bool:
    return bool(DOTS.intersection(_segments(path)))
