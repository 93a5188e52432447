"""A versioned data store in SQLite (one file, no server) or in a PostgreSQL database."""

from pathlib import Path

from attrs import field

from trainer import DataStore, hookimpl, plugin
from trainer_sql.postgresql.store import PostgreSQLStore
from trainer_sql.sqlite.store import SQLiteStore

__all__ = ["PostgreSQL", "PostgreSQLStore", "SQLite", "SQLiteStore"]


@plugin
class SQLite:
    """Opens `sqlite:///path/to/file.db`, and `sqlite://` in memory.

    `root` is the folder that relative paths start from; a pipeline gives the project's. `busy_timeout` is how
    many seconds a write waits for another program to finish its own.
    """

    root: Path = Path()
    busy_timeout: float = 10.0

    @hookimpl
    def store(self, url: str) -> DataStore:
        """The store at `url`. Raises `StoreError` if it cannot be opened."""
        name = url.removeprefix("sqlite:///")
        inside = name not in (url, "", ":memory:") and "?" not in name
        return SQLiteStore(
            f"sqlite:///{self.root.absolute() / name}" if inside else url, busy_timeout=self.busy_timeout
        )


@plugin
class PostgreSQL:
    """Opens `postgresql://user@host:5432/database`; it needs `trainer-sql[postgresql]`.

    `password` may stand here instead of in the URL. `statement_timeout` is how many seconds a statement may take,
    0 for no limit; `connections` how many are open at most.
    """

    password: str = field(default="", repr=False)
    statement_timeout: float = 60.0
    connections: int = 10

    @hookimpl
    def store(self, url: str) -> DataStore:
        """The store at `url`. Raises `StoreError` if it cannot be opened."""
        return PostgreSQLStore(
            url, password=self.password, statement_timeout=self.statement_timeout, connections=self.connections
        )
