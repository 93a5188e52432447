"""Snapshots: what is in a file, their order, and that none is stored twice."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import RetrievalError, StoreError
from trainer.testing.memory import MemoryStore
from trainer_migrate.snapshots import Reader, Snapshot, in_order, keep, newest, parts


def reader(folder: Path, **contents: Any) -> Reader:
    folder.mkdir(exist_ok=True)
    for name, data in contents.items():
        (folder / f"{name}.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return Reader(folder, {f"{name}.json": PurePosixPath(f"{name}.json") for name in contents})


def read(folder: Path, **contents: Any) -> tuple[Reader, list[Snapshot]]:
    one = reader(folder, **contents)
    return one, in_order(found for name in contents for found in one.snapshots(f"{name}.json"))


def test_a_list_with_tickers_is_a_snapshot_of_each() -> None:
    rows = [{"ticker": "AAPL", "x": 1}, {"symbol": "msft", "x": 2}]
    assert parts(rows, named=False) == [("AAPL", rows[0]), ("MSFT", rows[1])]
    assert parts({"source": "yahoo", "stocks": rows}, named=False) == [
        ("AAPL", {"source": "yahoo", **rows[0]}),
        ("MSFT", {"source": "yahoo", **rows[1]}),
    ]


def test_an_object_by_ticker_is_a_snapshot_of_each_unless_the_file_is_on_one() -> None:
    data = {"AAPL": {"x": 1}, "BRK.B": {"x": 2}}
    assert parts(data, named=False) == [("AAPL", {"x": 1}), ("BRK.B", {"x": 2})]
    assert parts(data, named=True) == [("", data)]


def test_rows_of_one_ticker_stay_a_table_and_snapshots_of_several_times_do_not() -> None:
    rows = [{"ticker": "AAPL", "date": f"2025-01-0{day}", "close": day} for day in (1, 2, 3)]
    assert parts(rows, named=False) == [("AAPL", rows)]
    timed = [{"ticker": "AAPL", "extractedAt": f"2025-01-0{day}"} for day in (1, 2)]
    assert parts(timed, named=False) == [("AAPL", timed[0]), ("AAPL", timed[1])]


@pytest.mark.parametrize(
    "data", [1, "text", None, [], {}, [1, {"ticker": "A"}], {"valuation": {"x": 1}}, {"a": [], "b": []}]
)
def test_anything_else_is_one_snapshot(data: Any) -> None:
    assert parts(data, named=False) == [("", data)]


def test_the_key_has_the_day_and_the_record_the_time_and_the_origin(tmp_path: Path) -> None:
    one, found = read(tmp_path, stock_data_20251119_134901=[{"ticker": "AAPL", "x": 1}])
    record = one.record(found[0])
    assert record.key == "snapshot:AAPL:20251119"
    assert record.metadata["retrieved_at"] == "2025-11-19T13:49:01+00:00"
    assert record.metadata["url"] == "file:stock_data_20251119_134901.json"
    assert record.metadata["dated"] == "name"


def test_what_told_the_time_is_said(tmp_path: Path) -> None:
    told = {"ticker": "AAPL", "extractedAt": "2025-01-05T10:00:00Z"}
    _, found = read(tmp_path, a=told, AAPL_20250105=told, AAPL_20250106=told, b={"ticker": "B"})
    assert {one.file: one.dated for one in found} == {
        "a.json": "extractedAt",
        "AAPL_20250105.json": "name, extractedAt",
        "AAPL_20250106.json": "name",
        "b.json": "time of change",
    }
    assert {one.at.hour for one in found if one.file != "b.json"} == {10, 0}


def test_versions_follow_time_and_the_same_contents_are_the_same_version(tmp_path: Path) -> None:
    names = {f"AAPL_20250105_{hour}00": {"x": x} for hour, x in [(14, 2), (10, 1), (11, 1), (17, 1)]}
    one, found = read(tmp_path, **names)
    assert [(found_one.at.hour, found_one.version) for found_one in found] == [(10, 1), (11, 1), (14, 2), (17, 3)]
    store = MemoryStore()
    assert keep(store, one, found) == (3, 0)
    assert [version.data["x"] for version in store.history("snapshot:AAPL:20250105")] == [1, 2, 1]
    assert keep(store, one, found) == (0, 3)


def test_the_newest_of_each_source_stands_for_a_subject(tmp_path: Path) -> None:
    one, found = read(tmp_path, AAPL_20250105={"x": 1}, AAPL_20250106={"x": 2}, AAPL_yahoo_20250101={"x": 3})
    assert {source: one.data(last)["x"] for source, last in newest(found)["AAPL"].items()} == {
        "snapshot": 2,
        "yahoo": 3,
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [('{"x": 1e999}', RetrievalError), ('{"x": 1', RetrievalError), (f'{{"x": {2**70}}}', StoreError), ('"\\u0000"', StoreError)],
)  # fmt: skip
def test_what_no_store_takes_is_refused(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        reader(tmp_path, AAPL=text).snapshots("AAPL.json")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["AAPL", "B"]), st.integers(1, 2), st.integers(0, 23), st.integers(0, 2)), max_size=12),
    st.data(),
)  # fmt: skip
def test_stopped_anywhere_and_run_again_is_the_same_as_run_once(rows: list[Any], data: st.DataObject) -> None:
    contents = [({"ticker": ticker, "x": x}, datetime(2025, 1, day, hour, tzinfo=UTC)) for ticker, day, hour, x in rows]

    class Kept(Reader):
        def __init__(self) -> None:
            pass

        def record(self, snapshot: Snapshot) -> Any:
            return _record(snapshot, contents[snapshot.place][0])

    found = in_order(
        Snapshot("f", place, "s", item["ticker"], at, "name", _record_hash(item))
        for place, (item, at) in enumerate(contents)
    )
    once, stopped = MemoryStore(), MemoryStore()
    keep(once, Kept(), found)
    for _ in range(data.draw(st.integers(1, 3))):
        keep(stopped, Kept(), found[: data.draw(st.integers(0, len(found)))])
    keep(stopped, Kept(), found)
    for key in {one.key for one in found}:
        wanted = [(version.version, version.data) for version in once.history(key)]
        assert [(version.version, version.data) for version in stopped.history(key)] == wanted
        assert wanted[0][0] == max(one.version for one in found if one.key == key)


def test_two_at_once_make_no_version_twice(tmp_path: Path) -> None:
    names = {f"AAPL_20250105_{hour:02}{minute:02}": {"x": minute % 3} for hour in range(8) for minute in range(10)}
    one, found = read(tmp_path, **names)
    store = MemoryStore()
    threads = [threading.Thread(target=keep, args=(store, Reader(tmp_path, one._folder), found)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.data for version in reversed(store.history("snapshot:AAPL:20250105"))] == [
        one.data(last) for last in {snapshot.version: snapshot for snapshot in found}.values()
    ]


def _record(snapshot: Snapshot, data: Any) -> Any:
    from trainer.stores import StoredData

    return StoredData(snapshot.key, data, snapshot.source, 0, snapshot.at, snapshot.at)


def _record_hash(data: Any) -> str:
    from trainer.stores import canonical_json, content_hash

    return content_hash(canonical_json(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ticker", "date", "AAPL", "rows", "x"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(JSON, st.booleans())
def test_nothing_of_any_data_is_lost_in_its_parts(data: Any, on_one: bool) -> None:
    found = parts(data, named=on_one)

    def leaves(value: Any) -> list[Any]:
        items = [*value.items()] if isinstance(value, dict) else value if isinstance(value, list) else []
        inner = [leaf for item in items for leaf in leaves(item[1] if isinstance(value, dict) else item)]
        return inner if isinstance(value, dict | list) else [repr(value)]

    assert set(leaves(data)) <= set(leaves([part for _, part in found]))
    assert found
