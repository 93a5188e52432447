"""What the PostgreSQL store promises beyond the contract: exact answers, indexes, errors, broken connections."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from trainer.errors import StoreError, UnsupportedQuery
from trainer.filters import parse
from trainer.stores import create_store
from trainer.testing.memory import MemoryStore
from trainer_sql import PostgreSQL, PostgreSQLStore
from trainer_sql.postgresql import store as module

examples = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@pytest.fixture
def store(postgresql: str) -> Iterator[PostgreSQLStore]:
    """A store whose records are in a namespace of their own."""
    with PostgreSQLStore(postgresql, namespace=uuid4().hex) as store:
        yield store


@pytest.fixture
def admin(postgresql: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(postgresql, autocommit=True)) as connection:
        yield connection


def run(connection: psycopg.Connection[Any], sql: str) -> Any:
    return connection.execute(sql.encode())


def plan(store: PostgreSQLStore, wanted: dict[str, Any]) -> str:
    """How the server would look for the records of a filter."""
    where, parameters, _ = store._where(parse(wanted), None, "")
    sql = f"EXPLAIN SELECT key FROM trainer_record WHERE {where} ORDER BY updated_at DESC, key"
    return "\n".join(line for (line,) in store._database.execute(sql, parameters))


def refused(attempt: Callable[[], Any], *words: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        attempt()
    error = caught.value
    assert error.remedy
    assert "\n" not in error.problem + error.remedy
    for word in words:
        assert word in error.problem
    assert "hunter2" not in str(error) + repr(error.__cause__)
    return error


# Numbers: as Python compares them, whatever the shortest text of a float is.
NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 1, 1.0, 0.1, 2**53, 2**53 + 1, float(2**53), 2**60, float(2**60), 2.0**63, 1e22, 1e23, 1e308, 5e-324]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(2**53, 2**63 - 1).map(float),
)  # fmt: skip


@pytest.fixture(scope="module")
def indexed(postgresql: str) -> Iterator[PostgreSQLStore]:
    """A store with indexes on `n` and `t`."""
    with PostgreSQLStore(f"{postgresql}%20-csynchronous_commit%3Doff") as store:
        store.create_index("n")
        store.create_index("t")
        yield store
        store.drop_index("n")
        store.drop_index("t")


@given(values=st.lists(NUMBERS, min_size=1, max_size=6), operand=NUMBERS, plain=st.booleans())
@example(values=[2**60, 2.0**60, 2**60 + 1], operand=2.0**60, plain=True)
@examples
def test_numbers_compare_as_they_do_in_python_with_and_without_an_index(
    indexed: PostgreSQLStore, values: list[float], operand: float, plain: bool
) -> None:
    path = "plain" if plain else "n"
    compare_with_memory(indexed, path, [*values, operand], operand, ["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"])


TEXTS = st.text("aAzé\ud7ff\ue000\U0010ffff'%\\\"", max_size=4)
LONG = st.builds(lambda start, times, end: start * times + end, TEXTS, st.sampled_from([1, 30, 99, 100, 101]), TEXTS)


@given(values=st.lists(LONG, min_size=1, max_size=6), operand=LONG, plain=st.booleans())
@example(values=["a" * 100, "a" * 101, "a" * 102], operand="a" * 101, plain=False)
@example(values=["", "\U0010ffff" * 101], operand="\U0010ffff" * 101, plain=False)
@examples
def test_texts_compare_by_code_points_however_long_they_are_with_and_without_an_index(
    indexed: PostgreSQLStore, values: list[str], operand: str, plain: bool
) -> None:
    path = "plain" if plain else "t"
    words = ["$eq", "$gt", "$gte", "$lt", "$lte", "$startsWith", "$contains"]
    compare_with_memory(indexed, path, [*values, operand], operand, words)


def compare_with_memory(store: PostgreSQLStore, path: str, values: list[Any], operand: Any, words: list[str]) -> None:
    """Ask both for records that hold a value, two in a list, or an object in a list."""
    ours, memory = store.within(uuid4().hex), MemoryStore()
    for number, value in enumerate(values):
        for name, data in [("one", value), ("two", [value, values[0]]), ("none", [[value]])]:
            ours.store(f"{name}{number}", {path: data})
            memory.store(f"{name}{number}", {path: data})
    for word in words:
        wanted = {path: {word: operand}}
        assert {r.key for r in ours.query(wanted)} == {r.key for r in memory.query(wanted)}, wanted
        assert ours.count(wanted) == memory.count(wanted)


@pytest.fixture(scope="module")
def many(postgresql: str) -> Iterator[PostgreSQLStore]:
    """A store with 3,000 records and indexes on their fields."""
    with PostgreSQLStore(f"{postgresql}%20-csynchronous_commit%3Doff", namespace="many") as store:
        paths = ("ticker", "price", "tags", "rows.name", "filed", "metadata.run", "it's 50%")
        for run_number in range(3):
            numbers = range(run_number * 1000, run_number * 1000 + 1000)
            store.bulk_store(((f"k{n:05}", document(n)) for n in numbers), metadata={"run": f"r{run_number}"})
        for path in paths:
            store.create_index(path)
        yield store
        for path in paths:
            store.drop_index(path)
        store._database.execute("DELETE FROM trainer_record RETURNING 1")


def document(number: int) -> dict[str, Any]:
    return {
        "ticker": f"T{number % 750:05}",
        "price": number / 4,
        "tags": ["all", f"t{number}"] if number % 2 else f"t{number}",
        "rows": [{"name": f"n{number}", "value": 1}, {"name": "last"}],
        "filed": f"20{number % 25:02}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "it's 50%": number,
    }


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({"ticker": "T00007"}, 4),
        ({"ticker": {"$in": ["T00007", "T00008"]}}, 8),
        ({"ticker": {"$gt": "T00007", "$lte": "T00009"}}, 8),
        ({"ticker": {"$startsWith": "T0000"}}, 40),
        ({"price": 25}, 1),
        ({"price": {"$in": [25.0, 26, "x", True]}}, 2),
        ({"price": {"$gt": 740}}, 39),
        ({"price": {"$lt": 1}}, 4),
        ({"price": {"$gte": 100, "$lt": 101}}, 4),
        ({"$and": [{"price": {"$gte": 100, "$lt": 200}}], "price": {"$lt": 101}}, 4),
        ({"$or": [{"price": {"$gte": 100, "$lt": 101}}, {"ticker": "T00007"}]}, 8),
        ({"tags": "t7"}, 1),
        ({"tags": {"$in": ["t7", "t8"]}}, 2),
        ({"tags": {"$all": ["all", "t9"]}}, 1),
        ({"rows.name": "n12"}, 1),
        ({"rows": {"$elemMatch": {"name": "n12", "value": {"$gt": 0}}}}, 1),
        ({"filed": {"$gte": "2024-12-24", "$lt": "2024-12-26"}}, 1),
        ({"it's 50%": 3}, 1),
        ({"_id": {"$in": ["k00001", "k00002", "absent"]}}, 2),
        ({"metadata.query": "absent"}, 0),
        ({"ticker": "T00007", "unindexed": {"$exists": False}}, 4),
    ],
    ids=str,
)
def test_an_index_serves_this_filter(many: PostgreSQLStore, wanted: dict[str, Any], number: int) -> None:
    assert len(many.query(wanted)) == many.count(wanted) == number
    used = plan(many, wanted)
    assert "Seq Scan" not in used, used
    assert "Index Cond" in used
    assert "trainer_record_updated" not in used


def test_after_an_index_is_dropped_the_answer_is_the_same(postgresql: str) -> None:
    with PostgreSQLStore(postgresql, namespace=uuid4().hex) as store:
        store.bulk_store((f"k{number}", {"gone": number}) for number in range(100))
        store.create_index("gone")
        before = store.query({"gone": {"$gt": 97}})
        assert "gone" in store.indexes()
        assert store.drop_index("gone")
        assert not store.drop_index("gone")
        assert store.query({"gone": {"$gt": 97}}) == before
        assert "::numeric END" not in plan(store, {"gone": {"$gt": 97}})


def test_an_index_that_another_program_made_is_found(
    store: PostgreSQLStore, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INDEXES_KNOWN", 1000.0)
    store.count({"theirs": {"$gt": 1}})
    with PostgreSQLStore(postgresql) as other:
        other.create_index("theirs")
        assert "::numeric END" not in plan(store, {"theirs": {"$gt": 1}})
        monkeypatch.setattr(module, "INDEXES_KNOWN", 0.0)
        assert "::numeric END" in plan(store, {"theirs": {"$gt": 1}})
        other.drop_index("theirs")


def test_a_long_text_can_be_stored_where_an_index_is(indexed: PostgreSQLStore) -> None:
    texts = {"single": os.urandom(50_000).hex(), "list": [os.urandom(50_000).hex()]}
    ours = indexed.within(uuid4().hex)
    ours.bulk_store((key, {"t": text}) for key, text in texts.items())
    assert [record.key for record in ours.query({"t": texts["single"]})] == ["single"]
    assert [record.key for record in ours.query({"t": texts["list"][0]})] == ["list"]


@pytest.mark.parametrize("path", ["it's", "50%", "%(ns)s", "a b", "é", "a,b", "{a}", "--", "$", "a;DROP TABLE x"])
def test_any_path_can_be_asked_for_and_indexed(store: PostgreSQLStore, path: str) -> None:
    if path == "$":
        with pytest.raises(UnsupportedQuery):
            store.create_index(path)
        return
    store.store("key", {path: {path: [7]}})
    for _ in range(2):
        for wanted in (7, {"$gt": 6, "$lt": 8}, {"$exists": True}, {"$in": [7, [8]]}, {"$size": 1}):
            assert store.count({f"{path}.{path}": wanted}) == 1
        assert store.count({f"{path}.{path}": {"$startsWith": path}}) == 0
        store.create_index(f"{path}.{path}")
    assert store.drop_index(f"{path}.{path}")


def test_a_batch_writes_history_for_what_changed_alone(store: PostgreSQLStore) -> None:
    store.bulk_store({f"k{number}": number for number in range(1500)})
    done = store.bulk_store({f"k{number}": number if number % 3 else -1 - number for number in range(1500)})
    assert (done.stored, done.unchanged) == (500, 1000)
    counted = "SELECT count(*) FROM trainer_history WHERE ns = %(ns)s"
    assert store._database.execute(counted, {"ns": store.namespace}) == [(500,)]


def test_a_key_that_comes_twice_in_a_batch_gets_two_versions(store: PostgreSQLStore) -> None:
    done = store.bulk_store([("a", 1), ("b", 1), ("a", 2), ("a", 2)])
    assert (done.stored, done.unchanged) == (3, 1)
    assert [record.data for record in store.history("a")] == [2, 1]


def test_batches_that_are_written_at_once_in_opposite_order_are_all_kept(store: PostgreSQLStore) -> None:
    keys = [f"k{number:03}" for number in range(400)]
    failures: list[BaseException] = []

    def write(name: int) -> None:
        try:
            for turn in range(5):
                store.bulk_store((key, [name, turn]) for key in (keys if name % 2 else keys[::-1]))
        except BaseException as error:
            failures.append(error)

    together(4, write)
    assert not failures
    assert all([record.version for record in store.history(key)] == [*range(20, 0, -1)] for key in keys[::50])


def together(number: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(name,)) for name in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_more_threads_than_connections_wait_for_each_other(postgresql: str) -> None:
    with PostgreSQLStore(postgresql, namespace=uuid4().hex, connections=2) as store:

        def write(name: int) -> None:
            for turn in range(5):
                store.store(f"{name}:{turn}", turn)

        together(8, write)
        assert store.count() == 40
        assert store._database._pool.checkedin() <= 2


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(store: PostgreSQLStore) -> None:
    with store.transaction():
        store.store("a", 1)
        with suppress(KeyError), store.transaction():
            store.store("b", 1)
            raise KeyError
        store.store("c", 1)
    with suppress(KeyError), store.transaction():
        store.store("d", 1)
        assert store.exists("d")
        raise KeyError
    assert {record.key for record in store.query()} == {"a", "c"}


def test_counts_slices_and_groups_at_the_beginning_of_a_pipeline_are_done_by_the_server(
    store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryStore()
    for number in range(40):
        for one in (store, memory):
            one.store(f"k{number}", {"t": [f"T{number % 3}", None, 1.5][number % 3], "n": number})
    match = {"$match": {"n": {"$gt": 3}}}
    pipelines: list[list[dict[str, Any]]] = [
        [match, {"$count": "n"}],
        [match, {"$match": {"t": {"$ne": 1.5}}}, {"$skip": 3}, {"$limit": 7}, {"$skip": 2}, {"$count": "n"}],
        [match, {"$limit": 3}, {"$skip": 3}, {"$count": "n"}],
        [match, {"$group": {"_id": "$t", "n": {"$sum": 1}, "m": {"$count": {}}}}, {"$sort": {"n": -1}}],
        [match, {"$group": {"_id": "$absent", "n": {"$sum": 1}}}],
    ]
    answers = [memory.aggregate(pipeline) for pipeline in pipelines]
    monkeypatch.setattr(store._database, "stream", None)  # what fetches records
    assert [store.aggregate(pipeline) for pipeline in pipelines] == answers


@pytest.mark.parametrize("values", [[2.0**60, 2**60], [-0.0, 0], [[1], {"a": 1.0}], [1.0, 1]], ids=str)
def test_a_group_has_the_very_value_of_its_first_record(store: PostgreSQLStore, values: list[Any]) -> None:
    memory = MemoryStore()
    for number, value in enumerate(values):
        for one in (store, memory):
            one.store(f"k{number}", {"v": value})
    pipeline = [{"$group": {"_id": "$v", "n": {"$sum": 1}}}]
    assert repr(store.aggregate(pipeline)) == repr(memory.aggregate(pipeline))


@pytest.mark.parametrize(("depth", "answered"), [(20, True), (450, False)])
def test_a_filter_is_answered_or_refused_however_deep_it_is(store: PostgreSQLStore, depth: int, answered: bool) -> None:
    store.store("key", {"a": 1})
    wanted: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        wanted = {"$and": [wanted, {"a": {"$gt": 0}}]}
    if answered:
        assert store.count(wanted) == 1
    else:
        with pytest.raises(StoreError):
            store.count(wanted)


# Connections


def backends(store: PostgreSQLStore) -> list[int]:
    """Open as many connections as there are threads here, and name their server processes."""
    found, gate = [], threading.Barrier(3)

    def look(_: int) -> None:
        with store._database.connection() as connection:
            gate.wait(10)
            found.append(connection.info.backend_pid)

    together(3, look)
    return found


def kill(admin: psycopg.Connection[Any], backend: int) -> None:
    run(admin, f"SELECT pg_terminate_backend({backend}, 5000)")


def test_reads_and_writes_go_on_after_the_server_closed_all_connections(
    store: PostgreSQLStore, admin: psycopg.Connection[Any]
) -> None:
    for turn in range(3):
        for backend in backends(store):
            kill(admin, backend)
        assert store.store("key", turn).version == turn + 1
        record = store.retrieve("key")
        assert record is not None
        assert record.data == turn


@contextmanager
def killed_while_it_waits(store: PostgreSQLStore, admin: psycopg.Connection[Any]) -> Iterator[None]:
    """Within, the first statement of the store waits for a lock until its server process is terminated."""
    locked = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'trainer_record'::regclass"

    def terminate() -> None:
        deadline = time.monotonic() + 20
        while not (found := run(admin, locked).fetchall()) and time.monotonic() < deadline:
            time.sleep(0.005)
        for (pid,) in found:
            kill(admin, pid)
        run(admin, "ROLLBACK")

    run(admin, "BEGIN")
    run(admin, "LOCK TABLE trainer_record")
    thread = threading.Thread(target=terminate)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_read_whose_connection_breaks_is_asked_again(store: PostgreSQLStore, admin: psycopg.Connection[Any]) -> None:
    store.store("key", 1)
    with killed_while_it_waits(store, admin):
        record = store.retrieve("key")
    assert record is not None
    assert record.data == 1


def test_a_write_whose_connection_breaks_is_reported_and_can_be_repeated(
    store: PostgreSQLStore, admin: psycopg.Connection[Any]
) -> None:
    with killed_while_it_waits(store, admin):
        error = refused(lambda: store.store("key", 1), "lost in a write")
    assert "again" in error.remedy
    assert store.store("key", 1).version == 1


def test_a_statement_that_takes_too_long_is_given_up(postgresql: str, admin: psycopg.Connection[Any]) -> None:
    with PostgreSQLStore(postgresql, statement_timeout=0.05) as store:
        run(admin, "BEGIN")
        run(admin, "LOCK TABLE trainer_record")
        assert "statement_timeout" in refused(lambda: store.retrieve("key"), "0.05 s").remedy
        run(admin, "ROLLBACK")
        assert store.retrieve("absent") is None


def test_a_closed_store_says_so(postgresql: str) -> None:
    store = PostgreSQLStore(postgresql)
    store.close()
    refused(store.ping, "closed")


# Errors


def test_a_key_that_no_index_takes_is_refused_and_leaves_nothing(store: PostgreSQLStore) -> None:
    refused(lambda: store.store(os.urandom(5000).hex(), 1), "no room", "index row")
    assert store.count() == 0


def test_a_server_that_is_not_there_is_named_without_the_password(store: PostgreSQLStore) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    refused(lambda: PostgreSQLStore(f"postgresql://me:hunter2@127.0.0.1:{port}/db"), f"127.0.0.1:{port}/db", "refused")


def test_a_database_and_a_user_that_do_not_exist_are_named(postgresql: str) -> None:
    refused(lambda: PostgreSQLStore("postgresql://127.0.0.1/trainer_absent"), "no database", "trainer_absent")
    refused(lambda: PostgreSQLStore("postgresql://trainer_absent:hunter2@127.0.0.1/test"), "no such user")


def test_a_wrong_password_is_told_and_not_shown() -> None:
    # The startup packet is answered with "send a password in clear text", that with an error, as a server does:
    # https://www.postgresql.org/docs/current/protocol-message-formats.html
    received: list[bytes] = []

    def serve() -> None:
        with server.accept()[0] as client:
            client.recv(8)  # the question for TLS, or the beginning of the packet
            client.sendall(b"N")
            client.recv(1000)
            client.sendall(b"R" + struct.pack("!ii", 8, 3))
            received.append(client.recv(1000))
            fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "me"\0\0'
            client.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"postgresql://me:hunter2@127.0.0.1:{server.getsockname()[1]}/db"
        refused(lambda: PostgreSQLStore(url), "refuses the user or the password")
        thread.join()
    assert b"hunter2" in received[0]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@x@127.0.0.1/db",
        "postgresql://me:hun/ter2@127.0.0.1/db",
        "postgresql://me:50%hunter2@127.0.0.1/db",
        "mysql://me:hunter2@127.0.0.1/db",
        "postgresql+psycopg2://me:hunter2@127.0.0.1/db",
        "postgresql://me:hunter2@127.0.0.1/db?hunter2=1",
        "hunter2",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(url: str) -> None:
    assert "postgresql://user@host" in refused(lambda: PostgreSQLStore(url)).remedy


def test_what_the_user_may_not_do_is_told(
    postgresql: str, store: PostgreSQLStore, admin: psycopg.Connection[Any]
) -> None:
    role, schema = f"trainer_{uuid4().hex}", run(admin, "SHOW search_path").fetchone()[0]
    run(admin, f"CREATE ROLE {role} LOGIN")
    try:
        url = postgresql.replace("127.0.0.1", f"{role}@127.0.0.1")
        refused(lambda: PostgreSQLStore(url), "no schema")
        run(admin, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        refused(lambda: PostgreSQLStore(url), "does not allow", "permission denied")
        run(admin, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
        store.store("key", 1)
        with PostgreSQLStore(url, namespace=store.namespace) as reader:
            assert reader.exists("key")
            refused(lambda: reader.store("key", 2), "does not allow", "permission denied")
    finally:
        run(admin, f"DROP OWNED BY {role}")
        run(admin, f"DROP ROLE {role}")


def test_tables_of_a_newer_version_are_left_alone(
    store: PostgreSQLStore, postgresql: str, admin: psycopg.Connection[Any]
) -> None:
    run(admin, "UPDATE trainer_sql_version SET version_num = '9999'")
    try:
        assert "pip install" in refused(lambda: PostgreSQLStore(postgresql), "newer").remedy
    finally:
        run(admin, "UPDATE trainer_sql_version SET version_num = '0001'")


def test_without_the_driver_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "trainer-sql[postgresql]" in refused(lambda: PostgreSQLStore("postgresql://x/y"), "psycopg").remedy


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_every_form_of_the_url_opens_the_store(postgresql: str, scheme: str) -> None:
    url = postgresql.replace("postgresql", scheme, 1)
    with create_store(url, namespace=uuid4().hex) as store:
        assert isinstance(store, PostgreSQLStore)
        assert store.store("key", 1).version == 1


def test_the_plugin_hands_its_settings_on_and_hides_the_password(postgresql: str) -> None:
    plugin = PostgreSQL(password="hunter2", statement_timeout=7.5, connections=3)
    assert "hunter2" not in repr(plugin)
    with plugin.store(postgresql) as store:
        assert isinstance(store, PostgreSQLStore)
        with store._database.connection() as connection:
            assert run(connection, "SHOW statement_timeout").fetchone() == ("7500ms",)
            assert connection.info.password == "hunter2"
        assert store._database._pool.size() == 3


def test_the_driver_is_imported_for_a_store_and_alembic_for_new_tables_alone(
    store: PostgreSQLStore, postgresql: str
) -> None:
    script = """
import sys, trainer_sql
heavy = "psycopg", "sqlalchemy", "alembic"
print([name for name in heavy if name in sys.modules])
with trainer_sql.PostgreSQLStore(sys.argv[1]) as store:
    store.query({"metadata.query": "q"})
print([name for name in heavy if name in sys.modules])
"""
    command = [sys.executable, "-W", "error", "-c", script, postgresql]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n['psycopg', 'sqlalchemy']\n", "")
