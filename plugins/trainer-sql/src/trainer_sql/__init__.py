"""A versioned data store in SQLite: one file, no server."""

from pathlib import Path

from trainer import DataStore, hookimpl, plugin
from trainer_sql.store import SQLiteStore

__all__ = ["SQLite", "SQLiteStore"]


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
