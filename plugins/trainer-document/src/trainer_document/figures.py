"""Which table columns hold figures, and how figures are set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from trainer_document.tree import Parent, Table, TableCell, Text, plain

CELLS = 250_000  # of a table whose short rows are filled up
MINUS = "−"
DASHES = frozenset({"", "-", "–", "—", "--", "---", MINUS})
MISSING = DASHES | {"n/a", "na", "n.a.", "n/m", "nm", "n.m.", "nan", "none", "null", "…", "..."}

_CURRENCY = "usd|eur|gbp|chf|jpy|cny|inr|cad|aud"
_UNIT = rf"\s?(?:%|‰|×|x|pp|pts?|bps?|[kmbt]|bn|mm|mn|tn|thousand|million|billion|trillion|{_CURRENCY})"
_FIGURE = re.compile(
    rf"""
    [~≈<>≤≥±]?\s?
    \(?\s?[-+−–]?\s?
    (?:[a-z]{{0,3}}[$€£¥₹₩]|(?:{_CURRENCY})\s)?\s?[-+−–]?
    (?:\d{{1,3}}(?:[,.'’\s]\d{{3}})+|\d+)?(?:[.,]?\d+)
    (?:e[-+−]?\d+)?
    (?:{_UNIT}){{0,2}}
    \s?\)?%?\*?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NEGATIVE = re.compile(r"[~≈]?\s?(?:\(.*\).?|[a-z]{0,3}[$€£¥₹₩]?\s?[-−–].*)", re.IGNORECASE | re.DOTALL)
_HYPHEN = re.compile(r"(?<![\de])[-–](?=\s?[\d.,$€£¥₹₩a-z]|$)", re.IGNORECASE)


def is_figure(text: str) -> bool:
    """Whether `text` is one number, with its sign, currency, unit or accounting brackets."""
    return len(text) <= 40 and _FIGURE.fullmatch(text) is not None


def is_negative(text: str) -> bool:
    """Whether a figure is below zero, by its sign or by brackets."""
    return not text[:1].isdecimal() and _NEGATIVE.fullmatch(text) is not None


def is_numeric(texts: Sequence[str]) -> bool:
    """Whether a column is one of figures: three in four of the cells that say something, and not years."""
    filled = [text for text in texts if text.lower() not in MISSING]
    figures = [text for text in filled if is_figure(text)]
    years = all(_YEAR.fullmatch(text) for text in figures)  # and so is no figure at all
    return not years and 4 * len(figures) >= 3 * len(filled)


def set_table(table: Table) -> None:
    """Tell which columns of a table hold figures, and give these true minus signs, in place.

    Short rows are filled up; in a column of figures a dash stands for what is missing.
    """
    rows = [row.children for row in table.children if isinstance(row, Parent)]
    texts = [[plain(cell).strip() for cell in row] for row in rows]
    width = max(map(len, texts), default=0)
    table.numeric = [is_numeric([row[number] for row in texts[1:] if number < len(row)]) for number in range(width)]
    for row, words in zip(rows, texts, strict=True):
        if width * len(rows) <= CELLS:
            row += [TableCell() for _ in range(width - len(row))]
        if row is rows[0]:
            continue
        filled = any(words[1:])
        for cell, text, numeric in zip_longest(row, words, table.numeric, fillvalue=""):
            if not numeric or not isinstance(cell, Parent):
                continue
            if filled and text in DASHES:
                cell.children = [Text("—")]
            elif _HYPHEN.search(str(text)) and is_figure(str(text)):
                set_minus(cell)


def set_minus(node: Parent) -> None:
    """Put a true minus sign for the hyphen or dash of a figure, in place."""
    for below in node.children:
        if isinstance(below, Text):
            below.value = _HYPHEN.sub(MINUS, below.value)
        elif isinstance(below, Parent):
            set_minus(below)
