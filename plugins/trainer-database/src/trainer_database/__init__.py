"""Data from SQL databases: one reading statement, its values bound, its rows as JSON-like data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from attrs import field

from trainer import Query, RetrievalResult, hookimpl, plugin
from trainer_database.retriever import DatabaseRetriever

__all__ = ["Database", "DatabaseRetriever"]


@plugin
class Database:
    """The source `database`: the rows of one reading SQL statement.

    `url` is the connection `default`, `urls` are others by name, each a URL as SQLAlchemy takes it. A relative path of
    an SQLite file starts at `root`. No answer has more than `max_rows` rows. `timeout` is in seconds, for connecting
    and, on SQLite and PostgreSQL, for the statement.
    """

    #: The parameters that an instruction's variables are not filled into.
    verbatim: ClassVar[frozenset[str]] = frozenset({"query"})

    url: str = field(default="", repr=False)
    urls: dict[str, str] = field(factory=dict, repr=False)
    root: Path = Path()
    max_rows: int = 10_000
    timeout: float = 30.0
    _retriever: DatabaseRetriever = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._retriever = DatabaseRetriever(
            self.url, self.urls, root=self.root, max_rows=self.max_rows, timeout=self.timeout
        )

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return self._retriever.retrieve(query.params)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        return self._retriever.get_schema()
