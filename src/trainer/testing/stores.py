"""The contract of a data store, as tests: subclass `StoreContract`, give it a store, and run pytest.

`OpenContract` is about the plugin that opens stores, and its settings.
"""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import itertools
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict
from trainer.filters import ORDERS, matches, parse
from trainer.pipeline import Pipeline
from trainer.stores import DataStore, canonical_json
from trainer.testing.cases import cases
from trainer.testing.contract import Make, PluginContract, refusal
from trainer.testing.memory import MemoryStore

START = datetime(2025, 1, 1, tzinfo=UTC)
# Each is a value that some database, driver or parser is known to bend.
SCALARS = st.sampled_from([
    None, True, False, 0, 1, 2, -1, 1.0, -0.0, 1.5, 0.1, 1e308, 5e-324, 2**53 + 1, 2**63 - 1, -(2**63),
    "", "a", "A", "b", "1", "true", "null", "[1]", "%", "é", "\U0010ffff", "'; DROP TABLE x; --", '"', "\\",
])  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé$.\" '", max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "b"])
# Few names and values, so that filters and documents meet.
FEW = st.sampled_from([None, True, False, 0, 1, 1.0, 2.5, 2**53 + 1, "", "a", "b", "1"])
OBJECTS = st.dictionaries(NAMES, FEW | st.lists(FEW, max_size=3), min_size=1)
NESTED = OBJECTS | st.dictionaries(NAMES, FEW | OBJECTS | st.lists(FEW | OBJECTS, max_size=3), min_size=1)
DOCUMENTS = NESTED | st.dictionaries(
    NAMES, NESTED | st.lists(FEW | NESTED | st.lists(NESTED, max_size=2), max_size=3), min_size=1
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
TESTS = st.one_of(
    FEW,
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), FEW, min_size=1),
    st.dictionaries(st.sampled_from([*ORDERS]), FEW.filter(lambda value: value is not None), min_size=1),
    st.fixed_dictionaries({"$in": st.lists(FEW, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
FILTERS = st.dictionaries(PATHS, TESTS, min_size=1, max_size=2)
SHARES = 4  # so that a long comparison may run side by side
KEYS = st.sampled_from(["a", "ab", "b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), KEYS, st.integers(0, 2), st.sampled_from([None, 1, 2.5])),
        st.tuples(st.just("store_if"), KEYS, st.integers(0, 2), st.integers(0, 3)),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("rollback"), KEYS, st.integers(1, 4)),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 1, 2])),
        st.tuples(st.just("sweep")),
    ),
    max_size=20,
)
# One store serves all examples of a test, each in a key space of its own; subclasses run the same tests.
examples = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.time += timedelta(seconds=seconds)


class StoreContract:
    """What every store promises. A subclass has a fixture `store` that gives an empty one.

    The store takes its time from the fixture `clock`. A store whose server keeps the time overrides that
    fixture with a clock that really waits.
    """

    queries = int(os.environ.get("TRAINER_QUERIES", "800"))
    """How many random queries are compared; a store behind a slow line may ask for fewer."""
    has_indexes = True
    """Whether the store makes indexes, or refuses to."""
    _numbers = itertools.count(1)

    @pytest.fixture
    def clock(self) -> Clock:
        """The time, as the store is told it."""
        return Clock()

    @given(data=JSON, metadata=st.dictionaries(st.text("ab.$", max_size=3), JSON, max_size=2))
    @examples
    def test_a_record_is_read_back_as_it_was_stored(
        self, store: DataStore, data: Any, metadata: dict[str, Any]
    ) -> None:
        key = self._key()
        stored = store.store(key, data, source="test", metadata=metadata)
        found = store.retrieve(key)
        assert found == stored
        assert repr(found.data) == repr(_plain(data))  # 1, 1.0 and True are equal, and not the same
        assert found.metadata == metadata
        assert (found.ref, found.source, found.ttl) == (f"{key}@1", "test", None)

    @given(key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    @examples
    def test_any_text_can_be_a_key(self, store: DataStore, key: str) -> None:
        stored = store.store(key, {"key": key, "nonce": next(self._numbers)})
        assert store.retrieve(key) == stored
        assert stored in store.query(prefix=key)

    @pytest.mark.parametrize(
        "value",
        [float("nan"), float("inf"), 2**63, -(2**63) - 1, "\0", "\ud800", {1: 2}, {"\0": 1}, {1}, b"x"],
        ids=repr,
    )
    def test_what_json_does_not_have_is_refused_and_leaves_nothing(self, store: DataStore, value: Any) -> None:
        with pytest.raises(StoreError):
            store.store("data", [value])
        with pytest.raises(StoreError):
            store.store("metadata", 1, metadata={"value": value})
        assert store.count() == 0
        assert not store.history("data")

    def test_data_nested_without_end_is_refused(self, store: DataStore) -> None:
        data: list[Any] = []
        for _ in range(100_000):
            data = [data]
        with pytest.raises(StoreError):
            store.store("deep", data)

    def test_what_is_stored_is_not_changed_through_the_objects_that_were_given(self, store: DataStore) -> None:
        data, metadata = {"list": [1]}, {"tags": ["a"]}
        store.store("key", data, metadata=metadata)
        data["list"].append(2)
        metadata["tags"].append("b")
        found = store.retrieve("key")
        assert found is not None
        assert (found.data, found.metadata) == ({"list": [1]}, {"tags": ["a"]})

    def test_a_key_that_was_never_stored_is_nowhere(self, store: DataStore) -> None:
        store.store("key", 1)
        assert store.retrieve("ke") is None
        assert store.retrieve("key", 2) is None
        assert store.retrieve("key", 0) is None
        assert store.get_freshness("KEY") is None
        assert not store.exists("key:1")
        assert not store.history("%")
        assert not store.delete("k_y")

    def test_the_same_content_moves_the_time_and_makes_no_version(self, store: DataStore, clock: Clock) -> None:
        first = store.store("key", {"a": 1, "b": 2}, source="old", metadata={"seen": 1})
        clock.advance(10)
        again = store.store("key", {"b": 2, "a": 1}, source="new", metadata={"seen": 2}, ttl=5)
        assert (again.version, again.stored_at) == (1, first.stored_at)
        assert again.updated_at == first.updated_at + timedelta(seconds=10)
        assert (again.source, again.metadata, again.ttl) == ("new", {"seen": 2}, 5)
        assert store.history("key") == [again]

    def test_other_content_is_the_next_version_and_the_old_one_stays(self, store: DataStore, clock: Clock) -> None:
        first = store.store("key", 1, metadata={"n": 1})
        clock.advance(1)
        second = store.store("key", 1.0)
        assert second.version == 2
        assert store.retrieve("key") == second
        assert store.retrieve("key", 1) == first
        assert store.history("key") == [second, first]
        assert store.count() == 1

    def test_a_deleted_record_is_gone_and_its_history_is_not(self, store: DataStore) -> None:
        first = store.store("key", {"a": 1}, source="test")
        assert store.delete("key")
        assert not store.delete("key")
        assert store.retrieve("key") is None
        assert not store.query()
        assert store.count() == 0
        assert store.retrieve("key", 1) == first
        tombstone, kept = store.history("key")
        assert (tombstone.version, tombstone.deleted, tombstone.data, kept) == (2, True, None, first)
        assert store.store("key", {"a": 1}).version == 3

    def test_a_record_expires_at_the_very_moment(self, store: DataStore, clock: Clock) -> None:
        stored = store.store("key", 1, ttl=10)
        clock.advance(9.999999)
        assert store.exists("key")
        clock.advance(0.000001)
        assert not store.exists("key")
        assert store.retrieve("key") is None
        assert not store.query({"metadata.absent": None})
        assert not store.delete("key")
        assert store.count() == 0
        assert store.retrieve("key", 1) == stored
        assert store.history("key") == [stored]

    def test_the_same_content_lives_on_with_a_new_ttl_but_not_after_it_expired(
        self, store: DataStore, clock: Clock
    ) -> None:
        store.store("key", 1, ttl=10)
        clock.advance(9)
        assert store.store("key", 1, ttl=10).version == 1
        clock.advance(9)
        assert store.exists("key")
        clock.advance(1)
        assert store.store("key", 1).version == 2

    @pytest.mark.parametrize("ttl", [-1.0, float("nan"), float("inf"), 1e300])
    def test_a_ttl_that_is_no_time_is_refused(self, store: DataStore, ttl: float) -> None:
        with pytest.raises(StoreError):
            store.store("key", 1, ttl=ttl)
        assert not store.history("key")

    def test_sweeping_buries_what_has_expired_and_nothing_else(self, store: DataStore, clock: Clock) -> None:
        store.store("short", 1, ttl=1)
        store.store("long", 1, ttl=100)
        store.store("for ever", 1)
        clock.advance(1)
        assert store.sweep() == 1
        assert store.sweep() == 0
        assert [record.deleted for record in store.history("short")] == [True, False]
        assert store.count() == 2

    def test_if_version_lets_only_the_expected_version_be_replaced(self, store: DataStore, clock: Clock) -> None:
        with pytest.raises(VersionConflict):
            store.store("key", 1, if_version=1)
        assert store.store("key", 1, if_version=0).version == 1
        for wrong in (0, 2):
            with pytest.raises(VersionConflict):
                store.store("key", 2, if_version=wrong)
        assert store.store("key", 2, if_version=1, ttl=1).version == 2
        clock.advance(1)
        with pytest.raises(VersionConflict):
            store.store("key", 3, if_version=2)
        assert store.store("key", 3, if_version=0).version == 3
        store.delete("key")
        with pytest.raises(VersionConflict):
            store.store("key", 4, if_version=4)
        assert [record.data for record in store.history("key")] == [None, 3, 2, 1]

    def test_rolling_back_writes_the_old_data_as_the_newest_version(self, store: DataStore) -> None:
        first = store.store("key", {"a": 1}, source="one", metadata={"m": 1})
        store.store("key", {"a": 2}, source="two")
        again = store.rollback("key", 1)
        assert (again.version, again.data, again.source) == (3, first.data, "one")
        assert store.retrieve("key") == again
        store.delete("key")
        for absent in (4, 9):
            with pytest.raises(StoreError):
                store.rollback("key", absent)

    def test_freshness_tells_age_and_expiry(self, store: DataStore, clock: Clock) -> None:
        stored = store.store("key", 1, ttl=60)
        clock.advance(7)
        fresh = store.get_freshness("key")
        assert fresh is not None
        assert (fresh.key, fresh.version, fresh.updated_at) == ("key", 1, stored.updated_at)
        assert fresh.age == timedelta(seconds=7)
        assert fresh.expires_at == stored.updated_at + timedelta(seconds=60)

    def test_a_query_lists_current_records_last_updated_first(self, store: DataStore, clock: Clock) -> None:
        for key, source in [("a:1", "x"), ("a:2", "y"), ("b:1", "x"), ("b:2", "y")]:
            store.store(key, {"old": True}, source=source)
            clock.advance(1)
        store.store("a:2", {"new": True}, source="y")
        store.delete("b:2")
        assert _keys(store.query()) == ["a:2", "b:1", "a:1"]
        assert _keys(store.query(source="x")) == ["b:1", "a:1"]
        assert _keys(store.query(prefix="a:")) == ["a:2", "a:1"]
        assert _keys(store.query({"old": True}, source="x", prefix="a", limit=5)) == ["a:1"]
        assert _keys(store.query(limit=1)) == ["a:2"]
        for key in ("z:2", "z:1", "z:3"):
            store.store(key, {"last": True}, source="w")
        assert _keys(store.query(source="w")) == ["z:1", "z:2", "z:3"]
        assert not store.query(limit=0)
        with pytest.raises(StoreError):
            store.query(limit=-1)
        assert (store.count(source="x"), store.count(prefix="b"), store.count(source="z")) == (2, 1, 0)

    @given(
        keys=st.lists(st.text("aA%_é\ud7ff\ue000\U0010ffff'*", min_size=1, max_size=3), max_size=6, unique=True),
        prefix=st.text("aA%_é\ud7ff\ue000\U0010ffff'*", max_size=2),
    )
    @examples
    def test_a_prefix_is_text_without_wildcards(self, store: DataStore, keys: list[str], prefix: str) -> None:
        space = self._key()
        for key in keys:
            store.store(space + key, 1)
        wanted = {space + key for key in keys if key.startswith(prefix)}
        assert set(_keys(store.query(prefix=space + prefix))) == wanted
        assert store.count(prefix=space + prefix) == len(wanted)

    @pytest.mark.parametrize(
        ("filter", "holds"),
        [
            ({}, True),
            ({"ticker": "AAPL"}, True),
            ({"ticker": "aapl"}, False),
            ({"ticker": {"$eq": "AAPL"}, "price": {"$gt": 100, "$lte": 200.0}}, True),
            ({"price": {"$lt": 200}}, False),
            ({"price": "200"}, False),
            ({"listed": 1}, False),
            ({"listed": True}, True),
            ({"balance.cash": {"$gte": 5}}, True),
            ({"balance.debt": {"$gte": 0}}, False),
            ({"ticker": {"$in": ["MSFT", "AAPL"]}}, True),
            ({"ticker": {"$in": []}}, False),
            ({"ticker": {"$gt": 5}}, False),
            ({"$and": [{"ticker": "AAPL"}, {"price": 200}]}, True),
            ({"$and": [{"ticker": "AAPL"}, {"price": 201}]}, False),
            ({"$or": [{"price": 1}, {"balance.cash": 5.5}]}, True),
            ({"$nor": [{"price": 1}, {"ticker": "AAPL"}]}, False),
            ({"price": {"$not": {"$gt": 100}}}, False),
            ({"price": {"$nin": [1, 2]}, "ticker": {"$ne": "MSFT"}}, True),
            ({"tags": "tech"}, True),
            ({"tags": {"$all": ["tech", "us"]}}, True),
            ({"tags": {"$all": []}}, False),
            ({"tags": {"$size": 2}}, True),
            ({"tags": {"$size": 1}}, False),
            ({"tags": ["tech", "us"]}, True),
            ({"tags": ["us", "tech"]}, False),
            ({"balance": {"cash": 5.5}}, True),
            ({"facts": {"$elemMatch": {"year": 2024, "value": {"$gt": 5}}}}, False),
            ({"facts.year": 2024, "facts.value": {"$gt": 5}}, True),
            ({"tags": {"$elemMatch": {"$gte": "u", "$lt": "v"}}}, True),
            ({"ticker": {"$contains": "AP"}}, True),
            ({"ticker": {"$contains": "ap"}}, False),
            ({"ticker": {"$startsWith": "AA"}}, True),
            ({"ticker": {"$startsWith": "A%"}}, False),
            ({"tags": {"$startsWith": "te"}}, True),
            ({"absent": None}, True),
            ({"_id": "key"}, True),
            ({"_id": {"$in": ["yek"]}}, False),
            ({"metadata.query": "f00"}, True),
            ({"metadata.query": "bar"}, False),
            ({"query": "f00"}, False),
        ],
        ids=str,
    )
    def test_every_store_answers_these_filters(self, store: DataStore, filter: dict[str, Any], holds: bool) -> None:
        data = {
            "ticker": "AAPL",
            "price": 200,
            "listed": True,
            "balance": {"cash": 5.5},
            "tags": ["tech", "us"],
            "facts": [{"year": 2024, "value": 5}, {"year": 2023, "value": 6}],
        }
        store.store("key", data, metadata={"query": "f00"})
        assert bool(store.query(filter)) is holds
        assert store.count(filter) == holds

    @given(documents=st.lists(DOCUMENTS, min_size=1, max_size=8), tests=FILTERS, about=st.booleans())
    @example(documents=[{"a": [{"b": {"a": 1}}]}, {"a": {"b": [{"a": 1}]}}], tests={"a.b": 1}, about=False)
    @example(documents=[{"a": [[{"b": 1}]]}, {"a": [{"b": [[1]]}]}], tests={"a.b": 1}, about=False)
    @example(documents=[{"a": ["b", {"b": "a"}]}, {"a": "b"}], tests={"a.b": "a"}, about=True)
    @example(documents=[{"a": []}, {"a": [{"b": None}]}, {"a": [1]}], tests={"a.b": {"$exists": True}}, about=False)
    @settings(examples, max_examples=300)
    def test_a_filter_is_answered_as_mongodb_does_or_refused(
        self, store: DataStore, documents: list[Any], tests: dict[str, Any], about: bool
    ) -> None:
        space = self._key()
        records = [
            store.store(f"{space}{number}", None if about else document, metadata=document if about else None)
            for number, document in enumerate(documents)
        ]
        wanted = {f"metadata.{path}" if about else path: test for path, test in tests.items()}
        try:
            found = store.query(wanted, prefix=space)
        except UnsupportedQuery:
            return
        tree = parse(wanted)
        assert set(_keys(found)) == {record.key for record in records if matches(record.document, tree)}

    @pytest.mark.parametrize("word", ["$where", "$regex", "$near"])
    def test_an_operator_that_is_not_known_is_named(self, store: DataStore, word: str) -> None:
        store.store("key", {"a": 1})
        for wanted in ({word: "x"}, {"a": {word: "x"}}, {"$and": [{"a": {word: "x"}}]}):
            with pytest.raises(UnsupportedQuery) as refused:
                store.query(wanted)
            assert word in refused.value.problem

    @pytest.mark.parametrize(
        "wanted",
        [
            {"a": {"$gt": None}}, {"a": {"$gt": [1]}}, {"a.b": None}, {"a.b": {"$in": [1, None]}}, {"a.0": 1}, {"": 1},
            {"a..b": 1}, {"a.$b": 1}, {"$or": []}, {"$and": {}}, {"a": {"$in": 1}}, {"a": {"$size": -1}},
            {"a": {"$size": True}}, {"a": {"$exists": 1}}, {"a": {"$not": 1}}, {"a": {"$not": {}}},
            {"a": {"$elemMatch": {}}}, {"a": {"$elemMatch": 1}}, {"a": {"$contains": 1}}, {"a": {"$gt": 1, "b": 2}},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_filter_that_is_hard_to_foresee_is_refused(self, store: DataStore, wanted: Any) -> None:
        store.store("key", {"a": 1})
        with pytest.raises(UnsupportedQuery):
            store.query(wanted)
        with pytest.raises(UnsupportedQuery):
            store.count(wanted)
        with pytest.raises(UnsupportedQuery):
            store.aggregate([{"$match": wanted}])

    @pytest.mark.parametrize("seed", range(SHARES))
    def test_random_queries_are_answered_as_the_memory_store_does(
        self, store: DataStore, clock: Clock, seed: int
    ) -> None:
        space, share = self._key(), self.queries // SHARES
        for number, (documents, queries) in enumerate(cases(seed, max(1, share // 100), min(share, 100))):
            ours, model = store.within(f"{space}{number}"), MemoryStore(clock)
            for part in (ours, model):
                part.bulk_store(documents, source="s")
                for key in [*documents][::3]:
                    part.store(key, documents[key], source="t", metadata=documents[key])
            if number % 2 and self.has_indexes:
                ours.create_index("a")
            for wanted, pipeline in queries:
                assert _answers(ours, wanted, pipeline) == _answers(model, wanted, pipeline), (wanted, pipeline)
            clock.advance(1)

    @pytest.mark.parametrize(
        ("pipeline", "answer"),
        [
            ([{"$count": "n"}], [{"n": 4}]),
            ([{"$match": {"ticker": "none"}}, {"$count": "n"}], []),
            (
                [{"$group": {"_id": "$ticker", "n": {"$count": {}}, "sum": {"$sum": "$price"}}}, {"$sort": {"_id": 1}}],
                [{"_id": "A", "n": 2, "sum": 3}, {"_id": "B", "n": 1, "sum": 4.5}, {"_id": "C", "n": 1, "sum": 0}],
            ),
            (
                [{"$sort": {"price": -1}}, {"$skip": 1}, {"$limit": 1}, {"$project": {"price": 1}}],
                [{"_id": "k3", "price": 4.5}],  # text is larger than any number
            ),
            (
                [{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "n": {"$sum": 1}}}, {"$sort": {"n": -1}}],
                [{"_id": "x", "n": 2}, {"_id": "y", "n": 1}],
            ),
            (
                [{"$match": {"price": {"$lt": 2}}}, {"$addFields": {"twin": "$ticker"}}, {"$project": {"metadata": 0}}],
                [{"_id": "k1", "ticker": "A", "price": 1, "tags": ["x", "y"], "twin": "A"}],
            ),
        ],
        ids=str,
    )
    def test_every_store_answers_these_pipelines(self, store: DataStore, pipeline: Any, answer: Any) -> None:
        store.bulk_store(
            {
                "k1": {"ticker": "A", "price": 1, "tags": ["x", "y"]},
                "k2": {"ticker": "A", "price": 2, "tags": "x"},
                "k3": {"ticker": "B", "price": 4.5, "tags": []},
                "k4": {"ticker": "C", "price": "n/a"},
            }
        )
        assert store.aggregate(pipeline) == answer

    @pytest.mark.parametrize("pipeline", [[{"$lookup": {}}], [{"$group": {"_id": 1, "x": {"$stdDevPop": "$a"}}}]])
    def test_a_stage_that_is_not_known_is_named(self, store: DataStore, pipeline: Any) -> None:
        with pytest.raises(UnsupportedQuery, match=r"\$lookup|\$stdDevPop"):
            store.aggregate(pipeline)

    def test_a_pipeline_sees_only_what_source_and_prefix_let_through(self, store: DataStore) -> None:
        store.store("a:1", {"v": 1}, source="x")
        store.store("a:2", {"v": 2}, source="y")
        store.store("b:1", {"v": 4}, source="x")
        total = [{"$group": {"_id": None, "v": {"$sum": "$v"}}}]
        assert store.aggregate(total, source="x") == [{"_id": None, "v": 5}]
        assert store.aggregate(total, prefix="a:") == [{"_id": None, "v": 3}]
        assert store.count({"v": {"$gt": 1}}, source="x") == 1

    def test_distinct_lists_each_value_once_and_those_inside_lists(self, store: DataStore) -> None:
        store.bulk_store({"a": {"t": ["x", "y"]}, "b": {"t": "x"}, "c": {"t": 1}, "d": {"t": 1.0}, "e": {}})
        assert store.distinct("t") == [1, "x", "y"]
        assert store.distinct("t", {"t": "y"}) == ["x", "y"]
        assert store.distinct("t", prefix="b") == ["x"]
        assert store.distinct("_id") == ["a", "b", "c", "d", "e"]

    def test_many_records_are_stored_as_one_by_one(self, store: DataStore, clock: Clock) -> None:
        store.store("b", {"n": 1}, source="old")
        store.store("c", 3)
        store.delete("c")
        clock.advance(1)
        items = [("a", {"n": 1}), ("b", {"n": 1}), ("a", {"n": 2}), ("c", 3)]
        done = store.bulk_store(iter(items), source="new", metadata={"m": 1}, ttl=60)
        assert (done.stored, done.unchanged) == (3, 1)
        assert [(record.version, record.data) for record in store.history("a")] == [(2, {"n": 2}), (1, {"n": 1})]
        assert [record.version for record in store.history("c")] == [3, 2, 1]
        found = store.retrieve("b")
        assert found is not None
        assert (found.version, found.source, found.metadata, found.ttl) == (1, "new", {"m": 1}, 60)
        assert store.bulk_store({}).stored == 0

    def test_what_is_wrong_with_one_of_many_is_raised(self, store: DataStore) -> None:
        with pytest.raises(StoreError):
            store.bulk_store([("a", 1), ("b", float("nan")), ("c", 1)])
        assert not store.exists("b")
        assert not store.exists("c")
        with pytest.raises(StoreError):
            store.bulk_store([("", 1)])

    def test_more_records_than_fit_one_batch_are_all_stored(self, store: DataStore) -> None:
        done = store.bulk_store((f"k{number:05}", {"n": number}) for number in range(2500))
        assert (done.stored, store.count()) == (2500, 2500)
        again = store.bulk_store((f"k{number:05}", {"n": number // 2000 * number}) for number in range(2500))
        assert (again.stored, again.unchanged) == (1999, 501)

    def test_an_update_sets_paths_or_calls_a_function_and_keeps_the_rest(self, store: DataStore) -> None:
        first = store.store("key", {"a": {"b": 1}, "l": [1]}, source="s", metadata={"m": 1}, ttl=60)
        second = store.update("key", {"a.c": 2, "d.e": None})
        assert second.data == {"a": {"b": 1, "c": 2}, "d": {"e": None}, "l": [1]}
        assert (second.version, second.source, second.metadata, second.ttl) == (2, "s", {"m": 1}, 60)
        assert store.update("key", lambda data: [*data["l"], 2]).data == [1, 2]
        assert store.retrieve("key", 1) == first
        with pytest.raises(VersionConflict):
            store.update("key", {"a": 1}, if_version=2)
        with pytest.raises(StoreError):
            store.update("key", {"a": 1})  # a list has no names
        with pytest.raises(StoreError):
            store.update("nothing", {"a": 1})

    def test_a_delete_may_expect_a_version(self, store: DataStore) -> None:
        store.store("key", 1)
        with pytest.raises(VersionConflict):
            store.delete("key", if_version=2)
        assert store.delete("key", if_version=1)
        assert not store.delete("key", if_version=0)

    def test_namespaces_do_not_see_each_other(self, store: DataStore) -> None:
        one, two = store.within("one"), store.within("two")
        assert (one.namespace, two.namespace) == ("one", "two")
        one.store("key", {"n": 1})
        two.store("key", {"n": 2})
        assert two.store("key", {"n": 3}).version == 2
        one.store("other", {"n": 1})
        assert (one.count(), two.count(), store.count()) == (2, 1, 0)
        assert [record.data for record in one.history("key")] == [{"n": 1}]
        assert one.distinct("n") == [1]
        assert two.delete("key")
        assert one.exists("key")
        assert {"one", "two"} <= set(store.namespaces())
        again = two.within("one").retrieve("key")
        assert again is not None
        assert again.data == {"n": 1}

    def test_an_index_changes_no_answer(self, store: DataStore) -> None:
        if not self.has_indexes:
            with pytest.raises(UnsupportedQuery):
                store.create_index("a")
            return
        store.bulk_store({"1": {"a": 1}, "2": {"a": [1, "x"]}, "3": {"a": {"b": 1}}, "4": {"a": None}, "5": {}})
        asked: list[dict[str, Any]] = [
            {"a": 1},
            {"a": "x"},
            {"a": None},
            {"a": {"$gte": 1}},
            {"a": {"$ne": 1}},
            {"a.b": 1},
        ]
        before = [_keys(store.query(wanted)) for wanted in asked]
        store.create_index("a")
        store.create_index("a")
        store.create_index("a.b")
        store.create_index("metadata.it's")
        assert {"a", "a.b", "metadata.it's"} <= set(store.indexes())
        assert [_keys(store.query(wanted)) for wanted in asked] == before
        store.store("6", {"a": 1})
        assert set(_keys(store.query({"a": 1}))) == {"1", "2", "6"}
        assert store.drop_index("a")
        assert not store.drop_index("a")
        assert "a" not in store.indexes()
        with pytest.raises(UnsupportedQuery):
            store.create_index("a.$b")

    @given(steps=STEPS)
    @examples
    def test_any_course_of_events_leaves_what_the_memory_store_holds(
        self, store: DataStore, clock: Clock, steps: list[tuple[Any, ...]]
    ) -> None:
        space = self._key()
        model = MemoryStore(clock)
        clock.advance(10)
        store.sweep()  # what earlier courses left behind
        for step in steps:
            assert _take(store, clock, space, step, moves=True) == _take(model, clock, space, step, moves=False)
        for key in ("a", "ab", "b"):
            assert list(store.history(space + key)) == list(model.history(space + key))
            assert store.retrieve(space + key) == model.retrieve(space + key)
            assert store.get_freshness(space + key) == model.get_freshness(space + key)
        assert sorted(_keys(store.query(prefix=space + "a"))) == sorted(_keys(model.query(prefix=space + "a")))
        assert store.count(prefix=space) == model.count(prefix=space)

    def test_threads_lose_no_update_under_if_version(self, store: DataStore) -> None:
        store.store("counter", 0)
        failures: list[BaseException] = []

        def count() -> None:
            try:
                for _ in range(20):
                    _increment(store)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        record = store.retrieve("counter")
        assert record is not None
        assert (record.data, record.version) == (80, 81)

    def test_a_store_that_works_answers_a_ping(self, store: DataStore) -> None:
        store.ping()

    def _key(self) -> str:
        return f"space-{next(self._numbers)}:"


class OpenContract(PluginContract):
    """What a plugin that opens stores promises. A subclass has `plugin`, `name` and the fixture `url`."""

    role = "store"
    refused: ClassVar[Sequence[str]] = ()
    """URLs that name no store."""

    @pytest.fixture(autouse=True)
    def _opens(self, url: str) -> None:
        self._url = url

    @pytest.fixture
    def url(self) -> str:
        """A URL that can be opened, of an empty store."""
        raise NotImplementedError

    def answers(self, pipeline: Pipeline) -> Any:
        """What one store that was opened writes, reads and deletes."""
        store = pipeline.open_store(self._url)
        stored = store.store("contract:1:20250101", {"n": 1}, source="contract")
        found = store.retrieve("contract:1:20250101")
        assert found == stored, "what was stored is not read back"
        return store.delete("contract:1:20250101")

    def test_a_store_that_was_opened_keeps_what_is_written(self, make: Make) -> None:
        assert self.answers(make()), "a record that is there cannot be deleted"

    def test_a_url_that_names_no_store_is_told_by_a_typed_error_in_two_lines(self, make: Make) -> None:
        for url in self.refused:
            error = refusal(url, partial(make().open_store, url))
            password = re.search(r"://[^/@\s]*:([^/@\s]+)@", url)
            assert not password or password[1] not in str(error), f"the error shows the password {password[1]!r}"


def _take(store: DataStore, clock: Clock, space: str, step: tuple[Any, ...], *, moves: bool) -> Any:
    """Do one step of a course of events; what came of it is comparable between stores."""
    try:
        match step:
            case "store", key, data, ttl:
                return store.store(space + key, data, source="s", metadata={"n": data}, ttl=ttl)
            case "store_if", key, data, version:
                return store.store(space + key, data, if_version=version)
            case "delete", key:
                return store.delete(space + key)
            case "rollback", key, version:
                return store.rollback(space + key, version)
            case "wait", seconds:
                return clock.advance(seconds) if moves else None
            case _:
                return store.sweep()
    except StoreError as error:
        return type(error)


def _answers(store: DataStore, wanted: Any, pipeline: Any) -> list[Any]:
    """What a store answers to a filter and a pipeline, as text, so that 1, 1.0 and True are not the same."""
    found: list[Any] = []
    questions: tuple[Callable[[], Any], ...] = (
        lambda: [(record.key, record.version, record.source) for record in store.query(wanted)],
        lambda: [record.key for record in store.query(wanted, limit=2)],
        lambda: store.count(wanted),
        lambda: canonical_json(store.aggregate(pipeline)),
        lambda: canonical_json(store.aggregate([{"$match": wanted}, *pipeline], source="s")),
    )
    for ask in questions:
        try:
            found.append(ask())
        except UnsupportedQuery as error:
            found.append(error.problem)
    return found


def _increment(store: DataStore) -> None:
    while True:
        record = store.retrieve("counter")
        assert record is not None
        try:
            store.store("counter", record.data + 1, if_version=record.version)
        except VersionConflict:
            continue
        return


def _keys(records: Any) -> list[str]:
    return [record.key for record in records]


def _plain(data: Any) -> Any:
    """`data` with the keys of its objects in order, as canonical JSON has them."""
    match data:
        case Mapping():
            return {key: _plain(data[key]) for key in sorted(data)}
        case list():
            return [_plain(item) for item in data]
        case _:
            return data
