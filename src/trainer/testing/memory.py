"""A store in memory: for tests, for hosts that keep nothing, and as the measure of what a store must do."""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict
from trainer.models import now
from trainer.plugins import hookimpl, plugin
from trainer.stores import DataStore, Freshness, StoredData, canonical_json

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
WORDS = {"$eq", "$ne", "$in", "$exists", *ORDERS}


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
        if ttl is not None and not 0 <= ttl < 1e11:
            raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
        text, extra = canonical_json(data), json.loads(canonical_json(metadata)) if metadata else {}
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
        found = [record for record in self._all(source, prefix) if matches(record, filter or {})]
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


def matches(record: StoredData, filter: Mapping[str, Any]) -> bool:
    """Whether a filter holds for a record, by MongoDB's rules: the measure for every store.

    A path leads to each object in a list on its way, and at its end to the list and to each element of it.
    Values are compared with values of their own kind (text, number, boolean); null also equals an absent one.
    See https://www.mongodb.com/docs/manual/tutorial/query-arrays/ and /tutorial/query-for-null-fields/.
    """
    for path, wanted in filter.items():
        if path == "$and":
            if not all(matches(record, part) for part in wanted):
                return False
            continue
        if path.startswith("$"):
            raise UnsupportedQuery(f"the memory store knows no {path}", f"It knows $and, {', '.join(sorted(WORDS))}.")
        inside = path.startswith("metadata.")
        root = record.metadata if inside else record.data
        steps = path.removeprefix("metadata.").split(".") if inside else path.split(".")
        reached = list(_reach(root, steps)) if isinstance(root, Mapping) else []
        tests = wanted if isinstance(wanted, Mapping) else {"$eq": wanted}
        if unknown := [word for word in tests if word not in WORDS]:
            raise UnsupportedQuery(f"the memory store knows no {unknown[0]}", f"It knows {', '.join(sorted(WORDS))}.")
        if not all(_holds(reached, word, operand) for word, operand in tests.items()):
            return False
    return True


def _reach(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
    elif isinstance(value, Mapping):
        if steps[0] in value:
            yield from _reach(value[steps[0]], steps[1:])
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping):
                yield from _reach(item, steps)


def _holds(reached: list[Any], word: str, operand: Any) -> bool:
    values = reached + [item for value in reached if isinstance(value, list) for item in value]
    match word:
        case "$exists":
            return bool(reached) is operand
        case "$ne":
            return not _holds(reached, "$eq", operand)
        case "$in":
            return any(_holds(reached, "$eq", item) for item in operand)
        case "$eq":
            equal = any(_kind(value) == _kind(operand) and value == operand for value in values)
            return equal or (operand is None and not reached)
        case _:
            return any(_kind(value) == _kind(operand) and ORDERS[word](value, operand) for value in values)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return type(value).__name__
