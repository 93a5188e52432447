"""Documents of filings: their text, their tables, their items; and lists of filings."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import NotFound, RetrievalError
from trainer.testing.replay import Answer, ReplayServer, Request
from trainer_sec import SECFilingsRetriever
from trainer_sec.documents import to_text
from trainer_sec.items import find_items

Recorded = Callable[[str], Path]
ANNUAL = "1 1A 1B 1C 2 3 4 5 6 7 7A 8 9 9A 9B 9C 10 11 12 13 14 15 16"
FOREIGN = "1 2 3 4 4A 5 6 7 8 9 10 11 12 13 14 15 16A 16B 16C 16D 16E 16F 17 18 19"


def items_of(file: Path, form: str) -> dict[str, dict[str, Any]]:
    found = find_items(to_text(file.read_bytes()), form)[1]
    return {f"{item['part']}.{item['item']}".lstrip("."): item for item in found}


def test_the_items_of_a_recorded_annual_report_are_found(recorded: Recorded) -> None:
    items = items_of(recorded("filings/10-K_AAPL_2024.html"), "10-K")
    assert " ".join(items) == ANNUAL
    assert items["1A"]["title"] == "Risk Factors"
    assert len(items["1A"]["text"]) > 60_000
    assert items["1B"]["text"] == "None."
    assert "Net sales | $167,045 | $162,560 | $169,658" in items["8"]["text"]


def test_the_items_of_a_recorded_quarterly_report_are_found_in_both_parts(recorded: Recorded) -> None:
    items = items_of(recorded("filings/10-Q_NVDA_2025Q2.html"), "10-Q")
    assert list(items) == ["I.1", "I.2", "I.3", "I.4", "II.1", "II.1A", "II.2", "II.5", "II.6"]
    assert items["II.1A"]["title"] == "Risk Factors"
    assert len(items["I.1"]["text"]) > 50_000


def test_the_items_of_a_recorded_foreign_annual_report_are_found(recorded: Recorded) -> None:
    items = items_of(recorded("filings/20-F_0001062993-21-003193.html"), "20-F")
    assert " ".join(items) == FOREIGN
    assert items["5"]["title"] == "OPERATING AND FINANCIAL REVIEW AND PROSPECTS"


def test_the_items_of_a_recorded_current_report_are_found(recorded: Recorded) -> None:
    items = items_of(recorded("filings/8-K_NVDA_20260302.htm"), "8-K")
    assert list(items) == ["5.02", "9.01"]
    assert (
        "Colette M. Kress Executive Vice President and Chief Financial Officer | $1,500,000 | 150%"
        in items["5.02"]["text"]
    )


def test_a_recorded_report_of_the_plain_text_years_is_its_first_document(recorded: Recorded) -> None:
    file = recorded("filings/10-Q_AAPL_2000_fullsubmission.txt")
    text = to_text(file.read_bytes())
    assert list(items_of(file, "10-Q")) == ["I.1", "I.2", "I.3", "II.1", "II.4", "II.6"]
    assert "BEGIN PRIVACY-ENHANCED" not in text
    assert "<PAGE>" not in text
    assert "<S>" not in text
    assert re.search(
        r"^        Total assets {50,}\$7,007 {5,}\$5,161$", text, re.MULTILINE
    )  # columns as they were typed


@pytest.mark.parametrize("name", ["10-K_AAPL_2024.html", "10-Q_NVDA_2025Q2.html", "20-F_0001062993-21-003193.html"])
def test_no_fact_that_a_recorded_page_hides_is_in_its_text(name: str, recorded: Recorded) -> None:
    text = to_text(recorded(f"filings/{name}").read_bytes())
    for hidden in ("http://fasb.org", "xbrli", "iso4217", "false0", "display:none"):
        assert hidden not in text


def test_a_document_is_text_with_its_items(retriever: SECFilingsRetriever) -> None:
    data = retriever.retrieve({"ticker": "NWND", "view": "filing"}).data
    assert (data["form"], data["accession"], data["period"]) == ("10-K", "0000000042-25-000001", "2024-12-31")
    assert [(item["item"], item["title"]) for item in data["items"]] == [
        ("1", "Business"), ("1A", "Risk Factors"), ("7", "Management’s Discussion and Analysis"),
    ]  # fmt: skip
    assert data["items"][1]["text"] == "The wind may cease.\n\nCustomers may measure it “by hand”."
    assert "What could go wrong is described in Item 1A" in data["items"][0]["text"]
    assert data["text"].startswith("FORM 10-K\n\nNorthwind Instruments Inc.")
    assert "false" not in data["text"]


def test_the_cells_of_a_row_stand_on_one_line_and_signs_with_their_numbers(retriever: SECFilingsRetriever) -> None:
    items = retriever.retrieve({"ticker": "NWND", "view": "filing", "item": "7"}).data["items"]
    assert [line for line in items[0]["text"].splitlines() if "|" in line] == [
        "2024 | 2023", "North | $1,000 | $900", "Change in reserves | (12) | (7)", "Share of North | 71.4% | 72.0%",
    ]  # fmt: skip


def test_the_hash_of_a_filing_is_that_of_its_document_and_the_index_is_noted_too(
    retriever: SECFilingsRetriever, edgar: ReplayServer, payloads: Path
) -> None:
    result = retriever.retrieve({"ticker": "NWND", "view": "filing"})
    assert result.url.endswith("/nwnd-20241231.htm")
    assert result.raw_hash == hashlib.sha256((payloads / "nwnd-20241231.htm").read_bytes()).hexdigest()
    assert [page["url"].removeprefix(edgar.url) for page in result.metadata["pages"]] == [
        "/Archives/edgar/data/42/000000004225000001/nwnd-20241231.htm", "/submissions/CIK0000000042.json",
    ]  # fmt: skip


def test_only_the_items_asked_for_are_given(retriever: SECFilingsRetriever) -> None:
    data = retriever.retrieve({"ticker": "NWND", "view": "filing", "item": "item 1a, 7"}).data
    assert [item["item"] for item in data["items"]] == ["1A", "7"]
    assert "text" not in data
    with pytest.raises(NotFound, match="no item 9A") as error:
        retriever.retrieve({"ticker": "NWND", "view": "filing", "item": "9A"})
    assert error.value.remedy == "It has 1, 1A, 7."


def test_a_filing_is_found_by_form_by_day_and_by_number(retriever: SECFilingsRetriever) -> None:
    def accession(**chosen: str) -> str:
        found: str = retriever.retrieve({"ticker": "NWND", "view": "filing", **chosen}).data["accession"]
        return found

    assert accession(form="8-K") == "0000000042-25-000040"
    assert accession(accession="0000000042-25-000001") == "0000000042-25-000001"
    assert accession(form="10-Q", as_of="2001-12-31") == "0000000042-01-500002"
    with pytest.raises(NotFound, match="NWND has no filing of form 40-F"):
        accession(form="40-F")
    with pytest.raises(NotFound, match="NWND has no filing 0000000042-99-000001"):
        accession(accession="0000000042-99-000001")


def test_a_filing_without_a_main_document_is_read_from_its_full_submission(retriever: SECFilingsRetriever) -> None:
    result = retriever.retrieve({"cik": 42, "view": "filing", "accession": "0000000042-01-500002"})
    assert result.url.endswith("/Archives/edgar/data/42/000000004201500002/0000000042-01-500002.txt")
    items = {(item["part"], item["item"]): item["text"] for item in result.data["items"]}
    assert list(items) == [("I", "1"), ("I", "2"), ("II", "1"), ("II", "6")]
    assert items["II", "1"] == "None at all."
    assert "Net sales                        $  41.2    $  39.8" in items["I", "1"]
    assert "no part of the report" not in str(result.data)


def test_another_document_of_a_filing_can_be_named_but_none_outside_it(
    retriever: SECFilingsRetriever, edgar: ReplayServer
) -> None:
    edgar.add("/Archives/edgar/data/42/000000004225000001/ex99.htm", "<p>An exhibit.</p>")
    query = {"ticker": "NWND", "view": "filing"}
    assert retriever.retrieve({**query, "document": "ex99.htm"}).data["text"] == "An exhibit."
    for document in ("../../../../files/company_tickers.json", "/etc/passwd", "x?y=1", "a b"):
        with pytest.raises(RetrievalError, match="cannot stand in an address"):
            retriever.retrieve({**query, "document": document})


def test_older_pages_of_filings_are_followed_only_as_far_as_needed(
    retriever: SECFilingsRetriever, edgar: ReplayServer
) -> None:
    def filed(**chosen: Any) -> list[str]:
        rows = retriever.retrieve({"ticker": "NWND", "view": "submissions", **chosen}).data["filings"]
        return [row["filed"] for row in rows]

    older = "/submissions/CIK0000000042-submissions-001.json"
    assert filed(limit=2) == ["2025-06-02", "2025-03-03"]
    assert filed(since="2024-06-01") == ["2025-06-02", "2025-03-03", "2025-02-20", "2024-11-04"]
    assert edgar.count(older) == 0
    assert len(filed()) == 7
    assert filed(until="2000-12-31", form="10-K") == ["2000-03-15"]
    assert edgar.count(older) == 1


def test_a_list_of_filings_names_the_company_and_where_each_document_is(
    retriever: SECFilingsRetriever, edgar: ReplayServer
) -> None:
    result = retriever.retrieve({"ticker": "NWND-B", "view": "submissions"})
    data = result.data
    assert (data["entity"], data["industry"], data["fiscal_year_end"]) == (
        "Northwind Instruments Inc.", "Instruments For Measuring", "1231",
    )  # fmt: skip
    assert data["former_names"][0]["name"] == "NORTHWIND BELLOWS CO"
    addresses = [row["url"].removeprefix(edgar.url) for row in data["filings"]]
    assert addresses[0] == "/Archives/edgar/data/42/000000004225000040/nwnd-20250601.htm"
    assert addresses[1].endswith("/form4.xml")  # what was filed, not the page a style sheet makes of it
    assert addresses[-1].endswith("/000000004200000003/0000000042-00-000003.txt")
    assert [page["url"].removeprefix(edgar.url) for page in result.metadata["pages"]] == [
        "/submissions/CIK0000000042.json", "/submissions/CIK0000000042-submissions-001.json",
    ]  # fmt: skip


@pytest.mark.parametrize("cik", ["0000320193", "0000350001", "0000315090", "0000789019", "0001045810", "0001318605"])
def test_recorded_submissions_are_all_listed(
    cik: str, edgar: ReplayServer, make: Callable[..., SECFilingsRetriever], recorded: Recorded
) -> None:
    file = recorded(f"submissions/CIK{cik}.json")
    payload = json.loads(file.read_bytes())
    edgar.replay(file, f"/submissions/CIK{cik}.json")
    expected = len(payload["filings"]["recent"]["form"])
    until = {"since": payload["filings"]["recent"]["filingDate"][-1]} if payload["filings"]["files"] else {}
    for older in payload["filings"]["files"]:
        if (page := file.with_name(older["name"])).exists():
            edgar.replay(page, f"/submissions/{older['name']}")
            until, expected = {}, expected + older["filingCount"]
    data = make(edgar).retrieve({"cik": cik, "view": "submissions", "limit": 0, **until}).data
    assert data["entity"] == payload["name"]
    assert len(data["filings"]) == expected


def test_search_follows_its_pages_until_it_has_enough(
    retriever: SECFilingsRetriever, edgar: ReplayServer, payloads: Path
) -> None:
    def hits(request: Request) -> Answer:
        return Answer((payloads / ("search-2.json" if "from=2" in request.path else "search-0.json")).read_bytes())

    edgar.add("/LATEST/search-index", hits)
    result = retriever.retrieve({"view": "search", "text": '"wind farm"', "form": "10-K,8-K", "since": "2025-01-01"})
    assert (result.data["total"], result.data["total_is_exact"]) == (3, True)
    assert [(row["accession"], row["form"], row["type"]) for row in result.data["filings"]] == [
        ("0000000042-25-000001", "10-K", "10-K"), ("0000000042-25-000040", "8-K", "EX-99.1"), ("0000000077-25-000004", "10-K", "10-K"),
    ]  # fmt: skip
    assert result.data["filings"][2]["url"] == f"{edgar.url}/Archives/edgar/data/77/000000007725000004/et10k.htm"
    first = edgar.requests[0].path
    assert "q=%22wind+farm%22" in first
    assert "forms=10-K%2C8-K" in first
    assert "startdt=2025-01-01" in first
    asked = edgar.count()
    assert (
        len(retriever.retrieve({"view": "search", "text": "wind", "ticker": "NWND", "limit": 1}).data["filings"]) == 1
    )
    assert edgar.count() == asked + 2  # the ticker, and one page
    assert "ciks=0000000042" in edgar.requests[-1].path


@pytest.mark.parametrize(
    "html",
    [
        b"", b"<p>", b"<html></html>", b"<table>", b"<table><tr><td>a<table><tr><td>b</table>c", b"</td></tr></table><p>x",
        b"<div style='display:none'><table><tr><td>x</td></tr></table></div>", b"<p>\xff\xfe\x00</p>", b"<td>a</td><p>b",
        b"<div>" * 500 + b"x", b"<a " * 5_000, b"<!--" * 5_000, b"<table>" * 200, b"<p>&#0;&#x110000;&bogus;",
    ],
)  # fmt: skip
def test_odd_html_is_read_all_the_same(html: bytes) -> None:
    assert isinstance(to_text(html), str)


def test_html_that_is_nested_without_end_is_refused_and_not_cut_short() -> None:
    begun = time.perf_counter()
    with pytest.raises(RetrievalError, match="nested too deeply"):
        to_text(b"<div>" * 200_000 + b"x")
    assert time.perf_counter() - begun < 5


def test_a_table_in_a_cell_breaks_the_row_and_loses_nothing() -> None:
    html = b"<table><tr><td>a<p>b</p><table><tr><td>1</td><td>2</td></tr></table>c</td><td>d</td></tr></table><p>e</p>"
    assert to_text(html).split("\n") == ["a", "b", "1 | 2", "", "c | d", "", "e"]


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="<>&"), min_size=1, max_size=20
)


@given(st.lists(st.tuples(st.sampled_from(["p", "div", "span", "td", "b", "li", "h1"]), TEXTS), max_size=12))
@settings(max_examples=50)
def test_every_word_of_a_page_is_in_its_text(parts: list[tuple[str, str]]) -> None:
    html = "".join(f"<{tag}>{text}</{tag}> " for tag, text in parts)
    words = [word for _, text in parts for word in text.split()]
    found = to_text(f"<html><body>{html}</body></html>".encode())
    assert "".join(found.split()) == "".join(words)


@given(
    st.lists(
        st.sampled_from(["Item 1. Business", "ITEM 1A", "Item 7", "PART II", "Item 7. Discussion", "words", "", "Item 5.02 Departure", "item 9 of"]),
        max_size=30,
    ),
    st.sampled_from(["10-K", "10-Q", "8-K", "6-K"]),
)  # fmt: skip
def test_items_are_in_order_and_their_texts_are_the_document(lines: list[str], form: str) -> None:
    before, items = find_items("\n".join(lines), form)
    ranks = [(item["part"], float(item["item"].rstrip("ABCDEFGHIJK")), item["item"]) for item in items]
    assert ranks == sorted(set(ranks))
    kept = before.split() + [word for item in items for word in (item["title"] + " " + item["text"]).split()]
    assert len(kept) <= len(" ".join(lines).split())
    assert kept.count("words") == lines.count("words")
