"""What is let through to databases that have no read-only connection."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from sqlalchemy import text

from trainer.errors import RetrievalError
from trainer_database.statement import read


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1", "select a, b from t where x = :x", "(SELECT 1)", "WITH x AS (SELECT 1) SELECT * FROM x;",
        "VALUES (1)", "SHOW TABLES", "SELECT 'drop; it''s' AS \"update\" -- a note; \n FROM t /* and; another */",
        "SELECT updated_at, REPLACE(a, 'x', 'y') FROM `delete`",
    ],
)  # fmt: skip
def test_a_plain_query_passes_unchanged(sql: str) -> None:
    compiled = str(text(read(sql, "mysql").text))
    assert compiled.split() == sql.removesuffix(";").split()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 DELETE FROM t", "SELECT 1 COMMIT", "SELECT 1 exec sp_help", "SELECT * INTO u FROM t",
        "SELECT * FROM t FOR UPDATE", "WITH x AS (SELECT 1) MERGE INTO t USING x ON 1=1", "SELECT 1;;SELECT 2",
        "SELECT '\\'; DELETE FROM t; -- '", "SELECT 1 # '\n; DELETE FROM t -- '", "SELECT 1 /*! ; DELETE FROM t */",
        "SELECT 1 --1' ; DELETE FROM t", "SELECT $$ ' $$; DELETE FROM t -- '", "SELECT q'[it's]' FROM t",
        "SELECT [it's] FROM t; DELETE FROM t -- ']", "EXPLAIN ANALYZE DELETE FROM t", "REPLACE INTO t VALUES (1)",
        "SELECT 1 /* /* */ */", "SELECT 'open", "SELECT 1 /* open", "DO SLEEP(1)", "", "();",
    ],
)  # fmt: skip
def test_what_could_write_or_be_read_in_two_ways_is_refused(sql: str) -> None:
    with pytest.raises(RetrievalError, match="not a single statement that reads") as error:
        read(sql, "mysql")
    assert error.value.remedy


@given(
    st.text(st.sampled_from("a1:$\\'\"`-/*; \n[]#é"), max_size=30), st.sampled_from(["sqlite", "postgresql", "mysql"])
)
def test_sqlalchemy_binds_exactly_the_parameters_that_were_found(tail: str, dialect: str) -> None:
    try:
        found = read(f"SELECT {tail}", dialect)
    except RetrievalError:
        return
    assert set(text(found.text)._bindparams) == set(found.names)
