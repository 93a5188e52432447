"""The original layout: which files there are, what each is for, and what cannot be taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from attrs import field, frozen

from trainer_migrate.snapshots import LARGEST

Kind = Literal["context", "instruction", "data", "style", "report", "settings", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FOLDERS: dict[str, Kind] = {
    "information/context": "context",
    "information/instructions": "instruction",
    "prompt": "instruction",
    "prompts": "instruction",
    "output/json": "data",
    "output/css": "style",
    "output/report": "report",
    "output/html": "report",
    "output/pdf": "report",
}
SETTINGS = ("config.yaml", "config.yml", "config.json", "config/config.yaml")  # the first that is there is taken
FILES: Mapping[str, Kind] = {**dict.fromkeys(SETTINGS, "settings"), "index.html": "report"}
ENDINGS: Mapping[Kind, frozenset[str]] = {
    "context": frozenset([".md", ".markdown", ".txt"]),
    "instruction": frozenset([".md", ".markdown", ".txt", ".json", ".xml"]),
    "data": frozenset([".json", ".jsonl", ".ndjson", ".csv", ".tsv"]),
    "style": frozenset([".css"]),
}


@frozen
class Found:
    """A file of the old project, or a folder that is not looked into: its path, what it is for, where in its folder.

    `fault` and `remedy` say why it cannot be taken; `note` is what else is to say of it.
    """

    path: str
    kind: Kind
    inside: PurePosixPath = field(factory=PurePosixPath)
    note: str = ""
    fault: str = ""
    remedy: str = ""


def files(root: Path, context: str = "") -> Iterator[Found]:
    """What is in the old project `root`, in order, without following a link. `context` is one more context folder."""
    folders = FOLDERS | ({context: "context"} if context else {})
    yield from _walk(root, PurePosixPath(), None, PurePosixPath(), folders)


def _walk(
    root: Path, folder: PurePosixPath, kind: Kind | None, base: PurePosixPath, folders: Mapping[str, Kind]
) -> Iterator[Found]:
    try:
        with os.scandir(root / folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        yield Found(f"{folder}/", kind or "other", fault=f"cannot be read: {error.strerror}", remedy="See who may.")
        return
    if kind and not entries:
        yield Found(f"{folder}/", "other", note="nothing is in it")
    for entry in entries:
        path = folder / entry.name
        own = folders.get(str(path))
        known = own or kind or FILES.get(str(path))
        leads = [name for name in (*folders, *FILES) if name.startswith(f"{path}/")]
        if not (known or leads):
            slash = "/" if entry.is_dir(follow_symlinks=False) else ""
            yield Found(f"{path}{slash}", "other", note="no part of the layout: stays where it is")
        elif fault := _fault(entry):
            yield Found(str(path), known or "other", fault=fault[0], remedy=fault[1])
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path, own or kind, path if own else base, folders)
        elif known:
            yield _file(path, known, path.relative_to(base))


def _file(path: PurePosixPath, kind: Kind, inside: PurePosixPath) -> Found:
    if path.name.startswith("."):
        return Found(str(path), "other", note="hidden: stays where it is")
    if kind in ENDINGS and path.suffix.lower() not in ENDINGS[kind]:
        endings = ", ".join(sorted(ENDINGS[kind]))
        return Found(str(path), "other", note=f"not one of {endings}: stays where it is")
    return Found(str(path), kind, inside)


def _fault(entry: os.DirEntry[str]) -> tuple[str, str] | None:
    """Why an entry of a folder that counts cannot be taken, and what to do."""
    if not entry.name.isprintable():
        return "its name is not text that can be shown", "Rename it."
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return f"cannot be read: {error.strerror}", "See who may."
    if stat.S_ISLNK(status.st_mode):
        return "a link, which is not followed", "Put what it leads to in its place, if it is wanted."
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return "a device, pipe or socket", "Remove it."
    if status.st_size > LARGEST:
        return f"larger than {LARGEST:,} bytes", "Put it below information/data by hand, and name it in an instruction."
    return None
