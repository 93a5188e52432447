"""Values of metadata as words for a document. They come from untrusted hands and may be of any type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

# Not `%B`: that follows the locale of the machine.
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def text(value: Any) -> str:
    """Any value as one line; nothing for None."""
    match value:
        case None:
            return ""
        case date():
            return value.isoformat()
        case Mapping():
            return ", ".join(f"{text(key)}: {text(item)}" for key, item in value.items())
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(text, value))
    return str(value)


def texts(value: Any) -> list[str]:
    """A list of lines; a value that is no list is a list of itself."""
    lines = map(text, value) if isinstance(value, list | tuple) else [text(value)]
    return [line for line in lines if line]


def rows(value: Any) -> list[dict[str, str]]:
    """A list of mappings with every value as text; what is no mapping is left out."""
    items = value if isinstance(value, list | tuple) else []
    return [{text(key): text(field) for key, field in item.items()} for item in items if isinstance(item, Mapping)]


def pairs(value: Any) -> list[tuple[str, str]]:
    """A mapping as pairs of text, without what is empty."""
    items = value.items() if isinstance(value, Mapping) else ()
    return [(words(text(key)), text(item)) for key, item in items if text(item)]


def words(name: str) -> str:
    """A name such as `TICKER` or `annual-figures` as words: Ticker, Annual figures."""
    spaced = name.replace("-", " ").replace("_", " ").strip()
    return spaced.capitalize() if spaced.isupper() else spaced[:1].upper() + spaced[1:]


def stem(path: str) -> str:
    """The name of a file without its folder and its suffix."""
    return PurePath(path).stem


def day(value: str, lang: str) -> str:
    """The day of a time in ISO 8601; anything else as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    if lang.partition("-")[0] != "en":
        return moment.date().isoformat()
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def minute(value: str) -> str:
    """A time in ISO 8601 as UTC, to the minute; anything else as it is."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return value
    return f"{moment:%Y-%m-%d %H:%M}"


def count(value: Any) -> str:
    """A number with its thousands apart; anything else as text."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else text(value)


def money(value: Any) -> str:
    """An amount in USD; `unknown` for None."""
    if isinstance(value, float):
        return f"${value:,.2f}" if value >= 1 else f"${value:.4f}"
    return f"${value:,}" if isinstance(value, int) else text(value) or "unknown"
