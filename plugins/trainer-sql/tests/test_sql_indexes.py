"""Which filters find their records through indexes, by SQLite's own account of how it goes about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import UnsupportedQuery
from trainer_sql import SQLiteStore
from trainer_sql.sqlite.conditions import lists, scalar

SCOPES: list[dict[str, Any]] = [{}, {"source": "s"}, {"prefix": "key:"}, {"limit": 1}]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(tmp_path / "store.db") as store:
        yield store


@pytest.fixture
def full(store: SQLiteStore) -> SQLiteStore:
    store.bulk_store((f"key:{number}", document(number)) for number in range(500))
    for number in range(500):
        store.store(f"key:{number}", document(number), source="s", metadata={"query": f"q{number}"})
    return store


def document(number: int) -> dict[str, Any]:
    """Most have a text, a number and a nested value; every hundredth has lists in their places."""
    if number % 100 == 99:
        return {"id": number, "t": [f"t{number}", "many"], "n": [number], "a": [{"b": number}], "it's": None}
    return {
        "id": number,
        "t": f"t{number}",
        "n": number,
        "a": {"b": number},
        "it's": {"%?": number},
        "flag": number == 7,
    }


def plan(store: SQLiteStore, action: Callable[[], object]) -> str:
    """How SQLite goes about the statement on records that `action` runs."""
    store.ping()
    connection = store._database._session().connection
    assert connection is not None
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    action()
    connection.set_trace_callback(None)
    (statement,) = (text for text in statements if "FROM trainer_record" in text)
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))


def assert_found_by(name: str, plan: str, sign: str = "=") -> None:
    """That one index gives the values, the other the lists, and nothing else is looked through."""
    assert f"USING INDEX {name} (ns=? AND <expr>{sign}" in plan
    assert f"USING INDEX {name}_list (ns=?)" in plan
    assert plan.count("trainer_record") == plan.count("SEARCH trainer_record USING INDEX") + plan.count(
        "USING INDEX trainer_record"
    )
    assert "SCAN trainer_record" not in plan


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("wanted", ["q7", {"$eq": "q7"}, {"$in": ["q7", "q8"]}], ids=str)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_records_are_found_by_metadata_query_through_an_index(
    full: SQLiteStore, wanted: Any, scope: dict[str, Any], analyzed: bool
) -> None:
    if analyzed:
        full._database.execute("ANALYZE")
    assert_found_by("trainer_record_query", plan(full, lambda: full.query({"metadata.query": wanted}, **scope)))
    assert full.query({"metadata.query": wanted}, **scope)[-1].key in ("key:7", "key:8")


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize(
    ("path", "wanted", "sign", "numbers"),
    [
        ("t", "t7", "=", [7]),
        ("t", "t99", "=", [99]),
        ("t", "many", "=", [99, 199, 299, 399, 499]),
        ("t", {"$in": ["t7", "t99", 5, True]}, "=", [7, 99]),
        ("t", {"$gte": "t98", "$lt": "t99"}, ">", [98, 99]),  # 99 has one element for each
        ("t", {"$startsWith": "t49"}, ">", [49, *range(490, 500)]),
        ("n", 7, "=", [7]),
        ("n", 99.0, "=", [99]),
        ("n", {"$gt": 497}, ">", [498, 499]),
        ("n", {"$lte": 1}, "<", [0, 1]),
        ("a.b", 7, "=", [7]),
        ("a.b", 99, "=", [99]),
        ("it's.%?", 7, "=", [7]),
        ("flag", True, "=", [7]),
    ],
    ids=str,
)
def test_a_declared_index_finds_values_and_the_elements_of_lists(
    full: SQLiteStore, path: str, wanted: Any, sign: str, numbers: list[int], analyzed: bool
) -> None:
    full.create_index(path)
    if analyzed:
        full._database.execute("ANALYZE")
    for scope in SCOPES:
        assert_found_by("trainer_index_1", plan(full, lambda scope=scope: full.query({path: wanted}, **scope)), sign)
    assert sorted(record.data["id"] for record in full.query({path: wanted})) == numbers
    assert_found_by("trainer_index_1", plan(full, lambda: full.count({path: wanted})), sign)
    assert full.count({path: wanted}) == len(numbers)


def test_one_of_several_indexes_is_enough_where_all_must_hold_and_all_are_used_where_one_must(
    full: SQLiteStore,
) -> None:
    full.create_index("t")
    full.create_index("n")
    both = plan(full, lambda: full.query({"t": "t7", "n": {"$gt": 5}, "flag": True, "a": {"b": 7}}))
    assert "USING INDEX trainer_index_" in both
    assert "SCAN trainer_record" not in both
    either = plan(full, lambda: full.query({"$or": [{"t": "t7"}, {"n": 8}]}))
    for name in ("trainer_index_1", "trainer_index_2"):
        assert_found_by(name, either)
    assert full.count({"$or": [{"t": "t7"}, {"n": 8}]}) == 2


def test_a_filter_that_no_index_serves_keeps_the_others(full: SQLiteStore) -> None:
    full.create_index("t")
    found = plan(full, lambda: full.query({"t": {"$ne": "t7"}}, source="s", limit=5))
    assert "USING INDEX trainer_record_source (ns=? AND source=?)" in found


def test_indexes_are_kept_in_the_file_and_dropped_with_all_they_made(full: SQLiteStore, tmp_path: Path) -> None:
    made = "SELECT name FROM sqlite_master WHERE name LIKE 'trainer_index_%' AND type = 'index' AND sql IS NOT NULL"
    for path in ("t", "n", "t", "_id", "metadata", "metadata.query", "metadata.it's"):
        full.create_index(path)
    with SQLiteStore(tmp_path / "store.db", namespace="other") as other:
        assert list(other.indexes()) == ["_id", "metadata", "metadata.it's", "metadata.query", "n", "t"]
        assert len(full._database.execute(made)) == 2 * 3
        assert all(other.drop_index(path) for path in other.indexes())
        assert not full.indexes()
        assert not full._database.execute(made)
    assert_found_by("trainer_record_query", plan(full, lambda: full.query({"metadata.query": "q7"})))
    with pytest.raises(UnsupportedQuery):
        full.create_index("a.0")


def test_an_index_is_made_with_the_very_text_that_queries_are_written_with(store: SQLiteStore) -> None:
    store.create_index("a.it's")
    path = ("a", "it's")
    made = [
        text for (text,) in store._database.execute("SELECT sql FROM sqlite_master WHERE name LIKE 'trainer_index_1%'")
    ]
    assert scalar("data", path) in made[0]
    assert lists("data", path) in made[1]
    (built,) = store._database.execute("SELECT sql FROM sqlite_master WHERE name = 'trainer_record_query'")
    assert scalar("metadata", ("query",)) in built[0]


def test_a_prefix_and_a_key_are_found_through_the_index_on_keys(full: SQLiteStore) -> None:
    for action in (lambda: full.query(prefix="key:49"), lambda: full.count(prefix="key:49")):
        assert "(ns=? AND key>? AND key<?)" in plan(full, action)
    assert "(ns=? AND key=?)" in plan(full, lambda: full.query({"_id": "key:7"}))
    assert "(ns=? AND key>? AND key<?)" in plan(full, lambda: full.query({"_id": {"$startsWith": "key:4"}}))


def test_the_latest_records_of_a_source_are_found_without_sorting(full: SQLiteStore) -> None:
    found = plan(full, lambda: full.query(source="s", limit=5))
    assert "USING INDEX trainer_record_source (ns=? AND source=?)" in found
    assert "USE TEMP B-TREE FOR ORDER BY" not in found


def test_an_old_version_is_found_by_its_number_alone(full: SQLiteStore) -> None:
    found = plan(full, lambda: full.retrieve("key:1", 1))
    name = "sqlite_autoindex_trainer_history_1"
    assert f"SEARCH trainer_history USING INDEX {name} (ns=? AND key=? AND version=?)" in found
