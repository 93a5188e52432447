"""What a data store is: versioned JSON documents under keys, with age and expiry."""

from __future__ import annotations

import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from attrs import field, frozen

from trainer.errors import StoreError

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


@frozen
class Freshness:
    """How old a record is, without its data."""

    key: str
    version: int
    updated_at: datetime
    age: timedelta
    expires_at: datetime | None = None


class DataStore(ABC):
    """A keeper of versioned records. Every write is atomic; a record that has expired is not there.

    A write of the same content moves `updated_at` and makes no version; of other content makes the next
    version. A delete is a version too (a tombstone). Every method raises `StoreError` when the store cannot
    be reached or read. Data is JSON: `canonical_json` says which values are refused.
    """

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
        """Current records, last updated first.

        `filter` uses MongoDB's words on dotted paths into the data, or into metadata when the path begins
        with `metadata.`; `prefix` is what the key begins with. `UnsupportedQuery` names what cannot be done.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Delete the record, keeping its history. False if there was none."""

    @abstractmethod
    def history(self, key: str) -> Sequence[StoredData]:
        """Every version of a record, the newest first."""

    @abstractmethod
    def get_freshness(self, key: str) -> Freshness | None:
        """How old the current record is; `None` if there is none."""

    @abstractmethod
    def count(self, *, source: str | None = None, prefix: str = "") -> int:
        """How many current records there are."""

    @abstractmethod
    def sweep(self) -> int:
        """Turn what has expired into tombstones and say how many. Reads never need it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; a closed store may not be used again."""

    def exists(self, key: str) -> bool:
        """Whether there is a current record."""
        return self.get_freshness(key) is not None

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


def content_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


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
