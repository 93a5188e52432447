"""What may be written, and records as text. Times are whole microseconds since 1970 in UTC.

A version is stored as four lines, of which only the last may be long:

    NUMBER STORED UPDATED EXPIRES DELETED     EXPIRES is "-" for what is kept for ever
    the source, as JSON
    digests of the values of metadata.query
    the metadata, as canonical JSON

and the data as canonical JSON. JSON holds no line breaks, so a version that was replaced is all five in one value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from trainer.errors import StoreError, VersionConflict
from trainer.stores import ENCODER, Freshness, StoredData

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
END_OF_TIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def microseconds(time: datetime) -> int:
    """A time as it is stored."""
    return (time - EPOCH) // MICROSECOND


def time_of(microseconds: int) -> datetime:
    """A stored time."""
    return EPOCH + timedelta(microseconds=microseconds)


def expiry(at: int, ttl: float | None) -> int | None:
    """When something written at `at` expires, if it lives for `ttl` seconds."""
    if ttl is None:
        return None
    if not (0 <= ttl < 1e11 and at + ttl * 1e6 < END_OF_TIME):
        raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
    return at + round(ttl * 1e6)


def checked_key(key: str) -> bytes:
    """The bytes of a key, if it can be one; else `StoreError`."""
    if key == "":
        raise StoreError("the key is empty", "A key is a text of at least one character.")
    return checked_text("key", key)


def checked_text(name: str, text: str) -> bytes:
    """The bytes of a text, if every store takes it; else `StoreError` that calls it by `name`."""
    try:
        encoded = text.encode()
    except (AttributeError, UnicodeEncodeError):
        raise StoreError(f"the {name} {text!r} is not text that can be stored", "Give text.") from None
    if b"\0" in encoded:
        raise StoreError(f"the {name} {text!r} holds NUL, which databases refuse", "Leave it out.")
    return encoded


def json_text(text: str) -> bytes:
    """A text as JSON: one line, whatever it holds."""
    return ENCODER.encode(text).encode()


def terms(metadata: Mapping[str, Any]) -> list[str]:
    """What a record is found by through its `metadata.query`: a digest for each text there."""
    value = metadata.get("query")
    return sorted({digest(item) for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)})


def digest(text: str) -> str:
    """A short name for a text of any length."""
    return blake2b(text.encode(), digest_size=12).hexdigest()


def live(head: bytes, at: int) -> bool:
    """Whether a version is neither deleted nor expired at a time."""
    _, _, _, expires, deleted = head[: head.index(b"\n")].split(b" ")
    return deleted == b"0" and (expires == b"-" or int(expires) > at)


def record(key: str, head: bytes, data: bytes) -> StoredData:
    """A stored version as a record. Raises `ValueError` if it is not what was written."""
    numbers, source, _, metadata = head.split(b"\n", 3)
    version, stored, updated, expires, deleted = numbers.split(b" ")
    return StoredData(
        key=key,
        data=json.loads(data),
        source=json.loads(source),
        version=int(version),
        stored_at=time_of(int(stored)),
        updated_at=time_of(int(updated)),
        metadata=json.loads(metadata),
        ttl=None if expires == b"-" else (int(expires) - int(updated)) / 1e6,
        deleted=deleted == b"1",
    )


def old_record(key: str, text: bytes) -> StoredData:
    """A version that was replaced as a record."""
    head, _, data = text.rpartition(b"\n")
    return record(key, head, data)


def freshness(record: StoredData, clock: Callable[[], datetime]) -> Freshness:
    """How old a record is."""
    ends = None if record.ttl is None else record.updated_at + timedelta(seconds=record.ttl)
    return Freshness(record.key, record.version, record.updated_at, clock() - record.updated_at, ends)


def conflict(key: str, found: int, wanted: int | None) -> VersionConflict:
    """The error for a write that expected another version than the one found (0: no record)."""
    return VersionConflict(f"{key} is at version {found}, not {wanted}", "Read it again, then write on top of that.")
