"""Reading files that stay inside one folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import translate
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

from trainer import RetrievalResult
from trainer.errors import RetrievalError
from trainer.models import slug
from trainer.paths import confine
from trainer_files.formats import FORMATS, format_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMS = {"path": "", "format": "auto", "encoding": "utf-8-sig"}
# A FIFO would wait for a writer, and a link put in the file's place after it was looked at would lead out.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class _File(NamedTuple):
    data: Any
    hash: str
    size: int
    modified: datetime


@frozen
class FileRetriever:
    """Reads data files inside the folder `root`, at most `max_bytes` in one retrieval."""

    root: Path = field(default=Path(), converter=Path)
    max_bytes: int = 50_000_000

    def retrieve(self, params: Mapping[str, Any]) -> RetrievalResult:
        """The data of the file `path`, or of every file that the pattern `path` names.

        A pattern (`*`, `?`, `[…]`, `**`) gives a dict from path to data, sorted; its `raw_hash` is the
        SHA-256 over a line `SHA-256 path` for each file. `format` is json, csv, markdown, text or auto (by
        the file's ending); `encoding` is a codec's name, UTF-8 if it is not given.
        Raises `PathRefused` for what leads out of `root`, `RetrievalError` for what cannot be read.
        """
        path, kind, encoding = _checked(params)
        several = any(char in path for char in "*?[") and not confine(self.root, path).exists()
        files: dict[str, _File] = {}
        left = self.max_bytes
        for name in self._matches(path) if several else [PurePath(path).as_posix()]:
            files[name] = self._load(name, kind, encoding, left)
            left -= files[name].size
        data = {name: file.data for name, file in files.items()}
        hashes = "".join(f"{file.hash} {name}\n" for name, file in files.items())
        return RetrievalResult(
            data=data if several else data.popitem()[1],
            source="file",
            subject=slug(path if several else PurePath(path).stem) or "file",
            url=f"file:{PurePath(path).as_posix()}",
            raw_hash=_sha256(hashes.encode("utf-8", "surrogateescape")) if several else hashes[:64],
            metadata={
                "modified": max(file.modified for file in files.values()).isoformat(),
                "bytes": self.max_bytes - left,
            },
        )

    def _matches(self, pattern: str) -> list[str]:
        confine(self.root, pattern)
        found = set(self._expand(PurePath(), PurePath(pattern).parts))
        if not found:
            raise RetrievalError(f"no file matches {pattern!r}", f"The pattern is relative to {self.root.resolve()}.")
        return [path.as_posix() for path in sorted(found)]

    def _expand(self, folder: PurePath, parts: tuple[str, ...]) -> Iterator[PurePath]:
        # Path.glob would list folders outside root before their names could be refused.
        head, rest = parts[0], parts[1:]
        deep = head == "**"
        if deep and rest:
            yield from self._expand(folder, rest)
        wanted = re.compile(translate("*" if deep else head)).match
        for name, linked in self._entries(folder):
            if not wanted(name) or (name.startswith(".") and not head.startswith(".")):
                continue
            if confine(self.root, folder / name).is_dir():
                if deep and not linked:
                    yield from self._expand(folder / name, parts)
                elif rest and not deep:
                    yield from self._expand(folder / name, rest)
            elif not rest:
                yield folder / name

    def _entries(self, folder: PurePath) -> list[tuple[str, bool]]:
        try:
            with os.scandir(confine(self.root, folder)) as entries:
                return [(entry.name, entry.is_symlink()) for entry in entries]
        except OSError as error:
            raise _unreadable(str(folder), error) from error

    def _load(self, name: str, kind: str, encoding: str, left: int) -> _File:
        path = confine(self.root, name)
        chosen = format_of(name) if kind == "auto" else kind
        raw, modified = self._read(path, name, left)
        if chosen is None:
            raise RetrievalError(
                f"the ending of {name} says nothing of its format", f"Add format: {', '.join(FORMATS)}."
            )
        try:
            data = FORMATS[chosen](raw.decode(encoding), path.name)
        except (UnicodeError, LookupError) as error:
            raise RetrievalError(
                f"{name} is not {encoding.removesuffix('-sig')} text: {error}",
                "Save it as UTF-8, or name its encoding, for example encoding: cp1252.",
            ) from error
        except ValueError as error:
            raise RetrievalError(f"{name} is not valid {chosen}: {error}", "Mend the file there.") from error
        return _File(data, _sha256(raw), len(raw), modified)

    def _read(self, path: Path, name: str, left: int) -> tuple[bytes, datetime]:
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise RetrievalError(f"{name} is a folder", f"Name a file, or a pattern: {name}/*.json")
            if not stat.S_ISREG(mode):
                raise RetrievalError(f"{name} is a device, pipe or socket", "Name a regular file.")
            with os.fdopen(os.open(path, FLAGS), "rb") as file:
                status = os.fstat(file.fileno())
                raw = b"" if status.st_size > left else file.read(left + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise RetrievalError(f"there is no file {name} in {self.root.resolve()}", _near(path)) from None
        except OSError as error:
            raise _unreadable(name, error) from error
        if max(status.st_size, len(raw)) > left:
            raise RetrievalError(
                f"with {name} the data is larger than {self.max_bytes:,} bytes",
                "Name fewer files, or raise max_bytes in the table [file] of trainer.toml.",
            )
        return raw, datetime.fromtimestamp(status.st_mtime, UTC)


def _checked(params: Mapping[str, Any]) -> tuple[str, str, str]:
    if unknown := sorted(params.keys() - PARAMS.keys()):
        raise RetrievalError(f"unknown parameter {', '.join(unknown)}", f"A file takes {', '.join(PARAMS)}.")
    values = [params.get(name) or default for name, default in PARAMS.items()]
    for name, value in zip(PARAMS, values, strict=True):
        if not isinstance(value, str | PurePath) or not str(value):
            raise RetrievalError(f"{name} is missing or not text", "Write for example path: data/AAPL.json")
    path, kind, encoding = map(str, values)
    if kind not in {*FORMATS, "auto"}:
        raise RetrievalError(f"unknown format {kind!r}", f"Formats are {', '.join(FORMATS)} and auto.")
    return path, kind, encoding


def _near(path: Path) -> str:
    """What to name instead of a file that is not there."""
    try:
        with os.scandir(path.parent) as entries:
            names = {entry.name.casefold(): entry.name for entry in islice(entries, 1000)}
    except OSError:
        return f"There is no folder {path.parent.name} either."
    near = get_close_matches(path.name.casefold(), names, n=3, cutoff=0.5)
    found = [names[name] for name in near] or sorted(names.values())[:5]
    return f"The folder {path.parent.name} holds {', '.join(found) or 'nothing'}."


def _unreadable(name: str, error: OSError) -> RetrievalError:
    return RetrievalError(f"{name} cannot be read: {error.strerror}", "Check its permissions and its disk.")


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
