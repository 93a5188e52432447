"""What the source `database` promises on SQLite and PostgreSQL."""

from __future__ import annotations

import math
import os
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from trainer import Pipeline, Query
from trainer.errors import ConfigError, NotFound, Refused, RetrievalError, TrainerError, Unavailable
from trainer.stores import canonical_json, content_hash
from trainer.testing.memory import Memory, MemoryStore
from trainer_database import Database, DatabaseRetriever
from trainer_database.rows import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = "postgresql+psycopg://127.0.0.1/test"
ROWS = [("AAPL", 189.5, 1), ("MSFT", 402.0, 2), ("TSM", 118.25, 3)]
HOSTILE = [
    "x' OR '1'='1",
    "'; DROP TABLE prices; --",
    '"',
    "\\'; DELETE FROM prices; --",
    ":ticker",
    "%(ticker)s",
    "$1",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "p.db") as connection:
        connection.execute("CREATE TABLE prices (ticker TEXT, close REAL, volume INTEGER)")
        connection.executemany("INSERT INTO prices VALUES (?, ?, ?)", ROWS)
    connection.close()
    return tmp_path


@pytest.fixture
def local(root: Path) -> DatabaseRetriever:
    return DatabaseRetriever("sqlite:///data/p.db", root=root)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The name of a table with ROWS on a PostgreSQL server."""
    engine = create_engine(SERVER, connect_args={"connect_timeout": 3})
    table = f"prices_{uuid4().hex}"
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE {table} (ticker TEXT, close FLOAT, volume INTEGER, id SERIAL)"))
            for ticker, close, volume in ROWS:
                connection.execute(
                    text(f"INSERT INTO {table} VALUES (:t, :c, :v)"), {"t": ticker, "c": close, "v": volume}
                )
    except OperationalError:
        if os.environ.get("TRAINER_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no PostgreSQL server at {SERVER}")
    yield table
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {table}"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, root: Path) -> tuple[DatabaseRetriever, str]:
    """A retriever and the name of the table with ROWS."""
    if request.param == "sqlite":
        return DatabaseRetriever("sqlite:///data/p.db", root=root), "prices"
    return DatabaseRetriever(SERVER), request.getfixturevalue("server")


def failure(retriever: DatabaseRetriever, sql: str, **params: Any) -> TrainerError:
    with pytest.raises((RetrievalError, ConfigError)) as caught:
        retriever.retrieve({"query": sql, **params})
    assert caught.value.remedy
    assert "\n" not in caught.value.problem + caught.value.remedy
    return caught.value


def test_the_plugin_answers_with_rows_and_where_they_came_from(root: Path) -> None:
    sql = "SELECT ticker, close FROM prices WHERE ticker = :ticker"
    plugin = Database(urls={"local": "sqlite:///data/p.db"}, root=root)
    result = plugin.retrieve(Query("database", {"query": sql, "connection": "local", "ticker": "AAPL"}))
    assert result.data == [{"ticker": "AAPL", "close": 189.5}]
    assert (result.source, result.subject, result.url) == ("database", "local", "sqlite:///data/p.db")
    assert result.raw_hash == content_hash(canonical_json(result.data))
    assert result.metadata == {"columns": ["ticker", "close"], "rows": 1, "statement": content_hash(sql)}


def test_the_url_of_a_result_has_no_user_and_no_password(server: str) -> None:
    retriever = DatabaseRetriever("postgresql+psycopg://root:hunter2secret@127.0.0.1/test?application_name=me")
    result = retriever.retrieve({"query": "SHOW server_version", "subject": "the server"})
    assert (result.url, result.subject) == (SERVER, "the-server")
    assert "hunter2secret" not in repr(Database(url="postgresql://a:hunter2secret@h/d"))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_never_part_of_the_statement(either: tuple[DatabaseRetriever, str], value: str) -> None:
    retriever, table = either
    for sql in (f"SELECT * FROM {table} WHERE ticker = :ticker", f"SELECT * FROM {table} WHERE ticker IN :ticker"):
        given_value = [value] if " IN " in sql else value
        assert retriever.retrieve({"query": sql, "ticker": given_value}).data == []
    assert retriever.retrieve({"query": "SELECT CAST(:ticker AS TEXT) AS x", "ticker": value}).data == [{"x": value}]
    assert retriever.retrieve({"query": f"SELECT * FROM {table}"}).metadata["rows"] == 3


scalars = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
)


@given(scalars)
def test_a_bound_value_comes_back_from_sqlite(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "empty.db").touch()
    found = DatabaseRetriever("sqlite:///empty.db", root=folder).retrieve({"query": "SELECT :v AS x", "v": value})
    assert found.data == [{"x": value}]
    assert type(found.data[0]["x"]) is type(value)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_bound_text_comes_back_from_postgresql(server: str, value: str) -> None:
    assert DatabaseRetriever(SERVER).retrieve({"query": "SELECT :v::text AS x", "v": value}).data == [{"x": value}]


def test_quoted_text_and_comments_hold_no_parameters(either: tuple[DatabaseRetriever, str]) -> None:
    sql = "/* :a ; */ SELECT '12:30 :b;%' AS \"c:d\", :e AS e -- :f ; it's\n;"
    assert either[0].retrieve({"query": sql, "e": "x"}).data == [{"c:d": "12:30 :b;%", "e": "x"}]


def test_what_only_postgresql_reads_is_read(server: str) -> None:
    sql = r"SELECT $q$;:a'$q$ AS a, E'\':b;' AS b, (ARRAY[1,2,3])[1:2] AS c, :d::date + 1 AS d"
    found = DatabaseRetriever(SERVER).retrieve({"query": sql, "d": date(2024, 1, 1)}).data
    assert found == [{"a": ";:a'", "b": "':b;", "c": [1, 2], "d": "2024-01-02"}]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM {t}", "INSERT INTO {t} VALUES ('X', 1, 1)", "UPDATE {t} SET close = 0", "DROP TABLE {t}",
        "CREATE TABLE t2_{t} (x INTEGER)", "COMMIT", "PRAGMA query_only = OFF", "SET TRANSACTION READ WRITE",
        "ATTACH DATABASE 'other.db' AS other", "SELECT 1; DELETE FROM {t}", "SELECT 1; COMMIT; DELETE FROM {t}; --",
        "WITH x AS (SELECT 1) DELETE FROM {t}", "WITH x AS (DELETE FROM {t} RETURNING *) SELECT * FROM x",
        "SELECT * INTO t2_{t} FROM {t}", "SELECT * FROM {t} FOR UPDATE", "/* x */ -- y\n DELETE FROM {t}",
        "SELECT '\\'; DELETE FROM {t}; --'", "SELECT /* /* */ ' */; DELETE FROM {t}; --'", "", "-- nothing", "; ;",
        "SELECT 'open", "SELECT $$ ; ' $$; DELETE FROM {t}",
    ],
)  # fmt: skip
def test_nothing_is_written(either: tuple[DatabaseRetriever, str], sql: str) -> None:
    retriever, table = either
    failure(retriever, sql.format(t=table))
    assert retriever.retrieve({"query": f"SELECT * FROM {table} WHERE close > 0"}).metadata["rows"] == 3


def test_the_database_itself_refuses_a_write_that_reads_like_a_query(server: str) -> None:
    retriever = DatabaseRetriever(SERVER)
    assert "read-only transaction" in failure(retriever, f"SELECT nextval('{server}_id_seq')").problem
    assert "read-write mode" in failure(retriever, "SELECT set_config('transaction_read_only', 'off', true)").problem


def test_a_file_of_sqlite_is_opened_read_only(root: Path, local: DatabaseRetriever) -> None:
    before = (root / "data" / "p.db").read_bytes()
    assert "attempt to write" in failure(local, "WITH x AS (SELECT 1) INSERT INTO prices SELECT 'X', 1, 1").problem
    assert (root / "data" / "p.db").read_bytes() == before
    assert [path.name for path in (root / "data").iterdir()] == ["p.db"]


def test_too_many_rows_are_an_error_and_a_limit_cuts_them(root: Path, server: str) -> None:
    for url, table in (("sqlite:///data/p.db", "prices"), (SERVER, server)):
        retriever = DatabaseRetriever(url, root=root, max_rows=3)
        sql = f"SELECT ticker FROM {table} ORDER BY ticker"
        assert retriever.retrieve({"query": sql}).metadata["rows"] == 3
        assert "truncated" not in retriever.retrieve({"query": sql, "limit": 3}).metadata
        cut = retriever.retrieve({"query": sql, "limit": "2"})
        assert (cut.data, cut.metadata["truncated"]) == ([{"ticker": "AAPL"}, {"ticker": "MSFT"}], True)
        doubled = f"SELECT 1 AS x FROM {table} UNION ALL {sql.replace('ticker', 'volume', 1).split(' ORDER')[0]}"
        assert "max_rows = 3" in failure(retriever, doubled).problem
    for wrong in (0, 4, -1, "x", 1.5, True, "²"):
        assert "limit must be" in failure(retriever, sql, limit=wrong).problem


def test_rows_beyond_the_limit_are_not_even_computed(server: str) -> None:
    sql = "SELECT 4000 / (2000 - n) AS x FROM generate_series(1, 3000) AS n"
    retriever = DatabaseRetriever(SERVER)
    assert "division by zero" in failure(retriever, sql).problem
    assert retriever.retrieve({"query": sql, "limit": 2}).data == [{"x": 2}, {"x": 2}]


def test_types_of_postgresql_come_without_loss(server: str) -> None:
    sql = """SELECT 1.50::numeric AS a, 0.12345678901234567890::numeric AS b, 9223372036854775808::numeric AS c,
        DATE '2024-01-02' AS d, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS e, '\\x00ff'::bytea AS f,
        '12345678-1234-5678-1234-567812345678'::uuid AS g, '{"a": [1, null]}'::jsonb AS h, INTERVAL '90.5 s' AS i,
        TRUE AS j, NULL AS k, TIME '03:04' AS l, 7::bigint AS m, 3::numeric AS n"""
    row = DatabaseRetriever(SERVER + "?options=-c%20timezone%3DUTC").retrieve({"query": sql}).data[0]
    assert list(row.values()) == [
        1.5, "0.12345678901234567890", "9223372036854775808", "2024-01-02", "2024-01-02T03:04:05+00:00", "AP8=",
        "12345678-1234-5678-1234-567812345678", {"a": [1, None]}, "PT90.5S", True, None, "03:04:00", 7, 3,
    ]  # fmt: skip


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_value(value: Decimal) -> None:
    found = plain(value)
    assert Decimal(repr(found) if isinstance(found, float) else found) == value
    canonical_json(found)


@given(st.timedeltas())
def test_an_interval_is_its_seconds(value: timedelta) -> None:
    assert Decimal(plain(value)[2:-1]) * 1_000_000 == value // timedelta(microseconds=1)


@pytest.mark.parametrize(("value", "form"), [(2**63, str(2**63)), (b"\xff", "/w=="), (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00")])  # fmt: skip
def test_what_json_has_not_becomes_text(value: Any, form: str) -> None:
    assert plain(value) == form


def test_values_without_a_form_are_refused_with_their_column(local: DatabaseRetriever, server: str) -> None:
    assert "row 1, column 'x' is inf" in failure(local, "SELECT 9e999 AS x").problem
    for sql in ("'NaN'::float", "'NaN'::numeric", "'10.0.0.1'::inet", "int4range(1, 2)"):
        assert "column 'x' is " in failure(DatabaseRetriever(SERVER), f"SELECT {sql} AS x").problem
    assert "NUL" in failure(local, "SELECT char(0) AS x").problem


def test_two_columns_of_one_name_are_an_error(either: tuple[DatabaseRetriever, str]) -> None:
    assert "two columns of the name 'x'" in failure(either[0], "SELECT 1 AS x, 2 AS x").problem


def test_parameters_that_are_missing_left_over_or_reserved_are_named(local: DatabaseRetriever) -> None:
    sql = "SELECT * FROM prices WHERE ticker = :ticker"
    assert ":ticker (did you mean 'tickr'?)" in failure(local, sql, tickr="AAPL").problem
    assert "no :volume" in failure(local, sql, ticker="AAPL", volume=1).problem
    assert ":limit has a meaning" in failure(local, "SELECT 1 LIMIT :limit", limit=1).problem
    for wrong in (math.nan, 2**64, "\0", "\ud800", {"a": 1}, [[1], {"a": 1}], object()):
        assert ":ticker cannot be bound" in failure(local, sql, ticker=wrong).problem
    assert "query is missing" in failure(local, "").problem


def test_a_statement_that_the_database_refuses_is_told_in_its_words(either: tuple[DatabaseRetriever, str]) -> None:
    retriever, table = either
    assert "SELEC" in failure(retriever, "SELEC 1").problem
    assert "syntax" in failure(retriever, f"SELECT FROM FROM {table}").problem
    assert "nowhere" in failure(retriever, "SELECT * FROM nowhere").problem


def test_a_statement_that_takes_too_long_is_stopped(root: Path, server: str) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    for url, sql in (("sqlite:///data/p.db", endless), (SERVER, "SELECT pg_sleep(20)")):
        error = failure(DatabaseRetriever(url, root=root, timeout=0.2), sql)
        assert isinstance(error, Unavailable)
        assert "longer than 0.2 s" in error.problem


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("", ConfigError, "no database is named"),
        ("hunter2secret", ConfigError, "cannot be read"),
        ("postgresql://u:p@h:hunter2secret@h/d", ConfigError, "cannot be read"),
        ("postgresql://u:p@hunter2secret@h/d", ConfigError, "cannot be read"),
        ("postgresql://u:p@x/hunter2secret@h/d", ConfigError, "cannot be read"),
        ("nosuch://u:hunter2secret@h/d", ConfigError, "knows no nosuch"),
        ("mysql://u:hunter2secret@h/d", ConfigError, "driver for mysql is missing"),
        ("sqlite://", ConfigError, "not the plain path"),
        ("sqlite:///file:data/p.db?mode=rwc&uri=true", ConfigError, "not the plain path"),
        ("sqlite:///data/none.db", NotFound, "no database file data/none.db"),
        ("postgresql+psycopg://u:hunter2secret@127.0.0.1:1/d", Unavailable, "127.0.0.1:1/d cannot be reached"),
    ],
)
def test_a_connection_that_fails_says_why_and_tells_no_secret(
    root: Path, url: str, kind: type[Exception], said: str
) -> None:
    error = failure(DatabaseRetriever(url, root=root), "SELECT 1")
    assert isinstance(error, kind)
    assert said in error.problem
    assert "hunter2secret" not in str(error)
    assert not (root / "data" / "none.db").exists()


def test_a_user_who_is_not_let_in_is_told_so_without_the_password(server: str) -> None:
    error = failure(DatabaseRetriever("postgresql+psycopg://nobody_here:hunter2secret@127.0.0.1/test"), "SELECT 1")
    assert isinstance(error, Refused)
    assert "hunter2secret" not in str(error)


def test_a_missing_driver_is_named_by_its_package(root: Path) -> None:
    for url, package in (("mysql://h/d", "mysqlclient"), ("postgresql+psycopg2://h/d", "psycopg2-binary")):
        assert f"pip install '{package}'" in failure(DatabaseRetriever(url), "SELECT 1").remedy


def test_an_unknown_connection_is_answered_with_the_known_ones(root: Path) -> None:
    retriever = DatabaseRetriever("sqlite:///data/p.db", {"archive": "sqlite:///data/p.db"}, root=root)
    error = failure(retriever, "SELECT 1", connection="achive")
    assert "did you mean 'archive'?" in error.problem
    assert "default, archive" in error.remedy


def test_a_file_that_is_no_database_is_an_error(root: Path) -> None:
    (root / "data" / "p.db").write_text("not a database, but long enough to be looked at" * 20)
    assert "not a database" in failure(DatabaseRetriever("sqlite:///data/p.db", root=root), "SELECT * FROM t").problem


def test_an_answer_is_stored_only_if_there_is_a_store_and_it_is_wanted(root: Path) -> None:
    with MemoryStore() as store:
        retriever = DatabaseRetriever("sqlite:///data/p.db", root=root, data_store=store)
        query = {"query": "SELECT count(*) AS n FROM prices", "subject": "prices"}
        retriever.retrieve(query, store=False)
        assert store.count() == 0
        result = retriever.retrieve(query)
        (kept,) = store.query()
        assert (kept.data, kept.key) == ([{"n": 3}], f"database:prices:{result.retrieved_at:%Y%m%d}")
        assert kept.metadata["query"] == Query("database", dict(query)).fingerprint
        assert kept.metadata["statement"] == content_hash(query["query"])


def test_the_schema_names_the_connections_and_the_limit(root: Path) -> None:
    schema = DatabaseRetriever("sqlite:///x.db", {"b": "sqlite:///y.db"}, max_rows=7).get_schema()
    assert schema["required"] == ["query"]
    assert schema["properties"]["connection"]["enum"] == ["default", "b"]
    assert schema["properties"]["limit"]["maximum"] == 7


@pytest.mark.parametrize("wrong", [{"max_rows": 0}, {"timeout": 0.0}, {"timeout": -1.0}])
def test_settings_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Database(**wrong)


def test_a_record_kept_alone_has_the_key_and_lineage_that_a_pipeline_gives_it(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    query = {"query": "SELECT a FROM t", "subject": "a:b c"}
    store = MemoryStore()
    DatabaseRetriever("sqlite:///x.db", root=tmp_path, data_store=store).retrieve(query)
    given = {"retrieve.database": Database("sqlite:///x.db", root=tmp_path), "store.memory": Memory()}
    with Pipeline(given, {"pipeline": {"store": "memory:"}}) as pipeline:
        source = Query("database", query)
        kept = pipeline.keep(source, pipeline.retrieve(source))
    alone = store.query()[0]
    assert alone.key == kept.key
    assert alone.key.startswith("database:a-b-c:")
    assert alone.metadata.keys() == kept.metadata.keys()
    assert alone.metadata["query"] == kept.metadata["query"]
