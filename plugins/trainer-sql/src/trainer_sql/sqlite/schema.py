"""The tables of a store, kept at the newest version by Alembic."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import StoreError
from trainer_sql.sqlite.database import FAILURES, Database
from trainer_sql.sqlite.forks import NO_FORK

VERSION_TABLE = "trainer_sql_version"
HEAD = "0001"
# Its path, since Alembic leaves a function to be called at exit behind for a package's name; % is its own sign.
MIGRATIONS = str(Path(__file__).parent / "migrations").replace("%", "%%")


def prepare(database: Database) -> None:
    """Make the tables, or bring them up to date. Raises `StoreError` if a newer program made them.

    Alembic takes longer to import than most runs take to read the store, so one look comes first.
    """
    known = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,))
    if not known or database.execute("SELECT version_num FROM trainer_sql_version") != [(HEAD,)]:
        _migrate(database)


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, exc
    from sqlalchemy.pool import NullPool

    engine = create_engine("sqlite://", creator=database.connect, poolclass=NullPool)
    try:
        with NO_FORK, engine.connect() as connection:
            # Of several threads one is here, because Alembic keeps what it works at in variables of a module.
            # Of several processes at a new file, one migrates; the others wait here, then find it done.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config = Config(attributes={"connection": connection, "version_table": VERSION_TABLE})
            config.set_main_option("script_location", MIGRATIONS)
            command.upgrade(config, "head")
            connection.commit()
    except CommandError as error:
        raise StoreError(
            f"{database.name} was written by a newer trainer-sql: {error}",
            "Install that version or a newer one: pip install -U trainer-sql.",
        ) from error
    except exc.DBAPIError as error:
        raise database.explain(error.orig if isinstance(error.orig, Exception) else error) from error
    except FAILURES as error:
        raise database.explain(error) from error
