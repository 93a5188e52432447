"""The writer says what the data says, whatever the data is."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from typing import Any

import mistune
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer import CompletionRequest, Instruction, Prompt, StoredData
from trainer.errors import CompletionError, InstructionError
from trainer_offline import Offline, OfflineWriter
from trainer_offline.markup import plain

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AST = mistune.create_markdown(renderer=None, plugins=["table", "url", "strikethrough", "footnotes"])


def record(data: Any, key: str = "file:X:20260102", source: str = "file") -> StoredData:
    return StoredData(key, data, source, 3, NOW, NOW)


def prompt(body: str, params: Any = None, /, **data: Any) -> Prompt:
    instruction = Instruction.parse(body if body.startswith("---") else f"# A report\n\n{body}")
    records = {name: value if isinstance(value, StoredData) else record(value) for name, value in data.items()}
    return Prompt((), instruction, params or {}, records)


def write(body: str, params: Any = None, /, **data: Any) -> str:
    return OfflineWriter().write(prompt(body, params, **data))


def fact(metric: str, year: int, value: Any, **more: Any) -> dict[str, Any]:
    return {
        "metric": metric,
        "label": metric.replace("_", " ").capitalize(),
        "unit": "USD",
        "start": f"{year}-01-01",
        "end": f"{year}-12-31",
        "value": value,
        "filed": f"{year + 1}-02-01",
        **more,
    }


def balance(metric: str, year: int, value: Any, **more: Any) -> dict[str, Any]:
    return fact(metric, year, value, **{"start": None, **more})


def section(report: str, title: str) -> str:
    return report.split(f"## {title}\n\n", 1)[1].split("\n\n## ", 1)[0].strip()


def tokens(node: Any) -> list[dict[str, Any]]:
    """Every token of a parsed document, at any depth."""
    found = []
    for item in node or []:
        found.append(item)
        found += tokens(item.get("children"))
    return found


def headings(report: str) -> list[str]:
    found = [item["children"] for item in tokens(AST(report)) if item["type"] == "heading"]
    return ["".join(leaf.get("raw", "") for leaf in tokens(children)) for children in found]


def rows(report: str) -> list[list[str]]:
    """The cells of every table row as text, as a Markdown parser sees them."""
    parsed = tokens(AST(report))
    heads = [item["children"] for item in parsed if item["type"] == "table_head"]
    bodies = [item["children"] for item in parsed if item["type"] == "table_row"]
    return [
        ["".join(leaf.get("raw", "") for leaf in tokens(cell["children"])) for cell in cells]
        for cells in (*heads, *bodies)
    ]


# Wording


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (100_000_000, 106_400_000, "rose 6.4% to USD 106.4 million in FY2025, from USD 100.0 million in FY2024."),
        (100_000_000, 90_000_000, "fell 10.0% to USD 90.00 million in FY2025, from USD 100.0 million in FY2024."),
        (100_000_000, 100_000_000, "stayed at USD 100.0 million in FY2025, as in FY2024."),
        (100, 0, "fell 100.0% to USD 0 in FY2025, from USD 100 in FY2024."),
        (1_000_000_000, 1_000_400_000, "hardly moved: USD 1.000 billion in FY2025, USD 1.000 billion in FY2024."),
        (-50, -20, "stayed negative and improved, to USD −20 in FY2025 from USD −50 in FY2024."),
        (-20, -50, "stayed negative and fell further, to USD −50 in FY2025 from USD −20 in FY2024."),
        (-20, 50, "turned positive: USD 50 in FY2025, USD −20 in FY2024."),
        (50, -20, "turned negative: USD −20 in FY2025, USD 50 in FY2024."),
        (-20, 0, "turned to zero: USD 0 in FY2025, USD −20 in FY2024."),
        (0, 50, "came to USD 50 in FY2025, after zero in FY2024."),
    ],
)
def test_a_change_is_worded_by_rule(before: int, after: int, said: str) -> None:
    report = write(
        "## Profit\n\nSay how `net_income` moved.",
        f={"facts": [fact("net_income", 2024, before), fact("net_income", 2025, after)]},
    )
    assert section(report, "Profit") == f"- **Net income** {said}"


@pytest.mark.parametrize(("before", "after"), [(-50, -20), (0, 5), (5, -1)])
def test_a_percentage_without_meaning_is_not_given(before: int, after: int) -> None:
    report = write("## Profit\n\nx", f=[fact("net_income", 2024, before), fact("net_income", 2025, after)])
    assert ["Net income", "USD", str(before).replace("-", "−"), str(after).replace("-", "−"), "n/m"] in rows(report)
    assert "n/m: not meaningful" in report


def test_a_balance_is_of_a_day_and_a_flow_of_a_year() -> None:
    report = write(
        "## Money\n\n`cash`, `revenue`.",
        f=[balance("cash", 2024, 5), balance("cash", 2025, 10), fact("revenue", 2024, 1), fact("revenue", 2025, 2)],
    )
    assert "rose 100.0% to USD 10 at the end of FY2025, from USD 5 in FY2024" in report
    assert "rose 100.0% to USD 2 in FY2025, from USD 1 in FY2024" in report


def test_growth_over_several_years_is_compound_and_leaves_out_what_began_negative() -> None:
    facts = [fact("revenue", 2021 + year, 100 * 2**year) for year in range(5)]
    facts += [fact("net_income", 2021 + year, year - 1) for year in range(5)]
    report = write("## Growth\n\n`revenue`, `net_income`.", f=facts)
    assert "Since FY2021: +100.0% a year." in report
    assert report.count(" a year.") == 1


def test_a_metric_with_one_year_or_with_none_lately_says_so() -> None:
    report = write(
        "## A\n\n`once`, `old`.",
        f=[fact("once", 2025, 5), fact("old", 2022, 5), fact("old", 2023, 6), fact("revenue", 2025, 1)],
    )
    assert "**Once** came to USD 5 in FY2025. No other period is in the data." in report
    assert "to USD 6 in FY2023, from USD 5 in FY2022 (the data has no figure for FY2025)." in report


# What a section is answered with


def test_names_in_backticks_are_answered_in_their_order_and_missing_ones_are_named() -> None:
    facts = [fact("revenue", 2024, 1), fact("revenue", 2025, 2), fact("net_income", 2025, 1)]
    text = section(write("## A\n\n`net_income`, `pipeline` and `revenue`.", f=facts), "A")
    assert text.index("**Net income**") < text.index("**Revenue**") < text.index("Not in the data: `pipeline`.")


def test_without_names_the_labels_in_the_words_count_the_longest_first() -> None:
    facts = [
        fact("revenue", 2025, 1),
        fact("cost_of_revenue", 2025, 2),
        fact("cash", 2025, 3, label="Cash, at year end"),
    ]
    text = section(write("## A\n\nThe cost of revenue and the cash of it.", f=facts), "A")
    assert text.count("\n- ") + 1 == 2
    assert "**Cost of revenue**" in text
    assert "**Cash, at year end**" in text


def test_a_longer_label_hides_the_shorter_it_begins_with() -> None:
    text = section(write("## A\n\nThe cash flow.", f=[fact("cash", 2025, 1), fact("cash_flow", 2025, 2)]), "A")
    assert "**Cash flow**" in text
    assert "**Cash**" not in text


def test_a_tag_and_a_path_to_a_metric_name_it_too() -> None:
    facts = [fact("revenue", 2025, 7, tag="Revenues")]
    assert section(write("## A\n\n`Revenues`", f={"facts": facts}), "A").startswith("- **Revenue** came to USD 7")
    assert section(write("## A\n\n`f.revenue`", f={"facts": facts}), "A").startswith("- **Revenue** came to USD 7")


def test_a_section_without_an_answer_says_what_it_asked_for() -> None:
    text = section(write("## Outlook\n\nWhat comes next. And then more.", f=[fact("revenue", 2025, 1)]), "Outlook")
    assert text == "Not in the data. The section asks: “What comes next.”"


def test_a_derived_metric_is_given_with_its_formula_or_names_what_it_lacks() -> None:
    facts = [fact("revenue", 2025, 200), fact("gross_profit", 2025, 50)]
    report = write("## A\n\n`gross_margin` and `free_cash_flow`.", f=facts)
    assert "**Gross margin** came to 25.0% in FY2025" in report
    assert "- Gross margin = gross profit / revenue." in report
    assert (
        "Not in the data: `free_cash_flow` (it would need `operating_cash_flow` and `capital_expenditure`)." in report
    )


def test_a_ratio_to_nothing_or_less_is_not_given() -> None:
    report = write("## A\n\n`net_margin`", f=[fact("revenue", 2025, -200), fact("net_income", 2025, 50)])
    assert "**Net margin** cannot be given for FY2025: the divisor is not above zero." in report


def test_a_runway_counts_months_of_burn_and_is_left_out_where_nothing_burns() -> None:
    def facts(flow: int) -> list[dict[str, Any]]:
        return [
            balance("cash", 2025, 300),
            fact("operating_cash_flow", 2025, flow),
            fact("capital_expenditure", 2025, 20),
        ]

    assert "**Runway on cash alone** came to 36.0 months at the end of FY2025" in write(
        "## A\n\n`cash_runway`", f=facts(-80)
    )
    worse = [balance("cash", 2024, 400), fact("operating_cash_flow", 2024, -80), fact("capital_expenditure", 2024, 20)]
    text = write("## A\n\n`cash_runway`", f=[*facts(-80), *worse])
    assert "came to 36.0 months at the end of FY2025, 12.0 months below FY2024 (48.0 months)." in text
    assert ["Runway on cash alone", "months", "48.0", "36.0", "−12.0 months"] in rows(text)
    calm = write("## A\n\n`cash_runway`", f=facts(80))
    assert "**Runway on cash alone** cannot be given for FY2025: free cash flow is not negative." in calm
    assert calm.count("Runway") == 1


def test_the_datas_own_figure_stands_above_a_formula() -> None:
    facts = [
        fact("operating_cash_flow", 2025, 100),
        fact("capital_expenditure", 2025, 30),
        fact("free_cash_flow", 2025, 60),
    ]
    report = write("## A\n\n`free_cash_flow`", f=facts)
    assert "USD 60" in report
    assert "USD 70" not in report


def test_amounts_of_one_currency_share_a_scale_that_keeps_them_readable() -> None:
    large = write("## A\n\nx", f=[fact("revenue", 2025, 999_999_999_999), fact("net_income", 2025, 12_345_678)])
    assert ["Revenue", "USD million", "1,000,000"] in rows(large)
    assert ["Net income", "USD million", "12"] in rows(large)
    larger = write("## A\n\nx", f=[fact("revenue", 2025, 1_000_000_000_000), fact("net_income", 2025, 12_345_678)])
    assert ["Revenue", "USD billion", "1,000.0"] in rows(larger)
    assert ["Net income", "USD billion", "0.01"] in rows(larger)


def test_a_heading_over_others_needs_no_answer_and_levels_are_kept() -> None:
    request = CompletionRequest(
        "offline/report", prompt("## Part\n\n### Chapter\n\n`revenue`", f=[fact("revenue", 2025, 1)])
    )
    result = Offline().complete(request)
    assert "\n## Part\n\n### Chapter\n\n- **Revenue**" in result.content
    assert result.metadata == {"written": ["Chapter"], "not_written": []}


def test_variables_are_filled_in_title_and_sections_and_cannot_make_markup() -> None:
    body = '---\ntitle: "{WHO}: a look"\n---\n\n## Over {TIME}\n\nWhat {WHO} plans.'
    report = write(body, {"WHO": "A*B\n## C", "TIME": "<b>1</b> year"})
    assert headings(report) == ["A*B ## C: a look", "Over <b>1</b> year"]
    with pytest.raises(InstructionError, match="TIME"):
        write(body, {"WHO": "x"})


# Which figures count


def test_the_latest_filing_counts_and_the_others_are_counted() -> None:
    facts = [fact("revenue", 2025, 5, filed="2026-01-01"), fact("revenue", 2025, 7, filed="2026-03-01")]
    report = write("## A\n\n`revenue`", f=facts)
    assert "USD 7" in report
    assert "USD 5" not in report
    assert "1 figures of other periods, or replaced by a later filing, are not shown." in report


def test_quarters_do_not_mix_with_years() -> None:
    facts = [fact("revenue", 2024, 80), fact("revenue", 2025, 100), fact("revenue", 2025, 30, start="2025-10-01")]
    assert "rose 25.0% to USD 100 in FY2025" in write("## A\n\n`revenue`", f=facts)


def test_quarters_alone_are_named_as_what_they_are() -> None:
    facts = [
        fact("revenue", 2025, 80, start="2025-04-01", end="2025-06-30"),
        fact("revenue", 2025, 100, start="2025-07-01", end="2025-09-30"),
    ]
    report = write("## A\n\n`revenue`", f=facts)
    assert "to USD 100 in the 3 months to 2025-09-30, from USD 80 in the 3 months to 2025-06-30." in report
    assert "3 months to 2025-09-30" in rows(report)[0]


def test_balances_alone_are_named_by_their_day() -> None:
    report = write("## A\n\n`cash`", f=[balance("cash", 2024, 80), balance("cash", 2025, 100)])
    assert "rose 25.0% to USD 100 on 2025-12-31, from USD 80 in 2024-12-31" not in report
    assert "to USD 100 on 2025-12-31, from USD 80 on 2024-12-31." in report


def test_a_year_is_named_by_its_end_whatever_the_rows_say_with_a_week_of_grace() -> None:
    facts = [
        fact("revenue", 2021, 1, start="2021-01-03", end="2022-01-01", fy=1999),
        fact("revenue", 2022, 2, start="2022-01-02", end="2022-12-31", fy=1999),
    ]
    assert rows(write("## A\n\nx", f=facts))[0][2:4] == ["FY2021 (2022-01-01)", "FY2022 (2022-12-31)"]


def test_only_the_last_five_years_are_shown() -> None:
    head = rows(write("## A\n\nx", f=[fact("revenue", year, year) for year in range(2010, 2026)]))[0]
    assert [cell[:6] for cell in head[2:-1]] == ["FY2021", "FY2022", "FY2023", "FY2024", "FY2025"]


def test_one_metric_in_two_currencies_makes_two_rows_and_no_sum() -> None:
    facts = [
        fact("revenue", 2025, 90, unit="TWD"),
        fact("revenue", 2025, 3),
        fact("gross_profit", 2025, 45, unit="TWD"),
    ]
    report = write("## A\n\n`revenue`, `gross_margin`", f=facts)
    assert "**Revenue** came to TWD 90" in report
    assert "**Revenue** came to USD 3" in report
    assert report.count("**Gross margin**") == 1
    assert "**Gross margin** came to 50.0%" in report


def test_a_changed_tag_is_told() -> None:
    facts = [fact("revenue", 2024, 1, tag="SalesRevenueNet"), fact("revenue", 2025, 2, tag="Revenues")]
    assert "Reported under several tags: Revenue (Revenues, SalesRevenueNet)." in write("## A\n\nx", f=facts)


def test_rows_without_a_usable_figure_are_counted_and_left_out() -> None:
    bad = [fact("revenue", 2024, value) for value in (None, "NaN", True, float("inf"), "<b>")]
    report = write("## A\n\n`revenue`", f=[fact("revenue", 2025, 1), *bad, fact("x", 2025, 1, end="soon"), 5, None])
    assert "8 rows held no usable figure and were left out." in report
    assert "No other period is in the data" in report


def test_sources_link_the_filing_and_name_the_exact_version_of_the_record() -> None:
    facts = [fact("revenue", 2025, 1, form="10-K", accession="0000320193-25-000079")]
    report = write(
        "## A\n\nx", f=record({"entity": "Apple Inc.", "cik": "0000320193", "facts": facts}, "sec:AAPL:20260102")
    )
    address = "https://www.sec.gov/Archives/edgar/data/320193/000032019325000079/"
    assert f"| 10-K | 2026-02-01 | [0000320193-25-000079]({address}) | FY2025 |" in report
    assert "| `f` | `sec:AAPL:20260102@3` | file |" in report


@pytest.mark.parametrize("cik", ["", "12/../x", None, -5, "9" * 11])
def test_a_filing_is_not_linked_without_a_company_number(cik: Any) -> None:
    facts = [fact("revenue", 2025, 1, accession="0000320193-25-000079")]
    report = write("## A\n\nx", f={"cik": cik, "facts": facts})
    assert "0000320193-25-000079" in report
    assert "sec.gov" not in report


# Several companies


def two(unit: str) -> dict[str, Any]:
    one = [fact("revenue", 2024, 100), fact("revenue", 2025, 110), fact("net_income", 2025, 55)]
    other = [
        fact("revenue", 2024, 100, unit=unit),
        fact("revenue", 2025, 150, unit=unit),
        fact("net_income", 2025, 15, unit=unit),
    ]
    return {"a": {"ticker": "AAA", "facts": one}, "b": {"ticker": "BBB", "facts": other}}


def test_companies_stand_side_by_side_each_in_its_currency() -> None:
    report = write("## Size\n\n`revenue`, `net_margin`.", **two("TWD"))
    assert ["Revenue", "USD 110 (+10.0%)", "TWD 150 (+50.0%)"] in rows(report)
    assert "Amounts are in different currencies (AAA USD, BBB TWD) and are not converted" in report
    assert "Largest growth, in own currency: BBB at +50.0%; smallest: AAA at +10.0%." in report
    assert "Highest: AAA at 50.0%; lowest: BBB at 10.0%." in report


def test_companies_are_ranked_only_where_each_can_be_and_by_flows_and_ratios_only() -> None:
    data = two("USD")
    data["a"]["facts"] += [
        balance("cash", 2024, 1),
        balance("cash", 2025, 2),
        fact("profit", 2024, 1),
        fact("profit", 2025, 2),
    ]
    data["b"]["facts"] += [
        balance("cash", 2024, 1),
        balance("cash", 2025, 4),
        fact("profit", 2024, -1),
        fact("profit", 2025, 9),
    ]
    data["c"] = {"ticker": "CCC", "facts": [fact("profit", 2024, 10), fact("profit", 2025, 15)]}
    text = section(write("## Size\n\n`cash`, `profit`", **data), "Size")
    assert text == (
        "- **Cash**: AAA USD 2 (+100.0%); BBB USD 4 (+300.0%); CCC not in the data.\n"
        "- **Profit**: AAA USD 2 (+100.0%); BBB USD 9; CCC USD 15 (+50.0%)."
    )


def test_one_currency_needs_no_warning() -> None:
    assert "[!WARNING]" not in write("## Size\n\n`revenue`", **two("USD"))


def test_companies_come_in_the_order_of_the_instruction() -> None:
    body = "---\ndata:\n  b: {source: file}\n  a: {source: file}\n---\n## Size\n\n`revenue`"
    assert rows(write(body, **two("USD")))[0][1:] == ["BBB FY2025 (2025-12-31)", "AAA FY2025 (2025-12-31)"]


def test_the_files_of_a_pattern_are_companies_too_and_the_rest_stays_to_be_seen() -> None:
    report = write("## Size\n\n`revenue`", all={**two("USD"), "c": {"note": "a word"}})
    assert ["Revenue", "USD 110 (+10.0%)", "USD 150 (+50.0%)"] in rows(report)
    assert rows(report).count(["c.note", "a word"]) == 1
    assert "a.facts" not in report


def test_a_row_may_name_its_company_itself() -> None:
    facts = [fact("revenue", 2025, 1, entity="One"), fact("revenue", 2025, 2, entity="Two")]
    assert rows(write("## A\n\nx", f={"entity": "All", "facts": facts}))[0][1:] == [
        "One FY2025 (2025-12-31)",
        "Two FY2025 (2025-12-31)",
    ]


def test_a_record_of_figures_can_be_named_as_a_whole() -> None:
    assert section(write("## A\n\n`f`", f=[fact("revenue", 2025, 1)]), "A") == "- `f`: see the table of figures"


def test_a_company_without_the_metric_is_named() -> None:
    data = two("USD")
    data["b"]["facts"] = [fact("cash", 2025, 1)]
    assert "AAA USD 110 (+10.0%); BBB not in the data." in write("## Size\n\n`revenue`", **data)


# Data of other shapes


def test_nested_data_is_shown_by_path_and_found_by_path() -> None:
    data = {"financials": {"revenue": 0.1 + 0.2, "year": 2025, "parts": [1, 2]}, "active": True, "gone": None}
    report = write("## A\n\n`financials.revenue`, `f.financials.parts.1`, `active`, `financials.costs`.", f=data)
    assert section(report, "A") == (
        "- `financials.revenue`: 0.3\n- `f.financials.parts.1`: 2\n- `active`: yes\n\nNot in the data: `financials.costs`."
    )
    assert ["financials.parts", "1, 2"] in rows(report)
    assert ["gone", "–"] in rows(report)


def test_rows_of_any_kind_make_a_table_that_says_how_many_more_there_are() -> None:
    data = [{"close": day * 1.5, "date": f"2025-01-{day:02}"} for day in range(1, 26)]
    report = write("## A\n\n`prices`", prices=data)
    assert rows(report)[0] == ["date", "close"]
    assert "5 more rows are not shown." in report


def test_text_is_quoted_with_its_length() -> None:
    report = write("## A\n\nx", note="# Head\n\n- one | two\n" * 100)
    assert "> “# Head - one \\| two" in report
    assert "The first 600 of 2,000 characters." in report


@pytest.mark.parametrize("data", [{}, [], None, ""])
def test_an_empty_record_is_said_to_be_empty(data: Any) -> None:
    assert section(write("## A\n\nx", f=record(data)), "Other data") == "In `f`:\n\nEmpty."


def test_without_data_every_section_says_so() -> None:
    result = Offline().complete(CompletionRequest("offline/report", prompt("## A\n\n`revenue`\n\n## B\n\nWords.")))
    assert "Written by rule from no data" in result.content
    assert result.metadata == {"written": [], "not_written": ["A", "B"]}
    assert "## Sources" not in result.content


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("see www.evil.org", "see www\\.evil.org"),
        ("https://evil.org", "https\\://evil.org"),
        ("a@b.org", "a\\@b.org"),
        ("R&D &lt; &#60;", "R&D \\&lt; \\&#60;"),
        ("a\u202eb\u200b \t c\x00", "ab c"),
        ("x" * 500, "x" * 199 + "…"),
        ("$x$ [^1] ![i](u) ==", "\\$x\\$ \\[\\^1\\] \\!\\[i\\](u) =="),
    ],
)
def test_text_from_data_makes_no_link_entity_formula_or_note(text: str, written: str) -> None:
    assert plain(text) == written


def test_an_integer_too_long_to_print_is_described() -> None:
    assert ["n", "an integer of 16610 bits"] in rows(write("## A\n\nx", f={"n": 10**5000}))


# Promises that hold for all data


TEXT = st.text(max_size=30) | st.sampled_from(
    ["a|b", "\\|", "`x`", "``", "<script>alert(1)</script>", "[x](javascript:1)", "![i](http://x/y.png)", "https://x.org", "www.x.org", "a@b.org",
     "\n\n# H", "---", "| a |\n|---|", "*b*", "~~s~~", "&lt;", "[^1]", "\u202egnp.exe", "\x00\x1b[31m", "NaN", "-", "1. x", "> q", "{", "{{X}}"]
)  # fmt: skip
SCALAR = TEXT | st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([10**40, -(10**400)])
ROW = st.fixed_dictionaries(
    {"metric": TEXT | st.sampled_from(["revenue", "gross_profit", "cash"]), "end": st.dates().map(str) | TEXT, "value": SCALAR},
    optional={
        "label": SCALAR, "unit": TEXT | st.sampled_from(["USD", "EUR", "USD/shares", "shares", "ratio"]), "start": st.dates().map(str) | SCALAR,
        "filed": SCALAR, "accession": SCALAR | st.just("0000320193-25-000079"), "form": SCALAR, "entity": SCALAR, "cik": SCALAR, "tag": SCALAR,
    },
)  # fmt: skip
DATA = st.recursive(
    SCALAR | st.lists(ROW, max_size=8) | st.fixed_dictionaries({"entity": SCALAR, "ticker": SCALAR, "cik": SCALAR, "facts": st.lists(ROW, max_size=8)}),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
BODY = "## One\n\nHow `revenue`, `gross_margin`, `a.b` and `f` moved.\n\n## Two\n\nRevenue and cash."
HOSTILE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@HOSTILE
@given(st.dictionaries(TEXT.filter(bool), DATA, max_size=3), TEXT, TEXT)
def test_no_data_breaks_a_table_or_becomes_markup(data: dict[str, Any], key: str, source: str) -> None:
    report = write(BODY, **{name: record(value, key, source) for name, value in data.items()})
    parsed = tokens(AST(report))
    kinds = {item["type"] for item in parsed}
    assert not kinds & {
        "block_html",
        "inline_html",
        "image",
        "thematic_break",
        "block_code",
        "strikethrough",
        "footnote_ref",
    }
    assert sum(item["type"] == "table" for item in parsed) == len(re.findall(r"^\| :---", report, re.MULTILINE))
    tables = [item for item in parsed if item["type"] == "table"]
    for table in tables:
        head, body = table["children"]
        assert {len(row["children"]) for row in body["children"]} == {len(head["children"])}
    links = [item["attrs"]["url"] for item in parsed if item["type"] == "link"]
    assert all(link.startswith("https://www.sec.gov/Archives/edgar/data/") for link in links)
    own = ["Figures", "Other data", "How the figures were made", "Sources"]
    assert [title for title in headings(report) if title not in own] == ["A report", "One", "Two"]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", report)


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {name: shuffled(item, chance) for name, item in items}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@HOSTILE
@given(st.dictionaries(TEXT.filter(bool), DATA, max_size=3), st.randoms(use_true_random=False))
def test_the_same_data_in_any_order_of_keys_makes_the_same_report(data: dict[str, Any], chance: random.Random) -> None:
    assert write(BODY, **data) == write(BODY, **shuffled(data, chance))


@pytest.mark.parametrize(
    "data",
    [
        [fact(f"m{number // 5}", 2020 + number % 5, number, accession=f"x{number}") for number in range(20_000)],
        [fact("revenue", 2025, number, entity=f"company {number}") for number in range(20_000)],
        [{f"column {number % 500}": number} for number in range(20_000)],
        {f"key {number}": "x" * 300 for number in range(20_000)},
        "word " * 500_000,
        {"rows": [[[["deep"]] * 20] * 20] * 20},
    ],
    ids=["metrics", "companies", "rows", "keys", "text", "nesting"],
)
def test_a_report_on_much_data_stays_short(data: Any) -> None:
    assert len(write("## A\n\n`revenue`, `f`", f=record(data))) < 30_000


# The provider


def test_text_arrives_in_pieces_that_are_the_report() -> None:
    heard: list[str] = []
    asked = prompt("## A\n\n`revenue`\n\n## B\n\nWords.", f=[fact("revenue", 2025, 1)])
    result = Offline().complete(CompletionRequest("offline/report", asked, on_text=heard.append))
    assert "".join(heard) == result.content == OfflineWriter().write(asked)
    assert len(heard) == 6
    assert (result.provider, result.model, result.cost, result.tokens_used, result.finish) == (
        "offline",
        "offline/report",
        0.0,
        0,
        "stop",
    )
    assert result.metadata == {"written": ["A"], "not_written": ["B"]}
    assert json.dumps(result.metadata)


def test_a_model_it_does_not_have_is_refused() -> None:
    with pytest.raises(CompletionError, match="offline/gpt"):
        Offline().complete(CompletionRequest("offline/gpt", prompt("## A\n\nx")))
