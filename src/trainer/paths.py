"""Paths that stay inside a folder, and files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath

from trainer.errors import PathRefused


def own_folder(variable: str, default: str) -> Path:
    """The user's own folder for us, by the XDG Base Directory Specification: `XDG_STATE_HOME`, `.local/state`."""
    own = os.environ.get(variable, "")
    return (Path(own) if Path(own).is_absolute() else Path.home() / default) / "trainer"


def confine(root: Path, reference: str | PurePath) -> Path:
    """The real path of `reference` inside `root`; raises `PathRefused` if it could lead anywhere else.

    Refused: absolute paths, drives and UNC names, `~`, any `..`, NUL, and symbolic links that lead out of
    `root`. The path need not exist.
    """
    text = str(reference)
    windows = PureWindowsPath(text)
    if not text or "\0" in text or text.startswith("~") or windows.drive or windows.root:
        raise _refused(root, text)
    if ".." in windows.parts:
        raise _refused(root, text)
    try:
        path = (root / text).resolve()
    except (OSError, RuntimeError, UnicodeEncodeError) as error:  # links in a circle, names that no system has
        raise _refused(root, text) from error
    if not path.is_relative_to(root.resolve()):
        raise _refused(root, text)
    return path


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash, sees the old file or the whole new one."""
    write_all({path: content})


def write_all(files: Mapping[Path, str | bytes]) -> None:
    """Write several files: each whole or not at all, and none before all of them are safely on the disk."""
    parts: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path] = path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.part")
            with parts[path].open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise


def sweep_parts(folder: Path) -> None:
    """Remove what killed processes left half written in `folder` and the folders below it."""
    for part in folder.rglob(".*.part"):
        writer = part.name.removesuffix(".part").rpartition(".")[2].partition("-")[0]
        if writer.isdigit() and not is_alive(int(writer)):
            part.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _refused(root: Path, text: str) -> PathRefused:
    return PathRefused(
        f"{text!r} leaves the folder {root}",
        "Name a file inside that folder, without '..', '~' or links that lead out.",
    )
