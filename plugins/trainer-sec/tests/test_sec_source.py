"""What the source `sec` promises: who may ask, what is answered, where it came from, and what errors say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer import Pipeline, Query
from trainer.errors import (
    ConfigError,
    NotFound,
    RateLimited,
    Refused,
    RetrievalError,
    TrainerError,
    Unavailable,
    WrongSetting,
)
from trainer.testing.memory import Memory, MemoryStore
from trainer.testing.replay import Answer, ReplayServer, SimulatedClock
from trainer_sec import SEC, SECFilingsRetriever

Make = Callable[..., SECFilingsRetriever]
FACTS = "/api/xbrl/companyfacts/CIK0000000042.json"
WHERE_ANY = [
    FACTS,
    "/api/xbrl/companyconcept/CIK0000000042/us-gaap/Revenues.json",
    "/api/xbrl/frames/us-gaap/Revenues/USD/CY2024.json",
    "/submissions/CIK0000000042.json",
    "/LATEST/search-index",
]


def error_page(payloads: Path, name: str, status: int) -> Answer:
    return Answer((payloads / "errors" / name).read_bytes(), status)


@pytest.mark.parametrize(
    "user_agent", ["", "   ", "Jane Doe", "jane@example.org", "a@b", "Jané jane@example.org", "J D\nX: y j@example.org"]
)
def test_nothing_is_sent_for_someone_who_does_not_say_who_they_are(
    user_agent: str, edgar: ReplayServer, make: Make
) -> None:
    with pytest.raises(ConfigError, match="name and an e-mail address") as error:
        make(edgar, user_agent=user_agent).retrieve({"ticker": "NWND"})
    assert "[sec] user_agent" in error.value.remedy
    assert edgar.requests == []


@pytest.mark.parametrize(
    "user_agent", ["Jane Doe jane@example.org", "Example Corp (data@example.org)", "Jane Doe <jane@example.org>"]
)
def test_every_request_says_who_asks(user_agent: str, edgar: ReplayServer, make: Make) -> None:
    make(edgar, user_agent=user_agent).retrieve({"ticker": "NWND"})
    assert {request.headers["user-agent"] for request in edgar.requests} == {user_agent}


def test_an_answer_says_where_and_when_it_came_from(
    retriever: SECFilingsRetriever, edgar: ReplayServer, payloads: Path, clock: SimulatedClock
) -> None:
    result = retriever.retrieve({"ticker": "NWND"})
    assert (result.source, result.subject, result.url, result.cached) == ("sec", "NWND", edgar.url + FACTS, False)
    assert result.raw_hash == hashlib.sha256((payloads / "CIK0000000042.json").read_bytes()).hexdigest()
    assert result.retrieved_at.timestamp() == pytest.approx(clock.now)
    again = retriever.retrieve({"ticker": "NWND"})
    assert (again.cached, again.raw_hash, again.retrieved_at) == (True, result.raw_hash, result.retrieved_at)


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ({"ticker": "nwnd"}, "NWND"),
        ({"cik": "CIK0000000042"}, "0000000042"),
        ({"cik": 42, "ticker": "NWND"}, "NWND"),
        ({"ticker": "NWND", "quarters": 8}, "NWND-quarters-8"),
        ({"ticker": "NWND", "as_of": "2024-12-31"}, "NWND-as_of-2024-12-31"),
        ({"ticker": "NWND", "view": "facts"}, "NWND-facts"),
        ({"ticker": "NWND", "view": "submissions"}, "NWND-submissions"),
        ({"ticker": "NWND", "view": "filing", "item": "1A,7"}, "NWND-filing-item-1A-7"),
        ({"ticker": "NWND", "as_of": "", "cik": None}, "NWND"),
    ],
)  # fmt: skip
def test_the_subject_is_the_company_the_view_and_what_else_was_asked(
    query: dict[str, Any], subject: str, retriever: SECFilingsRetriever
) -> None:
    assert retriever.retrieve(query).subject == subject


@pytest.mark.parametrize("ticker", ["NWND-B", "NWND.B", "nwnd.b", "NWND/B", " NWND B "])
def test_a_class_of_shares_is_found_however_it_is_written(ticker: str, retriever: SECFilingsRetriever) -> None:
    data = retriever.retrieve({"ticker": ticker}).data
    assert (data["ticker"], data["cik"]) == ("NWND-B", "0000000042")


def test_recorded_tickers_lead_to_their_companies(
    edgar: ReplayServer, make: Make, recorded: Callable[[str], Path]
) -> None:
    edgar.replay(recorded("company_tickers.json"), "/files/company_tickers.json")
    for ticker, cik in (("BRK.B", 1067983), ("BRK-A", 1067983), ("AAPL", 320193), ("bf.b", 14693)):
        with pytest.raises(NotFound, match=f"CIK{cik:010}"):
            make(edgar).retrieve({"ticker": ticker})


def test_a_ticker_that_nobody_has_is_answered_with_one_that_somebody_has(retriever: SECFilingsRetriever) -> None:
    with pytest.raises(NotFound, match=r"no company with the ticker 'NWNDD'.*did you mean 'NWND'"):
        retriever.retrieve({"ticker": "NWNDD"})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "no company was named"),
        ({"cik": "12345678901"}, "is no CIK"),
        ({"cik": True}, "cik is True"),
        ({"ticker": "NWND", "view": "fact"}, "is no view .did you mean 'facts'"),
        ({"ticker": "NWND", "quater": 8}, "takes no 'quater' .did you mean 'quarters'"),
        ({"ticker": "NWND", "limit": 8}, "the view 'metrics' takes no 'limit'"),
        ({"ticker": "NWND", "quarters": "many"}, "quarters is 'many', not a whole number"),
        ({"ticker": "NWND", "quarters": -1}, "quarters is -1"),
        ({"ticker": "NWND", "years": 0}, "no figure that covers a quarter"),
        ({"ticker": "NWND", "as_of": "yesterday"}, "as_of is 'yesterday', not a day"),
        ({"view": "frames", "tag": "Revenues"}, "needs one tag and a period"),
        ({"view": "frames", "tag": "a/../b", "period": "CY2024"}, "cannot stand in an address"),
        ({"view": "search"}, "needs text"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_answered_by_what_can(
    query: dict[str, Any], said: str, retriever: SECFilingsRetriever
) -> None:
    with pytest.raises(RetrievalError, match=said) as error:
        retriever.retrieve(query)
    assert error.value.remedy


def test_the_schema_says_what_each_view_takes(retriever: SECFilingsRetriever) -> None:
    schema = retriever.get_schema()
    views = {view["properties"]["view"]["const"]: set(view["properties"]) for view in schema["anyOf"]}
    assert views.keys() == {"metrics", "facts", "concept", "frames", "submissions", "filing", "current", "search"}
    assert views["metrics"] == {"view", "ticker", "cik", "as_of", "years", "quarters"}
    assert all(
        item["description"] for view in schema["anyOf"] for name, item in view["properties"].items() if name != "view"
    )
    json.dumps(schema)


def two_lines(error: TrainerError) -> None:
    assert len(str(error).splitlines()) == 2
    assert error.problem
    assert error.remedy


@pytest.mark.parametrize(
    ("name", "status", "kind", "said"),
    [
        ("undeclared.html", 403, Refused, "does not accept who asks"),
        ("threshold.html", 403, RateLimited, "was asked too often"),
        ("threshold.html", 429, RateLimited, "was asked too often"),
        ("threshold.html", 200, RateLimited, "was asked too often"),
        ("denied.xml", 403, NotFound, "EDGAR has nothing at"),
        ("missing.xml", 404, NotFound, "there is nothing at"),
        ("overloaded.html", 503, Unavailable, "answered 503"),
        ("overloaded.html", 403, Refused, "access refused"),
        ("overloaded.html", 200, Unavailable, "not JSON"),
        ("overloaded.html", 418, RetrievalError, "answered 418"),
    ],
)  # fmt: skip
def test_each_error_says_in_two_lines_what_happened_at_which_address(
    name: str, status: int, kind: type[RetrievalError], said: str, edgar: ReplayServer, make: Make, payloads: Path
) -> None:
    edgar.add(FACTS, error_page(payloads, name, status))
    store = MemoryStore()
    with pytest.raises(kind, match=said) as error:
        make(edgar, data_store=store).retrieve({"cik": 42})
    assert type(error.value) is kind
    assert edgar.url + FACTS in error.value.problem
    two_lines(error.value)
    assert store.count() == 0


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("undeclared_automated_tool_403.html", 403, Refused),
        ("rate_threshold_exceeded.html", 403, RateLimited),
        ("rate_threshold_exceeded.html", 429, RateLimited),
        ("full_index_403.xml", 403, NotFound),
        ("submissions_404.xml", 404, NotFound),
        ("getcurrent_503.html", 503, Unavailable),
    ],
)
def test_recorded_errors_are_told_apart_by_their_bodies(
    name: str, status: int, kind: type[RetrievalError], edgar: ReplayServer, make: Make, recorded: Callable[[str], Path]
) -> None:
    edgar.add(FACTS, Answer(recorded(f"errors/{name}").read_bytes(), status))
    with pytest.raises(kind) as error:
        make(edgar).retrieve({"cik": 42})
    assert type(error.value) is kind
    two_lines(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(hang=True), Answer("{" + " " * 1000, cut=10), Answer(raw=b"\x00\x01garbage\r\n\r\n"), Answer(b"PK\x03\x04", 200),
        Answer("[1, 2]"), Answer('{"cik": 42'), Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), Answer("", 204),
    ],
    ids=["hanging", "cut", "garbage", "binary", "list", "half", "not gzip", "empty"],
)  # fmt: skip
def test_an_answer_that_is_none_is_asked_for_again_and_then_told_in_two_lines(
    answer: Answer, edgar: ReplayServer, make: Make
) -> None:
    edgar.add(FACTS, answer)
    store = MemoryStore()
    with pytest.raises(Unavailable, match=r"attempts\)") as error:
        make(edgar, data_store=store, timeout=0.05).retrieve({"cik": 42})
    two_lines(error.value)
    assert edgar.count(FACTS) == 5
    assert store.count() == 0


ODD: list[Any] = [
    {}, {"facts": []}, {"cik": "x", "facts": {"us-gaap": {"Revenues": 7}}}, {"cik": 42, "facts": None}, {"hits": 1},
    {"cik": 42, "facts": {"us-gaap": {"Revenues": {"units": {"USD": [{"end": "soon", "val": "n/a", "form": "10-K",
     "start": "z"}]}}}}},
    {"filings": {"recent": {"form": [1, 2], "accessionNumber": []}, "files": []}}, {"hits": {"hits": [{"_id": 1}]}},
    {"name": "E", "filings": {"recent": {}, "files": [{}]}}, {"data": [None], "taxonomy": "t", "tag": "t", "uom": "u"},
]  # fmt: skip


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("view", ["metrics", "facts", "concept", "frames", "submissions", "filing", "search"])
def test_json_of_another_shape_is_told_in_two_lines_and_kept_from_the_store(
    view: str, body: Any, edgar: ReplayServer, make: Make
) -> None:
    store = MemoryStore()
    for path in WHERE_ANY:
        edgar.add(path, body)
    words = {"concept": {"tag": "Revenues"}, "frames": {"tag": "Revenues", "period": "CY2024"}, "search": {"text": "x"}}
    company = {} if view in ("frames", "search") else {"cik": 42}
    with pytest.raises(RetrievalError) as error:
        make(edgar, data_store=store).retrieve({"view": view, **company, **words.get(view, {})})
    two_lines(error.value)
    assert store.count() == 0


def test_an_overloaded_server_is_asked_again_and_an_answer_in_the_end_is_one(
    edgar: ReplayServer, make: Make, payloads: Path, clock: SimulatedClock
) -> None:
    busy = error_page(payloads, "overloaded.html", 503)
    edgar.add(FACTS, busy, Answer("", 502, {"Retry-After": "40"}), Answer.recorded(payloads / "CIK0000000042.json"))
    assert make(edgar).retrieve({"cik": 42}).data["entity"] == "Northwind Instruments Inc."
    assert edgar.count(FACTS) == 3
    assert edgar.requests[2].at - edgar.requests[1].at >= 40


def test_after_a_threshold_answer_no_process_asks_for_ten_minutes(
    edgar: ReplayServer, make: Make, payloads: Path, clock: SimulatedClock
) -> None:
    edgar.add(FACTS, error_page(payloads, "threshold.html", 403), Answer.recorded(payloads / "CIK0000000042.json"))
    first, other = make(edgar), make(edgar)
    with pytest.raises(RateLimited):
        first.retrieve({"cik": 42})
    begun, asked = clock.now, edgar.count()
    for later in range(0, 480, 30):  # another process may wait for 120 s by itself, and does not either
        clock.now = begun + later
        with pytest.raises(RateLimited, match=r"another \d+ s") as error:
            other.retrieve({"cik": 43, "view": "submissions"})
        two_lines(error.value)
    assert edgar.count() == asked
    clock.now = begun + 601
    assert other.retrieve({"cik": 42}).data["cik"] == "0000000042"


def test_who_can_wait_longer_than_the_pause_gets_the_answer_after_it(
    edgar: ReplayServer, make: Make, payloads: Path
) -> None:
    edgar.add(FACTS, error_page(payloads, "threshold.html", 429), Answer.recorded(payloads / "CIK0000000042.json"))
    assert make(edgar, deadline=700.0).retrieve({"cik": 42}).data["facts"]
    assert edgar.requests[1].at - edgar.requests[0].at >= 600


@pytest.mark.parametrize(
    ("query", "path", "seconds"),
    [
        ({"ticker": "NWND"}, "/files/company_tickers.json", 86_400),
        ({"ticker": "NWND"}, FACTS, 600),
        ({"cik": 42, "view": "submissions"}, "/submissions/CIK0000000042.json", 60),
        ({"view": "frames", "tag": "Revenues", "period": "CY2024"}, "/api/xbrl/frames/", 3_600),
    ],
)
def test_what_was_fetched_stays_true_for_a_while(
    query: dict[str, Any],
    path: str,
    seconds: float,
    retriever: SECFilingsRetriever,
    edgar: ReplayServer,
    clock: SimulatedClock,
) -> None:
    for later, asked in ((0.0, 1), (seconds - 10, 1), (20.0, 2)):
        clock.now += later
        retriever.retrieve(query)
        assert edgar.count(path) == asked


def test_a_filing_is_fetched_once_for_ever(
    retriever: SECFilingsRetriever, edgar: ReplayServer, clock: SimulatedClock
) -> None:
    for _ in range(2):
        retriever.retrieve({"cik": 42, "view": "filing"})
        clock.now += 10 * 365 * 86_400
    assert edgar.count("/Archives/") == 1


def test_it_stores_only_where_it_was_given_a_store_and_only_if_asked(edgar: ReplayServer, make: Make) -> None:
    store = MemoryStore()
    retriever = make(edgar, data_store=store)
    result = retriever.retrieve({"ticker": "NWND"}, store=False)
    assert store.count() == 0
    retriever.retrieve({"ticker": "NWND"})
    record = store.retrieve(f"sec:NWND:{result.retrieved_at:%Y%m%d}")
    assert record is not None
    assert (record.data, record.source, record.metadata["url"]) == (result.data, "sec", edgar.url + FACTS)


def test_a_pipeline_finds_fresh_what_the_retriever_stored(edgar: ReplayServer, make: Make) -> None:
    query = {"ticker": "NWND", "view": "submissions"}
    with Pipeline({"store.memory": Memory()}, {"pipeline": {"store": "memory:"}}) as pipeline:
        store = pipeline.open_store()
        result = make(edgar, data_store=store).retrieve(query)
        stored = store.query({"metadata.query": Query("sec", query).fingerprint})
        assert [record.key for record in stored] == [pipeline.keep(Query("sec", query), result).key]
        assert store.count() == 1
        assert stored[0].metadata == pipeline.keep(Query("sec", query), result).metadata


def test_the_plugin_keeps_its_folders_in_the_project_unless_they_are_elsewhere(
    edgar: ReplayServer, tmp_path: Path
) -> None:
    plugin = SEC(
        user_agent="Jane Doe jane@example.org", base_url=edgar.url, archives_url=edgar.url, cache=".trainer/cache",
        state=str(tmp_path / "state"), root=tmp_path,
    )  # fmt: skip
    assert plugin.retrieve(Query("sec", {"ticker": "NWND"})).subject == "NWND"
    assert list((tmp_path / ".trainer/cache").rglob("*.json"))
    assert (tmp_path / "state" / "turns.db").exists()


@pytest.mark.parametrize("rate", [0.0, -1.0, 10.5])
def test_a_rate_above_the_secs_limit_is_a_wrong_setting(rate: float) -> None:
    with (
        pytest.raises(WrongSetting, match="rate must be above 0 and at most 10"),
        Pipeline(config={"sec": {"rate": rate}}) as pipeline,
    ):
        pipeline.plugins.load("retrieve", "sec")


def test_an_address_elsewhere_is_never_followed(edgar: ReplayServer, make: Make) -> None:
    with ReplayServer() as elsewhere:
        edgar.add(FACTS, Answer("", 302, {"Location": elsewhere.add("/steal", "{}")}))
        with pytest.raises(Refused, match=r"where sec\.gov is asked"):
            make(edgar).retrieve({"cik": 42})
        assert elsewhere.requests == []
