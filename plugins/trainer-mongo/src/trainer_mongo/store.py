"""The data store: current records in one collection, the versions that came before them in another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from trainer.errors import StoreError
from trainer.filters import Both, parse, path_of, predicate
from trainer.models import now
from trainer.stores import BulkResult, DataStore, Freshness, StoredData, canonical_json, checked_key, checked_text
from trainer_mongo import rows
from trainer_mongo.conditions import Query, field_of, translate
from trainer_mongo.rows import NEVER, READ, RECORDS, VERSIONS, record, record_id, version_id
from trainer_mongo.server import NO_SUCH_INDEX, Row, Server
from trainer_mongo.writes import Write, is_live, write

if TYPE_CHECKING:
    from trainer.aggregation import Stage

BATCH, BATCH_TEXT = 500, 4 * 2**20  # records, and characters of JSON, that are written in one step
INDEX = "path:"  # what the names of declared indexes begin with
MOST = 2**31 - 1  # a limit above this is left to Python


class MongoDBStore(DataStore):
    """A `DataStore` in a database of MongoDB 4.4 or newer: one server, a replica set, or sharded by `_id`.

    `url` is `mongodb://…` or `mongodb+srv://…`. `timeout` is how many seconds a server may take to be found,
    `database` is used where the URL names none, `clock` gives the time. Safe for threads, for processes and for
    forks. Raises `StoreError` if it cannot be opened.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        database: str = "trainer",
        namespace: str = "",
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.namespace, self._clock = checked_text("namespace", namespace), clock
        self._server = Server(url, timeout, database)
        try:
            self._prepare()
        except BaseException:
            self._server.close()
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
        """As `DataStore.store`."""
        item = Write(*_content(key, data, source, metadata, ttl), if_version)
        return record(self._write([item])[key])

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """As `DataStore.bulk_store`, a batch at a time. Each record is written whole; a batch is not one step."""
        items = records.items() if isinstance(records, Mapping) else records
        writes = (Write(*_content(key, data, source, metadata, ttl)) for key, data in items)
        stored = unchanged = 0
        for batch in _batches(writes):
            for row in self._write(batch).values():
                new = "data" in row  # content that was there already is not written again
                stored, unchanged = stored + new, unchanged + (not new)
        return BulkResult(stored, unchanged)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`."""
        row = self._head(key, READ)
        if row is None or version is None:
            return record(row) if row and is_live(row, self._now()) else None
        if version == row["version"]:
            return record(row)
        return self._version(row["_id"], version)

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """As `DataStore.query`."""
        if limit is not None and limit < 0:
            raise StoreError(f"the limit {limit} is below zero", "Give a limit of 0 or more, or none.")
        tree = parse(filter)
        return [] if limit == 0 else list(self._matching(tree, source, prefix, limit))

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """As `DataStore.delete`."""
        return bool(self._write([Write(checked_key(key), if_version=if_version)]))

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`."""
        row = self._head(key, READ)
        if row is None:
            return []
        ids = {"$gte": version_id(row["_id"], 0), "$lt": version_id(row["_id"], row["version"])}
        with self._server.errors(), self._server.collection(VERSIONS).find({"_id": ids}).sort("_id", -1) as found:
            return [record(row), *map(record, found)]

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`; the data is not read."""
        row, at = self._head(key, {"version": 1, "updated_at": 1, "expires_at": 1, "deleted": 1}), self._now()
        if row is None or not is_live(row, at):
            return None
        age, expires_at = timedelta(microseconds=at - row["updated_at"]), row["expires_at"]
        until = None if expires_at == NEVER else rows.time_of(expires_at)
        return Freshness(key, int(row["version"]), rows.time_of(row["updated_at"]), age, until)

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`. The server counts, if it can answer the filter exactly."""
        tree = parse(filter)
        wanted = translate(tree)
        if not wanted.exact:
            return sum(1 for _ in self._matching(tree, source, prefix))
        with self._server.errors():
            return self._server.collection(RECORDS).count_documents(self._scope(wanted, source, prefix))

    def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, source: str | None = None, prefix: str = ""
    ) -> list[dict[str, Any]]:
        """As `DataStore.aggregate`. The server filters, counts and limits what comes first in the pipeline."""
        from trainer import aggregation

        stages = aggregation.parse_pipeline(pipeline)
        wanted = stages.pop(0).operand if stages and stages[0].name == "$match" else None
        documents: Iterable[Mapping[str, Any]]
        if stages and stages[0].name == "$count":
            number = self.count(wanted, source=source, prefix=prefix)
            documents = [{stages[0].operand: number}] if number else []
            stages = stages[1:]
        else:
            found = self._matching(parse(wanted), source, prefix, _needed(stages))
            documents = (item.document for item in found)
        return aggregation.run(documents, stages)

    def distinct(
        self, path: str, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = ""
    ) -> list[Any]:
        """As `DataStore.distinct`. The server does it for text, if it can answer the filter exactly."""
        from pymongo.errors import OperationFailure

        field, wanted = field_of(path_of(path)), translate(parse(filter))
        if field and wanted.exact:
            try:
                with self._server.errors():
                    values = self._server.collection(RECORDS).distinct(field, self._scope(wanted, source, prefix))
                if all(isinstance(value, str) for value in values):
                    return sorted(values)
            except StoreError as error:
                if not isinstance(error.__cause__, OperationFailure):  # such as for an answer above 16 MiB
                    raise
        return super().distinct(path, filter, source=source, prefix=prefix)

    def sweep(self) -> int:
        """As `DataStore.sweep`, in batches."""
        total = 0
        wanted = {"ns": self.namespace, "deleted": False, "expires_at": {"$lte": self._now()}}
        while True:
            with self._server.errors(), self._server.collection(RECORDS).find(wanted, {"key": 1}, limit=BATCH) as found:
                gone = [row["key"] for row in found]
            total += len(self._write([Write(key, expired=True) for key in gone]))
            if len(gone) < BATCH:
                return total

    def create_index(self, path: str) -> None:
        """As `DataStore.create_index`, for all namespaces."""
        if field := field_of(path_of(path)):
            with self._server.errors():
                self._server.collection(RECORDS).create_index([("ns", 1), (field, 1)], name=INDEX + path)

    def drop_index(self, path: str) -> bool:
        """As `DataStore.drop_index`, for all namespaces."""
        from pymongo.errors import OperationFailure

        with self._server.errors():
            try:
                self._server.collection(RECORDS).drop_index(INDEX + path)
            except OperationFailure as error:
                if error.code != NO_SUCH_INDEX:
                    raise
                return False
        return True

    def indexes(self) -> Sequence[str]:
        """As `DataStore.indexes`; `metadata.query` is always one of them."""
        with self._server.errors():
            names = self._server.collection(RECORDS).index_information()
        return sorted(name.removeprefix(INDEX) for name in names if name.startswith(INDEX))

    def within(self, namespace: str) -> MongoDBStore:
        """As `DataStore.within`."""
        other = object.__new__(MongoDBStore)
        other.namespace, other._clock, other._server = checked_text("namespace", namespace), self._clock, self._server
        return other

    def namespaces(self) -> Sequence[str]:
        """As `DataStore.namespaces`."""
        with self._server.errors():
            return sorted(self._server.collection(RECORDS).distinct("ns"))

    def ping(self) -> None:
        """As `DataStore.ping`."""
        with self._server.errors():
            self._server.collection(RECORDS).database.command("ping")

    def close(self) -> None:
        """As `DataStore.close`."""
        self._server.close()

    def _prepare(self) -> None:
        from pymongo import IndexModel

        # There is no index by time: a record that is written while a query walks along it would be passed over.
        names = {"by_source": "source", "by_expiry": "expires_at", f"{INDEX}metadata.query": "metadata.query"}
        with self._server.errors():
            self._server.collection(RECORDS).create_indexes(
                [IndexModel([("ns", 1), (field, 1)], name=name) for name, field in names.items()]
            )

    def _write(self, items: Sequence[Write]) -> dict[str, Row]:
        return write(self._server, self.namespace, items, self._now)

    def _head(self, key: str, projection: Mapping[str, int]) -> Row | None:
        place = {"_id": record_id(self.namespace, checked_key(key))}
        with self._server.errors():
            return self._server.collection(RECORDS).find_one(place, projection)

    def _version(self, place: str, version: int) -> StoredData | None:
        with self._server.errors():
            row = self._server.collection(VERSIONS).find_one({"_id": version_id(place, version)})
        return record(row) if row else None

    def _matching(self, tree: Both, source: str | None, prefix: str, limit: int | None = None) -> Iterator[StoredData]:
        """The records for which a filter holds, in order."""
        wanted, most = translate(tree), limit if limit is None or limit <= MOST else None
        cursor = self._server.collection(RECORDS).find(self._scope(wanted, source, prefix), READ, allow_disk_use=True)
        cursor = cursor.sort([("updated_at", -1), ("key", 1)]).limit((most or 0) if wanted.exact else 0)
        holds = predicate(tree)
        with self._server.errors(), cursor:
            found = (item for item in map(record, cursor) if wanted.exact or holds(item.document))
            yield from itertools.islice(found, limit)

    def _scope(self, wanted: Query, source: str | None, prefix: str) -> dict[str, Any]:
        scope: dict[str, Any] = {"ns": self.namespace, "deleted": False, "expires_at": {"$gt": self._now()}}
        if source is not None:
            scope["source"] = checked_text("source", source)
        if prefix:
            # As a range, which the index of _id serves.
            first = record_id(self.namespace, checked_text("prefix", prefix))
            scope["_id"] = {"$gte": first, "$lt": _after(first)}
        return scope | wanted.query

    def _now(self) -> int:
        return rows.microseconds(self._clock())


def _content(
    key: str, data: Any, source: str, metadata: Mapping[str, Any] | None, ttl: float | None
) -> tuple[str, str, str, str, int | None]:
    """The first fields of a `Write`, if they are what can be stored."""
    text, about = canonical_json(data), canonical_json(dict(metadata or {}))
    return checked_key(key), text, checked_text("source", source), about, rows.lifetime(ttl)


def _batches(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """Writes in groups in which no key comes twice."""
    batch: dict[str, Write] = {}
    size = 0
    for item in writes:
        if item.key in batch or len(batch) == BATCH or size > BATCH_TEXT:
            yield [*batch.values()]
            batch, size = {}, 0
        batch[item.key] = item
        size += len(item.text or "")
    if batch:
        yield [*batch.values()]


def _needed(stages: Iterable[Stage]) -> int | None:
    """How many documents a pipeline looks at, if that can be told from how it begins."""
    skipped = 0
    for stage in stages:
        match stage.name:
            case "$skip":
                skipped += stage.operand
            case "$limit":
                return skipped + int(stage.operand)
            case "$project" | "$addFields":
                pass
            case _:
                return None
    return None


def _after(prefix: str) -> str:
    """The first text after all those that begin with `prefix`, which holds NUL and so has one."""
    kept = prefix.rstrip("\U0010ffff")
    following = ord(kept[-1]) + 1
    # Between U+D7FF and U+E000 lie the halves of surrogates, which are not text.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)
