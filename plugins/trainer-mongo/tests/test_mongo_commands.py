"""What is sent to the server: the very commands, and that no value of anybody's is ever taken for a word of the query."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from mongomock.filtering import filter_applies

from trainer import create_store
from trainer.errors import UnsupportedQuery
from trainer.filters import matches, order, parse
from trainer.stores import DataStore
from trainer.testing.cases import cases
from trainer.testing.stores import JSON, Clock
from trainer_mongo import MongoDBStore
from trainer_mongo.conditions import translate
from trainer_mongo.rows import RECORDS, VERSIONS, searchable

from .wire_peer import WirePeer, _typed

START = 1735689600000000  # 2025-01-01, in microseconds
FOREVER = 2**63 - 1
# Names and texts that mean something to MongoDB.
WORDS = st.sampled_from(
    [
        "$gt",
        "$where",
        "$set",
        "$ne",
        "$regex",
        "$expr",
        "$$ROOT",
        "a.b",
        "a.$",
        "",
        ".",
        "$",
        "_id",
        "a",
        "b",
        ".*",
        "^a",
    ]
)
HOSTILE = st.recursive(
    WORDS | st.sampled_from([None, True, 0, 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def store(peer: WirePeer, clock: Clock) -> Iterator[DataStore]:
    with MongoDBStore(f"{peer.uri}/test", namespace="n", clock=clock) as store:
        peer.commands.clear()
        yield store


def sent(peer: WirePeer) -> list[dict[str, Any]]:
    """The commands since the last call, without the marks of writers and what each has."""
    found = [
        {name: value for name, value in command.items() if name not in ("$db", "lsid", "ordered")}
        for command in peer.commands
    ]
    peer.commands.clear()
    for command in found:
        for update in command.get("updates", []):
            update.get("u", {}).pop("writer", None)
            update.get("u", {}).get("$set", {}).pop("writer", None)
    return found


def test_a_record_is_written_in_two_commands_and_a_new_version_in_three(
    store: DataStore, peer: WirePeer, clock: Clock
) -> None:
    store.store("key", {"b": 1, "$a": {"c.d": 1, "": 2}}, source="s", metadata={"query": "q"}, ttl=1.5)
    find = {"find": RECORDS, "filter": {"_id": {"$in": ["n\0key"]}}, "projection": {"data": 0, "metadata": 0}}
    first = {
        "_id": "n\0key", "ns": "n", "key": "key", "version": 1, "revision": 1, "deleted": False, "source": "s",
        "stored_at": START, "updated_at": START, "expires_at": START + 1_500_000,
        "about": '{"query":"q"}', "metadata": {"query": "q"},
        "text": '{"$a":{"":2,"c.d":1},"b":1}', "data": {"b": 1},
    }  # fmt: skip
    at = {"_id": "n\0key", "revision": 0}
    assert sent(peer) == [find, {"update": RECORDS, "updates": [{"q": at, "u": first, "upsert": True}]}]
    clock.advance(1)
    store.store("key", [1.0])
    second = {
        **first, "version": 2, "revision": 2, "source": "", "stored_at": START + 1_000_000, "updated_at": START + 1_000_000,
        "expires_at": FOREVER, "about": "{}", "metadata": {}, "text": "[1.0]", "data": {},
    }  # fmt: skip
    kept = {name: value for name, value in first.items() if name not in ("data", "metadata")}
    copy = {"_id": f"n\0key\0{1:020}", "revision": {"$lt": 1}}
    _, *updates = sent(peer)
    assert [update["updates"] for update in updates] == [
        [{"q": copy, "u": {**kept, "_id": copy["_id"]}, "upsert": True}],
        [{"q": {"_id": "n\0key", "revision": 1}, "u": second, "upsert": False}],
    ]
    assert [update["update"] for update in updates] == [VERSIONS, RECORDS]
    store.store("key", [1.0], source="t")
    _, update = sent(peer)
    [change] = update["updates"]
    assert change["q"] == {"_id": "n\0key", "revision": 2}
    assert change["u"].keys() == {"$set"}
    assert change["u"]["$set"].keys() == {"source", "about", "metadata", "expires_at", "updated_at", "revision"}


def test_many_records_take_as_many_commands_as_one(store: DataStore, peer: WirePeer) -> None:
    store.bulk_store({f"k{number}": {"n": number} for number in range(100)})
    assert [next(iter(command)) for command in sent(peer)] == ["find", "update"]
    store.bulk_store({f"k{number}": {"n": -number} for number in range(100)})
    assert [next(iter(command)) for command in sent(peer)] == ["find", "update", "update"]


def test_a_query_asks_the_server_for_all_that_it_can_answer(store: DataStore, peer: WirePeer) -> None:
    store.query(
        {"ticker": "A", "price": {"$gt": 1}, "tags": {"$ne": "x"}, "name": {"$contains": "a.b"}},
        source="s",
        prefix="k",
        limit=3,
    )
    assert sent(peer) == [
        {
            "find": RECORDS,
            "filter": {
                "ns": "n",
                "deleted": False,
                "expires_at": {"$gt": START},
                "source": "s",
                "_id": {"$gte": "n\0k", "$lt": "n\0l"},
                "$and": [
                    {"data.ticker": {"$in": ["A"]}},
                    {"data.price": {"$gt": 1}},
                    {"$nor": [{"data.tags": {"$in": ["x"]}}]},
                    {"data.name": {"$regex": r"a\.b"}},
                ],
            },
            "projection": {"data": 0, "metadata": 0},
            "sort": {"updated_at": -1, "key": 1},
            "limit": 3,
            "allowDiskUse": True,
        }
    ]


def test_the_server_counts_limits_and_lists_values_where_it_is_exact(store: DataStore, peer: WirePeer) -> None:
    store.bulk_store({f"k{number}": {"a": number % 3, "t": f"t{number % 3}"} for number in range(9)})
    sent(peer)
    assert store.count({"a": 1}) == 3
    assert store.aggregate([{"$match": {"a": {"$gte": 1}}}, {"$count": "n"}]) == [{"n": 6}]
    assert store.distinct("t", {"a": {"$lt": 2}}) == ["t0", "t1"]
    assert [next(iter(command)) for command in sent(peer)] == ["aggregate", "aggregate", "distinct"]
    assert len(store.aggregate([{"$project": {"a": 1}}, {"$skip": 1}, {"$limit": 2}, {"$count": "n"}])) == 1
    assert sent(peer)[0]["limit"] == 3
    assert store.count({"a": {"$in": [1, None]}}) == 3
    assert len(store.query({"a": {"$in": [1, None]}}, limit=1)) == 1
    assert [command.get("limit", 0) for command in sent(peer)] == [0, 0]


def test_more_records_than_fit_one_answer_are_fetched_in_several(store: DataStore, peer: WirePeer) -> None:
    store.bulk_store({f"k{number:03}": number for number in range(250)})
    sent(peer)
    assert [record.data for record in store.query()] == [*range(250)]
    assert [next(iter(command)) for command in sent(peer)] == ["find", "getMore"]
    assert store.aggregate([{"$unwind": "$none"}, {"$limit": 1}]) == []


def test_indexes_are_those_of_the_server_and_begin_with_the_namespace(store: DataStore, peer: WirePeer) -> None:
    assert store.indexes() == ["metadata.query"]
    store.create_index("balance.cash")
    store.create_index("_id")
    assert [command["indexes"] for command in sent(peer) if "indexes" in command] == [
        [{"name": "path:balance.cash", "key": {"ns": 1, "data.balance.cash": 1}}],
        [{"name": "path:_id", "key": {"ns": 1, "key": 1}}],
    ]
    assert store.within("other").indexes() == ["_id", "balance.cash", "metadata.query"]
    with pytest.raises(UnsupportedQuery):
        store.create_index("$where")


def test_a_store_is_opened_by_its_url_alone(peer: WirePeer) -> None:
    with create_store(f"{peer.uri}/reports?appname=test", namespace="n") as store:
        store.store("key", 1)
    assert {row["ns"] for row in peer.rows("reports", RECORDS)} == {"n"}


@given(data=HOSTILE, metadata=st.dictionaries(WORDS, HOSTILE, max_size=3), key=WORDS.filter(bool), source=WORDS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_stored_is_taken_for_an_operator(
    store: DataStore, peer: WirePeer, data: Any, metadata: dict[str, Any], key: str, source: str
) -> None:
    sent(peer)
    for content in (data, [data]):
        store.store(key, content, source=source, metadata=metadata)
        store.store(key, content, source=source, metadata={})
        assert store.query({"_id": key}, source=source, prefix=key)
    assert store.delete(key)
    for command in sent(peer):
        for update in command.get("updates", []):
            assert operators(update["q"]) <= {"$lt"}
            assert operators(update["u"]) <= {"$set"}
            assert not operators(update["u"].get("$set", {}))
        assert operators(command.get("filter", {})) <= {"$in", "$gt", "$gte", "$lt"}


@given(operand=HOSTILE, word=st.sampled_from(["$eq", "$ne", "$in", "$nin", "$gt", "$contains", "$startsWith"]))
@settings(max_examples=100, deadline=None)
def test_no_value_of_a_filter_is_taken_for_an_operator(operand: Any, word: str) -> None:
    try:
        tree = parse({"a": {word: [operand] if word in ("$in", "$nin") else operand}})
    except UnsupportedQuery:
        return
    assert operators(translate(tree).query) <= {"$and", "$nor", "$in", "$gt", "$regex"}


def operators(value: Any) -> set[str]:
    """Every name in a value that MongoDB could take for an operator or a path into something."""
    if isinstance(value, Mapping):
        own = {name for name in value if name.startswith("$") or name == ""}
        return own.union(*map(operators, value.values()))
    return set().union(*map(operators, value)) if isinstance(value, list | tuple) else set()


@given(text=st.text(max_size=8), looked_for=st.text(".*^$[]()|?+\\ \n#a", max_size=4), start=st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_is_looked_for_as_it_is(text: str, looked_for: str, start: bool) -> None:
    tree = parse({"a": {"$startsWith" if start else "$contains": looked_for}})
    [pattern] = translate(tree).query["data.a"].values()
    for whole in (text, text + looked_for, looked_for + text):
        assert (re.search(pattern, whole) is not None) is matches({"a": whole}, tree)


def test_what_a_command_could_not_hold_is_left_to_python(store: DataStore, peer: WirePeer) -> None:
    store.store("key", {"a": "x" * 2000, "b": 1})
    many, deep = ["y" * 500] * 3000, {"b": 1}
    for _ in range(60):
        deep = {"$or": [deep, {"b": 2}]}
    sent(peer)
    assert store.count({"a": {"$contains": "x" * 2000}}) == 1
    assert store.count({"a": {"$contains": "x" * 2001}}) == 0
    assert store.count({"a": {"$in": [*many, "x" * 2000]}}) == 1
    assert store.count(deep) == 1
    assert store.count({"b": {"$not": {"$in": [[1]]}}}) == 1
    assert all(len(repr(command)) < 2000 for command in sent(peer))


@pytest.mark.parametrize("seed", range(5))
def test_the_server_never_lets_through_less_than_was_asked_for_and_no_more_where_it_is_exact(seed: int) -> None:
    # The matcher of the peer, asked without the wire, which is quicker.
    pushed = exact = 0
    for documents, queries in cases(seed, 8, 50):
        for key, document in documents.items():
            row = _typed({"key": key, "data": searchable(document), "metadata": searchable(document)})
            seen = {**document, "_id": key, "metadata": document}
            for wanted, _ in queries:
                try:
                    tree = parse(wanted)
                except UnsupportedQuery:
                    continue
                query = translate(tree)
                found, holds = filter_applies(_typed(query.query), row), matches(seen, tree)
                assert found or not holds, wanted
                assert found is holds or not query.exact, wanted
                pushed, exact = pushed + bool(query.query), exact + query.exact
    assert pushed > exact > pushed / 2


def test_fields_that_the_server_cannot_see_are_not_forgotten(store: DataStore) -> None:
    store.store("key", {"a": {"b": 1, "$c": 2, "d.e": 3}, "n": 1})
    assert store.count({"a": {"b": 1}}) == 0
    assert store.count({"a": {"$ne": {"b": 1}}}) == 1
    assert store.count({"a": {"$in": [{"b": 1, "$c": 2, "d.e": 3}]}}) == 1
    assert store.count({"n": {"$not": {"$size": 1}}}) == 1


@given(data=JSON, other=JSON)
@settings(max_examples=100, deadline=None)
def test_the_form_for_filters_is_equal_for_equal_values(data: Any, other: Any) -> None:
    if order(data) == order(other):
        assert order(searchable(data)) == order(searchable(other))
    assert order(searchable([data, other, data])[0]) == order(searchable([data, other, data])[2])


def test_the_peer_tells_booleans_from_numbers(store: DataStore, peer: WirePeer) -> None:
    store.bulk_store({"flag": {"a": True}, "number": {"a": 1}})
    assert [store.query({"a": value})[0].key for value in (True, 1)] == ["flag", "number"]
    assert store.count({"a": {"$ne": 1}}) == 1
    assert [row["data"]["a"] for row in peer.rows("test", RECORDS)] == [True, 1]


def test_times_are_kept_to_the_microsecond(peer: WirePeer) -> None:
    moment = datetime(2025, 1, 2, 3, 4, 5, 678901, UTC)
    with MongoDBStore(f"{peer.uri}/test", clock=lambda: moment) as store:
        assert store.store("key", 1).stored_at == moment
        found = store.retrieve("key")
    assert found is not None
    assert (found.stored_at, found.updated_at) == (moment, moment)


def test_what_the_readme_shows_works(peer: WirePeer, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)
    shown: dict[str, Any] = {}
    exec(code, shown)
    shown["watch"](peer.uri)
    assert capsys.readouterr().out == "yahoo:AAPL:20250102@2 243.36\n[{'found': 1}]\n"
