"""Old data files as snapshots: each about one subject, of one time, for the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import evolve, frozen

from trainer.errors import VersionConflict
from trainer.lineage import record_of
from trainer.models import Query, RetrievalResult
from trainer.stores import DataStore, StoredData, canonical_json, content_hash
from trainer_files import FileRetriever
from trainer_migrate.naming import NAMES, STAMPS, Named, named, source_of, subject_of, told_subject, told_time

LARGEST = 50_000_000  # bytes of a file
TICKER = re.compile(r"[A-Z]{1,5}(?:[.-][A-Z]{1,2})?")
UNNAMED = "snapshot"  # the source of what says nothing of its own


@frozen
class Snapshot:
    """Data about one subject, of one time: the `place`th of a `file`; `dated` is what told the time.

    `hash` is that of its contents, `version` the one that it has under its key, where nothing else is.
    """

    file: str
    place: int
    source: str
    subject: str
    at: datetime
    dated: str
    hash: str
    version: int = 1

    @property
    def key(self) -> str:
        """Where it is stored."""
        return f"{self.source}:{self.subject}:{self.at:%Y%m%d}"


class Reader:
    """Reads data files below `root`, which no file leads out of; the last one is kept for its next snapshot."""

    def __init__(self, root: Path, folder: Mapping[str, PurePosixPath], source: str = "") -> None:
        self._files = FileRetriever(root, LARGEST)
        self._folder = folder
        self._source = source_of(source)
        self._last: tuple[str, RetrievalResult, list[tuple[str, Any]]] | None = None

    def snapshots(self, file: str) -> list[Snapshot]:
        """What is in a file. Raises `RetrievalError`, and `StoreError` for data that no store takes."""
        about = named(self._folder[file])
        result, parts = self._read(file)
        return [self._snapshot(file, place, about, result, *part) for place, part in enumerate(parts)]

    def data(self, snapshot: Snapshot) -> Any:
        """The data of a snapshot."""
        return self._read(snapshot.file)[1][snapshot.place][1]

    def record(self, snapshot: Snapshot) -> StoredData:
        """A snapshot as the record that it is stored as: under its own day, with its own time."""
        result, parts = self._read(snapshot.file)
        query = Query(snapshot.source, {"file": snapshot.file, "place": snapshot.place}, snapshot.subject)
        told = RetrievalResult(
            parts[snapshot.place][1],
            snapshot.source,
            snapshot.subject,
            result.url,
            result.raw_hash,
            snapshot.at,
            metadata={"dated": snapshot.dated},
        )
        return record_of(query, told)

    def _read(self, file: str) -> tuple[RetrievalResult, list[tuple[str, Any]]]:
        if self._last is None or self._last[0] != file:
            result = self._files.retrieve({"path": file})
            self._last = file, result, parts(result.data, bool(named(self._folder[file]).subject))
        return self._last[1:]

    def _unnamed(self, file: str, data: Any) -> str:
        """The subject of a file whose path names none and whose data tells no ticker."""
        return told_subject(data, NAMES) or subject_of(self._folder[file].stem) or "all"

    def _snapshot(
        self, file: str, place: int, about: Named, result: RetrievalResult, subject: str, data: Any
    ) -> Snapshot:
        at, dated = _time(about, data, datetime.fromisoformat(result.metadata["modified"]))
        source = data.get("source") if isinstance(data, dict) else None
        told = source_of(source) if isinstance(source, str) and len(source) <= 40 else ""
        return Snapshot(
            file=file,
            place=place,
            source=self._source or about.source or told or UNNAMED,
            subject=subject or told_subject(data) or about.subject or self._unnamed(file, data),
            at=at,
            dated=dated,
            hash=content_hash(canonical_json(data)),
        )


def parts(data: Any, named: bool) -> list[tuple[str, Any]]:
    """The subjects in a file, each with its data; one without name for a file on one subject.

    Several: a list whose items all tell their ticker, perhaps in an object whose other values hold for each; or, if
    the file is not `named` for a subject, an object by ticker. Items that tell one ticker and no time, or the same
    time, are rows of one table and stay together.
    """
    shared: dict[str, Any] = {}
    items = data
    if isinstance(data, dict) and not told_subject(data):
        lists = [key for key, value in data.items() if _tickered(value)]
        if len(lists) == 1:
            shared = {key: value for key, value in data.items() if key != lists[0]}
            items = data[lists[0]]
        elif data and not named and all(TICKER.fullmatch(key) and isinstance(data[key], dict) for key in data):
            return [(subject_of(key), value) for key, value in data.items()]
    if not _tickered(items):
        return [("", data)]
    groups: dict[tuple[str, Any], list[Any]] = {}
    for item in items:
        groups.setdefault((told_subject(item), told_time(item, STAMPS)), []).append({**shared, **item})
    return [(subject, rows[0] if len(rows) == 1 else rows) for (subject, _), rows in groups.items()]


def in_order(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Snapshots by time, each with its version: that of the one before, where its contents are the same."""
    last: dict[str, Snapshot] = {}
    found = []
    for snapshot in sorted(snapshots, key=lambda one: (one.at, one.file, one.place)):
        before = last.get(snapshot.key)
        version = 1 if before is None else before.version + (before.hash != snapshot.hash)
        last[snapshot.key] = evolve(snapshot, version=version)
        found.append(last[snapshot.key])
    return found


def keep(store: DataStore, reader: Reader, snapshots: Iterable[Snapshot]) -> tuple[int, int]:
    """Store snapshots, given in order, and say how many are new and how many were there already.

    Of each key the versions are looked through in their order, so that running it again, or twice at once, or after it
    was killed, makes no version that is there already.
    """
    seen: dict[str, tuple[int, int]] = {}  # by key: the versions that are accounted for, and of which version of ours
    counts = [0, 0]
    for snapshot in snapshots:
        past, version = seen.get(snapshot.key, (0, 0))
        if version == snapshot.version:
            continue
        place, new = _keep(store, reader.record(snapshot), snapshot.hash, past)
        seen[snapshot.key] = place, snapshot.version
        counts[not new] += 1
    return counts[0], counts[1]


def _keep(store: DataStore, record: StoredData, digest: str, past: int) -> tuple[int, bool]:
    """Find or write a version after the first `past` ones; returns how many there are with it, and if it is new."""
    while True:
        versions = [*reversed(store.history(record.key))]
        for place, version in enumerate(versions[past:], past + 1):
            if not version.deleted and version.hash == digest:
                return place, False
        current = versions[-1].version if versions and not versions[-1].deleted else 0
        try:
            store.store(record.key, record.data, source=record.source, metadata=record.metadata, if_version=current)
            return len(versions) + 1, True
        except VersionConflict:
            continue  # somebody else wrote: look again


def newest(snapshots: Iterable[Snapshot]) -> dict[str, dict[str, Snapshot]]:
    """Of snapshots in order, the last about each subject from each source."""
    found: dict[str, dict[str, Snapshot]] = {}
    for snapshot in snapshots:
        found.setdefault(snapshot.subject, {})[snapshot.source] = snapshot
    return found


def _time(about: Named, data: Any, modified: datetime) -> tuple[datetime, str]:
    """When data is from, and what told it: its path, a field, or the file's time of change."""
    told = told_time(data)
    if about.at is None:
        return (told[0], told[1]) if told else (modified, "time of change")
    if not about.exact and told and told[0].date() == about.at.date():
        return told[0], f"name, {told[1]}"
    return about.at, "name"


def _tickered(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) and told_subject(item) for item in value)
    )
