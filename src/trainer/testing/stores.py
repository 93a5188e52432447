"""The contract of a data store, as tests: subclass `StoreContract`, give it a store, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict
from trainer.stores import DataStore
from trainer.testing.memory import ORDERS, MemoryStore, matches

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
        assert not store.query(limit=0)
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
            ({"metadata.query": "f00"}, True),
            ({"metadata.query": "bar"}, False),
            ({"query": "f00"}, False),
        ],
        ids=str,
    )
    def test_every_store_answers_these_filters(self, store: DataStore, filter: dict[str, Any], holds: bool) -> None:
        data = {"ticker": "AAPL", "price": 200, "listed": True, "balance": {"cash": 5.5}}
        store.store("key", data, metadata={"query": "f00"})
        assert bool(store.query(filter)) is holds

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
        assert set(_keys(found)) == {record.key for record in records if matches(record, wanted)}

    @pytest.mark.parametrize("word", ["$where", "$regex", "$near"])
    def test_an_operator_that_is_not_known_is_named(self, store: DataStore, word: str) -> None:
        store.store("key", {"a": 1})
        for wanted in ({word: "x"}, {"a": {word: "x"}}, {"$and": [{"a": {word: "x"}}]}):
            with pytest.raises(UnsupportedQuery) as refused:
                store.query(wanted)
            assert word in refused.value.problem

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
