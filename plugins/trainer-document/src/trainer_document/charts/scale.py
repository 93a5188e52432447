"""Round numbers for an axis, and figures as words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

Type = Literal["line", "area", "bar", "spark"]

SCALES = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")]
TINY = 1e-300  # what floating point cannot divide
MINUS = "\N{MINUS SIGN}"


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from at most `low` to at least `high`, one, two or five times a power of ten apart."""
    if high - low < TINY:
        low, high = min(low, 0.0), max(high, 0.0)
        high = high if high - low > TINY else 1.0
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= about)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def short(values: Sequence[float]) -> list[str]:
    """The numbers of an axis, all with the same scale word: `0`, `50M`, `100M`."""
    most = max(map(abs, values), default=0.0)
    scale, word = next(((size, word) for size, word in SCALES if most >= size), (1.0, ""))
    step = min((abs(after - before) / scale for before, after in pairwise(values)), default=0.0)
    digits = max(0, -math.floor(math.log10(step))) if step else 0
    return [shown(round(value / scale, digits), digits) + (word if value else "") for value in values]


def shown(value: float | None, digits: int | None = None) -> str:
    """A number in full, with thousands set apart and a true minus sign; nothing for None."""
    if value is None:
        return ""
    text = f"{value:,.{digits}f}" if digits is not None else f"{value:,}"
    return text.replace("-", MINUS)
