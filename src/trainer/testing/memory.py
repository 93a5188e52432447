"""A store in memory: for tests, for hosts that keep nothing, and as the measure of what a store must do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from trainer.errors import UnsupportedQuery, VersionConflict
from trainer.models import now
from trainer.plugins import hookimpl, plugin
from trainer.stores import DataStore, Freshness, StoredData, canonical_json

ABSENT = object()
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


class MemoryStore(DataStore):
    """Records in a dictionary, gone when the process ends. Safe for threads; `clock` gives the time."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._versions: dict[str, list[StoredData]] = {}
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
        text, extra = canonical_json(data), dict(metadata or {})
        if extra:
            canonical_json(extra)
        with self._lock:
            current, time = self._current(key), self._clock()
            if if_version is not None and if_version != (current.version if current else 0):
                found = current.version if current else 0
                raise VersionConflict(
                    f"{key} is at version {found}, not {if_version}", "Read it again, then write on top of that."
                )
            if current and canonical_json(current.data) == text:
                seen = attrs.evolve(current, source=source, metadata=extra, ttl=ttl, updated_at=time)
                self._versions[key][-1] = seen
                return seen
            return self._add(key, data, source=source, metadata=extra, ttl=ttl)

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
        found = [
            record
            for record in self._all(source, prefix)
            if all(_holds(record, path, wanted) for path, wanted in (filter or {}).items())
        ]
        found.sort(key=lambda record: (record.updated_at, record.key), reverse=True)
        return found[:limit]

    def delete(self, key: str) -> bool:
        with self._lock:
            current = self._current(key)
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

    def count(self, *, source: str | None = None, prefix: str = "") -> int:
        return len(self._all(source, prefix))

    def sweep(self) -> int:
        with self._lock:
            gone = [key for key, items in self._versions.items() if not items[-1].deleted and not self._current(key)]
            for key in gone:
                self._add(key, None, source=self._versions[key][-1].source, deleted=True)
            return len(gone)

    def close(self) -> None:
        """Nothing to let go of."""

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


def _holds(record: StoredData, path: str, wanted: Any) -> bool:
    if path.startswith("$"):
        if path != "$and":
            raise UnsupportedQuery(
                f"the memory store knows no '{path}'", f"It knows $and, $eq, $in, {', '.join(COMPARE)}."
            )
        return all(_holds(record, *item) for part in wanted for item in part.items())
    value: Any = record.metadata if path.startswith("metadata.") else record.data
    for step in path.removeprefix("metadata.").split("."):
        value = value.get(step, ABSENT) if isinstance(value, Mapping) else ABSENT
    tests = wanted if isinstance(wanted, Mapping) and any(key.startswith("$") for key in wanted) else {"$eq": wanted}
    return all(_test(value, operator, operand) for operator, operand in tests.items())


def _test(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return _equal(value, operand)
    if operator == "$in":
        return any(_equal(value, item) for item in operand)
    if operator in COMPARE:
        return _kind(value) == _kind(operand) and COMPARE[operator](value, operand)
    raise UnsupportedQuery(f"the memory store knows no '{operator}'", f"It knows $and, $eq, $in, {', '.join(COMPARE)}.")


def _equal(value: Any, operand: Any) -> bool:
    if value is ABSENT:
        return operand is None  # as MongoDB has it: an absent field equals null
    return _kind(value) == _kind(operand) and bool(value == operand)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__
