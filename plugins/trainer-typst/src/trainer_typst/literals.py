"""Words as Typst strings, in which nothing is markup, a command or an escape but what is written here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

REPLACED = "\N{REPLACEMENT CHARACTER}"

_ODD = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff9-\uffff\U000e0000-\U0010ffff]"
)
_PRIVATE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010ffff]")


def writable(text: str) -> str:
    """Text that a PDF/A may hold: tabs as spaces, and no controls, surrogates, noncharacters or private characters.

    Of a private character its number is told, since no font of this document has it.
    """
    return _ODD.sub(_written, text)


def string(text: str) -> str:
    """Text as a Typst string literal. Within one only the backslash and the quotation mark have a meaning."""
    escaped = writable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def line(text: str) -> str:
    """Text as a string literal without line ends, which Typst would keep."""
    return string(" ".join(text.splitlines()))


def array(items: Iterable[str]) -> str:
    """Typst expressions as an array."""
    return f"({''.join(f'{item}, ' for item in items)})"


def address(url: str) -> str:
    """An address as a string literal in ASCII."""
    return string(quote(url, safe="!#$%&'()*+,/:;=?@[]~", errors="replace"))


def _written(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\t":
        return " "
    if _PRIVATE.fullmatch(char):
        return f"[U+{ord(char):04X}]"
    return "" if char == "\ufeff" or "\U000e0000" <= char <= "\U000effff" else REPLACED
