"""The data store: current records in one table, the versions that came before them in another."""

# ruff: noqa: S608 - put together from constants, and from paths that were checked; values are bound

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trainer.errors import StoreError, VersionConflict
from trainer.models import now
from trainer.stores import DataStore, Freshness, StoredData, canonical_json
from trainer_sql import statements as sql
from trainer_sql.conditions import indexed, where
from trainer_sql.database import Database
from trainer_sql.filters import parse
from trainer_sql.schema import prepare

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
END_OF_TIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
BATCH = 1000
DAMAGE = (ValueError, TypeError, OverflowError)  # what values of other types than were written lead to


class SQLiteStore(DataStore):
    """A `DataStore` in one SQLite file, safe for threads, for forks and for several processes at once.

    `url` is `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` (in memory) or a plain path; the
    folder is made. `busy_timeout` is in seconds; `clock` gives the time; stores of one file with different
    `namespace` do not see each other's records. Raises `StoreError` if it cannot be opened.

    A write of the same content takes over the new source, metadata and ttl as well, without a new version:
    they say when and where these contents were last seen. What has expired is not there, so the same
    content written after it is a new version.
    """

    def __init__(
        self, url: str | Path, *, busy_timeout: float = 10.0, namespace: str = "", clock: Callable[[], datetime] = now
    ) -> None:
        self._clock = clock
        self._ns = _text("namespace", namespace)
        self._database = Database(_path(url), busy_timeout)
        try:
            prepare(self._database)
        except BaseException:
            self._database.close()
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
        _key(key), _text("source", source)
        text, about = _json("data", data), _json("metadata", dict(metadata or {}))
        run = self._database.execute
        with self._database.transaction():
            at = self._now()
            expires = _expiry(at, ttl)
            found = run(sql.FIND, (text, at, self._ns, key))
            row, version, stored_at, same, live = found[0] if found else (None, 0, 0, False, False)
            try:
                version = int(version)
            except DAMAGE as error:
                raise self._damaged(key, error) from error
            if if_version is not None and if_version != (version if live else 0):
                raise VersionConflict(
                    f"{key} is at version {version if live else 0}, not {if_version}",
                    "Read it again, then write on top of that.",
                )
            if same and live:
                run(sql.SEEN, (source, at, expires, about, row))
            elif found:
                version, stored_at = version + 1, at
                run(sql.KEEP, (f"[{row}]",))
                run(sql.REPLACE, (version, source, at, at, expires, about, text, row))
            else:
                version, stored_at = run(sql.NEXT, (self._ns, key))[0][0], at
                run(sql.INSERT, (self._ns, key, version, source, at, at, expires, about, text))
        return self._read((key, version, source, stored_at, at, expires, about, text, False))

    def retrieve(self, key: str, version: int | None = None) -> StoredData | None:
        """As `DataStore.retrieve`."""
        if version is None:
            return self._one(sql.CURRENT, (self._ns, _key(key), self._now()))
        return self._one(sql.VERSION, {"ns": self._ns, "key": _key(key), "version": version})

    def query(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        prefix: str = "",
        limit: int | None = None,
    ) -> Sequence[StoredData]:
        """As `DataStore.query`; `filters.parse` says which words of the filter language are known."""
        if limit is not None and limit < 0:
            raise StoreError(f"the limit {limit} is below zero", "Give a limit of 0 or more, or none.")
        conditions = parse(filter or {})
        terms, parameters = where(conditions)
        # A "+" keeps the planner from an index, here from walking through all records of a source instead.
        scope, values = self._scope(source, prefix, "+" if any(map(indexed, conditions)) else "")
        rows = self._database.execute(
            f"SELECT {sql.COLUMNS}, 0 FROM trainer_record WHERE {' AND '.join([scope, *terms])}"
            " ORDER BY updated_at DESC, id DESC LIMIT :limit",
            {**values, **parameters, "limit": -1 if limit is None else limit},
        )
        return [self._read(row) for row in rows]

    def delete(self, key: str) -> bool:
        """As `DataStore.delete`."""
        with self._database.transaction():
            at = self._now()
            found = self._database.execute(sql.FIND, (None, at, self._ns, _key(key)))
            live = [row for row, _, _, _, alive in found if alive]
            self._retire(live, at)
        return bool(live)

    def history(self, key: str) -> Sequence[StoredData]:
        """As `DataStore.history`."""
        return [self._read(row) for row in self._database.execute(sql.HISTORY, {"ns": self._ns, "key": _key(key)})]

    def get_freshness(self, key: str) -> Freshness | None:
        """As `DataStore.get_freshness`; the data is not read."""
        at = self._now()
        found = self._database.execute(sql.FRESHNESS, (self._ns, _key(key), at))
        if not found:
            return None
        version, updated_at, expires_at = found[0]
        try:
            age = timedelta(microseconds=at - updated_at)
            return Freshness(key, int(version), _time(updated_at), age, _time(expires_at) if expires_at else None)
        except DAMAGE as error:
            raise self._damaged(key, error) from error

    def count(self, *, source: str | None = None, prefix: str = "") -> int:
        """As `DataStore.count`."""
        scope, values = self._scope(source, prefix)
        rows = self._database.execute(f"SELECT count(*) FROM trainer_record WHERE {scope}", values)
        return int(rows[0][0])

    def sweep(self) -> int:
        """As `DataStore.sweep`, in batches, so that other writers are not kept waiting."""
        total, at = 0, self._now()
        while True:
            with self._database.transaction():
                gone = [row for (row,) in self._database.execute(sql.EXPIRED, (at, self._ns, BATCH))]
                self._retire(gone, at)
            total += len(gone)
            if len(gone) < BATCH:
                return total

    def transaction(self) -> AbstractContextManager[None]:
        """All that this thread writes inside `with store.transaction():` is kept, or nothing of it.

        Much faster for many writes; meanwhile other writers wait, so keep it to some thousands at a time.
        """
        return self._database.transaction()

    def close(self) -> None:
        """As `DataStore.close`: for all threads, each when its transaction has ended."""
        self._database.close()

    def _one(self, sql: str, parameters: Any) -> StoredData | None:
        rows = self._database.execute(sql, parameters)
        return self._read(rows[0]) if rows else None

    def _read(self, row: tuple[Any, ...]) -> StoredData:
        try:
            return _record(row)
        except DAMAGE as error:
            raise self._damaged(row[0], error) from error

    def _damaged(self, key: str, error: Exception) -> StoreError:
        return StoreError(f"{self._database.name} is damaged at {key}: {error}", "Restore a backup of it.")

    def _retire(self, rows: Sequence[int], at: int) -> None:
        ids = json.dumps(rows)
        self._database.execute(sql.KEEP, (ids,))
        self._database.execute(sql.BURY, (at, at, ids))
        self._database.execute(sql.REMOVE, (ids,))

    def _scope(self, source: str | None, prefix: str, steer: str = "") -> tuple[str, dict[str, Any]]:
        terms = [f"{steer}ns = :ns", sql.LIVE.replace("?", ":now")]
        values: dict[str, Any] = {"ns": self._ns, "now": self._now()}
        if source is not None:
            terms.append(f"{steer}source = :source")
            values["source"] = _text("source", source)
        if prefix:
            # As a range, because LIKE has wildcards, ignores case and uses no index.
            terms.append(f"{steer}key >= :prefix")
            values["prefix"] = _text("prefix", prefix)
            if end := _after(prefix):
                terms.append(f"{steer}key < :end")
                values["end"] = end
        return " AND ".join(terms), values

    def _now(self) -> int:
        return (self._clock() - EPOCH) // MICROSECOND


def _path(url: str | Path) -> Path | None:
    """The file that a URL names; `None` for a database in memory."""
    text = str(url)
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", text, re.DOTALL)
    if match and (match[1] != "sqlite" or match[2][:1] not in ("", "/") or "?" in text):
        raise StoreError(
            f"{text.partition('?')[0]} is not the URL of an SQLite file",
            "Write sqlite:///relative.db, sqlite:////absolute.db or sqlite://, without options.",
        )
    name = match[2][1:] if match else text
    if name in ("", ":memory:"):
        return None
    try:
        path = Path(name).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot make the folder of {name}: {error}", "Name a file in a folder that can be written to."
        ) from error
    return path


def _key(key: str) -> str:
    if key == "":
        raise StoreError("the key is empty", "A key is a text of at least one character.")
    return _text("key", key)


def _text(name: str, text: str) -> str:
    try:
        text.encode()
    except (AttributeError, UnicodeEncodeError):
        raise StoreError(f"the {name} {text!r} is not text that can be stored", "Give text.") from None
    if "\0" in text:
        raise StoreError(f"the {name} {text!r} holds NUL, which databases refuse", "Leave it out.")
    return text


def _json(name: str, value: Any) -> str:
    try:
        return canonical_json(value)
    except RecursionError:
        raise StoreError(f"{name} is nested too deep", "Store it in a flatter form.") from None


def _expiry(at: int, ttl: float | None) -> int | None:
    if ttl is None:
        return None
    if not (math.isfinite(ttl) and ttl >= 0 and at + ttl * 1e6 < END_OF_TIME):
        raise StoreError(f"the ttl {ttl} is not a time in seconds", "Give 0 or more, or None to keep it for ever.")
    return at + round(ttl * 1e6)


def _time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _record(row: tuple[Any, ...]) -> StoredData:
    key, version, source, stored_at, updated_at, expires_at, metadata, data, deleted = row
    return StoredData(
        key=key,
        data=json.loads(data),
        source=source,
        version=int(version),
        stored_at=_time(stored_at),
        updated_at=_time(updated_at),
        metadata=json.loads(metadata),
        ttl=None if expires_at is None else (expires_at - updated_at) / 1e6,
        deleted=bool(deleted),
    )


def _after(prefix: str) -> str:
    """The first text, in order of code points, after all those that begin with `prefix`; empty if none is."""
    kept = prefix.rstrip("\U0010ffff")
    following = ord(kept[-1]) + 1 if kept else 0
    # Between U+D7FF and U+E000 lie the halves of surrogates, which are not text.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following) if kept else ""
