"""Every source's class can be used alone, and all in the same way."""

from __future__ import annotations

import inspect
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trainer import Pipeline, Query, RetrievalResult
from trainer.catalog import Catalog
from trainer.errors import NotFound, RetrievalError, TrainerError
from trainer.stores import canonical_json
from trainer.testing.memory import MemoryStore
from trainer.testing.replay import Answer, ReplayServer
from trainer_database import DatabaseRetriever
from trainer_files import FileRetriever
from trainer_rest import APIRetriever
from trainer_sec import SECFilingsRetriever
from trainer_yahoo import YahooFinanceRetriever

from .conftest import ROOT

Build = Callable[..., Any]
# Each source: its class, a question, another one, and what the key of its record begins with.
SOURCES: dict[str, tuple[type[Any], dict[str, Any], dict[str, Any], str]] = {
    "sec": (SECFilingsRetriever, {"ticker": "NWND"}, {"cik": "43"}, "sec:NWND:"),
    "yahoo": (YahooFinanceRetriever, {"symbol": "NWND.L"}, {"symbol": "NWND.L", "view": "chart"}, "yahoo_finance:NWND.L:"),
    "rest": (APIRetriever, {"api": "rows", "id": "AAPL"}, {"api": "rows", "id": "MSFT"}, "rest:rows-AAPL:"),
    "database": (
        DatabaseRetriever,
        {"query": "SELECT * FROM prices", "subject": "prices"},
        {"query": "SELECT 1 AS one", "subject": "one"},
        "database:prices:",
    ),
    "file": (FileRetriever, {"path": "data/AAPL.json"}, {"path": "data/*.json"}, "file:AAPL:"),
}  # fmt: skip


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Makes a retriever by its source's name, with real files, a real database and a real server behind it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/AAPL.json").write_text('{"price": 189.5}')
    with closing(sqlite3.connect(tmp_path / "prices.db")) as db:
        db.executescript(
            "CREATE TABLE prices (day TEXT, close REAL); INSERT INTO prices VALUES ('2024-01-02', 185.64);"
        )
    sec, yahoo = ROOT / "plugins/trainer-sec/tests/payloads", ROOT / "plugins/trainer-yahoo/tests/payloads"
    with ReplayServer() as server:
        server.replay(sec / "company_tickers.json", "/files/company_tickers.json")
        for cik in (42, 43):
            server.replay(sec / f"CIK{cik:010}.json", f"/api/xbrl/companyfacts/CIK{cik:010}.json")
        server.add("/quote/AAPL", Answer(b"a page", headers={"Set-Cookie": "A3=c; Path=/"}))
        server.add("/v1/test/getcrumb", "cRuMb12345x")
        server.replay(yahoo / "summary.json", "/v10/finance/quoteSummary/NWND.L")
        server.replay(yahoo / "chart.json", "/v8/finance/chart/NWND.L")
        server.add("/rows/AAPL", [{"price": 1.5}])
        server.add("/rows/MSFT", [{"price": 2.5}])
        folders = {"cache": tmp_path / "cache", "state": tmp_path / "state"}
        settings: dict[str, dict[str, Any]] = {
            "sec": {"user_agent": "Jane Doe jane@example.org", "base_url": server.url, "archives_url": server.url, **folders},
            "yahoo": {"base_url": server.url, "page_url": f"{server.url}/quote/AAPL", "rate": 50.0, **folders},
            "rest": {"hosts": [server.url], "apis": {"rows": {"url": server.url + "/rows/{id}"}}, "rate": 50.0, **folders},
            "database": {"url": "sqlite:///prices.db", "root": tmp_path},
            "file": {"root": tmp_path},
        }  # fmt: skip
        yield lambda name, **more: SOURCES[name][0](**settings[name], **more)


def test_every_source_of_this_repository_is_here() -> None:
    offered = {entry.name for entry in Catalog.discover() if entry.role == "retrieve"}
    assert offered == SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_asked_by_a_dict_and_says_what_may_be_asked(name: str) -> None:
    kind = SOURCES[name][0]
    parameters = inspect.signature(kind.retrieve).parameters
    assert list(parameters) == ["self", "query", "store"]
    assert parameters["store"].default is True
    assert kind.retrieve.__annotations__["return"] == "RetrievalResult"
    assert kind.retrieve.__doc__
    assert kind.get_schema.__doc__


@pytest.mark.parametrize("name", SOURCES)
def test_without_a_store_the_answer_is_all_there_is(name: str, build: Build) -> None:
    retriever, (_, query, _, key) = build(name), SOURCES[name]
    before = dict(query)
    result = retriever.retrieve(query)
    assert isinstance(result, RetrievalResult)
    assert query == before
    assert result.data
    assert f"{result.source}:{result.subject}:" == key
    assert result.url
    assert re.fullmatch(r"[0-9a-f]{64}", result.raw_hash)
    assert result.retrieved_at.tzinfo is not None
    canonical_json([result.data, result.metadata])


@pytest.mark.parametrize("name", SOURCES)
def test_with_a_store_it_is_kept_under_source_subject_and_day_unless_told_otherwise(name: str, build: Build) -> None:
    store = MemoryStore()
    retriever, (_, query, other, key) = build(name, data_store=store), SOURCES[name]
    assert retriever.retrieve(query, store=False).data
    assert store.count() == 0
    result = retriever.retrieve(query)
    (record,) = store.query()
    assert record.key == f"{key}{result.retrieved_at:%Y%m%d}"
    assert (record.data, record.source, record.version) == (result.data, result.source, 1)
    assert record.metadata["query"] == Query(name, query).fingerprint
    assert (record.metadata["url"], record.metadata["raw_hash"]) == (result.url, result.raw_hash)
    retriever.retrieve(query)
    assert [found.version for found in store.query()] == [1]
    retriever.retrieve(other)
    assert store.count() == 2


@pytest.mark.parametrize("name", SOURCES)
def test_a_pipeline_keeps_the_same_record(name: str, build: Build) -> None:
    store = MemoryStore()
    retriever, (_, query, _, _) = build(name, data_store=store), SOURCES[name]
    result = retriever.retrieve(query)
    with Pipeline({"store.memory": "trainer.testing.memory:Memory"}, {"pipeline": {"store": "memory:"}}) as pipeline:
        kept = pipeline.keep(Query(name, query), result)
    (record,) = store.query()
    assert (kept.key, kept.data, kept.metadata) == (record.key, record.data, record.metadata)


@pytest.mark.parametrize("name", SOURCES)
def test_the_schema_is_json_and_lists_every_parameter_of_the_question(name: str, build: Build) -> None:
    schema, (_, query, other, _) = build(name).get_schema(), SOURCES[name]
    canonical_json(schema)
    alternatives: list[Mapping[str, Any]] = schema.get("anyOf", [schema])
    for asked in (query, other):
        assert any(
            asked.keys() <= one["properties"].keys() and set(one.get("required", ())) <= asked.keys()
            for one in alternatives
        )


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("wrong", [{}, {"colour": "red"}, {"view": 7, "path": 7, "query": 7, "api": 7}])
def test_a_question_that_means_nothing_is_two_lines_and_stores_nothing(
    name: str, wrong: dict[str, Any], build: Build
) -> None:
    store = MemoryStore()
    with pytest.raises(RetrievalError) as caught:
        build(name, data_store=store).retrieve(wrong)
    assert len(str(caught.value).splitlines()) == 2
    assert store.count() == 0


NOWHERE = {
    "sec": {"ticker": "NOPE"}, "yahoo": {"symbol": "NOPE", "view": "chart"}, "rest": {"api": "rows", "id": "NOPE"},
    "database": {"query": "SELECT * FROM nowhere"}, "file": {"path": "data/NOPE.json"},
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_not_there_is_two_lines_and_stores_nothing(name: str, build: Build) -> None:
    store = MemoryStore()
    with pytest.raises(TrainerError) as caught:
        build(name, data_store=store).retrieve(NOWHERE[name])
    assert isinstance(caught.value, NotFound if name != "database" else RetrievalError)
    assert len(str(caught.value).splitlines()) == 2
    assert store.count() == 0
