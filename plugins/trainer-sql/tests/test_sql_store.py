"""What the SQLite store promises beyond the contract: URLs, filters it refuses, indexes, errors, threads."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer.errors import StoreError
from trainer.testing.stores import Clock
from trainer_sql import SQLite, SQLiteStore
from trainer_sql.sqlite.schema import HEAD


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(file: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(file) as store:
        yield store


def refusal(action: Callable[[], object]) -> StoreError:
    """The error that `action` ends with, which must be of our own kind and of two lines."""
    with pytest.raises(StoreError) as raised:
        action()
    assert str(raised.value).count("\n") == 1
    return raised.value


# Opening


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///new/rel.db", "new/rel.db"),
        ("sqlite:////{tmp}/new/abs.db", "new/abs.db"),
        ("plain 100% é.db", "plain 100% é.db"),
        (Path("new/path.db"), "new/path.db"),
    ],
)
def test_a_url_or_a_path_names_the_file_and_its_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | Path, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(url, str):
        url = url.replace("/{tmp}", str(tmp_path))
    with SQLiteStore(url) as store:
        monkeypatch.chdir("/")
        store.store("key", 1)
    assert (tmp_path / path).is_file()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_database_in_memory_is_shared_by_threads_and_by_nobody_else(url: str) -> None:
    with SQLiteStore(url) as store, SQLiteStore(url) as other:
        thread = threading.Thread(target=store.store, args=("key", 1))
        thread.start()
        thread.join()
        assert store.exists("key")
        assert not other.exists("key")


@pytest.mark.parametrize(
    "url", ["sqlite://x.db", "postgresql://host/db", "sqlite:///x.db?mode=ro", "sqlite+aiosqlite:///x.db"]
)
def test_a_url_that_names_no_sqlite_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert "sqlite:///relative.db" in refusal(lambda: SQLiteStore(url)).remedy
    assert not list(tmp_path.iterdir())


def test_the_plugin_opens_a_store_with_its_settings(file: Path) -> None:
    with SQLite(busy_timeout=0.05).store(f"sqlite:///{file}") as store, locked(file):
        assert "0.05 s" in refusal(lambda: store.store("key", 1)).problem


def test_namespaces_of_one_file_do_not_see_each_other(file: Path) -> None:
    with SQLiteStore(file, namespace="a") as a, SQLiteStore(file, namespace="b") as b:
        a.store("key", 1, metadata={"query": "q"}, ttl=0)
        b.store("key", 2, metadata={"query": "q"})
        assert [record.data for record in b.query({"metadata.query": "q"})] == [2]
        assert (b.sweep(), a.sweep(), b.count(), len(b.history("key"))) == (0, 1, 1, 1)


def test_what_was_stored_is_there_when_the_file_is_opened_again(file: Path) -> None:
    with SQLiteStore(file) as store:
        stored = store.store("key", {"a": [1, 2.5, None]}, source="test", metadata={"m": "é"}, ttl=1e6)
    with SQLiteStore(file) as store:
        assert store.retrieve("key") == stored


# Filters


@pytest.mark.parametrize("operand", [float("nan"), 2**64, "\0", "\ud800", b"x"], ids=repr)
def test_operands_that_json_does_not_have_are_refused(store: SQLiteStore, operand: Any) -> None:
    with pytest.raises(StoreError):
        store.query({"a": operand})


@pytest.mark.parametrize("name", ["it's", "us-gaap", "a b", "%", "?", ":x", "é", "[0]", "*", "'; --", "2024x", "007"])
def test_a_path_is_text_whatever_is_in_it(store: SQLiteStore, name: str) -> None:
    store.store("yes", {name: {name: "it's"}})
    store.store("no", {"other": {"other": "it's"}})
    assert [record.key for record in store.query({f"{name}.{name}": "it's"})] == ["yes"]


def test_data_that_is_no_object_has_no_fields(store: SQLiteStore) -> None:
    for key, data in {"list": [{"a": 1}], "text": "a", "null": None, "number": 1}.items():
        store.store(key, data)
    assert not store.query({"a": 1})
    assert len(store.query({"a": None})) == len(store.query({"a": {"$exists": False}})) == 4


def test_filters_of_any_size_are_answered_or_refused(store: SQLiteStore) -> None:
    store.store("key", {"a": 1})
    assert len(store.query({"a": {"$in": list(range(100_000))}})) == 1
    assert len(store.query({".".join(["a"] * 32): {"$exists": False}})) == 1
    assert len(store.query({"$and": [{"a": 1}] * 5_000})) == 1
    assert len(store.query({"$or": [{"a": number} for number in range(5_000)]})) == 1
    nested: dict[str, Any] = {"a": 1}
    for _ in range(40):
        nested = {"a.b": {"$elemMatch": nested}}
    assert not store.query(nested)
    deep: dict[str, Any] = {"a": 1}
    for _ in range(10_000):
        deep = {"$and": [deep]}
    refusal(lambda: store.query(deep))


@pytest.mark.parametrize("limit", [-1, 2**64])
def test_a_limit_that_is_none_is_refused(store: SQLiteStore, limit: int) -> None:
    refusal(lambda: store.query(limit=limit))


@pytest.mark.parametrize("key", ["", "\0", "\ud800", None, 5], ids=repr)
def test_a_key_that_cannot_be_stored_is_refused_everywhere(store: SQLiteStore, key: Any) -> None:
    for action in (store.retrieve, store.history, store.delete, store.exists, partial(store.store, data=1)):
        refusal(partial(action, key))


# Transactions and threads


def test_a_transaction_is_kept_whole_or_not_at_all(store: SQLiteStore, file: Path) -> None:
    with SQLiteStore(file) as other:
        with contextlib.suppress(ZeroDivisionError), store.transaction():
            store.store("a", 1)
            assert not other.exists("a")
            _ = 1 / 0
        with store.transaction():
            store.store("b", 1)
            with contextlib.suppress(ZeroDivisionError), store.transaction():
                store.store("c", 1)
                _ = 1 / 0
            store.store("d", 1)
        assert sorted(record.key for record in other.query()) == ["b", "d"]


def test_a_sweep_of_many_records_buries_them_all(file: Path) -> None:
    clock = Clock()
    with SQLiteStore(file, clock=clock) as store:
        with store.transaction():
            for number in range(2500):
                store.store(f"{number}", number, ttl=1)
        clock.advance(1)
        assert store.sweep() == 2500
        assert store.history("2499")[0].deleted


def test_closing_closes_the_connections_of_all_threads_for_good(file: Path) -> None:
    store = SQLiteStore(file)
    ready, done = threading.Barrier(4, timeout=60), threading.Event()

    def work(name: str) -> None:
        store.store(name, 1)
        ready.wait()
        done.wait()

    threads = [threading.Thread(target=work, args=(f"{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    store.close()
    # SQLite removes this file when the last connection of all is closed.
    assert not file.with_name("store.db-wal").exists()
    done.set()
    for thread in threads:
        thread.join()
    assert "closed" in refusal(lambda: store.store("key", 1)).problem
    store.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts the open files as Linux lists them")
def test_threads_that_come_and_go_hold_no_more_connections_than_were_at_work_at_once(store: SQLiteStore) -> None:
    def round_of_threads() -> int:
        together = threading.Barrier(8, timeout=60)

        def work(key: str) -> None:
            store.store(key, 1)
            together.wait()

        threads = [threading.Thread(target=work, args=(f"{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(link.resolve().name == "store.db" for link in Path("/proc/self/fd").iterdir())

    assert all(round_of_threads() <= 2 * 8 + 1 for _ in range(20))


# Files that are no stores


@pytest.mark.parametrize("content", [b"hi", b"hello\n" * 500, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    error = refusal(lambda: SQLiteStore(file))
    assert str(file) in error.problem
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "not a folder" in refusal(lambda: SQLiteStore(tmp_path)).remedy


@pytest.mark.parametrize("name", ["file/store.db", "nul\0/store.db"])
def test_a_place_where_no_folder_can_be_made_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    refusal(lambda: SQLiteStore(tmp_path / name))


def test_a_file_of_a_newer_version_is_refused_and_left_alone(file: Path) -> None:
    with SQLiteStore(file) as store:
        store.store("key", 1)
        store._database.execute("UPDATE trainer_sql_version SET version_num = '9999'")
    assert "newer trainer-sql" in refusal(lambda: SQLiteStore(file)).problem
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT version_num FROM trainer_sql_version").fetchall() == [("9999",)]
    connection.close()


def test_the_version_that_is_looked_for_is_the_newest_migration(store: SQLiteStore) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "trainer_sql.sqlite:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    assert store._database.execute("SELECT version_num FROM trainer_sql_version") == [(HEAD,)]


def test_other_tables_in_the_file_are_left_alone(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.executescript(
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('x');"
    )
    connection.close()
    with SQLiteStore(file) as store:
        assert store._database.execute("SELECT * FROM alembic_version") == [("x",)]


class locked:  # noqa: N801 - used as a statement
    """Another program that holds the write lock."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def test_a_store_that_another_program_keeps_locked_can_be_read_and_says_why_not_written(file: Path) -> None:
    with SQLiteStore(file, busy_timeout=0.1) as store:
        store.store("key", 1)
        with locked(file):
            assert store.exists("key")
            error = refusal(lambda: store.store("key", 2))
            assert "locked by another program" in error.problem
        assert store.store("key", 2).version == 2


def test_a_new_file_that_another_program_keeps_locked_is_refused(file: Path) -> None:
    with locked(file):
        assert "locked" in refusal(lambda: SQLiteStore(file, busy_timeout=0.1)).problem


def test_a_new_file_that_another_program_locks_for_a_moment_is_waited_for(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, connection.close)
    timer.start()
    with SQLiteStore(file) as store:
        assert store.store("key", 1).version == 1
    timer.join()


READ_ONLY = """
import os, sys
from pathlib import Path
from trainer.errors import StoreError
from trainer_sql import SQLite, SQLiteStore

file = Path(sys.argv[1])
with SQLiteStore(file) as store:
    store.store("key", 1)
file.chmod(0o444)
file.parent.chmod(0o555)
if os.geteuid() == 0:
    os.setuid(65534)  # permissions do not bind root
try:
    with SQLiteStore(file) as store:
        store.store("key", 2)
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="sets permissions as POSIX has them")
def test_a_file_that_may_not_be_written_is_refused() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users
        Path(folder).chmod(0o755)
        inner = Path(folder, "inner")
        inner.mkdir()
        script = [sys.executable, "-c", READ_ONLY, str(inner / "store.db")]
        done = subprocess.run(script, capture_output=True, text=True, check=True, cwd="/")
        inner.chmod(0o755)
    assert "store.db" in done.stdout
    assert "ermission" in done.stdout
    assert done.stdout.count("\n") == 2


@given(
    place=st.floats(0, 1, exclude_max=True),
    garbage=st.binary(min_size=1, max_size=64) | st.integers(1, 3).map(lambda pages: b"\0" * 4096 * pages),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_gives_store_errors_and_no_others(tmp_path: Path, place: float, garbage: bytes) -> None:
    file = tmp_path / "store.db"
    for old in tmp_path.iterdir():
        old.unlink()
    with SQLiteStore(file) as store, store.transaction():
        for number in range(60):
            store.store(f"key:{number % 40}", {"n": number, "text": "é" * 200}, metadata={"query": "q"}, ttl=1e6)
    content = bytearray(file.read_bytes())
    start = int(place * len(content))
    content[start : start + len(garbage)] = garbage
    file.write_bytes(content)
    try:
        with SQLiteStore(file) as store:
            for action in (store.query, store.count, store.sweep, partial(store.query, {"metadata.query": "q"})):
                attempt(action)
            for number in range(40):
                attempt(partial(store.history, f"key:{number}"))
                attempt(partial(store.store, f"key:{number}", number))
    except StoreError:
        pass


def attempt(action: Callable[[], object]) -> None:
    try:
        action()
    except StoreError as error:
        assert "\n" in str(error)


def test_the_example_in_the_readme_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out.splitlines() == ["['yahoo:AAPL:20250102@2', 'yahoo:AAPL:20250102@1']", "243.85", "2"]
    assert (tmp_path / "reports.db").is_file()


# As a plugin


def test_a_relative_address_starts_from_the_projects_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for url in ("sqlite:///data/x.db", f"sqlite:///{tmp_path}/data/x.db"):
        with SQLite(root=tmp_path).store(url) as opened:
            opened.store("key", url)
    assert [path.name for path in tmp_path.rglob("*.db")] == ["x.db"]
    with SQLite(root=tmp_path).store("sqlite://") as opened:
        opened.store("key", 1)
    assert len(list(tmp_path.rglob("*.db"))) == 1
