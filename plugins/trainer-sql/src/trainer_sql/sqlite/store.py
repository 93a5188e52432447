"""The data store: current records in one table, the versions that came before them in another."""

# ruff: noqa: S608 - put together from constants, and from paths that were checked; values are bound

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trainer import aggregation
from trainer.errors import StoreError
from trainer.filters import parse, predicate
from trainer.models import now
from trainer.stores import BulkResult, DataStore, Freshness, StoredData, checked_key, checked_text, expect_version
from trainer_sql.records import after, checked_limit, encode, expiry, microseconds, record, time_of
from trainer_sql.sqlite import indexes, statements as sql
from trainer_sql.sqlite.conditions import Where, where
from trainer_sql.sqlite.database import Database
from trainer_sql.sqlite.schema import prepare

BATCH = 10_000  # records
LARGEST_BATCH = 16_000_000  # characters
SWEEP = 1000
DAMAGE = (ValueError, TypeError, OverflowError)  # what values of other types than were written lead to


class SQLiteStore(DataStore):
    """A `DataStore` in one SQLite file, safe for threads, for forks and for several processes at once.

    `url` is `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` (in memory) or a plain path; the
    folder is made. `busy_timeout` is in seconds; `clock` gives the time; stores of one file with different
    `namespace` do not see each other's records. Raises `StoreError` if it cannot be opened.

    A write of the same content takes over the new source, metadata and ttl as well, without a new version:
    they say when and where these contents were last seen. What has expired is not there, so the same
    content written after it is a new version.
    """

    def __init__(
        self, url: str | Path, *, busy_timeout: float = 10.0, namespace: str = "", clock: Callable[[], datetime] = now
    ) -> None:
        self._clock = clock
        self.namespace = checked_text("namespace", namespace)
        self._database = Database(_path(url), busy_timeout)
        try:
            prepare(self._database)
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
        text, about = encode(data), _about(metadata)
        checked_key(key), checked_text("source", source)
        with self._database.writing():
            at = self._now()
            expires = expiry(at, ttl)
            if if_version is not None:
                self._expect(key, if_version, at)
            values = (self.namespace, key, source, at, expires, about, text)
            [(version, stored_at)] = self._database.execute(sql.STORE, values)
        return self._read((key, version, source, stored_at, at, expires, about, text, False))

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """As `DataStore.bulk_store`, in transactions of up to 10,000 records or 16 million characters.

        Records are taken from an iterator before a transaction begins, so nobody waits for a slow one.
        """
        about, counts = _about(metadata), [0, 0]
        checked_text("source", source), expiry(0, ttl)
        for batch in _batches(records.items() if isinstance(records, Mapping) else records):
            stored = self._store_batch(batch, source, about, ttl)
            counts[0] += stored
            counts[1] += len(batch) - stored
        return BulkResult(*counts)

    def update(
        self, key: str, change: Mapping[str, Any] | Callable[[Any], Any], *, if_version: int | None = None
    ) -> StoredData:
        """As `DataStore.update`; a function is called outside of any transaction, as it may take its time."""
        if callable(change):
            return super().update(key, change, if_version=if_version)
        with self._database.transaction():
            return super().update(key, change, if_version=if_version)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`."""
        if version is None:
            return self._one(sql.CURRENT, (self.namespace, checked_key(key), self._now()))
        return self._one(sql.VERSION, {"ns": self.namespace, "key": checked_key(key), "version": version})

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
        wanted = self._where(filter)
        if wanted.rest.parts:
            with closing(self._found(wanted, source, prefix, limit=limit)) as found:
                return list(found)
        # All at once, as few rows are mostly found, and streams cost more than they.
        return [self._read(row) for row in self._database.execute(*self._select(wanted, source, prefix, 0, limit))]

    def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, source: str | None = None, prefix: str = ""
    ) -> list[dict[str, Any]]:
        """As `DataStore.aggregate`. What SQLite does of it: `$match`, then `$count`, or `$skip` and `$limit`."""
        stages = aggregation.parse_pipeline(pipeline)
        matched = list(itertools.takewhile(lambda stage: stage.name == "$match", stages))
        del stages[: len(matched)]
        wanted = {"$and": [stage.operand for stage in matched]} if matched else None
        if stages and stages[0].name == "$count":
            total = self.count(wanted, source=source, prefix=prefix)
            return aggregation.run([{stages[0].operand: total}] if total else [], stages[1:])
        skip, limit = 0, None
        while stages and stages[0].name in ("$skip", "$limit"):
            stage = stages.pop(0)
            if stage.name == "$limit":
                limit = stage.operand if limit is None else min(limit, stage.operand)
            else:
                skip += stage.operand
                limit = None if limit is None else max(0, limit - stage.operand)
        with closing(self._found(self._where(wanted), source, prefix, skip=skip, limit=limit)) as found:
            return aggregation.run((record.document for record in found), stages)

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """As `DataStore.delete`."""
        with self._database.transaction():
            at = self._now()
            if if_version is not None:
                self._expect(key, if_version, at)
            found = self._database.execute(sql.FRESHNESS, (self.namespace, checked_key(key), at))
            self._retire([row for _, _, _, row in found], at)
        return bool(found)

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`."""
        return [
            self._read(row)
            for row in self._database.execute(sql.HISTORY, {"ns": self.namespace, "key": checked_key(key)})
        ]

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`; the data is not read."""
        return self._freshness(checked_key(key), self._now())

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`."""
        wanted = self._where(filter)
        if wanted.rest.parts:
            with closing(self._found(wanted, source, prefix)) as found:
                return sum(1 for _ in found)
        scope, values = self._scope(wanted, source, prefix)
        return int(self._database.execute(f"SELECT count(*) FROM trainer_record WHERE {scope}", values)[0][0])

    def create_index(self, path: str) -> None:
        """As `DataStore.create_index`, for all namespaces of the file."""
        indexes.create(self._database, path)

    def drop_index(self, path: str) -> bool:
        """As `DataStore.drop_index`."""
        return indexes.drop(self._database, path)

    def indexes(self) -> Sequence[str]:
        """As `DataStore.indexes`."""
        return indexes.declared(self._database)

    def within(self, namespace: str) -> SQLiteStore:
        """As `DataStore.within`."""
        other = copy.copy(self)
        other.namespace = checked_text("namespace", namespace)
        return other

    def namespaces(self) -> Sequence[str]:
        """As `DataStore.namespaces`."""
        tables = ("trainer_record", "trainer_history")
        return sorted({ns for table in tables for (ns,) in self._database.execute(sql.NAMESPACES.format(table))})

    def sweep(self) -> int:
        """As `DataStore.sweep`, in batches, so that other writers are not kept waiting."""
        total, at = 0, self._now()
        while True:
            with self._database.transaction():
                gone = [row for (row,) in self._database.execute(sql.EXPIRED, (at, self.namespace, SWEEP))]
                self._retire(gone, at)
            total += len(gone)
            if len(gone) < SWEEP:
                return total

    def transaction(self) -> AbstractContextManager[None]:
        """All that this thread writes inside `with store.transaction():` is kept, or nothing of it.

        Much faster for many writes; meanwhile other writers wait, so keep it to some thousands at a time.
        """
        return self._database.transaction()

    def close(self) -> None:
        """As `DataStore.close`: for all threads, each when its transaction has ended."""
        self._database.close()

    def _found(
        self, wanted: Where, source: str | None, prefix: str, *, skip: int = 0, limit: int | None = None
    ) -> Generator[StoredData]:
        """The records of a query: what SQL cannot say of the filter is asked of each that SQL found."""
        if not wanted.rest.parts:
            with closing(self._database.rows(*self._select(wanted, source, prefix, skip, limit))) as rows:
                yield from map(self._read, rows)
            return
        holds = predicate(wanted.rest)
        with closing(self._database.rows(*self._select(wanted, source, prefix, 0, None))) as rows:
            found = (record for row in rows if holds((record := self._read(row)).document))
            yield from itertools.islice(found, skip, None if limit is None else skip + limit)

    def _select(
        self, wanted: Where, source: str | None, prefix: str, skip: int, limit: int | None
    ) -> tuple[str, dict[str, Any]]:
        """The statement for the records that SQL finds, and its parameters."""
        scope, values = self._scope(wanted, source, prefix)
        # A "+" keeps SQLite from walking through all records in this order, to find those few that an index finds.
        order = f"ORDER BY {'+' if wanted.indexed else ''}updated_at DESC, key LIMIT :limit OFFSET :skip"
        values |= {"skip": skip, "limit": -1 if limit is None else limit}
        return f"SELECT {sql.COLUMNS}, 0 FROM trainer_record WHERE {scope} {order}", values

    def _where(self, filter: Mapping[str, Any] | None) -> Where:
        tree = parse(filter)
        return where(tree, {indexes.BUILT_IN, *indexes.declared(self._database)} if tree.parts else ())

    def _store_batch(self, batch: Mapping[str, str], source: str, about: str, ttl: float | None) -> int:
        """Write records, given as JSON by key, and say how many are new or have a new version."""
        # SQLite finds its place faster for keys in order. What it takes out of an object just as it was written
        # are lists and objects alone.
        keys = sorted(batch)
        whole = ",".join([f"{encode(key)}:{batch[key]}" for key in keys if batch[key][0] in "[{"])
        run = self._database.execute
        with self._database.transaction():
            at = self._now()
            expires, [(past,)] = expiry(at, ttl), run(sql.PAST, (self.namespace,))
            [(newest,)], changes = run(sql.NEWEST), self._database.changes()
            values = {"ns": self.namespace, "source": source, "now": at, "expires": expires, "metadata": about}
            run(sql.STORE_MANY, {**values, "past": past, "batch": f"{{{whole}}}"})
            for key in keys:
                if batch[key][0] not in "[{":
                    run(sql.STORE, (self.namespace, key, source, at, expires, about, batch[key]))
            # Each record is one change, and each version that went into the history is one more.
            kept = self._database.changes() - changes - len(batch)
            return int(run(sql.NEWEST)[0][0] - newest + kept)

    def _expect(self, key: str, version: int, at: int) -> None:
        """Raise `VersionConflict` unless a version is current."""
        fresh = self._freshness(key, at)
        expect_version(key, fresh.version if fresh else 0, version)

    def _freshness(self, key: str, at: int) -> Freshness | None:
        found = self._database.execute(sql.FRESHNESS, (self.namespace, key, at))
        if not found:
            return None
        version, updated_at, expires_at, _ = found[0]
        try:
            age = timedelta(microseconds=at - updated_at)
            expires = None if expires_at is None else time_of(expires_at)
            return Freshness(key, int(version), time_of(updated_at), age, expires)
        except DAMAGE as error:
            raise self._damaged(key, error) from error

    def _one(self, sql: str, parameters: Any) -> StoredData | None:
        rows = self._database.execute(sql, parameters)
        return self._read(rows[0]) if rows else None

    def _read(self, row: tuple[Any, ...]) -> StoredData:
        try:
            return record(row)
        except DAMAGE as error:
            raise self._damaged(row[0], error) from error

    def _damaged(self, key: str, error: Exception) -> StoreError:
        return StoreError(f"{self._database.name} is damaged at {key}: {error}", "Restore a backup of it.")

    def _retire(self, rows: Sequence[int], at: int) -> None:
        ids = json.dumps(rows)
        self._database.execute(sql.KEEP, (ids,))
        self._database.execute(sql.BURY, (at, at, ids))
        self._database.execute(sql.REMOVE, (ids,))

    def _scope(self, wanted: Where, source: str | None, prefix: str) -> tuple[str, dict[str, Any]]:
        """The condition for records, and its parameters."""
        # A "+" keeps SQLite from the indexes on these columns, where there are those on paths.
        steer = "+" if wanted.indexed else ""
        terms = [f"{steer}ns = :ns", sql.LIVE]
        values: dict[str, Any] = {"ns": self.namespace, "now": self._now()}
        if source is not None:
            terms.append(f"{steer}source = :source")
            values["source"] = checked_text("source", source)
        if prefix:
            # As a range, because LIKE has wildcards, ignores case and uses no index.
            terms.append(f"{steer}key >= :prefix")
            values["prefix"] = checked_text("prefix", prefix)
            if end := after(prefix):
                terms.append(f"{steer}key < :end")
                values["end"] = end
        return " AND ".join([*terms, *wanted.terms]), values | wanted.parameters

    def _now(self) -> int:
        return microseconds(self._clock())


def _about(metadata: Mapping[str, Any] | None) -> str:
    return encode(dict(metadata)) if metadata else "{}"


def _batches(items: Iterable[tuple[str, Any]]) -> Iterator[dict[str, str]]:
    """Records as JSON by key, as many at a time as one transaction should write; no key twice in one."""
    batch: dict[str, str] = {}
    size = 0
    for key, data in items:
        text = encode(data)
        if checked_key(key) in batch or len(batch) == BATCH or size > LARGEST_BATCH:
            yield batch
            batch, size = {}, 0
        batch[key] = text
        size += len(text)
    if batch:
        yield batch


def _path(url: str | Path) -> Path | None:
    """The file that a URL names; `None` for a database in memory."""
    text = str(url)
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", text, re.DOTALL)
    if match and (match[1] != "sqlite" or match[2][:1] not in ("", "/") or "?" in text):
        raise StoreError(
            f"{text.partition('?')[0]} is not the URL of an SQLite file",
            "Write sqlite:///relative.db, sqlite:////absolute.db or sqlite://, without options.",
        )
    name = match[2][1:] if match else text
    if name in ("", ":memory:"):
        return None
    try:
        path = Path(name).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot make the folder of {name}: {error}", "Name a file in a folder that can be written to."
        ) from error
    return path
