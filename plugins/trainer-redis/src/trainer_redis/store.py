"""The data store: each record one hash with all its versions, and sorted sets to find it by."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainer.errors import StoreError
from trainer.filters import Both, Condition, parse, predicate
from trainer.models import now
from trainer.stores import BulkResult, DataStore, Freshness, StoredData, canonical_json
from trainer_redis import scripts
from trainer_redis.records import (
    checked_key,
    checked_text,
    conflict,
    digest,
    expiry,
    freshness,
    json_text,
    live,
    microseconds,
    old_record,
    record,
    terms,
    time_of,
)
from trainer_redis.server import Server, checked_prefix, executed

if TYPE_CHECKING:
    from redis.commands.core import Script

BATCH = 500
REPLY = 4_000_000  # about how many bytes are asked for, or sent, at once
SCRIPTS = {"store": scripts.STORE, "delete": scripts.DELETE, "sweep": scripts.SWEEP, "count": scripts.COUNT}


class RedisStore(DataStore):
    """A `DataStore` in one Redis database, safe for threads, forks and any number of processes and machines.

    `url` is as `Server` says; `prefix` begins every key, so that others may use the database too; `timeout` is how
    many seconds a command may take; `clock` gives the time: expiry and age are by the clock of who asks, so clocks
    should agree. Raises `StoreError` if the server cannot be used, or would throw records away when it is full.

    Each write is one script, which Redis runs as one step. Current records are found by prefix, by source and by
    `metadata.query` without looking at others; what else a filter asks is looked up in each of those, in linear
    time. What a query gives is each as it was at one moment, not all as they were at the same.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        prefix: str = "trainer",
        namespace: str = "",
        timeout: float = 10.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._clock, self._prefix = clock, checked_prefix(prefix)
        self._server = Server(url, timeout=timeout)
        self._scripts = {name: self._server.client.register_script(text) for name, text in SCRIPTS.items()}
        self._enter(namespace)
        try:
            self._check_eviction()
        except BaseException:
            self.close()
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
        at = self._now()
        arguments = self._arguments(key, data, source, metadata, ttl, at, if_version)
        done, version, stored = self._run("store", arguments, self._spaces)
        if not done:
            raise conflict(key, version, if_version)
        _, _, expires, _, _, about, text, *_ = arguments
        return StoredData(
            key=key,
            data=json.loads(text),
            source=source,
            version=version,
            stored_at=time_of(int(stored)),
            updated_at=time_of(at),
            metadata=json.loads(about),
            ttl=None if expires == b"-" else (int(expires) - at) / 1e6,
        )

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """As `DataStore.bulk_store`: sent in batches, so that each record does not wait for the one before it."""
        pairs = iter(records.items() if isinstance(records, Mapping) else records)
        wanted = (self._arguments(key, data, source, metadata, ttl, self._now(), None) for key, data in pairs)
        stored = unchanged = 0
        for batch in _batches(wanted):
            script = self._scripts["store"]
            with self._server.asked() as client:
                pipeline = client.pipeline(transaction=False)
                pipeline.script_load(script.script)  # part of the batch, so that it is there whatever happened before
                for arguments in batch:
                    pipeline.evalsha(script.sha, 2, self._base, self._spaces, *arguments)
                same = sum(done == 2 for done, _, _ in executed(pipeline)[1:])
            stored, unchanged = stored + len(batch) - same, unchanged + same
        return BulkResult(stored, unchanged)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`: one command."""
        name = checked_key(key)
        fields = ["head", "data"] if version is None else ["head", "data", str(version)]
        with self._server.asked() as client:
            head, data, *old = client.hmget(self._record(name), fields)
        if head is None:
            return None
        with self._whole(key):
            if version is None:
                return record(key, head, data) if live(head, self._now()) else None
            if old[0] is not None:
                return old_record(key, old[0])
            return record(key, head, data) if int(head.partition(b" ")[0]) == version else None

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """As `DataStore.query`; it stops reading once it has `limit`."""
        if limit is not None and limit < 0:
            raise StoreError(f"the limit {limit} is below zero", "Give a limit of 0 or more, or none.")
        found = sorted(itertools.islice(self._found(filter, source, prefix), limit), key=lambda record: record.key)
        # In order already, but for what was written meanwhile.
        return sorted(found, key=lambda record: record.updated_at, reverse=True)

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """As `DataStore.delete`."""
        wanted = "" if if_version is None else if_version
        done, version = self._run("delete", [checked_key(key), self._now(), wanted])
        if not done:
            raise conflict(key, version, if_version)
        return bool(done == 1)

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`; all versions come in one reply."""
        with self._server.asked() as client:
            fields = client.hgetall(self._record(checked_key(key)))
        if not fields:
            return []
        with self._whole(key):
            head, data = fields.pop(b"head"), fields.pop(b"data")
            old = [old_record(key, text) for text in fields.values()]
            return [record(key, head, data), *sorted(old, key=lambda version: version.version, reverse=True)]

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`; the data is not read."""
        with self._server.asked() as client:
            head = client.hget(self._record(checked_key(key)), "head")
        if head is None:
            return None
        with self._whole(key):
            return freshness(record(key, head, b"null"), self._clock) if live(head, self._now()) else None

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`; without a filter, no record is read unless both source and prefix are given."""
        if parse(filter).parts or (source is not None and prefix):
            return sum(1 for _ in self._found(filter, source, prefix))
        wanted = b"" if source is None else self._source(source)
        total: int = self._run("count", [self._now(), checked_text("prefix", prefix), wanted])
        return total

    def sweep(self) -> int:
        """As `DataStore.sweep`, in batches, so that others are not kept waiting."""
        at, total = self._now(), 0
        while True:
            counts: list[int] = self._run("sweep", [at, BATCH])
            seen, buried = counts
            total += buried
            if seen < BATCH or not buried:
                return total

    def within(self, namespace: str) -> RedisStore:
        """As `DataStore.within`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._enter(namespace)
        return other

    def namespaces(self) -> Sequence[str]:
        """As `DataStore.namespaces`."""
        with self._server.asked() as client:
            return sorted(name.decode() for name in client.smembers(self._spaces))

    def ping(self) -> None:
        """As `DataStore.ping`."""
        with self._server.asked() as client:
            client.ping()

    def close(self) -> None:
        """As `DataStore.close`."""
        self._server.close()

    def _enter(self, namespace: str) -> None:
        checked_text("namespace", namespace)
        self.namespace = namespace
        self._spaces = f"{{{self._prefix}}}:namespaces".encode()
        # Quoted, so that no two namespaces and keys make one name.
        self._base = f"{{{self._prefix}}}:{quote(namespace, safe='')}:".encode()

    def _check_eviction(self) -> None:
        with self._server.asked() as client:
            memory = client.info("memory")
        if memory.get("maxmemory") and str(memory.get("maxmemory_policy")).startswith("allkeys"):
            raise StoreError(
                f"{self._server.name} throws away any key when it is full ({memory['maxmemory_policy']})",
                "Set its maxmemory-policy to noeviction, or use it in front of another store: hybrid:URL|URL.",
            )

    def _arguments(
        self,
        key: str,
        data: Any,
        source: str,
        metadata: Mapping[str, Any] | None,
        ttl: float | None,
        at: int,
        if_version: int | None,
    ) -> list[Any]:
        """What the script STORE takes."""
        about, expires = dict(metadata or {}), expiry(at, ttl)
        text = canonical_json(about).encode()
        return [
            checked_key(key),
            at,
            b"-" if expires is None else b"%d" % expires,
            self._source(source),
            " ".join(terms(about)),
            text,
            canonical_json(data).encode(),
            self.namespace,
            "" if if_version is None else if_version,
        ]

    def _found(self, filter: Mapping[str, Any] | None, source: str | None, prefix: str) -> Iterator[StoredData]:
        """The current records for which all holds, in order as far as nobody writes meanwhile."""
        wanted = parse(filter)
        holds = predicate(wanted)
        for found in self._records(self._candidates(wanted, source, checked_text("prefix", prefix))):
            if source in (None, found.source) and found.key.startswith(prefix) and holds(found.document):
                yield found

    def _candidates(self, wanted: Both, source: str | None, prefix: bytes) -> list[bytes]:
        """The keys of all records for which the filter may hold, in order; none that stays meanwhile is missed."""
        ordered = "recent" if source is None else b"source:" + self._source(source)
        found: dict[bytes, float] = {}
        with self._server.asked() as client:
            if (keys := _texts(wanted, ("_id",))) is not None:
                names = [checked_key(key) for key in keys if key]
            elif (queries := _texts(wanted, ("metadata", "query"))) is not None:
                for query in queries:
                    found.update(client.zrange(self._name(f"query:{digest(query)}"), 0, -1, withscores=True))
                return sorted(found, key=lambda key: (found[key], key))
            elif prefix and (source is None or self._fewer(prefix, ordered)):
                names = client.zrangebylex(self._name("keys"), b"[" + prefix, b"[" + prefix + b"\xff")
            else:
                return list(client.zrange(self._name(ordered), 0, -1))
            for batch in _chunks(names, BATCH):
                scores = client.zmscore(self._name(ordered), batch)
                found.update((name, score) for name, score in zip(batch, scores, strict=True) if score is not None)
        return sorted(found, key=lambda key: (found[key], key))

    def _fewer(self, prefix: bytes, ordered: str | bytes) -> bool:
        """Whether fewer keys have the prefix than are in a sorted set."""
        client: Any = self._server.client
        inside = client.zlexcount(self._name("keys"), b"[" + prefix, b"[" + prefix + b"\xff")
        return bool(inside < client.zcard(self._name(ordered)))

    def _records(self, keys: list[bytes]) -> Iterator[StoredData]:
        """The current records under keys, read in batches whose size follows from how large records are."""
        at, size, start = self._now(), 16, 0
        while batch := keys[start : start + size]:
            with self._server.asked() as client:
                pipeline = client.pipeline(transaction=False)
                for key in batch:
                    pipeline.hmget(self._record(key), ["head", "data"])
                rows = executed(pipeline)
            for key, (head, data) in zip(batch, rows, strict=True):
                name = key.decode()
                with self._whole(name):
                    current = record(name, head, data) if head is not None and live(head, at) else None
                if current:
                    yield current
            start += size
            read = sum(len(data or b"") + len(head or b"") for head, data in rows) + 1
            size = max(1, min(BATCH, 4 * size, size * REPLY // read))

    def _run(self, name: str, arguments: list[Any], *more: bytes) -> Any:
        script: Script = self._scripts[name]
        with self._server.asked():
            return script([self._base, *more], arguments)

    def _whole(self, key: str) -> _Whole:
        return _Whole(self._server.name, key)

    def _record(self, key: bytes) -> bytes:
        return self._base + b"record:" + key

    def _name(self, name: str | bytes) -> bytes:
        return self._base + (name.encode() if isinstance(name, str) else name)

    def _source(self, source: str) -> bytes:
        checked_text("source", source)
        return json_text(source)

    def _now(self) -> int:
        return microseconds(self._clock())


class _Whole:
    """Inside, what cannot be read as a record is told as damage."""

    __slots__ = ("key", "name")

    def __init__(self, name: str, key: str) -> None:
        self.name, self.key = name, key

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, ValueError | TypeError | KeyError | OverflowError | AttributeError):
            raise StoreError(f"{self.name} is damaged at {self.key}: {error}", "Restore a backup of it.") from error


def _texts(wanted: Both, path: tuple[str, ...]) -> list[str] | None:
    """The texts of which one must be at a path for the filter to hold, if it asks for that."""
    for part in wanted.parts:
        if isinstance(part, Condition) and part.path == path and part.operator == "in":
            values = list(part.operand)
            if all(isinstance(value, str) for value in values):
                return values
    return None


def _batches(items: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    """Batches of at most `BATCH` items and not much more than `REPLY` bytes."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += len(item[6])
        if len(batch) >= BATCH or size >= REPLY:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _chunks(items: list[bytes], size: int) -> Iterator[list[bytes]]:
    return (items[start : start + size] for start in range(0, len(items), size))
