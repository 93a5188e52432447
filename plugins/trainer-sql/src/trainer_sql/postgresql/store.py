"""The data store: the newest version of each record in one table, those before it in another."""

# ruff: noqa: S608 - put together from constants, and from what `conditions` made; values are bound

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from trainer.errors import UnsupportedQuery
from trainer.filters import Both, parse, path_of, predicate
from trainer.models import now
from trainer.stores import (
    BulkResult,
    DataStore,
    Freshness,
    StoredData,
    canonical_json,
    checked_key,
    checked_text,
    expect_version,
)
from trainer_sql.postgresql import schema, statements as sql
from trainer_sql.postgresql.conditions import Translator, together
from trainer_sql.postgresql.database import Database
from trainer_sql.postgresql.pipelines import ORDER, answer, sliced, split
from trainer_sql.postgresql.places import exact
from trainer_sql.records import after, checked_limit, expiry, microseconds, record, time_of

BATCH, BATCH_CHARACTERS = 1000, 8_000_000
BUILT_IN = ("metadata.query",)
INDEXES_KNOWN = 5.0  # seconds for which it is believed that no other process made or dropped an index


class PostgreSQLStore(DataStore):
    """A `DataStore` in a PostgreSQL database, safe for threads, for forks and for many processes at once.

    `url` is `postgresql://user@host:5432/database`, with the options that libpq knows behind a `?`. The password is
    taken from it, from `password`, or where libpq looks for it (`PGPASSWORD`, `~/.pgpass`).
    The tables are made in the first schema of the search path. `statement_timeout` is in seconds, 0 for none;
    `connections` is how many are open at most; `clock` gives the time, to which records expire. Raises
    `StoreError` if it cannot be opened.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "",
        password: str = "",
        statement_timeout: float = 60.0,
        connections: int = 10,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.namespace = checked_text("namespace", namespace)
        self._clock = clock
        self._database = Database(url, password=password, statement_timeout=statement_timeout, connections=connections)
        self._known: tuple[float, Sequence[str]] = (0.0, ())
        try:
            schema.prepare(self._database)
        except BaseException:
            self._database.close()
            raise

    def store(
        self,
        key: str,
        data: Any,
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
        if_version: int | None = None,
    ) -> StoredData:
        """As `DataStore.store`. What is returned is what `retrieve` will return, not the objects given."""
        text, shared = canonical_json(data), self._shared(source, metadata, ttl)
        shared["if_version"] = if_version
        [(_, version, stored_at, _)] = self._write({checked_key(key): text}, shared)
        if stored_at is None:
            expect_version(key, version, if_version)
        at, expires, about = shared["now"], shared["expires"], shared["metadata"]
        return record((key, version, source, stored_at, at, expires, about, text, False))

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """As `DataStore.bulk_store`, some hundred records a statement."""
        counts = [0, 0]
        for batch in _batches(records.items() if isinstance(records, Mapping) else records):
            for _, _, _, new in self._write(batch, self._shared(source, metadata, ttl)):
                counts[not new] += 1
        return BulkResult(*counts)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`."""
        one = {"ns": self.namespace, "key": checked_key(key)}
        if version is None:
            rows = self._database.execute(sql.CURRENT, {**one, "now": self._now()})
        else:
            rows = self._database.execute(sql.VERSION, {**one, "version": version})
        return record(rows[0]) if rows else None

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """As `DataStore.query`."""
        checked_limit(limit)
        where, parameters, rest = self._where(parse(filter), source, prefix)
        text = f"SELECT {sql.COLUMNS} FROM trainer_record WHERE {where} ORDER BY {ORDER}"
        if rest is None:
            rows = self._database.execute(f"{text} LIMIT %(limit)s", {**parameters, "limit": limit})
            return [record(row) for row in rows]
        holds, found = predicate(rest), map(record, self._database.stream(text, parameters))
        return list(itertools.islice((one for one in found if holds(one.document)), limit))

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """As `DataStore.delete`."""
        parameters = {"ns": self.namespace, "key": checked_key(key), "now": self._now(), "if_version": if_version}
        [(version, deleted)] = self._database.execute(sql.DELETE, parameters, writes=True)
        expect_version(key, version, if_version)
        return bool(deleted)

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`."""
        rows = self._database.execute(sql.HISTORY, {"ns": self.namespace, "key": checked_key(key)})
        return [record(row) for row in rows]

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`; the data is not read."""
        at = self._now()
        rows = self._database.execute(sql.FRESHNESS, {"ns": self.namespace, "key": checked_key(key), "now": at})
        if not rows:
            return None
        version, updated_at, expires_at = rows[0]
        age = timedelta(microseconds=at - updated_at)
        return Freshness(key, version, time_of(updated_at), age, None if expires_at is None else time_of(expires_at))

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`."""
        where, parameters, rest = self._where(parse(filter), source, prefix)
        if rest is not None:
            return len(self.query(filter, source=source, prefix=prefix))
        [(number,)] = self._database.execute(f"SELECT count(*) FROM trainer_record WHERE {where}", parameters)
        return int(number)

    def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, source: str | None = None, prefix: str = ""
    ) -> list[dict[str, Any]]:
        """As `DataStore.aggregate`; filters, slices, counts and simple groups at its beginning are pushed down."""
        from trainer import aggregation

        begin = split(aggregation.parse_pipeline(pipeline))
        where, parameters, rest = self._where(begin.filter, source, prefix)
        if rest is None:
            done = answer(begin, where, lambda text: self._database.execute(text, parameters))
            if done is not None:
                return aggregation.run(done, begin.rest[1:])
        text = f"SELECT {sql.COLUMNS} FROM trainer_record WHERE {where}"
        if rest is None and sliced(begin):
            rows = self._database.stream(f"{text} {sliced(begin)}", parameters)
            return aggregation.run((record(row).document for row in rows), begin.rest)
        rows = self._database.stream(f"{text} ORDER BY {ORDER}", parameters)
        documents = (record(row).document for row in rows)
        holds = predicate(Both(()) if rest is None else rest)
        last = None if begin.limit is None else begin.skip + begin.limit
        return aggregation.run(itertools.islice(filter(holds, documents), begin.skip, last), begin.rest)

    def create_index(self, path: str) -> None:
        """As `DataStore.create_index`, for all namespaces. Writers wait meanwhile."""
        path_of(path)
        schema.create_index(self._database, path)
        self._known = (0.0, ())

    def drop_index(self, path: str) -> bool:
        """As `DataStore.drop_index`."""
        path_of(path)
        self._known = (0.0, ())
        return schema.drop_index(self._database, path)

    def indexes(self) -> Sequence[str]:
        """As `DataStore.indexes`."""
        return [path for (path,) in self._database.execute("SELECT path FROM trainer_index ORDER BY path")]

    def sweep(self) -> int:
        """As `DataStore.sweep`, in batches, so that other writers are not kept waiting."""
        total, parameters = 0, {"ns": self.namespace, "now": self._now(), "limit": BATCH}
        while True:
            [(gone,)] = self._database.execute(sql.SWEEP, parameters, writes=True)
            total += gone
            if gone < BATCH:
                return int(total)

    def within(self, namespace: str) -> PostgreSQLStore:
        """As `DataStore.within`."""
        other = copy.copy(self)
        other.namespace = checked_text("namespace", namespace)
        return other

    def namespaces(self) -> Sequence[str]:
        """As `DataStore.namespaces`."""
        return [name for (name,) in self._database.execute(sql.NAMESPACES)]

    def transaction(self) -> AbstractContextManager[None]:
        """All that this thread does inside `with store.transaction():` is kept, or nothing of it."""
        return self._database.transaction()

    def ping(self) -> None:
        """As `DataStore.ping`."""
        self._database.execute("SELECT 1")

    def close(self) -> None:
        """As `DataStore.close`: for all threads, each when its statement or transaction has ended."""
        self._database.close()

    def _shared(self, source: str, metadata: Mapping[str, Any] | None, ttl: float | None) -> dict[str, Any]:
        """What records that are written together have in common."""
        at, about = self._now(), canonical_json(dict(metadata or {}))
        return {
            "ns": self.namespace,
            "source": checked_text("source", source),
            "now": at,
            "expires": expiry(at, ttl),
            "metadata": about,
            "about": exact(about),
            "if_version": None,
        }

    def _write(self, texts: Mapping[str, str], shared: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Write records and return the rows that `sql.STORE` answers with."""
        done: list[tuple[Any, ...]] = []
        left = dict(texts)
        while left:
            columns = ([*left], [*left.values()], [*map(_fields, left.values())])
            one = len(left) == 1
            given = dict(zip(("keys", "texts", "fields"), ((c[0] for c in columns) if one else columns), strict=True))
            rows = self._database.execute(sql.STORE_ONE if one else sql.STORE, {**shared, **given}, writes=True)
            done += rows
            for row in rows:
                del left[row[0]]
        return done

    def _where(self, filter: Both, source: str | None, prefix: str) -> tuple[str, dict[str, Any], Both | None]:
        """SQL for the rows in question, its parameters, and the part of the filter that is still to be asked."""
        translator = Translator(self._indexed() if filter.parts else ())
        try:
            parts = [(part, translator.translate(part)) for part in together(filter)]
        except RecursionError:
            raise UnsupportedQuery("the filter is nested too deep", "Write it with fewer levels.") from None
        terms = ["ns = %(ns)s", sql.LIVE]
        values: dict[str, Any] = {"ns": self.namespace, "now": self._now()}
        if source is not None:
            terms.append("source = %(source)s")
            values["source"] = checked_text("source", source)
        if prefix:
            # As a range, because LIKE has wildcards.
            terms.append("key >= %(prefix)s")
            values["prefix"] = checked_text("prefix", prefix)
            if end := after(prefix):
                terms.append("key < %(end)s")
                values["end"] = end
        rest = tuple(part for part, translation in parts if not translation.exact)
        where = " AND ".join([*terms, *(f"({translation.sql})" for _, translation in parts)])
        return where, {**values, **translator.parameters}, Both(rest) if rest else None

    def _indexed(self) -> Sequence[str]:
        """The paths with an index; those that another process made are known a little later."""
        at, paths = self._known
        if not at or time.monotonic() > at + INDEXES_KNOWN:
            paths = [*BUILT_IN, *self.indexes()]
            self._known = (time.monotonic(), paths)
        return paths

    def _now(self) -> int:
        return microseconds(self._clock())


def _fields(text: str) -> str | None:
    """What filters see of data, if that is another text."""
    if not text.startswith("{"):
        return "{}"
    return None if "e+" not in text else exact(text)


def _batches(records: Iterable[tuple[str, Any]]) -> Iterator[dict[str, str]]:
    """Canonical texts by key, as many as one statement takes; a key that comes again is for the next one."""
    batch: dict[str, str] = {}
    size = 0
    for key, data in records:
        text = canonical_json(data)
        if len(batch) == BATCH or size + len(text) > BATCH_CHARACTERS or key in batch:
            if batch:
                yield batch
            batch, size = {}, 0
        batch[checked_key(key)] = text
        size += len(text)
    if batch:
        yield batch
