"""Records as documents of MongoDB.

The current version of each record is a document in `trainer_records`, earlier ones are in `trainer_versions`. Both
hold data and metadata as canonical JSON, which is what is read back, since BSON bends some of it; a current record
holds them as BSON too, for filters. Times are whole microseconds since 1970 in UTC, because MongoDB's own
have milliseconds.

`revision` counts the writes to a record, with or without a new version; `writer` is a different mark for each
write.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from trainer.errors import StoreError
from trainer.stores import StoredData
from trainer_mongo.server import Row

RECORDS, VERSIONS = "trainer_records", "trainer_versions"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = 2**63 - 1
LARGEST = 2**24  # bytes of a document, at most
LONGEST = 2**20  # characters of JSON that are kept as they are
# Levels of data that filters can see. Their paths have at most 32 steps, each of which may lead through a list; and
# MongoDB promises to take documents of 100 levels.
LEVELS = 90
READ = {"data": 0, "metadata": 0}  # the projection: all but what is there for filters


def record_id(namespace: str, key: str) -> str:
    """The `_id` of a current record. Neither part can hold NUL."""
    return f"{namespace}\0{key}"


def version_id(record: str, version: int) -> str:
    """The `_id` of an earlier version of a record; in order of versions."""
    return f"{record}\0{version:020}"


def microseconds(time: datetime) -> int:
    """A time as it is stored."""
    return (time - EPOCH) // MICROSECOND


def time_of(microseconds: int) -> datetime:
    """A stored time."""
    return EPOCH + timedelta(microseconds=microseconds)


def lifetime(ttl: float | None) -> int | None:
    """A time to live in microseconds. Raises `StoreError` if it is none."""
    if ttl is None:
        return None
    if not 0 <= ttl < 1e11:
        raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
    return round(ttl * 1e6)


def packed(text: str) -> str | bytes:
    """JSON text as it is stored: what is long is deflated."""
    return text if len(text) <= LONGEST else zlib.compress(text.encode())


def unpacked(stored: str | bytes) -> str:
    """Stored JSON text."""
    return stored if isinstance(stored, str) else zlib.decompress(stored).decode()


def searchable(value: Any, levels: int = LEVELS) -> Any:
    """What filters can see of a value, as BSON takes it from everybody.

    Left out are fields that no path can name, which MongoDB takes for operators, paths or references, and what is
    too deep. Equal values are equal in this form too.
    """
    if isinstance(value, Mapping):
        if not levels:
            return None
        return {
            name: searchable(item, levels - 1)
            for name, item in value.items()
            if name and name[0] != "$" and "." not in name
        }
    if isinstance(value, list | tuple):
        return [searchable(item, levels - 1) for item in value] if levels else None
    return value


def check_size(key: str, row: Row, length: int) -> None:
    """Raise `StoreError` if a row, made of so much JSON, is more than a document can hold."""
    import bson

    # The shortest JSON with the longest BSON is a list of digits; it does not grow that much.
    if length > LARGEST // 16 and (size := len(bson.encode(row))) > LARGEST:
        raise StoreError(
            f"{key} takes {size / 2**20:.1f} MiB in MongoDB, and a document holds 16 MiB at most",
            "Store it in parts, or in another store.",
        )


def fields(text: str) -> Row:
    """What filters can see of data or metadata in JSON: the fields of an object."""
    data = json.loads(text)
    return searchable(data) if isinstance(data, dict) else {}


def record(row: Mapping[str, Any]) -> StoredData:
    """A document as a record. Raises `StoreError` if it is not one that was written here."""
    try:
        updated_at, expires_at = row["updated_at"], row["expires_at"]
        return StoredData(
            key=row["key"],
            data=json.loads(unpacked(row["text"])),
            source=row["source"],
            version=int(row["version"]),
            stored_at=time_of(row["stored_at"]),
            updated_at=time_of(updated_at),
            metadata=json.loads(unpacked(row["about"])),
            ttl=None if expires_at == NEVER else (expires_at - updated_at) / 1e6,
            deleted=row["deleted"],
        )
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
        raise StoreError(
            f"the document {row.get('_id')!r} of {RECORDS} is damaged: {error!r}", "Restore a backup of it."
        ) from error
