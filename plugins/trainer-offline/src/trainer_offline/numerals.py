"""Numbers: read without the noise of binary floats, written for people.

Every number is rounded once, at the end, half away from zero. A number that is not zero is never written as
zero: it gets the decimals it needs. Minus is U+2212; thousands are set off by commas.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

LARGEST = Decimal("1E30")
SMALLEST = Decimal("1E-30")
TINY = Decimal("1E-9")
# Enough for the exact sum, and 40 digits of the ratio, of any two numbers between SMALLEST and LARGEST.
CONTEXT = Context(prec=100, rounding=ROUND_HALF_UP)
NUMERAL = re.compile(r"[-+]?\d{1,30}(\.\d{1,30})?")
SCALES = ((10**9, "billion"), (10**6, "million"))


def number(value: Any) -> Decimal | None:
    """`value` as a number, or `None` if it is none: zero, and numbers and numerals from 10^-30 to below 10^30.

    A float counts for the 15 digits that a binary float holds for certain, so 0.1 + 0.2 is 0.3.
    """
    match value:
        case bool():
            return None
        case int():
            found = Decimal(value) if value.bit_length() < 110 else LARGEST
        case float() if math.isfinite(value):
            found = Decimal(f"{value:.15g}")
        case str() if NUMERAL.fullmatch(value.strip()) and value.isascii():
            found = Decimal(value.strip())
        case _:
            return None
    return found if not found or SMALLEST <= abs(found) < LARGEST else None


def rounded(value: Decimal, places: int) -> str:
    """`value` with `places` decimals, or more where it would else read as zero: `−1,234.5`."""
    if value and abs(value) < TINY:
        return f"{value:.2E}".replace("-", "−")
    while value and places < 12 and abs(value) < Decimal(5).scaleb(-places - 1):
        places += 1
    shown = value.quantize(Decimal(1).scaleb(-places), context=CONTEXT)
    return f"{shown or abs(shown):,f}".replace("-", "−")


def plain_number(value: Decimal) -> str:
    """`value` as it is, without trailing zeros and up to 9 decimals; commas from 10,000 on, so years have none."""
    places = min(9, max(0, -int(value.normalize().as_tuple().exponent)))
    text = rounded(value, places)
    return text if abs(value) >= 10_000 else text.replace(",", "")


def percent(ratio: Decimal, *, signed: bool = False) -> str:
    """A ratio in percent with one decimal: `46.9%`, and with its sign `+6.4%`."""
    return _signed(ratio * 100, signed, "%")


def percentage_points(difference: Decimal) -> str:
    """The difference of two ratios: `+0.7 pp`."""
    return _signed(difference * 100, True, " pp")


def spoken(value: Decimal, unit: str) -> str:
    """`value` for a sentence, with four significant digits from a million on: `USD 416.2 billion`.

    `unit` is a fact's: `USD`, `USD/shares`, `shares`, …; a `ratio` is told in percent.
    """
    currency, _, per = unit.partition("/")
    if unit == "ratio":
        return percent(value)
    if unit == "months":
        return f"{rounded(value, 1)} months"
    if per:
        amount = rounded(value, max(2, min(4, -int(value.normalize().as_tuple().exponent))))
        return f"{currency} {amount} per {per.removesuffix('s')}"
    if is_currency(unit):
        return f"{unit} {_scaled(value)}"
    return f"{_scaled(value)} {unit}" if unit and unit != "pure" else _scaled(value)


def is_currency(unit: str) -> bool:
    """Whether a unit is an ISO 4217 code by its form."""
    return bool(re.fullmatch("[A-Z]{3}", unit))


def _scaled(value: Decimal) -> str:
    for factor, word in SCALES:
        if abs(value) >= factor:
            scaled = value / factor
            return f"{rounded(scaled, max(0, 3 - scaled.adjusted()))} {word}"
    return plain_number(value)


def _signed(value: Decimal, signed: bool, unit: str) -> str:
    # Here 0.0 is the honest answer: a change of 0.004 % is none.
    shown = value.quantize(Decimal("0.1"), context=CONTEXT)
    sign = ("+" if shown > 0 else "") if signed else ""
    return f"{sign}{shown or abs(shown):,f}{unit}".replace("-", "−")
