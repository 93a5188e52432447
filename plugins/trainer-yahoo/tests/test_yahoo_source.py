"""What the source `yahoo` promises: figures with their currency, one session, errors by kind, and no secret told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer import Query
from trainer.errors import NotFound, RateLimited, Refused, RetrievalError, TrainerError, Unavailable
from trainer.testing.memory import MemoryStore
from trainer.testing.replay import Answer, ReplayServer, Request, SimulatedClock
from trainer_yahoo import Yahoo, YahooFinanceRetriever, shapes

PAYLOADS = Path(__file__).parent / "payloads"
RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "payloads" / "yahoo"
CRUMB, COOKIE = "cRuMb12345x", "A3=d=sEcReTcOoKiE"
SUMMARY, CHART, QUOTE = ("/v10/finance/quoteSummary/NWND.L", "/v8/finance/chart/NWND.L", "/v7/finance/quote")
GETCRUMB = "/v1/test/getcrumb"
Make = Callable[..., YahooFinanceRetriever]
INVALID = Answer({"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}, 401)


def error(container: str, code: str, description: str, status: int) -> Answer:
    return Answer({container: {"result": None, "error": {"code": code, "description": description}}}, status)


NONE = error("quoteSummary", "Not Found", "No fundamentals data found for any of the summaryTypes=financialData", 404)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def yahoo(clock: SimulatedClock) -> Iterator[ReplayServer]:
    with ReplayServer(clock=clock.monotonic) as server:
        server.add("/quote/AAPL", Answer(b"a page", headers={"Set-Cookie": f"{COOKIE}; Path=/"}))
        server.add(GETCRUMB, CRUMB)
        server.replay(PAYLOADS / "summary.json", SUMMARY)
        server.replay(PAYLOADS / "chart.json", CHART)
        server.replay(PAYLOADS / "quote.json", QUOTE)
        yield server


@pytest.fixture
def make(tmp_path: Path, clock: SimulatedClock) -> Make:
    def make(server: ReplayServer, **settings: Any) -> YahooFinanceRetriever:
        given: dict[str, Any] = {"base_url": server.url, "page_url": server.url + "/quote/AAPL", "clock": clock}
        return YahooFinanceRetriever(cache=tmp_path / "cache", state=tmp_path / "state", **given | settings)

    return make


def test_metrics_are_plain_numbers_with_their_currency_and_what_is_absent(yahoo: ReplayServer, make: Make) -> None:
    data = make(yahoo).retrieve({"symbol": "nwnd.l"}).data
    assert (data["currency"], data["price"]["currency"], data["price"]["regularMarketPrice"]) == ("GBp", "GBp", 103.25)
    assert data["valuation"] == {
        "currency": "GBP", "marketCap": 103250000, "priceToBook": 51.6, "sharesOutstanding": 100000000
    }  # fmt: skip
    assert data["financials"] == {"currency": "GBP", "revenue": 80000000, "quarterlyRevenueGrowth": 0.126}
    assert data["profitability"] == {"profitMargin": -0.07}
    assert data["price"]["previousClose"] == 102.5
    assert data["price"]["volume"] == 0
    assert {"valuation.trailingPE", "profitability.operatingMargin", "price.beta"} <= set(data["absent"])
    assert data["notes"][0].startswith("Prices are in GBp, hundredths of GBP")


def test_a_chart_needs_no_session_and_keeps_what_is_open(yahoo: ReplayServer, make: Make) -> None:
    data = make(yahoo).retrieve({"ticker": "NWND.L", "view": "chart", "start": "2024-01-02", "end": "2024-01-03"}).data
    assert data["rows"][0] == {
        "symbol": "NWND.L", "ts": "2024-01-02T08:00:00+00:00", "tz": "Europe/London", "open": 101.0, "high": 104.5,
        "low": 100.0, "close": 103.25, "adjclose": 101.75, "volume": 12000, "currency": "GBp",
    }  # fmt: skip
    assert data["rows"][1]["close"] is None
    assert data["rows"][1]["currency"] == "GBp"
    assert data["dividends"] == [{"amount": 1.5, "date": "2024-01-03T08:00:00+00:00"}]
    (request,) = yahoo.requests
    assert "period1=1704153600" in request.path
    assert "period2=1704326400" in request.path
    assert "cookie" not in request.headers


SERIES = "/ws/fundamentals-timeseries/v1/finance/timeseries/NWND.L"


def test_fundamentals_are_rows_with_their_currency(yahoo: ReplayServer, make: Make) -> None:
    point = {
        "asOfDate": "2023-12-31",
        "periodType": "12M",
        "currencyCode": "GBP",
        "reportedValue": {"raw": 8, "fmt": "8"},
    }
    kinds = ("annualTotalRevenue", "annualFreeCashFlow")
    series: list[dict[str, Any]] = [{"meta": {"symbol": ["NWND.L"], "type": [kind]}} for kind in kinds]
    series[0] |= {"timestamp": [1703980800], kinds[0]: [point, None]}
    yahoo.add(SERIES, {"timeseries": {"result": series, "error": None}})
    query = {"symbol": "NWND.L", "view": "fundamentals", "items": "TotalRevenue, FreeCashFlow", "end": "2023-12-31"}
    data = make(yahoo).retrieve(query).data
    row = {"item": "TotalRevenue", "period": "12M", "end": "2023-12-31", "value": 8, "currency": "GBP"}
    assert data == {
        "symbol": "NWND.L", "period": "annual", "rows": [{"symbol": "NWND.L", **row}], "absent": ["FreeCashFlow"]
    }  # fmt: skip
    assert "type=annualTotalRevenue%2CannualFreeCashFlow" in yahoo.requests[-1].path
    assert "period2=1704067200" in yahoo.requests[-1].path


def test_fundamentals_of_an_unknown_symbol_are_not_there(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add(SERIES, {"timeseries": {"result": [], "error": None}})
    assert make(yahoo).retrieve({"symbol": "NWND.L", "view": "fundamentals"}).data["rows"] == []
    yahoo.add(QUOTE, {"quoteResponse": {"result": [], "error": None}})
    with pytest.raises(NotFound, match="no symbol"):
        make(yahoo, cache_seconds=0).retrieve({"symbol": "NWND.L", "view": "fundamentals"})


def test_an_answer_says_where_it_came_from_and_tells_no_secret(yahoo: ReplayServer, make: Make) -> None:
    store = MemoryStore()
    retriever = make(yahoo, data_store=store)
    result = retriever.retrieve({"symbol": "NWND.L"})
    assert (result.source, result.subject, result.cached) == ("yahoo_finance", "NWND.L", False)
    assert result.url.startswith(yahoo.url + SUMMARY)
    assert result.raw_hash == hashlib.sha256((PAYLOADS / "summary.json").read_bytes()).hexdigest()
    kept = store.retrieve("yahoo_finance:NWND.L:" + f"{result.retrieved_at:%Y%m%d}")
    told = repr((result, kept, vars(kept) if hasattr(kept, "__dict__") else kept))
    assert "crumb" not in told.lower()
    assert CRUMB not in told
    assert COOKIE not in told
    asked = [request for request in yahoo.requests if request.path.startswith(SUMMARY)]
    assert [CRUMB in request.path and request.headers["cookie"] == COOKIE for request in asked] == [True]
    assert retriever.retrieve({"symbol": "NWND.L"}).cached
    retriever.retrieve({"symbol": "NWND.L", "view": "quote"})
    assert yahoo.count(GETCRUMB) == 1


def test_a_form_of_consent_is_answered_on_the_way_to_the_cookies(yahoo: ReplayServer, make: Make) -> None:
    def consent(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(
                '<form><input type="hidden" name="csrfToken" value="t0k"><input type="hidden" name="sessionId" value="a&amp;b"></form>'
            )
        assert request.body == b"csrfToken=t0k&sessionId=a%26b&agree=agree"
        return Answer(b"", 302, {"Location": "/copyConsent?sessionId=x"})

    first = Answer(b"", 307, {"Location": "/v2/collectConsent?sessionId=x", "Set-Cookie": "GUCS=one; Path=/"})
    yahoo.add("/quote/AAPL", first, Answer(b"a page"))
    yahoo.add("/v2/collectConsent", consent)
    yahoo.add("/copyConsent", Answer(b"", 302, {"Location": "/quote/AAPL", "Set-Cookie": f"{COOKIE}; Path=/"}))
    assert make(yahoo).retrieve({"symbol": "NWND.L"}).data["symbol"] == "NWND.L"
    assert [request.method for request in yahoo.requests] == ["GET", "GET", "POST", "GET", "GET", "GET", "GET"]
    assert set(yahoo.requests[-1].headers["cookie"].split("; ")) == {"GUCS=one", COOKIE}


def test_the_way_to_the_cookies_is_paced_like_all_else(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add("/quote/AAPL", Answer(b"", 302, {"Location": "/quote/MSFT"}))
    yahoo.add("/quote/MSFT", Answer(b"a page"))
    make(yahoo, rate=2.0).retrieve({"symbol": "NWND.L"})
    times = [request.at for request in yahoo.requests]
    assert len(times) == 4
    assert all(after - before >= 0.5 for before, after in pairwise(times))


def test_too_many_requests_for_cookies_stops_all_requests_too(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add("/quote/AAPL", Answer(b"", 429))
    for view, said in (("metrics", "asked too often"), ("chart", "no request may go")):
        with pytest.raises(RateLimited, match=said):
            make(yahoo).retrieve({"symbol": "NWND.L", "view": view})
    assert len(yahoo.requests) == 1


def test_cookies_are_not_looked_for_on_somebody_elses_server(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add("/quote/AAPL", Answer(b"", 302, {"Location": "https://yahoo.com.example.org/"}))
    with pytest.raises(Refused, match=r"leads to yahoo\.com\.example\.org"):
        make(yahoo).retrieve({"symbol": "NWND.L"})


def test_a_refused_crumb_is_minted_anew_once(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add(GETCRUMB, CRUMB, "second")
    yahoo.add(SUMMARY, INVALID, json.loads((PAYLOADS / "summary.json").read_text()))
    make(yahoo).retrieve({"symbol": "NWND.L"})
    assert yahoo.requests[-1].path.endswith("crumb=second")


def test_a_crumb_that_is_refused_twice_is_an_error(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add(SUMMARY, INVALID)
    with pytest.raises(Refused, match="Invalid Crumb"):
        make(yahoo).retrieve({"symbol": "NWND.L"})
    assert (yahoo.count(GETCRUMB), yahoo.count(SUMMARY)) == (2, 2)


@pytest.mark.parametrize("text", ["", "<html>", "two words", "x" * 21])
def test_what_is_no_crumb_is_not_taken_for_one(text: str, yahoo: ReplayServer, make: Make) -> None:
    yahoo.add(GETCRUMB, text)
    with pytest.raises(Unavailable, match="no crumb"):
        make(yahoo).retrieve({"symbol": "NWND.L"})
    assert yahoo.count(SUMMARY) == 0


@pytest.mark.parametrize("status", [200, 429])
def test_too_many_requests_stops_all_requests_for_minutes(
    status: int, yahoo: ReplayServer, make: Make, clock: SimulatedClock
) -> None:
    yahoo.add(GETCRUMB, Answer("Too Many Requests\r\n", status), CRUMB)
    with pytest.raises(RateLimited, match="asked too often"):
        make(yahoo).retrieve({"symbol": "NWND.L"})
    with pytest.raises(RateLimited, match="no request may go"):
        make(yahoo).retrieve({"symbol": "NWND.L", "view": "chart"})
    assert yahoo.count(CHART) == 0
    clock.sleep(601)
    assert make(yahoo).retrieve({"symbol": "NWND.L", "view": "chart"}).data["rows"]


def test_an_unknown_symbol_and_an_absent_module_are_told_apart(yahoo: ReplayServer, make: Make) -> None:
    yahoo.add(SUMMARY, NONE)
    retriever = make(yahoo, cache_seconds=0)
    assert retriever.retrieve({"symbol": "NWND.L", "view": "summary", "modules": "financialData"}).data == {
        "financialData": {}
    }
    assert "valuation.marketCap" in retriever.retrieve({"symbol": "NWND.L"}).data["absent"]
    yahoo.add(QUOTE, {"quoteResponse": {"result": [], "error": None}})
    for view in ("quote", "summary", "metrics"):
        with pytest.raises(NotFound, match=r"no symbol 'NWND\.L'"):
            retriever.retrieve({"symbol": "NWND.L", "view": view})
    yahoo.add(SUMMARY, error("quoteSummary", "Not Found", "Quote not found for ticker symbol: NWND.L", 404))
    with pytest.raises(NotFound, match="Quote not found"):
        retriever.retrieve({"symbol": "NWND.L"})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (INVALID, Refused),
        (Answer("Too Many Requests\r\n", 429), RateLimited),
        (error("quoteSummary", "Not Found", "Quote not found for ticker symbol: NWND.L", 404), NotFound),
        (error("finance", "Bad Request", "Missing\nvalue", 400), RetrievalError),
        (Answer("gone", 404), NotFound),
        (Answer("<html>", 503), Unavailable),
        (Answer("<html>", 200), Unavailable),
        (Answer({"quoteSummary": {"result": []}}), RetrievalError),
        (Answer([1, 2]), RetrievalError),
    ],
)  # fmt: skip
def test_every_error_has_a_kind_two_lines_and_no_secret(
    answer: Answer, kind: type[TrainerError], yahoo: ReplayServer, make: Make
) -> None:
    yahoo.add(SUMMARY, answer)
    with pytest.raises(kind) as caught:
        make(yahoo).retrieve({"symbol": "NWND.L"})
    assert type(caught.value).__mro__.index(kind) <= 1
    assert len(str(caught.value).splitlines()) == 2
    assert CRUMB not in str(caught.value)
    assert "sEcReT" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"symbol": "../x"},
        {"symbol": ".."},
        {"symbol": "A B"},
        {"symbol": "A", "view": "metric"},
        {"symbol": "A", "period": "1y"},
        {"symbol": "A", "view": "chart", "start": "yesterday"},
        {"symbol": "A", "view": "chart", "end": "2024-01-01"},
        {"symbol": "A", "view": "chart", "start": "2024-01-01", "range": "1y"},
        {"symbol": "A", "view": "fundamentals", "period": "weekly"},
        {"symbol": "A", "view": "fundamentals", "items": "Total Revenue"},
        {"view": "search"},
        {"view": "search", "text": "a", "limit": 51},
    ],
)
def test_a_question_that_makes_no_sense_is_never_sent(query: dict[str, Any], yahoo: ReplayServer, make: Make) -> None:
    with pytest.raises(RetrievalError) as caught:
        make(yahoo).retrieve(query)
    assert len(str(caught.value).splitlines()) == 2
    assert yahoo.requests == []


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda s: st.dictionaries(st.just("raw"), s)))  # fmt: skip
def test_a_figure_is_a_finite_number_or_absent(value: Any) -> None:
    found = shapes.number(value)
    assert found is None or (not isinstance(found, bool) and abs(found) < float("inf"))


def test_the_plugin_answers_with_its_settings(yahoo: ReplayServer, tmp_path: Path) -> None:
    plugin = Yahoo(base_url=yahoo.url, cache="cache", state="state", root=tmp_path, rate=50.0)
    assert plugin.retrieve(Query("yahoo", {"symbol": "NWND.L", "view": "chart"})).subject == "NWND.L-chart"
    assert (tmp_path / "state" / "turns.db").exists()


RECORDINGS = sorted(
    path for kind in ("chart", "fundamentalsTimeSeries", "historical", "quote", "quoteSummary", "search") for path in (RECORDED / kind).glob("*.json")
)  # fmt: skip


@pytest.mark.skipif(not RECORDINGS, reason="the recorded payloads are not here (../shared/data/payloads/yahoo)")
def test_every_recorded_answer_is_read_with_its_currency_as_it_is(yahoo: ReplayServer, make: Make) -> None:
    read = 0
    for path in RECORDINGS:
        record = json.loads(path.read_text(encoding="utf-8"))
        response, address = record["response"], record["request"]["url"]
        body = response["bodyJson"]
        retriever = make(yahoo, cache_seconds=0, rate=1000)
        where = "/" + address.split("/", 3)[3].partition("?")[0]
        symbol = where.rpartition("/")[2].replace("%3D", "=")
        yahoo.add(where.replace("=", "%3D"), Answer(body, response["status"]))
        if "/chart/" in address:
            data = retriever.retrieve({"symbol": symbol, "view": "chart"}).data
            content = body["chart"]["result"][0]
            assert data["currency"] == content["meta"]["currency"]
            assert [row["close"] for row in data["rows"]] == content["indicators"]["quote"][0].get("close", [])
        elif "/timeseries/" in address:
            period = path.stem.rpartition("-")[2]
            yahoo.add(QUOTE, {"quoteResponse": {"result": [{}], "error": None}})
            data = retriever.retrieve({"symbol": symbol, "view": "fundamentals", "period": period}).data
            series = {one["meta"]["type"][0]: one for one in body["timeseries"]["result"]}
            points = {name: one.get(name, []) for name, one in series.items()}
            assert [
                (f"{period}{row['item']}", row["end"], row["value"], row["currency"], row["period"])
                for row in data["rows"]
            ] == [
                (name, point["asOfDate"], point["reportedValue"]["raw"], point["currencyCode"], point["periodType"])
                for name, found in points.items()
                for point in found
            ]
            assert {f"{period}{name}" for name in data["absent"]} == {name for name in points if not points[name]}
        elif "quoteSummary" in address:
            data = retriever.retrieve({"symbol": symbol}).data
            known = (body["quoteSummary"]["result"] or [{}])[0].get("price", {})
            assert data["currency"] == data["price"]["currency"] == known.get("currency")
            assert data["price"].get("regularMarketPrice") == known.get("regularMarketPrice")
        elif "/quote?" in address:
            data = retriever.retrieve({"symbol": body["quoteResponse"]["result"][0]["symbol"], "view": "quote"}).data
            assert data == body["quoteResponse"]["result"][0]
        else:
            assert retriever.retrieve({"text": "x", "view": "search"}).data == body["quotes"]
        read += 1
    assert read == len(RECORDINGS)


@pytest.mark.skipif(not RECORDINGS, reason="the recorded payloads are not here (../shared/data/payloads/yahoo)")
@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("errors/quoteCombine-NONEXIST.json", 200, NotFound),
        ("errors/quoteSummary-assetProfile-QQQ,.json", 404, NotFound),
        ("errors/search-noOpts.json", 400, RetrievalError),
        ("errors/historical-BEKE-2020-01-01-to-2020-01-03.json", 400, RetrievalError),
        ("errors_quoted/401_invalid_crumb.json", 401, Refused),
        ("errors_quoted/401_feature.json", 401, Refused),
        ("errors_quoted/429_getcrumb.txt", 429, RateLimited),
    ],
)
def test_recorded_errors_are_told_apart(
    name: str, status: int, kind: type[TrainerError], yahoo: ReplayServer, make: Make
) -> None:
    body: Any = (RECORDED / name).read_bytes()
    if name.startswith("errors/"):
        response = json.loads(body)["response"]
        body = response.get("bodyJson") or response["body"]
    yahoo.add(QUOTE, Answer(body, status))
    with pytest.raises(kind) as caught:
        make(yahoo).retrieve({"symbol": "QQQ", "view": "quote"})
    assert len(str(caught.value).splitlines()) == 2
    assert CRUMB not in str(caught.value)


@pytest.mark.skipif(not RECORDINGS, reason="the recorded payloads are not here (../shared/data/payloads/yahoo)")
def test_the_recorded_handshake_leads_to_its_crumb(yahoo: ReplayServer, make: Make) -> None:
    def recorded(name: str) -> Answer:
        response = json.loads((RECORDED / "crumb" / f"getCrumb-{name}.json").read_text(encoding="utf-8"))["response"]
        headers: dict[str, Any] = {}
        if "location" in response["headers"]:
            parts = str(response["headers"]["location"]).split("/", 3)
            headers["Location"] = yahoo.url + "/" + parts[3]
        cookies = response["headers"].get("set-cookie", [])
        headers["Set-Cookie"] = [cookie.split(";")[0] + "; Path=/" for cookie in cookies]  # Secure, of yahoo.com
        return Answer(response["bodyText"], response["status"], headers)

    yahoo.add("/quote/AAPL", recorded("quote-AAPL.json"), recorded("quote-AAPL-consent-final-redirect.html"))
    yahoo.add("/quote/AAPL/", Answer(b"a page"))
    yahoo.add("/consent", recorded("quote-AAPL-consent.html"))
    yahoo.add(
        "/v2/collectConsent", recorded("quote-AAPL-collectConsent.html"), recorded("quote-AAPL-collectConsentSubmit")
    )
    yahoo.add("/copyConsent", recorded("quote-AAPL-copyConsent"))
    yahoo.add(GETCRUMB, recorded("getcrumb"))
    make(yahoo).retrieve({"symbol": "NWND.L"})
    (post,) = [request for request in yahoo.requests if request.method == "POST"]
    assert post.body.startswith(b"csrfToken=GoNrer0&sessionId=3_cc-session_dcf322f7")
    assert yahoo.requests[-1].path.endswith("&crumb=haT3oykhHqZ")
    assert {"GUCS", "GUC", "A3", "A1"} <= {
        word.split("=")[0] for word in yahoo.requests[-1].headers["cookie"].split("; ")
    }
