"""A database as a source: a statement, the values bound to it, and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer import Query, RetrievalResult
from trainer.catalog import did_you_mean
from trainer.errors import ConfigError, RetrievalError, StoreError
from trainer.lineage import keep
from trainer.models import slug
from trainer.stores import canonical_json, content_hash
from trainer_database import statement
from trainer_database.connections import Address, fetched, reading
from trainer_database.rows import as_dicts, checked_columns

if TYPE_CHECKING:
    from trainer import DataStore

DEFAULT = "default"
RESERVED = ("query", "connection", "limit", "subject")


class DatabaseRetriever:
    """The rows of one reading statement, from the database at `url` or one of those that `urls` names.

    A relative path of an SQLite file starts at `root`. No answer has more than `max_rows` rows; `timeout` is in
    seconds. With a `data_store`, what is retrieved is stored there. Each retrieval has a connection of its own, so one
    retriever serves any number of threads.
    """

    def __init__(
        self,
        url: str = "",
        urls: Mapping[str, str] | None = None,
        *,
        data_store: DataStore | None = None,
        root: Path | str = Path(),
        max_rows: int = 10_000,
        timeout: float = 30.0,
    ) -> None:
        if max_rows < 1 or not timeout > 0:
            raise ValueError("max_rows and timeout must be above 0")
        self.data_store = data_store
        self._urls = ({DEFAULT: url} if url else {}) | dict(urls or {})
        self._root, self._max_rows, self._timeout = Path(root), max_rows, timeout

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema: the parameters of `retrieve`."""
        value = {"type": ["string", "number", "boolean", "null"]}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "one SQL statement that reads, with values as :name"},
                "connection": {"enum": list(self._urls), "default": DEFAULT},
                "limit": {"type": "integer", "minimum": 1, "maximum": self._max_rows},
                "subject": {"type": "string", "description": "what the rows are about"},
            },
            "required": ["query"],
            "additionalProperties": {"anyOf": [value, {"type": "array", "items": value}]},
        }

    def retrieve(self, query: Mapping[str, Any], store: bool = True) -> RetrievalResult:
        """The rows that a query answers with, a list of dicts; stored if there is a store and `store`.

        `query["query"]` is the statement, `connection` the name of a database, `limit` the number of rows after which
        the answer is cut, `subject` what it is about; everything else is a value for the `:name` in the statement.
        Raises `ConfigError` for a connection that cannot be used, and `RetrievalError` for a statement, a value or an
        answer that cannot, among them `Unavailable`, `Refused` and `NotFound` for the database itself.
        """
        address = self._address(query)
        limit = self._limit(query.get("limit"))
        sql = query.get("query")
        if not isinstance(sql, str) or not sql.strip():
            raise RetrievalError("query is missing or not text", "Write for example query: SELECT * FROM prices")
        ask = statement.read(sql, address.dialect)
        values = _values(query, ask.names)
        most = limit or self._max_rows
        with reading(address, self._timeout) as connection:
            answer = fetched(connection, ask.text, values, ask.verb, most + 1)
        if len(answer.rows) > most and not limit:
            raise RetrievalError(
                f"the query answers with more than max_rows = {most:,} rows",
                "Ask for fewer, add limit to cut the answer, or raise max_rows in the table [database].",
            )
        columns = checked_columns(answer.columns)
        rows = as_dicts(columns, answer.rows[:most])
        cut = {"truncated": True} if len(answer.rows) > most else {}
        result = RetrievalResult(
            data=rows,
            source="database",
            subject=slug(str(query.get("subject") or address.name)),
            url=address.shown,
            raw_hash=_hash(rows),
            metadata={"columns": columns, "rows": len(rows), "statement": content_hash(sql)} | cut,
        )
        if store and self.data_store is not None:
            keep(self.data_store, Query("database", dict(query)), result)
        return result

    def _address(self, query: Mapping[str, Any]) -> Address:
        name = str(query.get("connection") or DEFAULT)
        if not self._urls:
            raise ConfigError("no database is named", "Set url in the table [database] of trainer.toml.")
        if name not in self._urls:
            raise ConfigError(
                f"there is no connection {name!r}{did_you_mean(name, self._urls)}",
                f"Known connections: {', '.join(self._urls)}. Add others to [database.urls] of trainer.toml.",
            )
        return Address.read(name, self._urls[name], self._root)

    def _limit(self, given: Any) -> int | None:
        if given is None:
            return None
        text = str(given)  # a variable of an instruction fills in text
        if not (text.isascii() and text.isdigit() and len(text) < 16 and 0 < int(text) <= self._max_rows):
            raise RetrievalError(
                f"limit must be a number from 1 to max_rows = {self._max_rows:,}, not {text[:40]!r}",
                "Mend it, or raise max_rows in the table [database] of trainer.toml.",
            )
        return int(text)


def _values(query: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The value of each parameter of a statement. Raises `RetrievalError` for one that is missing or left over."""
    if reserved := [name for name in names if name in RESERVED]:
        raise RetrievalError(f":{reserved[0]} has a meaning of its own", "Give the parameter another name.")
    given = {name: _bindable(name, value) for name, value in query.items() if name not in RESERVED}
    if missing := [name for name in names if name not in given]:
        raise RetrievalError(
            f"the query needs {', '.join(f':{name}' for name in missing)}{did_you_mean(missing[0], given)}",
            f'Add the value, for example {missing[0]}: "…".',
        )
    if unused := [name for name in given if name not in names]:
        raise RetrievalError(
            f"the query has no :{unused[0]}{did_you_mean(unused[0], names)}",
            f"Write :{unused[0]} where the value belongs, or take it out.",
        )
    return given


def _bindable(name: str, value: Any) -> Any:
    """A value as every driver takes it: dates as ISO 8601."""
    if isinstance(value, list | tuple):
        return [_bindable(name, item) for item in value]
    plain = value.isoformat() if isinstance(value, date | time) else value
    try:
        if isinstance(value, Mapping):
            raise StoreError("data is a table of values")
        canonical_json(plain)
    except StoreError as error:
        raise RetrievalError(
            f"the value of :{name} cannot be bound: {error.problem.removeprefix('data ')}",
            "Give a text, a number, true, false, null, or a list of these for IN.",
        ) from error
    return plain


def _hash(rows: list[dict[str, Any]]) -> str:
    try:
        return content_hash(canonical_json(rows))
    except StoreError as error:
        raise RetrievalError(f"the answer cannot be kept: {error.problem}", "Leave that value out.") from error
