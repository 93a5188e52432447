"""The audit log: what guards found and what followed, as JSON lines that are chained by their hashes.

A line's `hash` is the SHA-256 of itself as JSON, in ASCII and with sorted keys, without `hash`; its `prev` is the hash
of the line before. So no line can be changed, moved or taken out without breaking the chain. Lines cut off at the end
leave it whole: to notice that, keep the last hash elsewhere. No text of a run is in it, nor a guard's message, which
may quote one.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from trainer.errors import TrainerError
from trainer.guarding import KINDS, LIMITS, Level, Verdict, explain, judge
from trainer.models import Edit, Finding, RunInfo, Segment, Stage, now

FILE = ".trainer/audit.jsonl"
FIRST = "0" * 64
SHORT = 64  # characters of a text so short that its hash could be guessed back


@define
class AuditLog:
    """Writes to the log at `path`; several threads and processes may. `clock` tells the time of a line.

    `counts` counts findings by stage, category, guard and action, for metrics.
    """

    path: Path
    clock: Callable[[], datetime] = now
    counts: Counter[tuple[str, str, str, str]] = field(init=False, factory=Counter)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def record(self, run: RunInfo, stage: Stage, segments: Sequence[Segment], verdict: Verdict) -> None:
        """Append a line for each finding and one for what was decided, all or none."""
        about = {"at": self.clock().isoformat(), "run": run.id, "instruction": run.instruction, "stage": str(stage)}
        lines = [
            about | {"kind": "finding", "action": action.name.lower()} | _facts(finding, segments[finding.segment])
            for finding, action in verdict.decisions
        ]
        decided = {"level": run.level, "action": verdict.action.name.lower(), "findings": len(lines)}
        lines.append(about | {"kind": "decision", "policy": policy(), "segments": len(segments)} | decided)
        with self._lock, _locked(self.path) as file:
            _append(file, lines)
            for finding, action in verdict.decisions:
                self.counts[str(stage), finding.category, finding.guard, action.name.lower()] += 1


@cache
def policy() -> str:
    """A hash of the table from findings to actions: it changes when the table does."""
    return _sha256(json.dumps([explain(), LIMITS, KINDS], sort_keys=True))[:16]


def _facts(finding: Finding, segment: Segment) -> dict[str, Any]:
    secret = KINDS.get(finding.category) == "leak" or len(segment.text) < SHORT
    return {
        "guard": finding.guard,
        "version": finding.version,
        "category": finding.category,
        "severity": finding.severity,
        "rate": finding.rate,
        "deterministic": finding.deterministic,
        "span": list(finding.span) if finding.span else None,
        "edits": [[edit.start, edit.end] for edit in finding.edits],
        "segment": finding.segment,
        "origin": segment.origin.encode("utf-8", "replace").decode(),
        "role": segment.role,
        "trust": segment.trust,
        "characters": len(segment.text),
        "text": None if secret else _sha256(segment.text),
    }


def _append(file: Any, lines: Iterable[dict[str, Any]]) -> None:
    number, prev, end = _end(file)
    written = []
    for line in lines:
        number += 1
        whole = {"seq": number, **line, "prev": prev}
        prev = _hash(whole)
        written.append(json.dumps({**whole, "hash": prev}) + "\n")
    file.truncate(end)  # half a line, from a process that was killed while it wrote
    file.seek(end)
    file.write("".join(written).encode())
    file.flush()
    os.fsync(file.fileno())


def _hash(line: dict[str, Any]) -> str:
    return _sha256(json.dumps({key: value for key, value in line.items() if key != "hash"}, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _end(file: Any) -> tuple[int, str, int]:
    """Number and hash of the last whole line, and where it ends."""
    size = file.seek(0, os.SEEK_END)
    step = 1 << 16
    while size:
        file.seek(max(size - step, 0))
        tail = file.read(min(step, size))
        end = tail.rfind(b"\n") + 1
        begin = tail.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if end and (begin or step >= size):
            last = _read(tail[begin : end - 1])
            if last is None:
                raise _broken(file.name, "its last line is no entry")
            return last["seq"], last["hash"], max(size - step, 0) + end
        if step >= size:
            return 0, FIRST, 0
        step *= 4
    return 0, FIRST, 0


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    fine = isinstance(entry, dict) and isinstance(entry.get("seq"), int) and isinstance(entry.get("hash"), str)
    return entry if fine else None


@contextmanager
def _locked(path: Path) -> Iterator[Any]:
    """The file, opened for reading and writing, while no other process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as made, path.open("r+b") as file:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            made.seek(0)
            msvcrt.locking(made.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]  # only there
            try:
                yield file
            finally:
                made.seek(0)
                msvcrt.locking(made.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]  # only there
        else:
            fcntl.flock(made, fcntl.LOCK_EX)
            yield file


def _broken(path: str | Path, why: str) -> TrainerError:
    return TrainerError(f"the audit log {path} is broken: {why}", "Compare it with a copy; then move it away.")


@frozen
class Chain:
    """What an audit log holds: how many lines, and the hash of the last."""

    lines: int
    head: str


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log in order. Raises `TrainerError` for the first that breaks the chain, with its number."""
    prev = FIRST
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            entry = _read(line.rstrip(b"\n"))
            if entry is None or not line.endswith(b"\n"):
                raise _broken(path, f"line {number} is no entry")
            if entry["seq"] != number or entry.get("prev") != prev:
                raise _broken(path, f"line {number} does not follow the one before")
            if entry["hash"] != _hash(entry):
                raise _broken(path, f"line {number} was changed")
            prev = entry["hash"]
            yield entry


def verify(path: Path) -> Chain:
    """Read a whole log. Raises `TrainerError` if a line was changed, moved, put in or taken out."""
    count, head = 0, FIRST
    for entry in entries(path):
        count, head = entry["seq"], entry["hash"]
    return Chain(count, head)


def replay(logged: Iterable[dict[str, Any]], run: str, level: Level) -> list[dict[str, Any]]:
    """What would have followed at another level from the findings of a run, as rows with both actions."""
    rows = []
    for entry in logged:
        if entry["run"] == run and entry["kind"] == "finding":
            segment = Segment("\0" * entry["characters"], entry["role"], entry["trust"], entry["origin"])
            verdict = judge(Stage(entry["stage"]), [segment], [_finding(entry)], level)
            then = {"then": entry["action"], "action": verdict.action.name.lower()}
            rows.append({key: entry[key] for key in SHOWN} | then)
    return rows


SHOWN = ("stage", "origin", "guard", "category", "severity", "rate", "span")


def _finding(entry: dict[str, Any]) -> Finding:
    return Finding(
        entry["guard"], entry["category"], "", entry["severity"], 0, tuple(entry["span"]) if entry["span"] else None,
        entry["deterministic"], entry["version"], entry["rate"], [Edit(*place) for place in entry["edits"]],
    )  # fmt: skip
