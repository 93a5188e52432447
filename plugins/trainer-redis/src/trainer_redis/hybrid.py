"""Redis in front of a durable store: reads of current records are answered from Redis when that is provably right."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from attrs import frozen

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict
from trainer.models import now
from trainer.stores import ENCODER, BulkResult, DataStore, Freshness, StoredData
from trainer_redis.agreement import NAMESPACE, Agreement, Agreements
from trainer_redis.cache import Cache, CacheDown
from trainer_redis.records import freshness, microseconds, time_of

T = TypeVar("T")
BATCH = 500
LARGEST = 1_000_000  # bytes of a copy: larger ones would keep others waiting
QUIET = 5  # leases for which a cache that was closed stays closed


@frozen
class Turn:
    """A writer's turn: its token, the entries it is about, and the epoch, if the cache was on when it marked them."""

    token: str
    entries: Sequence[bytes]
    epoch: str


class Coherence:
    """What keeps the copies in a cache from being older than the last finished write. Shared by all namespaces."""

    def __init__(self, cache: Cache, durable: DataStore, lease: float) -> None:
        self.cache = cache
        self.hits = self.misses = 0
        self._agreements, self._quiet = Agreements(durable, lease), QUIET * lease

    def readable(self) -> Agreement | None:
        """The agreement under which the cache may be read, if it may."""
        agreement = self._agreement()
        return agreement if agreement.mode == "on" and self.cache.ready else None

    def holds(self, agreement: Agreement) -> bool:
        """Whether what was read from the cache before may be believed."""
        return self._agreements.holds(agreement)

    def failed(self, agreement: Agreement) -> None:
        """A reader found the cache to fail: a server that was started anew has to be agreed on."""
        if self.cache.moved(agreement):
            with suppress(StoreError):  # a reader needs not be able to write
                self._shut(agreement)

    def begin(self, entries: Sequence[bytes]) -> Turn:
        """To be called before a write to the durable store."""
        token = uuid.uuid4().hex
        while (agreement := self._agreement()).mode in ("opening", "on"):
            try:
                self.cache.mark(agreement, entries, token)
                return Turn(token, entries, agreement.epoch if agreement.mode == "on" else "")
            except CacheDown:
                self._shut(agreement)
        return Turn(token, entries, "")

    def finish(self, turn: Turn, copy: bytes = b"", *, known: bool = True) -> None:
        """To be called after it; only then is the write finished. `known` is whether its outcome is."""
        while (agreement := self._agreements.current()).mode != "off":
            if agreement.mode == "closing":
                return time.sleep(max(0.0, self._agreements.until_known()))
            # Had it begun while the cache was opening, a writer who did not tell the cache could have come after it.
            good = agreement.mode == "on" and agreement.epoch == turn.epoch and len(turn.entries) == 1
            try:
                return self.cache.finish(agreement, turn.entries, turn.token, copy if good else b"", known=known)
            except CacheDown:
                self._shut(agreement)
        return None

    def _agreement(self) -> Agreement:
        """What is agreed on, after going on to the next mode where it is time for that."""
        agreement = self._agreements.current()
        if agreement.mode != "on":
            with suppress(StoreError):  # who cannot write may leave it to others
                return self._next(agreement)
        return agreement

    def _next(self, agreement: Agreement) -> Agreement:
        change = self._agreements.change
        known = self._agreements.until_known() <= 0
        if agreement.mode == "closing":
            return change(agreement, "off") if known else agreement
        waits = not known if agreement.mode == "opening" else agreement.version and self._agreements.age() < self._quiet
        if waits or not self.cache.ready:
            return agreement
        try:
            server = self.cache.server()
        except CacheDown:
            return agreement
        if agreement.mode == "off":
            return change(agreement, "opening", epoch=uuid.uuid4().hex[:16], server=server)
        if server != agreement.server:
            return change(agreement, "off")
        return change(agreement, "on", epoch=agreement.epoch, server=server)

    def _shut(self, agreement: Agreement) -> None:
        if agreement.mode in ("opening", "on"):
            # Nobody reads a cache that is only opening, so nobody needs to be waited for.
            self._agreements.change(agreement, "closing" if agreement.mode == "on" else "off")


class HybridStore(DataStore):
    """Redis as a cache in front of any durable `DataStore`, for threads and for several processes and machines.

    The durable store is the truth: it gets every write first, and answers all but `retrieve` of current records,
    `get_freshness` and `exists`, which are answered from Redis if it holds the record. **A read never gives
    anything older than the last write that was finished before it began**, whatever Redis does meanwhile: it may be
    down from the start, hang, be killed, or come back with old data. See the README for what that rests on.

    `url` names the server as `RedisStore` does; `durable` is closed with this store. `timeout` is how many seconds
    Redis may take to answer before it is left alone for a while. `lease` is how many seconds a process relies on what
    is agreed on about the cache, and how long, about, the first write waits after Redis failed. `keep` is how many
    seconds an entry stays. Only what is wrong with the URL raises an error here; that Redis cannot be
    reached is logged. `clock` must be that of the durable store.
    """

    def __init__(
        self,
        url: str,
        durable: DataStore,
        *,
        prefix: str = "trainer",
        timeout: float = 0.25,
        lease: float = 1.0,
        keep: float = 3600.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._durable, self._clock = durable, clock
        self._coherence = Coherence(Cache(url, prefix=prefix, timeout=timeout, keep=keep), durable, lease)
        self._enter(durable.namespace)

    @classmethod
    def open(cls, url: str, *, root: Path = Path(), **options: Any) -> HybridStore:
        """The store at `hybrid:REDIS|STORE`; relative paths of the second URL start from `root`."""
        from trainer.catalog import Catalog
        from trainer.config import Config
        from trainer.plugins import Plugins
        from trainer.routing import scheme

        cache, _, behind = url.removeprefix("hybrid:").partition("|")
        if not cache or not behind or scheme(behind) == "hybrid":
            raise StoreError(
                "this is not the URL of Redis in front of a store",
                "Write hybrid:redis://host:6379/0|sqlite:///store.db; in a password, | is %7C.",
            )
        plugins = Plugins(Catalog.discover(), Config(root=root.absolute()))
        durable: DataStore = plugins.call("store", scheme(behind), DataStore, url=behind)  # type: ignore[type-abstract]  # only isinstance is asked of it
        try:
            return cls(cache, durable, **options)
        except BaseException:
            durable.close()
            raise

    @property
    def hits(self) -> int:
        """How many reads this process has answered from Redis."""
        return self._coherence.hits

    @property
    def misses(self) -> int:
        """How many it could not, and asked the durable store."""
        return self._coherence.misses

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
        options: dict[str, Any] = {"source": source, "metadata": metadata, "ttl": ttl, "if_version": if_version}
        return self._write([key], lambda: self._durable.store(key, data, **options))

    def update(
        self, key: str, change: Mapping[str, Any] | Callable[[Any], Any], *, if_version: int | None = None
    ) -> StoredData:
        """As `DataStore.update`."""
        return self._write([key], lambda: self._durable.update(key, change, if_version=if_version))

    def rollback(self, key: str, version: int) -> StoredData:
        """As `DataStore.rollback`."""
        return self._write([key], lambda: self._durable.rollback(key, version))

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """As `DataStore.delete`."""
        return self._write([key], lambda: self._durable.delete(key, if_version=if_version))

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """As `DataStore.bulk_store`, in batches; what was cached of these records is dropped."""
        pairs, total = iter(records.items() if isinstance(records, Mapping) else records), BulkResult()
        while batch := list(itertools.islice(pairs, BATCH)):
            done = self._write(
                [key for key, _ in batch],
                lambda: self._durable.bulk_store(batch, source=source, metadata=metadata, ttl=ttl),
            )
            total = BulkResult(total.stored + done.stored, total.unchanged + done.unchanged)
        return total

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`; old versions come from the durable store."""
        if version is not None:
            return self._durable.retrieve(key, version)
        found, agreement = self._cached(key)
        if found or not agreement:
            return found or self._durable.retrieve(key)
        cache, entry, ticket = self._coherence.cache, self._entry(key), None
        try:
            ticket = cache.ticket(agreement, entry)
            found = self._durable.retrieve(key)
            copy = _copy(found) if found and ticket else b""
            if ticket and copy:
                cache.fill(agreement, entry, ticket, copy)
        except CacheDown:
            return found or self._durable.retrieve(key)
        return found

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`."""
        found, _ = self._cached(key)
        return freshness(found, self._clock) if found else self._durable.get_freshness(key)

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """As `DataStore.query`."""
        return self._durable.query(filter, source=source, prefix=prefix, limit=limit)

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`."""
        return self._durable.history(key)

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`."""
        return self._durable.count(filter, source=source, prefix=prefix)

    def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, source: str | None = None, prefix: str = ""
    ) -> list[dict[str, Any]]:
        """As `DataStore.aggregate`."""
        return self._durable.aggregate(pipeline, source=source, prefix=prefix)

    def distinct(
        self, path: str, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = ""
    ) -> list[Any]:
        """As `DataStore.distinct`."""
        return self._durable.distinct(path, filter, source=source, prefix=prefix)

    def sweep(self) -> int:
        """As `DataStore.sweep`. The cache need not know: what has expired is not read from it."""
        return self._durable.sweep()

    def create_index(self, path: str) -> None:
        """As `DataStore.create_index`."""
        self._durable.create_index(path)

    def drop_index(self, path: str) -> bool:
        """As `DataStore.drop_index`."""
        return self._durable.drop_index(path)

    def indexes(self) -> Sequence[str]:
        """As `DataStore.indexes`."""
        return self._durable.indexes()

    def within(self, namespace: str) -> HybridStore:
        """As `DataStore.within`."""
        if namespace == NAMESPACE:
            raise StoreError(f"the namespace {NAMESPACE} is where the cache is agreed on", "Choose another one.")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._durable = self._durable.within(namespace)
        other._enter(namespace)
        return other

    def namespaces(self) -> Sequence[str]:
        """As `DataStore.namespaces`."""
        return [name for name in self._durable.namespaces() if name != NAMESPACE]

    def ping(self) -> None:
        """As `DataStore.ping`: whether the durable store answers."""
        self._durable.ping()

    def close(self) -> None:
        """As `DataStore.close`: the durable store too."""
        self._coherence.cache.close()
        self._durable.close()

    def _enter(self, namespace: str) -> None:
        self.namespace = namespace
        self._base = f"{quote(namespace, safe='')}:".encode()

    def _entry(self, key: str) -> bytes:
        return self._base + str(key).encode(errors="surrogatepass")  # what cannot be a key, the durable store refuses

    def _cached(self, key: str) -> tuple[StoredData | None, Agreement | None]:
        """The record in the cache, or else the agreement under which it may be put there."""
        coherence = self._coherence
        if (agreement := coherence.readable()) is None:
            return None, None
        try:
            copy = coherence.cache.read(agreement, self._entry(key))
        except CacheDown:
            coherence.failed(agreement)
            return None, None
        # Only now, when the answer is here: else the agreement could have ended before the question arrived.
        if copy is not None and coherence.holds(agreement):
            found = _record(key, copy)
            if found.ttl is None or found.updated_at + timedelta(seconds=found.ttl) > self._clock():
                coherence.hits += 1
                return found, None
        coherence.misses += 1
        return None, agreement if copy is None else None

    def _write(self, keys: list[str], write: Callable[[], T]) -> T:
        """A write to the durable store, which the cache is told of before and after."""
        turn = self._coherence.begin([self._entry(key) for key in keys])
        try:
            written = write()
        except BaseException as error:
            with suppress(StoreError):  # the mark that may be left costs only speed
                self._coherence.finish(turn, known=isinstance(error, VersionConflict | UnsupportedQuery))
            raise
        self._coherence.finish(turn, _copy(written) if isinstance(written, StoredData) else b"")
        return written


def _copy(record: StoredData) -> bytes:
    """A record as an entry holds it; nothing for one that is too large."""
    times = [microseconds(record.stored_at), microseconds(record.updated_at)]
    fields = [record.version, *times, record.ttl, record.source, record.metadata, record.data]
    text = ENCODER.encode(fields).encode()
    return text if len(text) <= LARGEST else b""


def _record(key: str, copy: bytes) -> StoredData:
    version, stored, updated, ttl, source, metadata, data = json.loads(copy)
    return StoredData(key, data, source, version, time_of(stored), time_of(updated), metadata, ttl)
