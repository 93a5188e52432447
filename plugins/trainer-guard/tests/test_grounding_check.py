"""Grounding: a figure that stands in the data is found with its place, a wrong one is told from it, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from trainer import StoredData
from trainer_guard.grounding import Figure, Grounding, GroundingResult, Status
from trainer_guard.grounding.facts import Fact, read_facts

ROOT = Path(__file__).resolve().parents[3]
if not (ROOT / "information").is_dir():
    pytest.skip("the project's folder `information` is not here", allow_module_level=True)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def record(name: str, data: Any = None) -> StoredData:
    """A record of the shipped data, or of other data."""
    data = json.loads((ROOT / f"information/data/{name}.json").read_text()) if data is None else data
    return StoredData(f"file:{name}:20260101", data, "file", 1, MOMENT, MOMENT)


AAPL = Grounding({"facts": record("AAPL")})
THREE = Grounding({name: record(name) for name in ("AAPL", "SNOW", "TSM")})


def only(result: GroundingResult) -> Figure:
    assert len(result.figures) == 1, [figure.text for figure in result.figures]
    return result.figures[0]


FOUND = [
    "Revenue was $416.2 billion in FY2025.",
    "Revenue was USD 416,161 million in fiscal 2025.",
    "Revenue was 416.161 billion USD in the year ended 2025-09-27.",
    "In fiscal year 2024, Apple's net sales were $391bn.",
    "Der Umsatz (revenue) lag FY2025 bei 416,2 Mrd. USD.",
    "Earnings of $7.46 per diluted share were reported for FY2025.",
    "Diluted EPS: $7.46.",
    "Net income, at $112.0 billion, was a record in FY2025.",
    "About $416 billion of revenue came in.",
    "In FY2025 Apple bought back shares and had capital spending of $12.7 billion.",
    "Cash and cash equivalents on September 27, 2025 were $35.9 billion.",
    "Long-term debt, non-current stood at USD 78,328 million.",
    "Apple's shareholders’ equity of $73,733,000,000 is small.",
]
DERIVED = {
    "Revenue grew 6.4% in FY2025.": "revenue: newer / older − 1",
    "Net sales were up 6.4 percent year over year.": "revenue: newer / older − 1",
    "Operating cash flow fell 5.7% in FY2025.": "operating cash flow: newer / older − 1",
    "Operating cash flow changed by −5.7% in FY2025.": "operating cash flow: newer / older − 1",
    "Since FY2021 revenue grew 3.3% a year.": "revenue: (newer / older)^(1 / years) − 1",
    "The gross margin was 46.9% in FY2025.": "gross profit / revenue",
    "Gross margin expanded 70 bps in FY2025.": "gross margin: newer − older",
    "R&D was 8.3% of revenue in FY2025.": "research and development / revenue",
    "Cash covers 45.9% of long-term debt in FY2025.": "cash / long term debt",
    "Free cash flow was $98.8 billion in FY2025.": "operating cash flow − capital expenditure",
    "Revenue rose by $25.1 billion in FY2025.": "revenue: newer − older",
    "Net income is 1.2x that of FY2021.": "net income: newer / older",
    "Cumulative operating cash flow from FY2021 to FY2025 was $566.5 billion.": "operating cash flow: sum of 5 periods",
    "Average revenue over FY2021 to FY2025 was $390.1 billion.": "revenue: mean of 5 periods",
    "Revenue was more than $400 billion in FY2025.": "a bound of AAPL revenue 2025-09-27 USD 416161000000",
    "Gross profit exceeded operating income by $62.2 billion in FY2025.": "gross profit − operating income",
    "Compared with FY2021, net income is up $17.3 billion.": "net income: newer − older",
    "From FY2021 to FY2025, revenue rose 13.8%.": "revenue: newer / older − 1",
    "Revenue is up 13.8% since FY2021.": "revenue: newer / older − 1",
    "The gross margin widened by 70 basis points, and it has risen since FY2021.": "gross margin: newer − older",
}
WRONG = {
    "Revenue was $461.2 billion in FY2025.": Status.NOT_FOUND,
    "Revenue was $416.2 billion in FY2024.": Status.WRONG_PERIOD,
    "Revenue was $416.2 billion in Q3 2025.": Status.WRONG_PERIOD,
    "Revenue was −$416.2 billion in FY2025.": Status.WRONG_SIGN,
    "Revenue was €416.2 billion in FY2025.": Status.WRONG_UNIT,
    "Revenue was $416.2 million in FY2025.": Status.WRONG_SCALE,
    "Net income was $416.2 billion in FY2025.": Status.WRONG_METRIC,
    "A net loss of $112.0 billion was posted in FY2025.": Status.WRONG_SIGN,
    "Revenue fell 6.4% in FY2025.": Status.WRONG_SIGN,
    "Revenue grew −6.4% in FY2025.": Status.WRONG_SIGN,
    "Revenue grew 7.4% in FY2025.": Status.NOT_FOUND,
    "Revenue grew 2.0% in FY2025.": Status.WRONG_PERIOD,
    "The gross margin was 46.2% in FY2025.": Status.WRONG_PERIOD,
    "The gross margin was 47.9% in FY2025.": Status.NOT_FOUND,
    "Revenue rose by $52.1 billion in FY2025.": Status.NOT_FOUND,
    "R&D was 9.3% of revenue in FY2025.": Status.NOT_FOUND,
    "Revenue was more than $500 billion in FY2025.": Status.NOT_FOUND,
    "Compared with FY2023, net income is up $17.3 billion.": Status.WRONG_PERIOD,
    "Revenue is up 6.4% since FY2021.": Status.WRONG_PERIOD,
}
IDLE = [
    "The top 3 risks, in 24/7 operation, are in Section 5 of Form 10-K, see Note 12 and [1].",
    "It joined the S&P 500 in 1980; the Russell 2000 did not.",
    "On 27 September 2025 at 16:30, Q3 2024 and FY2025 were compared with 2021–2024 and 09/27/2025.",
    "ASC 606 and IFRS 16 apply; call +1 (408) 996-1010.",
    "GPT-4, iPhone 15, COVID-19, v2.3.1 and mRNA-1273 are names; so is the 52-week high.",
    "The 1st and the 2nd of 5 segments grew over 12 months.",
    "0000320193-25-000079 was filed 2025-10-31.",
    "1. First\n2. Second\n\n## 3.1 Third\n\nText.[^1]\n\n[^1]: note",
    "```\nrevenue = 999.9\n```\nand `888.8` and <b title='777.7'>bold</b> <!-- 666.6 --> at https://x.org/555.5 [a](b/444.4).",
    "---\ncost: 0.123\n---\n\nText.",
    "It takes 2-3 years to build, and 12-18 months to approve; the horizon is 3–5 years.",
]


@pytest.mark.parametrize("text", FOUND)
def test_a_figure_of_the_data_is_found_with_its_record_and_its_place(text: str) -> None:
    figure = only(AAPL.check(text))
    assert (figure.status, figure.ref) == (Status.FOUND, "file:AAPL:20260101@1")
    data = json.loads((ROOT / "information/data/AAPL.json").read_text())
    row = data["facts"][int(figure.path.partition("[")[2].partition("]")[0])]
    assert abs(Decimal(str(row["value"])) - figure.value) <= max(figure.precision, abs(figure.value) * Decimal("0.025"))


@pytest.mark.parametrize(("text", "formula"), DERIVED.items())
def test_what_follows_from_figures_of_the_data_is_derived_by_a_formula(text: str, formula: str) -> None:
    figure = only(AAPL.check(text))
    assert (figure.status, figure.formula) == (Status.DERIVED, formula)
    assert all(origin.ref == "file:AAPL:20260101@1" and origin.path.startswith("facts[") for origin in figure.inputs)


@pytest.mark.parametrize(("text", "status"), WRONG.items())
def test_a_wrong_figure_is_told_from_a_right_one_and_why(text: str, status: Status) -> None:
    assert only(AAPL.check(text)).status is status


@pytest.mark.parametrize("text", IDLE)
def test_what_makes_no_claim_about_data_is_left_alone(text: str) -> None:
    assert AAPL.check(text).checked == []


def test_each_figure_is_held_to_the_period_and_the_metric_beside_it() -> None:
    text = "In FY2025, revenue rose 6.4% to $416.2 billion, from $391.0 billion in FY2024, and net income was $112.0 billion."
    assert AAPL.check(text).sound
    swapped = text.replace("FY2024", "FY2023")
    assert [fault.text for fault in AAPL.check(swapped).faults] == ["$391.0 billion"]
    assert AAPL.check("Revenue was 416.2, 391.0 and 383.3 billion USD in FY2025, FY2024 and FY2023.").sound is True


def test_a_table_is_read_by_its_heads() -> None:
    text = """
| $ in millions | FY2024 | FY2025 | YoY |
|---|---|---|---|
| Net sales | 391,035 | 416,161 | 6.4% |
| Capital expenditures | (9,447) | (12,715) | 34.6% |
| Operating income | 123,216 | 133,500 | 8.0% |
| Diluted EPS ($) | 6.08 | 7.46 | 22.7% |
| Net margin (%) | 24.0 | 26.9 | 2.9 pp |
"""
    result = AAPL.check(text)
    assert [fault.text for fault in result.faults] == ["133,500"]
    assert len(result.checked) == 15
    turned = text.replace("391,035 | 416,161", "416,161 | 391,035")
    assert [figure.status for figure in AAPL.check(turned).checked if not figure.sound][:2] == [Status.WRONG_PERIOD] * 2


def test_of_several_companies_the_one_spoken_of_counts() -> None:
    right = (
        "Apple's revenue of $416.2 billion was 115 times Snowflake's $3.6 billion in FY2025. TSM had NT$2,894 billion of revenue "
        "in FY2024.\n\n## Snowflake\n\nFree cash flow was $913.5 million. The net loss was $1.29 billion."
    )
    assert THREE.check(right).faults == []
    assert only(THREE.check("Snowflake's net income was $112.0 billion.")).status is Status.WRONG_COMPANY
    assert only(THREE.check("## Snowflake\n\nRevenue was $416.2 billion.")).status is Status.WRONG_COMPANY
    assert only(THREE.check("Taiwan Semiconductor's revenue was $2,894 billion in FY2024.")).status is Status.WRONG_UNIT


def test_a_quote_must_stand_in_the_data_or_in_the_background() -> None:
    data = {"ticker": "X", "risk": "We depend on a single supplier, and may not find another in time."}
    grounding = Grounding({"x": record("X", data)}, {"instruction": "Say what the board said about the outlook."})
    text = 'It says “we depend on a *single* supplier … find another in time” and "the board said about the outlook".'
    assert [quote.ref for quote in grounding.check(text).quotes] == ["file:X:20260101@1", "instruction"]
    invented = grounding.check('It says "we depend on two suppliers and are happy" and calls that "fine".')
    assert [quote.sound for quote in invented.quotes] == [False]
    assert not invented.sound


def test_figures_in_running_text_of_the_data_are_found_by_the_words_around_them() -> None:
    text = "In the third quarter we recorded restructuring charges of $84.5 million, mainly for severance."
    grounding = Grounding({"x": record("X", {"ticker": "X", "items": [{"text": text}]})})
    figure = only(grounding.check("Restructuring charges were $84.5 million."))
    assert (figure.status, figure.path.startswith("items[0].text at ")) == (Status.FOUND, True)
    assert only(grounding.check("Restructuring charges were $48.5 million.")).status is Status.NOT_FOUND
    assert only(grounding.check("Dividends were $84.5 million.")).status is Status.NOT_FOUND


SHAPES: list[tuple[Any, str, str]] = [
    ({"symbol": "X", "price": {"currency": "USD", "marketCap": 3688676720640}}, "Market cap is $3.69 trillion.", "price.marketCap"),
    ({"profitability": {"grossMargin": 0.46519}}, "The gross margin is 46.5%.", "profitability.grossMargin"),
    ({"grossMargin": {"raw": 0.46519, "fmt": "46.52%"}}, "The gross margin is 46.52%.", "grossMargin.raw"),
    ({"rows": [{"ts": "2025-02-03T14:30:00+00:00", "close": 75.0875, "currency": "USD"}]}, "It closed at $75.09 on February 3, 2025.", "rows[0].close"),
    ({"2024": {"revenue": 5100000}, "2023": {"revenue": 4000000}}, "Revenue was 5.1 million in 2024.", "2024.revenue"),
    ({"facts": {"us-gaap": {"Revenues": {"label": "Revenues", "units": {"USD": [{"start": "2024-01-01", "end": "2024-12-31", "val": 5100000}]}}}}}, "Revenues were $5.1 million in FY2024.", "facts.us-gaap.Revenues.units.USD[0].val"),
    ([{"fiscalDateEnding": "2024-12-31", "totalRevenue": "5100000", "reportedCurrency": "EUR"}], "Revenue of €5.1 million.", "[0].totalRevenue"),
    ({"date": ["2024-12-30", "2024-12-31"], "close": [5.25, 6.5]}, "It closed at 6.50 on 2024-12-31.", "close[1]"),
    ({"headline": "$5.1M", "unemployment_rate": 4.1}, "The unemployment rate is 4.1%.", "unemployment_rate"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "text", "path"), SHAPES, ids=[path for _, _, path in SHAPES])
def test_facts_of_any_json_are_found_by_their_path(data: Any, text: str, path: str) -> None:
    figure = only(Grounding({"x": record("X", data)}).check(text))
    assert (figure.status, figure.path) == (Status.FOUND, path)


QUOTE = Grounding(
    {
        "quote": record(
            "NWT",
            {
                "ticker": "NWT",
                "name": "Northwind Traders",
                "currency": "USD",
                "valuation": {"marketCap": 9_450_000_000, "enterpriseValueRevenue": 2.58},
                "financials": {
                    "revenue": 2_220_000_000,
                    "quarterlyRevenueGrowth": -0.454,
                    "grossProfit": -3_490_000_000,
                    "netIncome": -3_120_000_000,
                },
            },
        )
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "Quarterly revenue fell 45.4%.",
        "Sales declined by 45.4% on the year.",
        "Revenue growth stood at -45.40%.",
        "It made a net loss of -$3.12B despite $2.22B of revenue.",
        "It made a net loss of $3.12 billion on revenue of $2.22 billion.",
        "| Metric | Value |\n|---|---|\n| EV/Revenue | 2.58 |\n| Gross profit | (3,490) million |",
        "Peers have market caps over $9.0 billion.",
    ],
)
def test_key_figures_without_periods_are_found_by_what_they_are_called(text: str) -> None:
    result = QUOTE.check(text)
    assert result.checked
    assert result.faults == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Quarterly revenue rose 45.4%.", Status.WRONG_SIGN),
        ("Revenue growth was 45.4%.", Status.WRONG_SIGN),
        ("Revenue fell 45.4% in FY2024.", Status.WRONG_METRIC),
        ("Net income was $3.12 billion, and cash burn is to be watched.", Status.WRONG_SIGN),
        (
            "| Metric | Value | Comment |\n|---|---|---|\n| Net income | $3.12B | A loss, as was feared |",
            Status.WRONG_SIGN,
        ),
        ("Cash burn goes on at -$3.12B a year.", Status.WRONG_METRIC),
    ],
)
def test_key_figures_without_periods_are_held_to_their_sign_and_name(text: str, status: Status) -> None:
    assert only(QUOTE.check(text)).status is status


def test_both_ends_of_a_range_are_read_with_its_unit() -> None:
    figures = QUOTE.check("A range of $5-10B, of 2–3 billion dollars, of 30 to 40%.").checked
    assert [(figure.value, figure.unit) for figure in figures] == [
        (Decimal("5E+9"), "money"), (Decimal("1E+10"), "money"), (Decimal("2E+9"), "money"),
        (Decimal("3E+9"), "money"), (Decimal("0.30"), "percent"), (Decimal("0.40"), "percent"),
    ]  # fmt: skip


FACTS = [
    fact for name in ("AAPL", "SNOW", "TSM") for fact in read_facts(name, record(name).data) if isinstance(fact, Fact)
]
SINGLE = {name: Grounding({"facts": record(name)}) for name in ("AAPL", "SNOW", "TSM")}


def written(fact: Fact, digits: int, rounding: str, style: int) -> str:
    """A fact's value as somebody may write it, with so many digits."""
    power, word = next(
        ((power, word) for power, word in ((9, " billion"), (6, " million"), (0, "")) if abs(fact.value) >= 10**power),
        (0, ""),
    )
    scaled = abs(fact.value).scaleb(-power)
    places = max(0, digits - 1 - scaled.adjusted())
    number = f"{scaled.quantize(Decimal(1).scaleb(-places), rounding):,f}"
    sign = "−" if fact.value < 0 else ""
    if fact.unit == "count":
        return f"{sign}{number}{word} {fact.noun}"
    return [
        f"{fact.currency} {sign}{number}{word}",
        f"{sign}{number}{word} {fact.currency}",
        f"{fact.currency} {sign}{number}{word.replace(' billion', 'bn')}",
    ][style]


@given(
    st.sampled_from([fact for fact in FACTS if fact.value]),
    st.integers(3, 9),
    st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]),
    st.integers(0, 2),
)
def test_every_fact_is_found_in_every_way_of_writing_it(fact: Fact, digits: int, rounding: str, style: int) -> None:
    text = f"{fact.names[1]} was {written(fact, digits, rounding, style)} in FY{fact.fiscal}."
    figure = only(SINGLE[fact.ref].check(text))
    assert figure.status is Status.FOUND, text
    assert figure.path == fact.path or figure.value == 0


@given(st.sampled_from([fact for fact in FACTS if fact.value]), st.data())
def test_a_figure_with_another_digit_is_flagged(fact: Fact, data: st.DataObject) -> None:
    right = written(fact, 4, ROUND_HALF_UP, 0)
    places = [place for place, char in enumerate(right) if char.isdigit()]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([char for char in "123456789" if char != right[place]]))
    wrong = right[:place] + digit + right[place + 1 :]
    assume(wrong != written(fact, 4, ROUND_HALF_EVEN, 0))
    result = SINGLE[fact.ref].check(f"{fact.names[1]} was {wrong} in FY{fact.fiscal}.")
    assert [figure.sound for figure in result.checked] == [False], wrong


def test_a_result_tells_itself_in_a_sentence_to_a_person_a_model_and_a_program() -> None:
    text = "Revenue was $416.2 billion in FY2025.\n\nNet income was $112.9 billion in FY2025."
    result = AAPL.check(text)
    assert result.sentence() == "1 of 2 figures trace to a stored record."
    assert result.marked("[?]").endswith("Net income was $112.9 billion[?] in FY2025.")
    assert result.feedback().startswith(
        "- line 3: `$112.9 billion`: not found; nearest: AAPL net income 2025-09-27 USD 112010000000 (file:AAPL"
    )
    summary = json.loads(json.dumps(result.summary()))
    assert (summary["figures"], summary["traced"], summary["faults"][0]["status"]) == (2, 1, "not found")
    assert json.loads(json.dumps(result.trace()))[0]["path"] == "facts[4].value"
    assert AAPL.check("Nothing here.").sentence() == "There is no figure to trace."


@given(st.text(alphabet='Revnu 1234567890.,%$€()-–|\n#*`<>[]"“”FYQbm', max_size=300))
def test_any_text_is_checked_and_twice_alike(text: str) -> None:
    result = AAPL.check(text)
    assert result == AAPL.check(text)
    assert all(text[figure.start : figure.end] == figure.text for figure in result.figures)
    spans = [(figure.start, figure.end) for figure in result.figures]
    assert spans == sorted(spans)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    )
)
def test_any_data_is_read(data: Any) -> None:
    Grounding({"x": record("X", data if data is not None else {})}).check("Revenue was $5.1 million in FY2024.")
