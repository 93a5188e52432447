"""What the stores of this plugin share: what may be written, and rows as records.

Times are whole microseconds since 1970 in UTC.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from trainer.errors import StoreError
from trainer.stores import LARGEST_INTEGER, StoredData, canonical_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
END_OF_TIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def microseconds(time: datetime) -> int:
    """A time as it is stored."""
    return (time - EPOCH) // MICROSECOND


def checked_limit(limit: int | None) -> int | None:
    """The limit, if it is one; else `StoreError`."""
    if limit is not None and limit < 0:
        raise StoreError(f"the limit {limit} is below zero", "Give a limit of 0 or more, or none.")
    return limit


def expiry(at: int, ttl: float | None) -> int | None:
    """When something written at `at` expires, if it lives for `ttl` seconds."""
    if ttl is None:
        return None
    if not (math.isfinite(ttl) and ttl >= 0 and at + ttl * 1e6 < END_OF_TIME):
        raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
    return at + round(ttl * 1e6)


def encode(data: Any) -> str:
    """`canonical_json(data)`, several times as fast where that is sure to come out the same. Raises as it does."""
    try:
        text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode() if _is_common((data,)) else ""
    except (TypeError, RecursionError):  # for half surrogates, keys that are not text, and what is nested deep
        text = ""
    return text if text and "\\u0000" not in text else canonical_json(data)


def decode(text: str) -> Any:
    """The data of a JSON text that was stored. Raises `ValueError` for what is none."""
    try:
        return orjson.loads(text)
    except ValueError:  # also for what is nested deeper than orjson goes
        return json.loads(text)


def _is_common(values: Iterable[Any]) -> bool:
    """Whether values are of JSON's own types, with numbers that all encoders take and write alike."""
    for value in values:
        kind = type(value)
        if kind is str or value is None or kind is bool:
            continue
        if kind is float:
            if not (1e-4 <= value < 1e16 or -1e16 < value <= -1e-4 or value == 0):
                return False
        elif kind is int:
            if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
                return False
        elif kind is dict:
            if not _is_common(value.values()):
                return False
        elif kind is not list or not _is_common(value):
            return False
    return True


def time_of(microseconds: int) -> datetime:
    """A stored time."""
    return EPOCH + timedelta(microseconds=microseconds)


def record(row: Sequence[Any]) -> StoredData:
    """A row (key, version, source, stored, updated, expires, metadata, data, deleted) as a record."""
    key, version, source, stored_at, updated_at, expires_at, metadata, data, deleted = row
    updated = EPOCH + timedelta(0, 0, updated_at)
    return StoredData(
        key,
        decode(data),
        source,
        int(version),
        updated if stored_at == updated_at else EPOCH + timedelta(0, 0, stored_at),
        updated,
        {} if metadata == "{}" else decode(metadata),
        None if expires_at is None else (expires_at - updated_at) / 1e6,
        bool(deleted),
    )


def after(prefix: str) -> str:
    """The first text, in order of code points, after all those that begin with `prefix`; empty if none is."""
    kept = prefix.rstrip("\U0010ffff")
    following = ord(kept[-1]) + 1 if kept else 0
    # Between U+D7FF and U+E000 lie the halves of surrogates, which are not text.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following) if kept else ""
