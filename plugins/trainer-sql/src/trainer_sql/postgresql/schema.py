"""The tables of a store, kept at the newest version by Alembic, and the indexes that were asked for."""

# ruff: noqa: S608 - the only text from outside are paths, which were checked and are quoted

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from trainer.errors import StoreError
from trainer_sql.postgresql.database import Database
from trainer_sql.postgresql.places import place_of
from trainer_sql.sqlite.forks import NO_FORK

if TYPE_CHECKING:
    import psycopg

VERSION_TABLE = "trainer_sql_version"
HEAD = "0001"
# Its path, since Alembic leaves a function to be called at exit behind for a package's name; % is its own sign.
MIGRATIONS = str(Path(__file__).parent / "migrations").replace("%", "%%")
LOCK = "SELECT pg_advisory_xact_lock(7230114001)"  # any number that nobody else takes
NEWER = "Install that version or a newer one: pip install -U 'trainer-sql[postgresql]'."


def prepare(database: Database) -> None:
    """Make the tables, or bring them up to date. Raises `StoreError` if a newer program made them.

    Alembic takes longer to import than most runs take to read the store, so one look comes first.
    """
    [(known,)] = database.execute(f"SELECT to_regclass('{VERSION_TABLE}') IS NOT NULL")
    if not known or database.execute(f"SELECT version_num FROM {VERSION_TABLE}") != [(HEAD,)]:
        _migrate(database)


def create_index(database: Database, path: str) -> None:
    """Make the indexes that serve filters on a dotted path, unless they are there.

    The server's statistics are brought up to date, as it cannot weigh an index without.
    """
    place, names = place_of(tuple(path.split("."))), _names(path)
    with database.session() as connection:
        connection.execute(LOCK)
        made = "INSERT INTO trainer_index VALUES (%s) ON CONFLICT DO NOTHING RETURNING path"
        if not connection.execute(made, [path]).fetchall():
            return
        for name, index in zip(names, place.indexes, strict=False):
            # With parameters, although none, because a % of a path is written %%.
            connection.execute(f"CREATE INDEX {name} ON trainer_record USING {index}".encode(), [])
        connection.execute("ANALYZE trainer_record")


def drop_index(database: Database, path: str) -> bool:
    """Remove them. False if there were none."""
    with database.session() as connection:
        connection.execute(LOCK)
        gone = connection.execute("DELETE FROM trainer_index WHERE path = %s RETURNING path", [path]).fetchall()
        for name in _names(path) if gone else ():
            connection.execute(f"DROP INDEX IF EXISTS {name}".encode())
    return bool(gone)


def _names(path: str) -> list[str]:
    """Names as short as the server wants them, which differ as the paths do."""
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    return [f"trainer_index_{digest}_{kind}" for kind in ("value", "number", "text", "values", "numbers", "texts")]


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, exc
    from sqlalchemy.pool import NullPool

    # The driver's autocommit mode would make each statement a transaction of its own.
    def begin() -> object:
        connection = database.connect(patient=True)
        connection.autocommit = False
        return connection

    engine = create_engine("postgresql+psycopg://", creator=begin, poolclass=NullPool)
    try:
        # Of several threads one is here, because Alembic keeps what it works at in variables of a module.
        # Of several processes one migrates; the others wait at the lock, then find it done.
        with NO_FORK, engine.connect() as connection:
            connection.exec_driver_sql(LOCK)
            config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
            config.set_main_option("script_location", MIGRATIONS)
            command.upgrade(config, "head")
            connection.commit()
    except CommandError as error:
        raise StoreError(f"{database.name} was written by a newer trainer-sql: {error}", NEWER) from error
    except exc.DBAPIError as error:
        raise database.explain(cast("psycopg.Error", error.orig)) from error
    finally:
        engine.dispose()
