"""Which versions of an instruction's prompt runs have used, and how they did."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from trainer.errors import InstructionError
from trainer.parts import text_of
from trainer.pipeline import RUNS

if TYPE_CHECKING:
    from trainer import DataStore

Run = Mapping[str, Any]
MEASURES = ("runs", "cost", "tokens", "seconds", "findings", "grounded")


@frozen
class Version:
    """All runs with the same rules, background, instruction and included files, the oldest first.

    `id` is made of the hashes of these parts; data and parameters are no part of a version.
    """

    id: str
    instruction: str
    parts: Sequence[Mapping[str, Any]]
    runs: Sequence[Run] = field(repr=False)

    def measures(self) -> dict[str, float | None]:
        """How the runs did: their number, mean cost (USD) and tokens, median seconds of the model's answer, mean number
        of findings, and the share of checked figures that trace to the data; `None` is what no run tells."""
        graded = [run["grounding"] for run in self.runs if (run.get("grounding") or {}).get("figures")]
        figures = sum(one["figures"] for one in graded)
        return {
            "runs": len(self.runs),
            "cost": _mean(run.get("cost") for run in self.runs),
            "tokens": _mean(run.get("tokens") for run in self.runs),
            "seconds": _median(run.get("seconds", {}).get("complete") for run in self.runs),
            "findings": _mean(len(run.get("findings", ())) for run in self.runs),
            "grounded": sum(one["traced"] for one in graded) / figures if figures else None,
        }


def versions(store: DataStore, instruction: str | Path = "", root: Path | None = None) -> list[Version]:
    """Each version that a run in the store has used, the latest first: of all instructions, or of one.

    `instruction` is its path, or its file's name with or without ending. `root` is the folder that runs were made in.
    """
    records = sorted(store.query(source=RUNS), key=lambda record: (str(record.data["date"]), record.stored_at))
    found: dict[str, list[Run]] = {}
    for record in records:
        if not instruction or _same(record.data["instruction"]["path"], Path(instruction), root or Path.cwd()):
            found.setdefault(identity(record.data), []).append(record.data)
    made = [
        Version(name, runs[-1]["instruction"]["path"], _parts(runs[-1]), tuple(runs)) for name, runs in found.items()
    ]
    last = {record.data["run"]: place for place, record in enumerate(records)}
    return sorted(made, key=lambda version: last[version.runs[-1]["run"]], reverse=True)


def identity(run: Run) -> str:
    """The version that a run used, as 12 hexadecimal digits."""
    parts = [f"{part['kind']} {part['name']} {part['sha256']}" for part in _parts(run)]
    told = "\n".join(parts or [str(run["instruction"]["sha256"])])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def find(store: DataStore, reference: str) -> Version:
    """The version with this id (or its beginning), or the one that a run of this id used. Raises `InstructionError`."""
    known = versions(store)
    found = [
        version
        for version in known
        if version.id.startswith(reference) or any(run["run"] == reference for run in version.runs)
    ]
    if len(found) != 1 or not reference:
        which = "several versions begin with" if found else "no run in the store used a version or has the id"
        raise InstructionError(f"{which} {reference}", "See `trainer prompts history INSTRUCTION` for their ids.")
    return found[0]


def changes(store: DataStore, old: Version, new: Version) -> Iterator[str]:
    """The lines that differ, as a unified diff of each part that does."""
    before, after = _by_name(old), _by_name(new)
    for place in dict.fromkeys((*before, *after)):
        one, two = before.get(place, ""), after.get(place, "")
        if one == two:
            continue
        texts = [text_of(store, digest) if digest else "" for digest in (one, two)]
        name = " ".join(place)
        if None in texts:
            yield f"{name}: changed from {one[:12] or 'nothing'} to {two[:12] or 'nothing'}; its text was not kept"
            continue
        left, right = ((text or "").splitlines() for text in texts)
        yield from difflib.unified_diff(left, right, f"{name} ({old.id})", f"{name} ({new.id})", lineterm="")


def moved(old: Version, new: Version) -> list[dict[str, Any]]:
    """Each measure of both versions, and its change: absolute, and relative where the old one is not 0."""
    before, after = old.measures(), new.measures()
    return [
        {"measure": name, "old": before[name], "new": after[name], "change": _change(before[name], after[name])}
        for name in MEASURES
    ]


def _change(old: float | None, new: float | None) -> str | None:
    if old is None or new is None:
        return None
    return f"{new - old:+.6g}" + (f" ({(new - old) / old:+.1%})" if old else "")


def _parts(run: Run) -> list[Mapping[str, Any]]:
    return [part for part in run.get("parts", ()) if part["kind"] != "data"]


def _by_name(version: Version) -> dict[tuple[str, str], str]:
    return {(part["kind"], part["name"]): part["sha256"] for part in version.parts}


def _same(path: str, asked: Path, root: Path) -> bool:
    if str(asked) == asked.name and Path(path).name == asked.name:
        return True
    if str(asked) == Path(path).stem:
        return True
    return (root / path).resolve() == (Path.cwd() / asked).resolve()


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return fmean(known) if known else None


def _median(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return median(known) if known else None
