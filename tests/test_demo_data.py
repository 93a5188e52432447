"""The demonstration figures are the SEC's, and the script that selects them avoids the payloads' traps."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "information" / "data"
PAYLOADS = ROOT.parent / "shared" / "data" / "payloads" / "sec" / "companyfacts"
TICKERS = ["AAPL", "SNOW", "TSM"]

_spec = importlib.util.spec_from_file_location("annual_facts", ROOT / "scripts" / "annual_facts.py")
assert _spec is not None
assert _spec.loader is not None
annual_facts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(annual_facts)


def company(ticker: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / f"{ticker}.json").read_text(encoding="utf-8"))
    return data


def figures(ticker: str) -> dict[tuple[str, str], Any]:
    return {(fact["metric"], fact["end"]): fact["value"] for fact in company(ticker)["facts"]}


def recorded(ticker: str) -> dict[str, Any]:
    found = sorted(PAYLOADS.glob(f"*_{ticker}.json"))
    if not found:
        pytest.skip("the recorded payloads are not here")
    data: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize("ticker", TICKERS)
def test_every_figure_is_the_one_the_latest_annual_report_gives(ticker: str) -> None:
    facts = recorded(ticker)["facts"]
    for fact in company(ticker)["facts"]:
        rows = [
            row
            for row in facts[fact["taxonomy"]][fact["tag"]]["units"][fact["unit"]]
            if (row.get("start"), row["end"]) == (fact["start"], fact["end"])
            and row["form"].removesuffix("/A") in {"10-K", "20-F"}
        ]
        latest = max(rows, key=lambda row: row["filed"])
        told = (fact["value"], fact["filed"], fact["form"], fact["accession"])
        assert told == (latest["val"], latest["filed"], latest["form"], latest["accn"]), fact


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_years_are_the_newest_five_of_the_payload(ticker: str) -> None:
    tags = recorded(ticker)["facts"]
    income = tags.get("us-gaap", {}).get("NetIncomeLoss") or tags["ifrs-full"]["ProfitLoss"]
    ends = {
        row["end"]
        for rows in income["units"].values()
        for row in rows
        if row["form"] in {"10-K", "20-F"}
        and 360 < (date.fromisoformat(row["end"]) - date.fromisoformat(row["start"])).days < 375
    }
    assert sorted({fact["end"] for fact in company(ticker)["facts"]}) == sorted(ends)[-5:]


@pytest.mark.parametrize("ticker", TICKERS)
def test_the_files_are_what_the_script_makes_today(ticker: str) -> None:
    made = annual_facts.as_text(annual_facts.annual_facts(recorded(ticker), ticker))
    assert made == (DATA / f"{ticker}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("ticker", TICKERS)
def test_gross_profit_is_revenue_less_its_cost_in_every_year(ticker: str) -> None:
    values = figures(ticker)
    years = [end for metric, end in values if metric == "gross_profit"]
    assert len(years) == 5
    for end in years:
        assert values["gross_profit", end] == values["revenue", end] - values["cost_of_revenue", end]


def test_the_balance_sheet_of_apple_balances_in_every_year() -> None:
    values = figures("AAPL")
    for end in [end for metric, end in values if metric == "total_assets"]:
        assert values["total_assets", end] == values["total_liabilities", end] + values["equity", end]


def test_known_figures_of_the_newest_year() -> None:
    assert figures("AAPL")["revenue", "2025-09-27"] == 416_161_000_000
    assert figures("AAPL")["eps_diluted", "2025-09-27"] == 7.46
    assert figures("SNOW")["net_income", "2025-01-31"] == -1_285_640_000
    assert figures("TSM")["revenue", "2024-12-31"] == 2_894_307_700_000
    assert {fact["unit"] for fact in company("TSM")["facts"]} == {"TWD", "TWD/shares", "shares"}


# A small payload of our own making, with the traps of the recorded ones.


def row(value: float, start: str | None, end: str, filed: str, form: str = "10-K") -> dict[str, Any]:
    head = {} if start is None else {"start": start}
    return {
        **head,
        "end": end,
        "val": value,
        "accn": f"a-{filed}",
        "fy": None,
        "fp": None,
        "form": form,
        "filed": filed,
    }


def payload(tags: dict[str, dict[str, list[dict[str, Any]]]], taxonomy: str = "us-gaap") -> dict[str, Any]:
    facts = {taxonomy: {tag: {"label": None, "units": units} for tag, units in tags.items()}}
    return {"cik": "0000000042", "entityName": "Example", "facts": facts}


def made(tags: dict[str, dict[str, list[dict[str, Any]]]], taxonomy: str = "us-gaap") -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = annual_facts.annual_facts(payload(tags, taxonomy), "EX")["facts"]
    return facts


def test_a_restated_figure_is_taken_from_the_later_report() -> None:
    rows = [
        row(100, "2022-01-01", "2022-12-31", "2023-02-01"),
        row(90, "2022-01-01", "2022-12-31", "2024-02-01", "10-K/A"),
    ]
    assert [(fact["value"], fact["form"]) for fact in made({"Revenues": {"USD": rows}})] == [(90, "10-K/A")]


def test_a_quarter_that_ends_with_the_year_and_a_quarterly_report_are_passed_over() -> None:
    revenue = [row(100, "2022-01-01", "2022-12-31", "2023-02-01"), row(30, "2022-10-01", "2022-12-31", "2023-02-01")]
    cash = [row(90678, None, "2022-12-31", "2023-02-01"), row(90700, None, "2022-12-31", "2023-05-01", "10-Q")]
    tags = {"Revenues": {"USD": revenue}, "CashAndCashEquivalentsAtCarryingValue": {"USD": cash}}
    assert {fact["metric"]: fact["value"] for fact in made(tags)} == {"revenue": 100, "cash": 90678}


def test_the_year_is_that_of_the_end_with_a_week_of_grace_for_52_week_years() -> None:
    rows = [
        row(1, "2021-01-03", "2022-01-01", "2022-02-01"),
        row(2, "2022-01-02", "2022-12-31", "2023-02-01"),
        row(3, "2023-01-01", "2024-01-31", "2024-02-01"),
    ]
    rows[2]["start"] = "2023-02-01"
    assert [fact["fy"] for fact in made({"Revenues": {"USD": rows}})] == [2021, 2022, 2024]


def test_a_convenience_translation_does_not_hide_the_currency_of_the_accounts() -> None:
    units = {
        "USD": [row(3, "2023-01-01", "2023-12-31", "2024-04-01", "20-F")],
        "TWD": [
            row(90, "2023-01-01", "2023-12-31", "2024-04-01", "20-F"),
            row(80, "2022-01-01", "2022-12-31", "2024-04-01", "20-F"),
        ],
    }
    facts = made({"Revenue": units}, "ifrs-full")
    assert [(fact["value"], fact["unit"]) for fact in facts] == [(80, "TWD"), (90, "TWD")]


def test_a_tag_that_changed_over_the_years_is_followed_and_named() -> None:
    old = [row(1, "2016-01-01", "2016-12-31", "2017-02-01"), row(2, "2017-01-01", "2017-12-31", "2018-02-01")]
    new = [row(3, "2018-01-01", "2018-12-31", "2019-02-01")]
    facts = made({"SalesRevenueNet": {"USD": old}, "RevenueFromContractWithCustomerExcludingAssessedTax": {"USD": new}})
    assert [(fact["fy"], fact["value"], fact["tag"][:5]) for fact in facts] == [
        (2016, 1, "Sales"),
        (2017, 2, "Sales"),
        (2018, 3, "Reven"),
    ]


def test_a_company_number_is_written_in_ten_digits_whether_text_or_integer() -> None:
    company = payload({"Revenues": {"USD": [row(1, "2022-01-01", "2022-12-31", "2023-02-01")]}})
    for cik in ("0000000042", 42):
        assert annual_facts.annual_facts(company | {"cik": cik}, "EX")["cik"] == "0000000042"


def test_a_payload_without_a_full_year_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Example"):
        made({"Revenues": {"USD": [row(1, "2022-10-01", "2022-12-31", "2023-02-01")]}})
    with pytest.raises(ValueError, match="Example"):
        made({})
