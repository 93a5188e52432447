"""Many records at once, and JSON as SQLite gets to see it: as canonical as if each had been stored by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from trainer.errors import StoreError
from trainer.stores import BulkResult, canonical_json
from trainer_sql import SQLiteStore
from trainer_sql.records import decode, encode
from trainer_sql.sqlite import store as module

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    TEXTS
    | st.sampled_from([None, True, False, 0, 1.0, -0.0, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, 5e-324, '"', "\\u0000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
many = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(tmp_path / "store.db") as store:
        yield store


@given(
    data=JSON
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.floats(1e-6, 1e-3) | st.floats(1e15, 1e17))
)
@example(data=1e16)
@example(data=9999999999999998.0)
@example(data=[0.0001, 0.00001, -0.0001, -1e-5, 1e22, -1e16, -0.0, 5e-324])
@example(data={"é": 1, "\uffff": 2, "\U00010000": 3, "\x7f\x1f\\u0000": ["\u2028"]})
@example(data=(1, (2,)))
@settings(max_examples=500, deadline=None)
def test_json_is_written_as_the_core_writes_it(data: Any) -> None:
    assert encode(data) == canonical_json(data)
    assert repr(decode(encode(data))) == repr(decode(canonical_json(data)))


@pytest.mark.parametrize(
    "data",
    [
        float("nan"),
        [float("-inf")],
        2**63,
        -(2**63) - 1,
        "a\0",
        "\ud800",
        {"\0": 1},
        {1: 1},
        {"a": {None: 1}},
        b"",
        {1},
    ],
    ids=repr,
)
def test_what_the_core_refuses_is_refused(data: Any) -> None:
    with pytest.raises(StoreError) as ours:
        encode(data)
    with pytest.raises(StoreError) as core:
        canonical_json(data)
    assert str(ours.value) == str(core.value)


@pytest.mark.parametrize("depth", [10, 130, 300])
def test_data_may_be_nested(store: SQLiteStore, depth: int) -> None:
    data: Any = 1
    for _ in range(depth):
        data = [{"a": data}]
    store.bulk_store({"key": data})
    record = store.retrieve("key")
    assert record is not None
    assert record.data == data


@given(records=st.dictionaries(KEYS, JSON, max_size=4))
@example(records={'"': {'"': '"'}, "\\": ["\\"], "\x01\n": "\x1f", "\U0001f600": "\U0001f600", "\uffff": 1e300})
@many
def test_records_stored_together_are_as_if_stored_one_by_one(store: SQLiteStore, records: dict[str, Any]) -> None:
    space = store.within(f"{store.count()}-{len(store.namespaces())}")
    assert space.bulk_store(records) == BulkResult(len(records), 0)
    rows = store._database.execute("SELECT key, data FROM trainer_record WHERE ns = ?", (space.namespace,))
    assert dict(rows) == {key: canonical_json(data) for key, data in records.items()}
    assert all(space.store(key, data).version == 1 for key, data in records.items())
    assert space.bulk_store(records.items()) == BulkResult(0, len(records))


def test_a_batch_ends_before_it_is_too_large(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = SQLiteStore._store_batch

    def watched(self: SQLiteStore, batch: dict[str, str], *rest: Any) -> int:
        sizes.append(len(batch))
        return write(self, batch, *rest)

    monkeypatch.setattr(SQLiteStore, "_store_batch", watched)
    monkeypatch.setattr(module, "BATCH", 10)
    monkeypatch.setattr(module, "LARGEST_BATCH", 1000)
    store.bulk_store((f"{number}", "x" * (number // 20 * 600)) for number in range(30))
    assert (sizes, store.count()) == ([10, 10, 2, 2, 2, 2, 2], 30)


def test_many_records_are_part_of_the_transaction_around_them(store: SQLiteStore) -> None:
    with contextlib.suppress(ZeroDivisionError), store.transaction():
        store.bulk_store({"a": {"n": 1}, "b": 2})
        _ = 1 / 0
    assert store.count() == 0


def test_records_of_an_iterator_are_taken_while_nobody_waits(store: SQLiteStore, tmp_path: Path) -> None:
    def records() -> Iterator[tuple[str, Any]]:
        for number in range(3):
            with SQLiteStore(tmp_path / "store.db", busy_timeout=0.1) as other:
                other.store("meanwhile", number)
            yield f"{number}", number

    assert store.bulk_store(records()) == BulkResult(3, 0)


def test_pipelines_are_begun_by_sqlite_with_the_same_answers(store: SQLiteStore) -> None:
    store.bulk_store({f"{number}": {"n": number, "l": [number]} for number in range(10)})
    match: list[dict[str, Any]] = [{"$match": {"n": {"$gt": 2}}}, {"$match": {"n": {"$lt": 8}}}]
    assert store.aggregate([*match, {"$count": "c"}]) == [{"c": 5}]
    assert store.aggregate([{"$match": {"n": 99}}, {"$count": "c"}]) == []
    cut: list[dict[str, Any]] = [{"$skip": 1}, {"$limit": 3}, {"$skip": 1}]
    for first in (match, [*match, {"$match": {"l": {"$ne": [99]}}}]):
        assert [record["_id"] for record in store.aggregate([*first, *cut])] == ["5", "6"]
    assert store.aggregate([{"$limit": 2}, {"$skip": 5}]) == []
