"""Numbers are read without noise and written as people write them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer_offline.numerals import CONTEXT, number, percent, percentage_points, plain_number, rounded, spoken

AMOUNTS = st.decimals(min_value=Decimal(-(10**29)), max_value=Decimal(10**29), places=6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, "0.3"),
        (7.46, "7.46"),
        (2**63, "9223372036854775808"),
        ("123456789012345678901", "123456789012345678901"),
        ("-5.50", "-5.50"),
        (0, "0"),
    ],
)
def test_a_number_is_read_without_the_noise_of_floats(value: Any, expected: str) -> None:
    assert number(value) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [
        None, True, math.nan, math.inf, -math.inf, "NaN", "inf", "1e5", "1,000", "", "٣", "0x1", [], {}, 10**30, -(10**5000),
        "9" * 31, 5e-324,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_usable_number_is_none(value: Any) -> None:
    assert number(value) is None


@given(AMOUNTS, st.integers(0, 6))
def test_rounding_is_off_by_half_a_unit_at_most_and_never_hides_a_number(value: Decimal, places: int) -> None:
    back = Decimal(rounded(value, places).replace(",", "").replace("−", "-"))
    assert CONTEXT.subtract(back, value).copy_abs() <= Decimal(5).scaleb(-places - 1)
    assert (back == 0) == (value == 0)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("1234567.5", 0, "1,234,568"),
        ("-0.5", 0, "−1"),
        ("2.5", 0, "3"),
        ("-1234.56", 1, "−1,234.6"),
        ("0.004", 1, "0.004"),
        ("0", 1, "0.0"),
        ("-0.0", 1, "0.0"),
        ("0.0000001", 1, "0.0000001"),
        ("0.00000000000001", 1, "1.00E−14"),
    ],
)
def test_half_is_rounded_away_from_zero_and_minus_is_a_minus(value: str, places: int, text: str) -> None:
    assert rounded(Decimal(value), places) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("416161000000", "USD", "USD 416.2 billion"),
        ("-1285640000", "USD", "USD −1.286 billion"),
        ("2894307700000", "TWD", "TWD 2,894 billion"),
        ("46279000", "USD", "USD 46.28 million"),
        ("850000.5", "USD", "USD 850,000.5"),
        ("7.46", "USD/shares", "USD 7.46 per share"),
        ("19.7", "TWD/shares", "TWD 19.70 per share"),
        ("15004697000", "shares", "15.00 billion shares"),
        ("0.4691", "ratio", "46.9%"),
        ("14.44", "months", "14.4 months"),
        ("35", "Store", "35 Store"),
        ("0.21", "pure", "0.21"),
        ("12", "", "12"),
    ],
)
def test_a_figure_is_spoken_with_its_unit_and_four_digits(value: str, unit: str, text: str) -> None:
    assert spoken(Decimal(value), unit) == text


def test_percents_have_one_decimal_and_a_sign_where_they_are_changes() -> None:
    assert percent(Decimal("0.4691")) == "46.9%"
    assert percent(Decimal("0.0645"), signed=True) == "+6.5%"
    assert percent(Decimal("-0.0645"), signed=True) == "−6.5%"
    assert percent(Decimal("-0.0001"), signed=True) == "0.0%"
    assert percent(Decimal("12.5"), signed=True) == "+1,250.0%"
    assert percentage_points(Decimal("-0.041")) == "−4.1 pp"


def test_years_have_no_comma_and_other_numbers_have() -> None:
    assert plain_number(Decimal(2025)) == "2025"
    assert plain_number(Decimal("123456789.50")) == "123,456,789.5"
    assert plain_number(Decimal("1E+3")) == "1000"
