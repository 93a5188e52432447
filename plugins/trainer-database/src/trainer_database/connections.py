"""From the URL of a database to a connection that reads, with every failure in two lines and without secrets."""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from sqlalchemy import URL, BindParameter, Connection, Engine, NullPool, bindparam, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from trainer.errors import ConfigError, NotFound, Refused, RetrievalError, Unavailable

# The packages of drivers that are imported by another name.
PACKAGES = {"psycopg": "trainer-database[postgresql]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
LIBPQ = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
STEPS = 10_000  # of SQLite's machine between two looks at the clock: about a millisecond
UNKNOWN_USER = re.compile(r"password|authentication|access denied|login failed|role .* does not exist", re.IGNORECASE)
SECRET = re.compile(r"((?:password|pwd|secret|token)\w*\s*[=:]\s*)[^\s;,]+", re.IGNORECASE)
TOO_LONG = "57014"  # SQLSTATE of a statement that was cancelled


@frozen
class Address:
    """Where a database is. `name` is the connection's, `root` where a relative path of an SQLite file starts."""

    name: str
    url: URL
    root: Path

    @classmethod
    def read(cls, name: str, url: str, root: Path) -> Address:
        """Raises `ConfigError` for a text that is no URL of a database that can be read here."""
        try:
            parsed = make_url(url)
            # A password with an @ in it ends there for SQLAlchemy, and its rest would be shown as a host.
            if parsed.username is not None and "@" in f"{parsed.host}{parsed.database}":
                raise ValueError
        except (ArgumentError, ValueError):  # whose message may hold a piece of the password
            raise ConfigError(
                f"the URL of the connection {name!r} cannot be read",
                "Write dialect://user:password@host:port/database, with @ : / in a password as %40 %3A %2F.",
            ) from None
        address = cls(name, parsed, root)
        if address.dialect == "sqlite":
            address.check_sqlite()
        return address

    @property
    def dialect(self) -> str:
        return self.url.get_backend_name()

    @property
    def shown(self) -> str:
        """The URL without user, password and options: it may stand in lineage and in messages."""
        url = self.url
        return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()

    @property
    def file(self) -> Path:
        """The path of the SQLite file."""
        return self.root.absolute() / Path(self.url.database or "")

    def check_sqlite(self) -> None:
        if self.url.drivername not in ("sqlite", "sqlite+pysqlite"):
            raise ConfigError(f"{self.url.drivername} cannot be opened read-only here", "Write sqlite:///path/to/file.")
        database = self.url.database or ":memory:"
        if database == ":memory:" or database.startswith("file:") or self.url.query:
            raise ConfigError(
                f"the connection {self.name!r} is not the plain path of an SQLite file", "Write sqlite:///path/to/file."
            )

    def failure(self, error: Exception) -> str:
        """The first line of what the driver said, without password."""
        said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
        line = SECRET.sub(r"\1…", " ".join(said.splitlines()[0].split()))
        password = str(self.url.password or "")
        return line.replace(password, "…") if password else line


@frozen
class Fetched:
    """What a statement answered."""

    columns: list[str]
    rows: Sequence[Sequence[Any]]


@contextmanager
def reading(address: Address, timeout: float) -> Iterator[Connection]:
    """A connection inside a transaction that is rolled back in the end, and that reads only.

    Raises `Unavailable`, `Refused` or `NotFound` if there is no connection, `RetrievalError` for what the database
    says against a statement, `ConfigError` if the driver is missing. `timeout` is in seconds.
    """
    engine = _engine(address, timeout)
    try:
        connection = engine.connect()
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _unreached(address, error) from None
    try:
        with connection:
            if address.dialect == "postgresql":
                connection.execute(text("SET TRANSACTION READ ONLY"))
                connection.execute(text(f"SET LOCAL statement_timeout = {math.ceil(timeout * 1000)}"))
            yield connection
    except (SQLAlchemyError, UnicodeError, OverflowError) as error:
        raise _failed(address, error, timeout) from error
    finally:
        engine.dispose()


def fetched(connection: Connection, statement: str, values: dict[str, Any], verb: str, most: int) -> Fetched:
    """The names of the columns and at most `most` rows. A list among `values` is for `IN :name`."""
    lists: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name, value in values.items() if isinstance(value, list)
    ]
    # A cursor on the server keeps what is beyond the limit there; SHOW cannot have one.
    options = {"stream_results": verb != "SHOW", "sqlite_raw_colnames": True}
    result = connection.execute(text(statement).bindparams(*lists), values, execution_options=options)
    with result:
        return Fetched(list(result.keys()), result.fetchmany(most))


def _engine(address: Address, timeout: float) -> Engine:
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if address.dialect == "sqlite":
        if not address.file.is_file():
            raise NotFound(
                f"there is no database file {address.url.database}",
                f"Relative paths start at {address.root.absolute()}.",
            )
        options["creator"] = lambda: _sqlite(address.file, timeout)
    elif address.url.drivername in LIBPQ:
        options["connect_args"] = {"connect_timeout": math.ceil(timeout)}
    try:
        engine = create_engine(address.url, **options)
    except NoSuchModuleError:
        raise ConfigError(
            f"SQLAlchemy knows no {address.url.drivername} (connection {address.name!r})",
            "Mend the URL, or install the package that brings this dialect.",
        ) from None
    except ImportError as error:
        driver = error.name or address.url.drivername.rpartition("+")[2]
        raise ConfigError(
            f"the driver for {address.url.drivername} is missing: {driver}",
            f"Run `pip install '{PACKAGES.get(driver, driver)}'`.",
        ) from None
    if engine.dialect.is_async:
        raise ConfigError(f"{address.url.drivername} is a driver for asyncio", "Name another, such as psycopg.")
    return engine


def _sqlite(path: Path, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=timeout)
    connection.execute("PRAGMA query_only = ON")
    deadline = time.monotonic() + timeout
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    return connection


def _unreached(address: Address, error: Exception) -> RetrievalError:
    said = address.failure(error)
    if UNKNOWN_USER.search(said):
        return Refused(
            f"{address.shown} does not let us in: {said}",
            f"Check the user and the password in the URL of the connection {address.name!r}.",
        )
    return Unavailable(
        f"{address.shown} cannot be reached: {said}",
        f"Check that it runs, and the URL of the connection {address.name!r}.",
    )


def _failed(address: Address, error: Exception, timeout: float) -> RetrievalError:
    cause = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", "") == TOO_LONG or getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
        return Unavailable(
            f"{address.shown} took longer than {timeout:g} s",
            "Ask for less, add an index, or raise timeout in the table [database] of trainer.toml.",
        )
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable(f"{address.shown} closed the connection: {address.failure(error)}", "Try again later.")
    return RetrievalError(
        f"{address.shown} refuses the query: {address.failure(error)}",
        "Mend the query or the values that it is given; it may only read.",
    )
