"""Which table cells are figures, and how figures are set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

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
    return _NEGATIVE.fullmatch(text) is not None


def is_numeric(texts: Sequence[str]) -> bool:
    """Whether a column is one of figures: three in four of the cells that say something, and not years."""
    filled = [text for text in texts if text.lower() not in MISSING]
    figures = [text for text in filled if is_figure(text)]
    years = all(_YEAR.fullmatch(text) for text in figures)  # and so is no figure at all
    return not years and 4 * len(figures) >= 3 * len(filled)


def set_minus(tokens: Sequence[dict[str, Any]]) -> None:
    """Put a true minus sign for the hyphen or dash of a figure, in place."""
    for token in tokens:
        if token["type"] == "text":
            token["raw"] = _HYPHEN.sub(MINUS, token["raw"])
        set_minus(token.get("children", ()))
