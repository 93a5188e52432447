"""Markdown that stays what it is meant to be, whatever the data says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer_offline.numerals import number, plain_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~$^]|&(?=#?\w{1,32};)|:(?=//)|(?<=www)\.|@|!(?=\[)")
SAFE_CODE = re.compile(r"[\w.:/+%=,@#\[\]() -]+")
CELL, FEW = 200, 10


def plain(text: str, limit: int = CELL) -> str:
    """Text from data as one line of Markdown that shows it and does nothing: no markup, no link, no cell border.

    White space becomes single spaces; control characters and those that turn the writing direction are
    left out; from `limit` characters on it is cut with an ellipsis. It must not begin a line: there `#` is a heading.
    """
    line = " ".join(text[: 8 * limit].split())
    line = "".join(char for char in line if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"})
    if len(line) > limit or len(text) > 8 * limit:
        line = line[: limit - 1].rstrip() + "…"
    return SPECIAL.sub(lambda match: "\\" + match[0], line)


def code(text: str) -> str:
    """A name or a path as code if it is harmless, else as plain text."""
    return f"`{text}`" if len(text) <= CELL and text.isascii() and SAFE_CODE.fullmatch(text) else plain(text)


def shown(value: Any) -> str:
    """Any single JSON value for a cell or a sentence."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case str():
            return plain(value) or "–"
        case int() | float():
            found = number(value)
            if found is not None:
                return plain_number(found)
            # Python refuses to write out integers beyond some thousands of digits.
            return f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"{value}"
        case [*items] if items and not any(isinstance(item, list | tuple | Mapping) for item in items[:FEW]):
            told = ", ".join(shown(item) for item in items[:FEW])
            return f"{told}, … ({len(items):,} in all)" if len(items) > FEW else told
        case list() | tuple() | Mapping():
            return f"{'a table' if isinstance(value, Mapping) else 'a list'} of {len(value):,}"
        case _:
            return plain(str(value))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table of cells that are Markdown already; the first `left` columns are set left, the others right."""
    marks = [":---" if index < left else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def callout(kind: str, text: str) -> str:
    """A highlighted paragraph: `NOTE`, `WARNING`, …"""
    return f"> [!{kind}]\n> {text}"
