"""What a data store is: versioned JSON documents under keys, with age and expiry."""

from __future__ import annotations

import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from attrs import field, frozen

from trainer.errors import StoreError, UnsupportedQuery, VersionConflict

LARGEST_INTEGER = 2**63 - 1
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
refused = re.compile("[\0\ud800-\udfff]").search


@frozen
class StoredData:
    """One version of one record. `ttl` is in seconds from `updated_at`; `None` keeps it for ever.

    `stored_at` is when this version was written, `updated_at` when the same content was last seen.
    """

    key: str
    data: Any
    source: str
    version: int
    stored_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(factory=dict)
    ttl: float | None = None
    deleted: bool = False

    @property
    def ref(self) -> str:
        """`key@version`: the name of exactly these contents, for ever."""
        return f"{self.key}@{self.version}"

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of `data`."""
        return content_hash(canonical_json(self.data))

    @property
    def document(self) -> dict[str, Any]:
        """The record as filters and pipelines see it: the fields of its data, `_id` (the key) and `metadata`."""
        fields = self.data if isinstance(self.data, Mapping) else {}
        return {**fields, "_id": self.key, "metadata": self.metadata}


@frozen
class Freshness:
    """How old a record is, without its data.

    `age` is the time since `updated_at`; `expires_at` is `None` for a record that is kept for ever.
    """

    key: str
    version: int
    updated_at: datetime
    age: timedelta
    expires_at: datetime | None = None


@frozen
class BulkResult:
    """What a bulk write did: how many records got a new version, and how many held the same content already."""

    stored: int = 0
    unchanged: int = 0


class DataStore(ABC):
    """A keeper of versioned records. Every write is atomic; a record that has expired is not there.

    A write of the same content moves `updated_at` and makes no version; of other content makes the next
    version. A delete is a version too (a tombstone). Every method raises `StoreError` when the store cannot
    be reached or read. Data is JSON: `canonical_json` says which values are refused.

    Filters and pipelines use MongoDB's words, see `trainer.filters` and `trainer.aggregation`, on
    `StoredData.document`. Where a store cannot do what is asked it raises `UnsupportedQuery`.
    """

    namespace: str = ""
    """Records of other namespaces are not seen and not touched; see `within`."""

    @abstractmethod
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
        """Write `data` under `key` and return the version that holds it.

        `if_version` is compare-and-set: the write happens only if that version is current (0: no record),
        else `VersionConflict` is raised.
        """

    @abstractmethod
    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """The current record, or the given version of it; `None` if there is none.

        An old version is returned even after expiry or delete: that is what lineage needs.
        """

    @abstractmethod
    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """Current records, the last updated first, then by key. `prefix` is what the key begins with."""

    @abstractmethod
    def delete(self, key: str, *, if_version: int | None = None) -> bool:
        """Delete the record, keeping its history. False if there was none. `if_version` as in `store`."""

    @abstractmethod
    def history(self, key: str) -> Sequence[StoredData]:
        """Every version of a record, the newest first."""

    @abstractmethod
    def get_freshness(self, key: str) -> Freshness | None:
        """How old the current record is; `None` if there is none."""

    @abstractmethod
    def count(self, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = "") -> int:
        """How many current records there are for which `filter` holds."""

    @abstractmethod
    def sweep(self) -> int:
        """Turn what has expired into tombstones and say how many. Reads never need it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; a closed store may not be used again."""

    @abstractmethod
    def within(self, namespace: str) -> DataStore:
        """The same store in another namespace. It shares connections: close only one of them."""

    @abstractmethod
    def namespaces(self) -> Sequence[str]:
        """The namespaces that hold anything, history included, in order."""

    def exists(self, key: str) -> bool:
        """Whether there is a current record."""
        return self.get_freshness(key) is not None

    def update(
        self, key: str, change: Mapping[str, Any] | Callable[[Any], Any], *, if_version: int | None = None
    ) -> StoredData:
        """Change a record as one step: no change that others make meanwhile is lost.

        `change` is a function from the data to the new data, which may be called again if others write
        meanwhile, or the values to set by dotted path. Source, metadata and ttl stay; the time to live starts
        anew. Raises `StoreError` if there is no record, and `VersionConflict` as `store` does.
        """
        while True:
            current = self.retrieve(key)
            if current is None:
                raise StoreError(f"there is no record {key} to update", "Store it first.")
            expect_version(key, current.version, if_version)
            data = json.loads(canonical_json(current.data))
            data = change(data) if callable(change) else _set(data, change)
            version = current.version if if_version is None else if_version
            source, metadata, ttl = current.source, current.metadata, current.ttl
            try:
                return self.store(key, data, source=source, metadata=metadata, ttl=ttl, if_version=version)
            except VersionConflict:
                if if_version is not None:
                    raise

    def bulk_store(
        self,
        records: Mapping[str, Any] | Iterable[tuple[str, Any]],
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
        ttl: float | None = None,
    ) -> BulkResult:
        """Store many records, given as keys and their data, in order. It may be an iterator without end in memory.

        Each record is written as `store` would, several in one step where the store can. What is wrong with one
        is raised; those before it may have been stored, and storing them again makes no new version.
        """
        counts = [0, 0]
        for key, data in records.items() if isinstance(records, Mapping) else records:
            before = self.get_freshness(key)
            written = self.store(key, data, source=source, metadata=metadata, ttl=ttl)
            counts[before is not None and before.version == written.version] += 1
        return BulkResult(*counts)

    def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, source: str | None = None, prefix: str = ""
    ) -> list[dict[str, Any]]:
        """What a pipeline makes of the documents of current records, which it gets in the order of `query`."""
        from trainer import aggregation

        stages = aggregation.parse_pipeline(pipeline)
        wanted = stages.pop(0).operand if stages and stages[0].name == "$match" else None
        records = self.query(wanted, source=source, prefix=prefix)
        return aggregation.run((record.document for record in records), stages)

    def distinct(
        self, path: str, filter: Mapping[str, Any] | None = None, *, source: str | None = None, prefix: str = ""
    ) -> list[Any]:
        """The different values at a path in current records, in order; of a list, those of its elements."""
        from trainer.filters import order, path_of, reach

        steps, found = path_of(path), {}
        for record in self.query(filter, source=source, prefix=prefix):
            for value in reach(record.document, steps):
                found.update({order(item): item for item in (value if isinstance(value, list) else [value])})
        return [found[key] for key in sorted(found)]

    def create_index(self, path: str) -> None:
        """Make filters on a dotted path fast from now on; does nothing if that was declared before."""
        raise UnsupportedQuery(f"this store has no index to make on {path}", "Filters work without, in linear time.")

    def drop_index(self, path: str) -> bool:
        """Take an index back. False if there was none."""
        raise UnsupportedQuery(f"this store has no index on {path}", "There is nothing to do.")

    def indexes(self) -> Sequence[str]:
        """The paths with a declared index, in order."""
        return ()

    def rollback(self, key: str, version: int) -> StoredData:
        """Write the data of an old version as the newest one. `StoreError` if that version never was."""
        old = self.retrieve(key, version)
        if old is None or old.deleted:
            raise StoreError(f"{key} has no version {version} to go back to", f"See `trainer store history {key}`.")
        return self.store(key, old.data, source=old.source, metadata=old.metadata, ttl=old.ttl)

    def ping(self) -> None:
        """Raise `StoreError` if the store does not answer."""
        self.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_store(url: str, *, namespace: str = "") -> DataStore:
    """Open the store at a URL (`sqlite:///file.db`, `postgresql://host/database`, …) by the plugin for its scheme.

    Relative paths start from the current folder. Raises `UnknownPlugin` for a scheme that nothing answers to.
    """
    from trainer.catalog import Catalog
    from trainer.config import Config
    from trainer.plugins import Plugins
    from trainer.routing import scheme

    plugins = Plugins(Catalog.discover(), Config())
    store: DataStore = plugins.call("store", scheme(url), DataStore, url=url)  # type: ignore[type-abstract]  # only isinstance is asked of it
    return store.within(namespace) if namespace else store


def canonical_json(data: Any) -> str:
    """The one JSON text of `data`: sorted keys, no spaces, no `NaN`, nothing a backend would bend.

    Raises `StoreError` naming the place of: NaN or infinity, integers beyond 64 bits, NUL, lone
    surrogates, keys that are not text, and values that JSON does not have.
    """
    try:
        fault = "" if _is_plain(data) else _fault(data)
        text = "" if fault else ENCODER.encode(data)
    except RecursionError:
        fault = " is nested too deeply, or holds itself"
    if fault:
        raise StoreError(f"data{fault}", "Store numbers as numbers, the rest as text, and what is absent as None.")
    return text


def checked_key(key: str) -> str:
    """The key, if it can be one: text of at least one character. Else raises `StoreError`."""
    if key == "":
        raise StoreError("the key is empty", "A key is a text of at least one character.")
    return checked_text("key", key)


def checked_text(name: str, text: str) -> str:
    """The text, if databases take it; else raises a `StoreError` that calls it by `name`."""
    if not isinstance(text, str) or refused(text):
        raise StoreError(
            f"the {name} {text!r} is not text that databases take", "Give text without NUL and half surrogates."
        )
    return text


def expect_version(key: str, found: int, wanted: int | None) -> None:
    """Raise `VersionConflict` if a version is wanted that is not the one found (0: no record)."""
    if wanted is not None and wanted != found:
        raise VersionConflict(f"{key} is at version {found}, not {wanted}", "Read it again, then write on top of that.")


def content_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _set(data: Any, values: Mapping[str, Any]) -> Any:
    """`data`, which is changed, with values set at dotted paths; objects on the way are made."""
    from trainer.filters import path_of

    for path, value in values.items():
        *way, last = path_of(path)
        place = data
        for step in way:
            place = place.setdefault(step, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise StoreError(f"{path} cannot be set: there is no object on the way", "Update it with a function.")
        place[last] = value
    return data


def _is_plain(value: Any) -> bool:
    """Whether nothing in `value` is refused: a quick look, since nearly all data passes."""
    kind = type(value)
    if kind is str:
        return ("\0" not in value) if value.isascii() else refused(value) is None
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not _is_plain(key) or not _is_plain(item):
                return False
        return True
    if value is None or kind is bool:
        return True
    if kind is int:
        return bool(-LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER)
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return kind is float and math.isfinite(value)


def _fault(value: Any) -> str:
    """What makes a value one that is refused, after the path to it."""
    if isinstance(value, str):
        return " holds a character that databases refuse (NUL or half a surrogate)" if refused(value) else ""
    if value is None or value is True or value is False:
        return ""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or refused(key):
                return f" has the key {key!r}, which is not text that databases take"
            if fault := _fault(item):
                return f".{key}{fault}"
        return ""
    if isinstance(value, (list, tuple)):
        faults = ((index, _fault(item)) for index, item in enumerate(value))
        return next((f"[{index}]{fault}" for index, fault in faults if fault), "")
    if isinstance(value, int):
        return "" if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else " is an integer of more than 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f" is {value}, which JSON does not have"
    return f" is a {type(value).__name__}, which JSON does not have"
