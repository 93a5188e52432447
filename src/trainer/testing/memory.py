"""A store in memory: for tests, for hosts that keep nothing, and as the measure of what a store must do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import attrs

from trainer.errors import StoreError
from trainer.filters import parse, predicate
from trainer.models import now
from trainer.plugins import hookimpl, plugin
from trainer.stores import DataStore, Freshness, StoredData, canonical_json, checked_key, checked_text, expect_version


class MemoryStore(DataStore):
    """Records in a dictionary, gone when the process ends. Safe for threads; `clock` gives the time."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._spaces: dict[str, dict[str, list[StoredData]]] = {}
        self._versions = self._spaces.setdefault("", {})
        self._lock = threading.RLock()

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
        if ttl is not None and not 0 <= ttl < 1e11:
            raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
        checked_key(key)
        checked_text("source", source)
        text, extra = canonical_json(data), json.loads(canonical_json(metadata)) if metadata else {}
        with self._lock:
            current, time = self._current(key), self._clock()
            expect_version(key, current.version if current else 0, if_version)
            if current and canonical_json(current.data) == text:
                seen = attrs.evolve(current, source=source, metadata=extra, ttl=ttl, updated_at=time)
                self._versions[key][-1] = seen
                return seen
            return self._add(key, json.loads(text), source=source, metadata=extra, ttl=ttl)

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        with self._lock:
            if version is None:
                return self._current(key)
            return next((item for item in self._versions.get(key, []) if item.version == version), None)

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        if limit is not None and limit < 0:
            raise StoreError(f"the limit {limit} is below zero", "Give a limit of 0 or more, or none.")
        holds = predicate(parse(filter))
        found = sorted(
            (record for record in self._all(source, prefix) if holds(record.document)), key=lambda record: record.key
        )
        return sorted(found, key=lambda record: record.updated_at, reverse=True)[:limit]

    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        with self._lock:
            current = self._current(key)
            expect_version(key, current.version if current else 0, if_version)
            if current:
                self._add(key, None, source=current.source, deleted=True)
            return current is not None

    def history(self, key: str) -> Sequence[StoredData]:
        with self._lock:
            return self._versions.get(key, [])[::-1]

    def get_freshness(self, key: str) -> Freshness | None:
        record = self.retrieve(key)
        if record is None:
            return None
        age = self._clock() - record.updated_at
        return Freshness(key, record.version, record.updated_at, age, _expiry(record))

    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        return len(self.query(filter, source=source, prefix=prefix))

    def sweep(self) -> int:
        with self._lock:
            gone = [key for key, items in self._versions.items() if not items[-1].deleted and not self._current(key)]
            for key in gone:
                self._add(key, None, source=self._versions[key][-1].source, deleted=True)
            return len(gone)

    def close(self) -> None:
        """Nothing to let go of."""

    def within(self, namespace: str) -> MemoryStore:
        other = copy(self)
        other.namespace = namespace
        with self._lock:
            other._versions = self._spaces.setdefault(namespace, {})
        return other

    def namespaces(self) -> Sequence[str]:
        with self._lock:
            return sorted(name for name, records in self._spaces.items() if records)

    def _add(self, key: str, data: Any, **fields: Any) -> StoredData:
        versions, time = self._versions.setdefault(key, []), self._clock()
        record = StoredData(key=key, data=data, version=len(versions) + 1, stored_at=time, updated_at=time, **fields)
        versions.append(record)
        return record

    def _current(self, key: str) -> StoredData | None:
        versions = self._versions.get(key)
        if not versions or versions[-1].deleted:
            return None
        expiry = _expiry(versions[-1])
        return None if expiry and expiry <= self._clock() else versions[-1]

    def _all(self, source: str | None, prefix: str) -> list[StoredData]:
        with self._lock:
            records = [self._current(key) for key in self._versions if key.startswith(prefix)]
        return [record for record in records if record and source in (None, record.source)]


@plugin
class Memory:
    """`memory:` as a store, one for each pipeline."""

    @hookimpl
    def store(self, url: str) -> DataStore:  # noqa: ARG002  # the hook's own signature
        return MemoryStore()


def _expiry(record: StoredData) -> datetime | None:
    return None if record.ttl is None else record.updated_at + timedelta(seconds=record.ttl)
