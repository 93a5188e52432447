"""Reading files that stay inside one folder."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import translate
from io import BufferedReader, FileIO
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

from trainer import Query, RetrievalResult
from trainer.errors import NotFound, RetrievalError
from trainer.lineage import keep, sha256
from trainer.models import slug
from trainer.paths import confine
from trainer_files.formats import FORMATS, format_of
from trainer_files.reading import Hashed, TooLarge, open_text, told
from trainer_files.selection import WORDS, Selection
from trainer_files.tables import csv_rows, json_rows, jsonl_rows, parquet_rows, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trainer import DataStore

KINDS = ("json", "jsonl", "csv", "parquet", "markdown", "text")
PARAMS = {"path": "", "format": "auto", "encoding": ""}
TAKEN = ("columns", "where", "limit")
# A FIFO would wait for a writer, and a link put in the file's place after it was looked at would lead out.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class _File(NamedTuple):
    data: Any
    hash: str
    size: int
    held: int
    truncated: bool
    modified: datetime


@frozen
class FileRetriever:
    """Reads data files inside the folder `root`; at most `max_bytes` are held of one retrieval.

    Of a CSV, JSON Lines or Parquet file, which is read row by row, that counts what is taken of it; any other file is
    held whole. With a `data_store`, what is retrieved is stored there.
    """

    root: Path = field(default=Path(), converter=Path)
    max_bytes: int = 50_000_000
    data_store: DataStore | None = field(default=None, kw_only=True)

    def get_schema(self) -> dict[str, Any]:
        """What may be asked, as JSON Schema."""
        about = {
            "path": ("string", "a file, or a pattern with *, ?, […] or **"),
            "format": ("string", f"{', '.join(KINDS)}, or auto: by the file's ending"),
            "encoding": ("string", "a codec's name; by byte order mark, or else UTF-8, if it is not given"),
            "columns": (["array", "string"], "the columns to take, all if none is named"),
            "where": (["object", "string"], f"what a row must be: a value, a list, or tests ({', '.join(WORDS)})"),
            "limit": (["integer", "string"], "how many rows to take of a file, at most"),
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {name: {"type": kind, "description": text} for name, (kind, text) in about.items()},
            "required": ["path"],
            "additionalProperties": False,
        }

    def retrieve(self, query: Mapping[str, Any], store: bool = True) -> RetrievalResult:
        """The data of the file `path`, or of every file that the pattern `path` names; `get_schema` has the rest.

        A pattern gives a dict from path to data, sorted; its `raw_hash` is the SHA-256 over a line `SHA-256 path` for
        each file, and otherwise that of the file. `metadata` has `truncated` where `limit` left rows out. It is stored
        if there is a store and `store`. Raises `PathRefused` for what leads out of `root`, `RetrievalError` for what
        cannot be asked or read, and of it `NotFound` for what is not there.
        """
        path, kind, encoding = _checked(query)
        selection = Selection.read(query)
        several = any(char in path for char in "*?[") and not confine(self.root, path).exists()
        files: dict[str, _File] = {}
        left = self.max_bytes
        for name in self._matches(path) if several else [PurePath(path).as_posix()]:
            files[name] = self._load(name, kind, encoding, selection, left)
            left -= files[name].held
        data = {name: file.data for name, file in files.items()}
        hashes = "".join(f"{file.hash} {name}\n" for name, file in files.items())
        what = [
            path if several else PurePath(path).stem,
            *(f"{name}-{query[name]}" for name in TAKEN if query.get(name)),
        ]
        result = RetrievalResult(
            data=data if several else data.popitem()[1],
            source="file",
            subject=slug("-".join(what)) or "file",
            url=f"file:{PurePath(path).as_posix()}",
            raw_hash=sha256(hashes.encode("utf-8", "surrogateescape")) if several else hashes[:64],
            metadata={
                "modified": max(file.modified for file in files.values()).isoformat(),
                "bytes": sum(file.size for file in files.values()),
            }
            | ({"truncated": True} if any(file.truncated for file in files.values()) else {}),
        )
        if store and self.data_store is not None:
            keep(self.data_store, Query("file", dict(query)), result)
        return result

    def _matches(self, pattern: str) -> list[str]:
        confine(self.root, pattern)
        found = set(self._expand(PurePath(), PurePath(pattern).parts))
        if not found:
            raise NotFound(f"no file matches {pattern!r}", f"The pattern is relative to {self.root.resolve()}.")
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

    def _load(self, name: str, kind: str, encoding: str, selection: Selection, left: int) -> _File:
        path = confine(self.root, name)
        chosen = format_of(name) if kind == "auto" else kind
        try:
            with self._open(path, name) as file:
                if chosen is None:
                    raise RetrievalError(
                        f"the ending of {name} says nothing of its format", f"Add format: {', '.join(KINDS)}."
                    )
                status = os.fstat(file.fileno())
                if chosen in FORMATS and status.st_size > left:
                    raise TooLarge
                source = Hashed(file, left if chosen in FORMATS else None)
                data, held, truncated = _content(source, file, chosen, encoding, path.name, selection, left)
        except TooLarge:
            raise RetrievalError(
                f"with {name} the data is larger than {self.max_bytes:,} bytes",
                "Take less of it, or raise max_bytes in the table [file] of trainer.toml.",
            ) from None
        except (UnicodeError, LookupError) as error:
            raise RetrievalError(
                f"{name} is not {encoding or 'utf-8'} text: {told(error)}",
                "Save it as UTF-8, or name its encoding, for example encoding: cp1252.",
            ) from error
        except ValueError as error:
            raise RetrievalError(f"{name} is not valid {chosen}: {error}", "Mend the file there.") from error
        except OSError as error:
            raise _unreadable(name, error) from error
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return _File(data, source.digest.hexdigest(), source.size, held, truncated, modified)

    def _open(self, path: Path, name: str) -> FileIO:
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise RetrievalError(f"{name} is a folder", f"Name a file, or a pattern: {name}/*.json")
            if not stat.S_ISREG(mode):
                raise RetrievalError(f"{name} is a device, pipe or socket", "Name a regular file.")
            return FileIO(os.open(path, FLAGS))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"there is no file {name} in {self.root.resolve()}", _near(path)) from None


def _content(
    source: Hashed, file: FileIO, kind: str, encoding: str, name: str, selection: Selection, left: int
) -> tuple[Any, int, bool]:
    """The data of a file, how much of it is held, and whether rows were left out for the limit."""
    if kind == "parquet":
        source.finish()
        file.seek(0)
        return take(parquet_rows(file, selection), selection.limit, left)
    text = open_text(BufferedReader(source, 1 << 16), encoding)
    if kind in ("csv", "jsonl"):
        taken = take((csv_rows if kind == "csv" else jsonl_rows)(text, selection), selection.limit, left)
        source.finish()
        return taken
    data = FORMATS[kind](text.read(), name)
    if selection == Selection():
        return data, source.size, False
    found, _, truncated = take(json_rows(data, selection), selection.limit, left)
    return found, source.size, truncated


def _checked(query: Mapping[str, Any]) -> tuple[str, str, str]:
    known = (*PARAMS, *TAKEN)
    if unknown := sorted(query.keys() - set(known)):
        raise RetrievalError(f"unknown parameter {', '.join(unknown)}", f"A file takes {', '.join(known)}.")
    values = [query.get(name) or default for name, default in PARAMS.items()]
    for name, value in zip(PARAMS, values, strict=True):
        if not isinstance(value, str | PurePath) or (name == "path" and not str(value)):
            raise RetrievalError(f"{name} is missing or not text", "Write for example path: data/AAPL.json")
    path, kind, encoding = map(str, values)
    if kind not in {*KINDS, "auto"}:
        raise RetrievalError(f"unknown format {kind!r}", f"Formats are {', '.join(KINDS)} and auto.")
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
