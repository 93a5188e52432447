"""How figures are read: any number, written in any of the ways that are known, is read as what it is."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, strategies as st

from trainer_guard.grounding.numerals import FIGURE, Numeral, convention, read_numeral

POWERS = {
    "": 0,
    " thousand": 3,
    "k": 3,
    " million": 6,
    "m": 6,
    " mn": 6,
    " bn": 9,
    "bn": 9,
    " billion": 9,
    " trillion": 12,
}
MARKS = {
    "english": (",", "."),
    "european": (".", ","),
    "spaced": ("\u00a0", ","),
    "swiss": ("’", "."),
    "plain": ("", "."),
}
BEFORE = {"": "", "$": "$", "USD ": "USD", "€": "EUR", "NT$": "TWD", "US$": "USD", "CHF ": "CHF"}
numbers = st.decimals(min_value="0.01", max_value=999_999_999, places=2)


def read(text: str, *, european: bool = False) -> Numeral:
    match = re.search(FIGURE, text)
    assert match
    assert match[0].strip() == text.strip()
    numeral = read_numeral(match, european=european, whole=True)
    assert numeral is not None
    return numeral


@given(
    numbers,
    st.integers(0, 2),
    st.sampled_from(list(POWERS)),
    st.sampled_from(list(MARKS)),
    st.sampled_from(list(BEFORE)),
    st.booleans(),
)
def test_a_number_is_read_back_from_any_way_of_writing_it(
    number: Decimal, places: int, scale: str, style: str, before: str, minus: bool
) -> None:
    shown = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    thousands, point = MARKS[style]
    text = f"{shown:,f}".replace(",", "T").replace(".", point).replace("T", thousands)
    written = f"{'−' if minus else ''}{before}{text}{scale}"
    numeral = read(written, european=point == ",")
    assert numeral.value == (-shown if minus else shown).scaleb(POWERS[scale])
    assert numeral.unit == Decimal(1).scaleb(POWERS[scale] - places)
    assert (numeral.currency, numeral.kind) == (BEFORE[before], "money" if before else "number")


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("46.9%", "0.469", "percent"),
        ("46.9 percent", "0.469", "percent"),
        ("−2.6 per cent", "-0.026", "percent"),
        ("(5.7)%", "-0.057", "percent"),
        ("0.7 pp", "0.007", "points"),
        ("0.7 percentage points", "0.007", "points"),
        ("70 bps", "0.007", "points"),
        ("120 basis points", "0.012", "points"),
        ("1.5x", "1.5", "multiple"),
        ("3 times", "3", "multiple"),
        ("$(1,285.6) million", "-1285600000", "money"),
        ("(12,715)", "-12715", "number"),
        ("416,161", "416161", "number"),
        ("USD −1.286 billion", "-1286000000", "money"),
        ("12.5 billion euros", "12500000000", "money"),
        ("1 234 567 EUR", "1234567", "money"),
        (".5%", "0.005", "percent"),
    ],
)
def test_signs_scales_and_units_are_part_of_a_figure(text: str, value: str, kind: str) -> None:
    numeral = read(text)
    assert (numeral.value, numeral.kind) == (Decimal(value), kind)


def test_a_text_with_decimal_commas_is_read_in_its_own_way() -> None:
    assert convention("Der Umsatz stieg um 6,4 % auf 416,2 Mrd. USD, nach 1.234,5 Mio. EUR.")
    assert not convention("Revenue of 416,161 million, up 6.4%, and 1,234.5 more.")
    assert not convention("no figures, no marks.")
    assert read("416,2 Mrd. USD", european=True).value == Decimal(416_200_000_000)
    assert read("1.234 Mio. EUR", european=True).value == Decimal(1_234_000_000)


@given(st.text(alphabet="0123456789.,'-−–()$€ %kmbnx\u00a0", max_size=60))
def test_whatever_is_written_is_a_figure_or_none(text: str) -> None:
    for match in re.finditer(FIGURE, text):
        numeral = read_numeral(match, european=False)
        assert numeral is None or (numeral.unit > 0 and match.start() <= numeral.start < numeral.end <= match.end())
