"""Facts as rows, and key figures: each is what the latest filing says, counted here anew and by other means."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer.errors import NotFound, RetrievalError
from trainer.testing.replay import ReplayServer
from trainer_sec import SECFilingsRetriever
from trainer_sec.metrics import NoFigures, key_figures

Make = Callable[..., SECFilingsRetriever]
Recorded = Callable[[str], Path]
# What was counted in the recorded payloads: rows, distinct facts, facts with more than one value.
COUNTS = {
    "CIK0000320193_AAPL": (24_579, 12_154, 425),
    "CIK0001046179_TSM": (5_981, 3_518, 23),
    "CIK0001640147_SNOW": (8_163, 4_781, 55),
    "CIK0001878848_IREN": (5_447, 3_397, 49),
}


def recount(payload: dict[str, Any]) -> dict[tuple[str, str, str, str, str], list[dict[str, Any]]]:
    """Every report of every fact, by taxonomy, tag, unit, start and end."""
    found = defaultdict(list)
    for taxonomy in payload["facts"]:
        for tag in payload["facts"][taxonomy]:
            for unit in payload["facts"][taxonomy][tag]["units"]:
                for report in payload["facts"][taxonomy][tag]["units"][unit]:
                    found[taxonomy, tag, unit, report.get("start", ""), report["end"]].append(report)
    return found


def key(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    return row["taxonomy"], row["tag"], row["unit"], row["start"] or "", row["end"]


def served(server: ReplayServer, file: Path) -> int:
    cik = int(file.name[3:13])
    server.replay(file, f"/api/xbrl/companyfacts/CIK{cik:010}.json")
    return cik


@pytest.mark.parametrize("name", COUNTS)
def test_recorded_facts_recount_exactly(name: str, edgar: ReplayServer, make: Make, recorded: Recorded) -> None:
    file = recorded(f"companyfacts/{name}.json")
    payload = json.loads(file.read_bytes())
    expected = recount(payload)
    data = make(edgar).retrieve({"cik": served(edgar, file), "view": "facts"}).data
    rows = {key(row): row for row in data["facts"]}
    assert len(rows) == len(data["facts"])
    assert (sum(map(len, expected.values())), len(rows), data["restated"]) == COUNTS[name]
    assert rows.keys() == expected.keys()
    for which, reports in expected.items():
        row, last = rows[which], max(reports, key=lambda report: (report["filed"], report["accn"]))
        assert (row["value"], row["filed"], row["form"], row["accession"], row["fy"], row["fp"]) == (
            last["val"], last["filed"], last["form"], last["accn"], last["fy"], last["fp"],
        )  # fmt: skip
        assert type(row["value"]) is type(last["val"])
        assert row["reports"] == len(reports)
        values = {report["val"] for report in reports}
        assert {item["value"] for item in row.get("restatements", [])} | {row["value"]} == values
    units = Counter(unit for tags in payload["facts"].values() for tag in tags.values() for unit in tag["units"])
    assert {row["unit"] for row in rows.values()} == set(units)


def test_our_facts_recount_exactly(retriever: SECFilingsRetriever, payloads: Path) -> None:
    for cik in (42, 43):
        payload = json.loads((payloads / f"CIK{cik:010}.json").read_bytes())
        rows = {key(row): row for row in retriever.retrieve({"cik": cik, "view": "facts"}).data["facts"]}
        expected = recount(payload)
        assert rows.keys() == expected.keys()
        assert all(rows[which]["reports"] == len(reports) for which, reports in expected.items())
    assert {"NOK", "USD", "private_placement"} == {which[2] for which in rows}


def test_a_restated_figure_shows_what_it_replaced(retriever: SECFilingsRetriever) -> None:
    query = {"ticker": "NWND", "view": "facts", "tag": "Revenues", "since": "2022-12-31", "until": "2022-12-31"}
    data = retriever.retrieve(query).data
    year = next(row for row in data["facts"] if row["start"] == "2022-01-01")
    assert (year["value"], year["form"], year["reports"]) == (1_080_000_000, "10-K", 3)
    assert year["restatements"] == [
        {"value": 1_100_000_000, "filed": "2023-02-20", "form": "10-K", "accession": "0000000042-23-000001"}
    ]
    assert data["restated"] == 1


def test_as_of_gives_what_was_known_on_that_day(retriever: SECFilingsRetriever) -> None:
    query = {"ticker": "NWND", "view": "facts", "tag": "Revenues"}
    for day, value in (("2023-02-20", 1_100_000_000), ("2024-02-20", 1_080_000_000)):
        rows = retriever.retrieve({**query, "as_of": day}).data["facts"]
        assert {row["value"] for row in rows if (row["start"], row["end"]) == ("2022-01-01", "2022-12-31")} == {value}
        assert max(row["filed"] for row in rows) <= day


def test_facts_are_chosen_by_tag_form_unit_taxonomy_and_days(retriever: SECFilingsRetriever) -> None:
    def tags(**chosen: Any) -> set[str]:
        return {row["tag"] for row in retriever.retrieve({"ticker": "NWND", "view": "facts", **chosen}).data["facts"]}

    assert tags(taxonomy="dei") == {"EntityCommonStockSharesOutstanding"}
    assert tags(unit="pure,Store") == {"EffectiveIncomeTaxRateContinuingOperations", "NumberOfStores"}
    assert tags(form="8-K") == {"Revenues"}
    assert tags(tag=["Revenues", "NetIncomeLoss"], since="2024-12-31") == {"Revenues", "NetIncomeLoss"}


def test_a_tag_that_a_company_does_not_use_is_answered_with_one_that_it_does(retriever: SECFilingsRetriever) -> None:
    with pytest.raises(NotFound, match="did you mean 'Revenues'"):
        retriever.retrieve({"ticker": "NWND", "view": "facts", "tag": "Revenue"})


def test_one_concept_is_rows_like_all_facts(retriever: SECFilingsRetriever, edgar: ReplayServer) -> None:
    data = retriever.retrieve({"ticker": "NWND", "view": "concept", "tag": "Revenues"}).data
    assert (data["entity"], data["label"], data["description"]) == (
        "Northwind Instruments Inc.", "Revenues", "What customers pay.",
    )  # fmt: skip
    everything = retriever.retrieve({"ticker": "NWND", "view": "facts", "tag": "Revenues"}).data["facts"]
    known = {key(row): row["value"] for row in everything}
    assert {key(row): row["value"] for row in data["facts"]}.items() <= known.items()
    with pytest.raises(RetrievalError, match="needs one tag"):
        retriever.retrieve({"ticker": "NWND", "view": "concept", "tag": "Revenues,Assets"})


def test_a_frame_has_one_row_for_each_company(retriever: SECFilingsRetriever, edgar: ReplayServer) -> None:
    result = retriever.retrieve({"view": "frames", "tag": "Revenues", "period": "CY2024"})
    assert [(row["entity"], row["cik"], row["value"], row["unit"]) for row in result.data["facts"]] == [
        ("Northwind Instruments Inc.", "0000000042", 1_400_000_000, "USD"),
        ("Eastwind Tools Corp", "0000000077", 310_500_000, "USD"),
    ]
    assert result.subject == "frames-tag-Revenues-period-CY2024"
    assert edgar.count("/files") == 0  # no company is looked up
    edgar.replay(
        Path(__file__).parent / "payloads/frame-Revenues.json",
        "/api/xbrl/frames/us-gaap/Eps/USD-per-shares/CY2024.json",
    )
    assert retriever.retrieve({"view": "frames", "tag": "Eps", "unit": "USD/shares", "period": "CY2024"}).data["facts"]


@pytest.mark.parametrize("ticker", ["AAPL", "SNOW", "TSM"])
def test_metrics_are_the_figures_that_are_shipped(
    ticker: str, edgar: ReplayServer, make: Make, recorded: Recorded
) -> None:
    shipped = Path(__file__).resolve().parents[3] / "information" / "data" / f"{ticker}.json"
    if not shipped.exists():
        pytest.skip("the project's folder `information` is not here")
    expected = json.loads(shipped.read_text(encoding="utf-8"))
    cik = served(edgar, next(recorded("companyfacts").glob(f"*_{ticker}.json")))
    data = make(edgar).retrieve({"ticker": ticker, "cik": cik}).data
    assert list(data) == list(expected)
    assert {**data, "about": ""} == {**expected, "about": ""}
    assert edgar.url in data["about"]


def test_the_quarters_of_a_year_add_up_to_it(retriever: SECFilingsRetriever) -> None:
    facts = retriever.retrieve({"ticker": "NWND", "years": 6, "quarters": 24}).data["facts"]
    for metric in ("revenue", "operating_cash_flow"):
        flows = [fact for fact in facts if fact["metric"] == metric]
        years = {fact["fy"]: fact["value"] for fact in flows if fact["fp"] == "FY"}
        assert years.keys() == {2019, 2020, 2021, 2022, 2023, 2024}
        for year, value in years.items():
            quarters = {fact["fp"]: fact["value"] for fact in flows if fact["fy"] == year and fact["fp"] != "FY"}
            assert quarters.keys() == {"Q1", "Q2", "Q3", "Q4"}
            assert sum(quarters.values()) == value


def test_a_quarter_that_no_report_has_alone_says_what_it_was_made_from(retriever: SECFilingsRetriever) -> None:
    facts = retriever.retrieve({"ticker": "NWND", "years": 0, "quarters": 4}).data["facts"]
    revenue = {fact["fp"]: fact for fact in facts if fact["metric"] == "revenue"}
    assert [name for name, fact in revenue.items() if "derived" in fact] == ["Q4"]
    last = revenue["Q4"]
    assert (last["start"], last["end"], last["accession"]) == ("2024-10-01", "2024-12-31", "0000000042-25-000001")
    assert last["derived"] == "2024-01-01 to 2024-12-31, less 2024-01-01 to 2024-09-30 (0000000042-24-000012)"
    assert [fact["end"] for fact in facts if fact["metric"] == "eps_diluted"] == [
        "2024-03-31",
        "2024-06-30",
        "2024-09-30",
    ]
    cash = {fact["end"]: fact["value"] for fact in facts if fact["metric"] == "cash"}
    assert cash["2024-12-31"] == 240_000_000  # the annual report's, not the rounded one of the quarter after


def test_apples_last_quarters_are_those_it_reported(edgar: ReplayServer, make: Make, recorded: Recorded) -> None:
    cik = served(edgar, recorded("companyfacts/CIK0000320193_AAPL.json"))
    facts = make(edgar).retrieve({"cik": cik, "quarters": 8, "years": 0}).data["facts"]
    revenue = {(fact["fy"], fact["fp"]): fact["value"] for fact in facts if fact["metric"] == "revenue"}
    assert revenue == {
        (2024, "Q2"): 90_753_000_000, (2024, "Q3"): 85_777_000_000, (2024, "Q4"): 94_930_000_000,
        (2025, "Q1"): 124_300_000_000, (2025, "Q2"): 95_359_000_000, (2025, "Q3"): 94_036_000_000,
        (2025, "Q4"): 102_466_000_000, (2026, "Q1"): 143_756_000_000,
    }  # fmt: skip


def test_a_year_and_a_quarter_that_end_together_give_one_balance(retriever: SECFilingsRetriever) -> None:
    facts = retriever.retrieve({"ticker": "NWND", "quarters": 8}).data["facts"]
    assert max(Counter((fact["metric"], fact["start"], fact["end"]) for fact in facts).values()) == 1


def test_figures_as_of_a_day_are_those_that_had_been_filed(retriever: SECFilingsRetriever) -> None:
    data = retriever.retrieve({"ticker": "NWND", "as_of": "2023-06-30"}).data
    revenue = {fact["fy"]: fact["value"] for fact in data["facts"] if fact["metric"] == "revenue"}
    assert (max(revenue), revenue[2022]) == (2022, 1_100_000_000)
    assert "as known on 2023-06-30" in data["about"]


def test_ifrs_accounts_are_in_their_own_currency(retriever: SECFilingsRetriever) -> None:
    data = retriever.retrieve({"ticker": "FJRD"}).data
    assert {fact["unit"] for fact in data["facts"]} == {"NOK"}
    assert [(fact["metric"], fact["fy"], fact["value"]) for fact in data["facts"]] == [
        ("revenue", 2022, 510_000), ("revenue", 2023, 540_500.0), ("revenue", 2024, 575_000), ("equity", 2024, 300_000),
    ]  # fmt: skip


def test_a_company_without_figures_is_told_from_one_that_is_not_there(
    retriever: SECFilingsRetriever, edgar: ReplayServer
) -> None:
    edgar.add("/api/xbrl/companyfacts/CIK0000000007.json", {"cik": 7, "entityName": "A Fund", "facts": {"dei": {}}})
    with pytest.raises(NotFound, match="A Fund"):
        retriever.retrieve({"cik": 7})
    with pytest.raises(NotFound, match=r"there is nothing at .*CIK0000000008"):
        retriever.retrieve({"cik": 8})


DAYS = st.dates(date(2015, 1, 1), date(2025, 12, 31)).map(str)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "end": DAYS, "val": st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9), "accn": st.text("0123-", max_size=3),
                "fy": st.none(), "fp": st.none(), "form": st.sampled_from(["10-K", "10-Q", "20-F", "8-K"]), "filed": DAYS,
            },
            optional={"start": DAYS},
        ),
        max_size=12,
    ),
    st.integers(0, 6),
    st.integers(0, 9),
)  # fmt: skip
def test_any_reports_give_figures_that_were_reported_or_say_how_they_follow(
    reports: list[dict[str, Any]], years: int, quarters: int
) -> None:
    payload = {"cik": 1, "entityName": "E", "facts": {"us-gaap": {"Revenues": {"units": {"USD": reports}}}}}
    try:
        data = key_figures(payload, "E", "u", years=years, quarters=quarters)
    except NoFigures:
        return
    known = {(report.get("start"), report["end"], report["val"]) for report in reports}
    for fact in data["facts"]:
        assert "derived" in fact or (fact["start"], fact["end"], fact["value"]) in known
