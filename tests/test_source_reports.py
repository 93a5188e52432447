"""A whole run on two sources, the SEC and Yahoo: a report that leads back to addresses and filings, or two lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from trainer import Pipeline, StoredData
from trainer.cli import main
from trainer.testing.replay import Answer, ReplayServer

from .conftest import ROOT

OURS = ROOT / "plugins/trainer-sec/tests/payloads"
RECORDED = ROOT.parent / "shared/data/payloads"
FACTS, SUMMARY = "/api/xbrl/companyfacts/CIK0000000042.json", "/v10/finance/quoteSummary/NWND"
INSTRUCTION = """---
title: "{TICKER}: figures and price"
input: {TICKER: {description: stock symbol}}
data:
  facts: {source: sec, ticker: "{TICKER}"}
  quote: {source: yahoo, symbol: "{TICKER}"}
output: {formats: [html]}
---
# {TICKER}

## Growth

How `revenue` developed.
"""
DENIED = "<Error><Code>AccessDenied</Code></Error>"
NO_SYMBOL = {"quoteSummary": {"result": None, "error": {"code": "Not Found", "description": "Quote not found"}}}
INVALID_CRUMB = {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
FAULTS: list[tuple[str, str, Answer, str]] = [
    ("undeclared", FACTS, Answer("<html>Your Request Originates from an Undeclared Automated Tool</html>", 403), "who asks"),
    ("threshold", FACTS, Answer("<html>Request Rate Threshold Exceeded</html>", 403), "asked too often"),
    ("denied", FACTS, Answer(DENIED, 403), "EDGAR has nothing at"),
    ("forbidden", FACTS, Answer("no", 403), "access refused"),
    ("missing", FACTS, Answer("<Error><Code>NoSuchKey</Code></Error>", 404), "there is nothing at"),
    ("429", FACTS, Answer("slow down", 429), "asked too often"),
    ("503", FACTS, Answer("busy", 503), "answered 503"),
    ("garbage", FACTS, Answer(b"\0\xff{"), "not JSON"),
    ("hanging", FACTS, Answer(hang=True), "did not answer within"),
    ("cut", FACTS, Answer('{"facts": {}}', cut=5), "no whole answer"),
    ("invalid crumb", SUMMARY, Answer(INVALID_CRUMB, 401), "does not let us in"),
    ("forbidden", SUMMARY, Answer("<html>", 403), "access refused"),
    ("missing", SUMMARY, Answer(NO_SYMBOL, 404), "Quote not found"),
    ("429", SUMMARY, Answer("Too Many Requests\r\n", 429), "asked too often"),
    ("503", SUMMARY, Answer("<html>", 503), "answered 503"),
    ("garbage", SUMMARY, Answer(b"\0\xff{"), "not JSON"),
    ("hanging", SUMMARY, Answer(hang=True), "did not answer within"),
    ("cut", SUMMARY, Answer('{"quoteSummary": {}}', cut=5), "no whole answer"),
    ("no crumb", "/v1/test/getcrumb", Answer("<html>", 200), "no crumb"),
    ("no cookies", "/quote/AAPL", Answer("", 503), "answered 503"),
]  # fmt: skip


WELL = {
    FACTS: Answer.recorded(OURS / "CIK0000000042.json"),
    SUMMARY: Answer.recorded(ROOT / "plugins/trainer-yahoo/tests/payloads/summary.json"),
    "/v1/test/getcrumb": Answer("cRuMb12345x"),
    "/quote/AAPL": Answer(b"a page", headers={"Set-Cookie": "A3=c00kie; Path=/"}),
}


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[ReplayServer]:
    """The SEC and Yahoo on one server, and a project in the current folder that asks there."""
    with project(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one report made."""
    folder = tmp_path_factory.mktemp("used")
    with project(folder):
        assert main(["run", "i.md", "-p", "TICKER=NWND"]) == 0
    return folder


@contextmanager
def project(tmp_path: Path) -> Iterator[ReplayServer]:
    (tmp_path / "i.md").write_text(INSTRUCTION)
    with pytest.MonkeyPatch.context() as patch, ReplayServer() as server:
        patch.chdir(tmp_path)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("TRAINER_NO_PROBE", "1")
        server.replay(OURS / "company_tickers.json", "/files/company_tickers.json")
        for path, answer in WELL.items():
            server.add(path, answer)
        common = {"cache": "cache", "state": "state", "timeout": 0.2, "deadline": 1.2}
        tables: dict[str, dict[str, Any]] = {
            "sec": {"user_agent": "Jane Doe jane@example.org", "archives_url": server.url, "rate": 10.0},
            "yahoo": {"page_url": f"{server.url}/quote/AAPL", "rate": 50.0, "cache_seconds": 0.0},
        }
        lines = [
            line
            for name, table in tables.items()
            for line in [
                f"[{name}]",
                *(f"{key} = {json.dumps(value)}" for key, value in ({"base_url": server.url} | common | table).items()),
            ]
        ]
        (tmp_path / "trainer.toml").write_text("\n".join([*lines, ""]))
        yield server


def stored() -> list[StoredData]:
    """Every version of every record of the two sources."""
    with Pipeline() as pipeline:
        store = pipeline.open_store()
        current = [record for source in ("sec", "yahoo_finance") for record in store.query(source=source)]
        return [version for record in current for version in store.history(record.key)]


def test_a_report_on_two_sources_leads_back_to_addresses_and_filings(
    sources: ReplayServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "i.md", "-p", "TICKER=NWND"]) == 0
    page = next((tmp_path / "output/html").glob("*.html"))
    report = next((tmp_path / "output/report").glob("*.md")).read_text("utf-8")
    for place in (FACTS, SUMMARY):
        assert sources.url + place in page.read_text("utf-8")
    assert re.search(
        r"\[0000000042-25-000001\]\(https://www\.sec\.gov/Archives/edgar/data/42/000000004225000001/\)", report
    )
    capsys.readouterr()
    assert main(["lineage", str(page)]) == 0
    told = capsys.readouterr().out
    for said in (FACTS, SUMMARY, "sec:NWND:", "yahoo_finance:NWND:"):
        assert said in told
    snapshot = json.loads(next((tmp_path / "output/json").glob("*.json")).read_text())
    facts, quote = (record["data"] for record in snapshot["records"])
    assert {fact["accession"] for fact in facts["facts"]} >= {"0000000042-25-000001"}
    assert (quote["price"]["currency"], quote["price"]["regularMarketPrice"]) == ("GBp", 103.25)
    whole = "".join(path.read_text("utf-8") for path in (tmp_path / "output").rglob("*.*"))
    assert "cRuMb" not in whole + told
    assert "c00kie" not in whole + told


@pytest.mark.parametrize(
    ("_name", "path", "answer", "said"), FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_fault_of_either_is_two_lines_and_leaves_the_store_as_it_was(
    _name: str, path: str, answer: Answer, said: str, used: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("cache", "state"):  # nothing is kept, and nobody waits for the fault before
        shutil.rmtree(used / folder, ignore_errors=True)
    with project(used) as server:
        before = stored()
        assert len(before) == 2
        server.add(path, answer)
        code = main(["run", "i.md", "-p", "TICKER=NWND"])
        told = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
        assert (code, len(told)) == (1, 2), told
        assert said in told[0]
        assert "cRuMb" not in "".join(told)
        assert stored() == before
    assert len(list((used / "output/report").glob("*.md"))) == 1


@pytest.mark.parametrize("path", [FACTS, SUMMARY])
def test_while_either_is_down_old_data_may_be_used_and_every_output_says_so(
    path: str, sources: ReplayServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "i.md").write_text(INSTRUCTION.replace('"{TICKER}"}', '"{TICKER}", stale_if_error: 7d}'))
    assert main(["run", "i.md", "-p", "TICKER=NWND"]) == 0
    (tmp_path / "cache").rename(tmp_path / "old-cache")
    sources.add(path, Answer("busy", 503))
    capsys.readouterr()
    assert main(["run", "i.md", "-p", "TICKER=NWND"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning")]
    name = "facts" if path == FACTS else "quote"
    assert len(warnings) == 1
    assert re.match(rf"Warning: {name} is stale: \d+s old, because .* answered 503", warnings[0])
    page = next((tmp_path / "output/html").glob("*.html"))
    assert page.read_text("utf-8").count("Stale: ") == 1
    assert "(stale: " in next((tmp_path / "output/report").glob("*.md")).read_text("utf-8")
    assert main(["lineage", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [("answered 503" in line) for line in lines if line.startswith(("facts", "quote"))] == [
        name == "facts",
        name == "quote",
    ]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded payloads are not here (../shared/data/payloads)")
def test_a_report_on_recorded_payloads_shows_what_they_hold(
    sources: ReplayServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.add("/files/company_tickers.json", {"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}})
    facts = "/api/xbrl/companyfacts/CIK0000320193.json"
    sources.replay(RECORDED / "sec/companyfacts/CIK0000320193_AAPL.json", facts)
    recorded = json.loads((RECORDED / "yahoo/quoteSummary/quoteSummary-all-AAPL.json").read_text("utf-8"))
    body = recorded["response"]["bodyJson"]
    sources.add("/v10/finance/quoteSummary/AAPL", body)
    assert main(["run", "i.md", "-p", "TICKER=AAPL"]) == 0
    report = next((tmp_path / "output/report").glob("*.md")).read_text("utf-8")
    assert "416,161" in report  # USD million, Apple's revenue of fiscal 2025 as it was filed
    assert "0000320193-25-000079" in report
    assert facts in next((tmp_path / "output/html").glob("*.html")).read_text("utf-8")
    snapshot = json.loads(next((tmp_path / "output/json").glob("*.json")).read_text())
    price = body["quoteSummary"]["result"][0]["price"]
    assert snapshot["records"][1]["data"]["price"]["regularMarketPrice"] == price["regularMarketPrice"]
