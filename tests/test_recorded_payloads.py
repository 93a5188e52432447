"""Every payload that was recorded of the SEC and of Yahoo is read: as data that recounts, or as a typed error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import RetrievalError
from trainer.stores import canonical_json
from trainer.testing.replay import Answer, ReplayServer, SimulatedClock
from trainer_sec import SECFilingsRetriever
from trainer_sec.documents import to_text
from trainer_sec.items import find_items
from trainer_yahoo import YahooFinanceRetriever

from .conftest import ROOT

RECORDED = ROOT.parent / "shared/data/payloads"
FILES = sorted(
    path for path in RECORDED.rglob("*") if path.is_file() and path.suffix != ".md" and not path.name.endswith(".headers.json")
)  # fmt: skip
Reads = Callable[[Path, "Sources"], None]


class Sources:
    """A server, and the two sources that ask it, in simulated time and without keeping anything."""

    def __init__(self, server: ReplayServer, folder: Path, clock: SimulatedClock) -> None:
        self.server, self.clock = server, clock
        common: dict[str, Any] = {
            "cache": folder / "cache",
            "state": folder / "state",
            "base_url": server.url,
            "clock": clock,
        }
        self.sec = SECFilingsRetriever(
            "Jane Doe jane@example.org", archives_url=server.url, search_url=server.url, **common
        )
        self.visitor = partial(YahooFinanceRetriever, **common)
        self.yahoo = self.visitor(page_url=server.url + "/quote/AAPL")
        server.add("/quote/AAPL", Answer(b"a page", headers={"Set-Cookie": "A3=c; Path=/"}))
        server.add("/v1/test/getcrumb", "cRuMb12345x")

    def ask(self, source: Any, path: str, answer: Any, **query: Any) -> Any:
        """The data of a question that is answered so, which any store would take."""
        self.server.add(path, answer)
        self.clock.sleep(1_000_000)  # nothing that was kept is fresh, and no pause lasts
        data = source.retrieve(query).data
        canonical_json(data)
        return data


def companyfacts(path: Path, sources: Sources) -> None:
    payload = json.loads(path.read_bytes())
    where = f"/api/xbrl/companyfacts/CIK{int(payload['cik']):010}.json"
    data = sources.ask(sources.sec, where, path.read_bytes(), cik=payload["cik"], view="facts")
    values: dict[tuple[Any, ...], set[Any]] = {}
    for taxonomy, tags in payload["facts"].items():
        for tag, body in tags.items():
            for unit, reports in body["units"].items():
                for report in reports:
                    key = (taxonomy, tag, unit, report.get("start"), report["end"])
                    values.setdefault(key, set()).add(report["val"])
    rows = {(row["taxonomy"], row["tag"], row["unit"], row["start"], row["end"]): row for row in data["facts"]}
    assert len(rows) == len(data["facts"])
    assert rows.keys() == values.keys()
    assert data["restated"] == sum(len(found) > 1 for found in values.values())
    assert {row["unit"] for row in rows.values()} == {key[2] for key in values}
    assert sources.ask(sources.sec, where, path.read_bytes(), cik=payload["cik"], quarters=4)["facts"]


def submissions(path: Path, sources: Sources) -> None:
    payload = json.loads(path.read_bytes())
    if "filings" not in payload:  # an older page, which has only the lists
        payload = {"name": "x", "cik": 1, "filings": {"recent": payload, "files": []}} | dict.fromkeys(
            ("sic", "sicDescription", "stateOfIncorporation", "fiscalYearEnd", "tickers", "exchanges", "formerNames")
        )
    payload["filings"]["files"] = []
    where = f"/submissions/CIK{int(payload['cik']):010}.json"
    data = sources.ask(sources.sec, where, payload, cik=payload["cik"], view="submissions", limit=0)
    assert [row["accession"] for row in data["filings"]] == payload["filings"]["recent"]["accessionNumber"]


def tickers(path: Path, sources: Sources) -> None:
    listed = list(json.loads(path.read_bytes()).values())
    sources.server.add("/files/company_tickers.json", path.read_bytes())
    edgar = sources.sec._edgar
    for row in (listed[0], listed[len(listed) // 2], listed[-1]):
        assert edgar.company(row["ticker"], "").cik == int(row["cik_str"])


def atom(path: Path, sources: Sources) -> None:
    data = sources.ask(sources.sec, "/cgi-bin/browse-edgar", path.read_bytes(), view="current")
    assert len(data["filings"]) == path.read_bytes().count(b"<entry>")
    assert all(None not in row.values() and "" not in row.values() for row in data["filings"])


def filing(path: Path, _: Sources) -> None:
    before, items = find_items(to_text(path.read_bytes()), path.name.partition("_")[0])
    assert before or items


def sec_error(path: Path, sources: Sources) -> None:
    status = int(path.stem.rpartition("_")[2]) if path.stem[-3:].isdigit() else 403
    with pytest.raises(RetrievalError) as caught:
        sources.ask(
            sources.sec,
            "/submissions/CIK0000000042.json",
            Answer(path.read_bytes(), status),
            cik=42,
            view="submissions",
        )
    assert type(caught.value) is not RetrievalError or status == 304
    assert len(str(caught.value).splitlines()) == 2


def yahoo(path: Path, sources: Sources) -> None:
    record = json.loads(path.read_bytes())
    body, address = record["response"]["bodyJson"], record["request"]["url"]
    where = "/" + address.split("/", 3)[3].partition("?")[0].replace("=", "%3D")
    symbol = where.rpartition("/")[2].replace("%3D", "=")
    ask = partial(sources.ask, sources.yahoo, where, Answer(body, record["response"]["status"]))
    match path.parent.name:
        case "chart" | "historical":
            content = body["chart"]["result"][0]
            data = ask(symbol=symbol, view="chart")
            assert len(data["rows"]) == len(content.get("timestamp", []))
            assert {row["currency"] for row in data["rows"]} <= {content["meta"]["currency"]}
        case "fundamentalsTimeSeries":
            sources.server.add("/v7/finance/quote", {"quoteResponse": {"result": [{}], "error": None}})
            data = ask(symbol=symbol, view="fundamentals", period=path.stem.rpartition("-")[2])
            series = body["timeseries"]["result"]
            points = [point for one in series for point in one.get(one["meta"]["type"][0], [])]
            assert [row["currency"] for row in data["rows"]] == [point["currencyCode"] for point in points]
            assert [row["value"] for row in data["rows"]] == [point["reportedValue"]["raw"] for point in points]
        case "quote":
            assert ask(symbol=path.stem.removeprefix("quote-"), view="quote") == body["quoteResponse"]["result"][0]
        case "quoteSummary":
            known = (body["quoteSummary"]["result"] or [{}])[0]
            sources.server.add("/v7/finance/quote", {"quoteResponse": {"result": [{}], "error": None}})
            assert ask(symbol=symbol)["currency"] == known.get("price", {}).get("currency")
            assert ask(symbol=symbol, view="summary", modules="price") == {"price": known.get("price", {})}
        case "search":
            assert ask(text="x", view="search") == body["quotes"]


def yahoo_error(path: Path, sources: Sources) -> None:
    raw = path.read_bytes()
    status = int(path.name[:3]) if path.name[:3].isdigit() else json.loads(raw)["response"]["status"]
    if path.parent.name == "errors":
        response = json.loads(raw)["response"]
        raw = json.dumps(response["bodyJson"]).encode() if "bodyJson" in response else str(response["body"]).encode()
    with pytest.raises(RetrievalError) as caught:
        sources.ask(sources.yahoo, "/v7/finance/quote", Answer(raw, status), symbol="QQQ", view="quote")
    assert len(str(caught.value).splitlines()) == 2


def handshake(path: Path, sources: Sources) -> None:
    """A page of the way to the cookies in any other's place leads on, or is told; the right order has its own test."""
    response = json.loads(path.read_bytes())["response"]
    visitor = sources.visitor(page_url=sources.server.url + "/page")
    page = Answer(response.get("bodyText", ""), response["status"])
    try:
        sources.ask(visitor, "/page", page, symbol="QQQ", view="quote")
    except RetrievalError as error:
        assert len(str(error).splitlines()) == 2


READERS: dict[str, Reads] = {
    "sec": tickers, "sec/companyfacts": companyfacts, "sec/submissions": submissions, "sec/atom": atom, "sec/filings": filing,
    "sec/errors": sec_error, "sec/conditional": sec_error, "yahoo/chart": yahoo, "yahoo/historical": yahoo,
    "yahoo/fundamentalsTimeSeries": yahoo, "yahoo/quote": yahoo, "yahoo/quoteSummary": yahoo, "yahoo/search": yahoo,
    "yahoo/errors": yahoo_error, "yahoo/errors_quoted": yahoo_error, "yahoo/crumb": handshake,
}  # fmt: skip


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    clock = SimulatedClock()
    with pytest.MonkeyPatch.context() as patch, ReplayServer(clock=clock.monotonic) as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Sources(server, tmp_path_factory.mktemp("sources"), clock)


@pytest.mark.skipif(not FILES, reason="the recorded payloads are not here (../shared/data/payloads)")
def test_no_recorded_payload_is_left_out() -> None:
    assert {path.parent.relative_to(RECORDED).as_posix() for path in FILES} == READERS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(RECORDED).as_posix())
def test_a_recorded_payload_is_read(path: Path, sources: Sources) -> None:
    READERS[path.parent.relative_to(RECORDED).as_posix()](path, sources)
