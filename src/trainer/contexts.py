"""Background files: found by path or by name inside the context folder, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from trainer.errors import InstructionError
from trainer.models import Context
from trainer.paths import confine


def find_context(folder: Path, reference: str) -> Path:
    """The file that `reference` names: a path below `folder`, or a file name anywhere below it.

    Raises `PathRefused` if it would lead out of the folder, `InstructionError` if there is no such file, with
    the nearest names, or if several have that name.
    """
    path = confine(folder, reference)
    if path.is_file():
        return path
    files = sorted(found.relative_to(folder).as_posix() for found in folder.rglob("*.md"))
    named = [file for file in files if Path(file).name == Path(reference).name]
    if len(named) == 1:
        return confine(folder, named[0])
    if named:
        raise InstructionError(
            f"several context files are named {reference}: {', '.join(named)}", "Write the path of the one you mean."
        )
    near = get_close_matches(reference, files, n=2, cutoff=0.5) or get_close_matches(
        Path(reference).name, [Path(file).name for file in files], n=2, cutoff=0.5
    )
    hint = f"Did you mean {' or '.join(near)}?" if near else "Add the file, or take the name out."
    raise InstructionError(f"there is no context file {reference} in {folder.name}/", hint)


def load_contexts(folder: Path, references: Iterable[str]) -> list[Context]:
    """The files that `references` name, in that order, each once. Raises as `find_context` does."""
    found: dict[Path, Context] = {}
    for reference in references:
        path = find_context(folder, reference)
        if path not in found:
            try:
                text = path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise InstructionError(
                    f"cannot read the context file {reference}: {error}", "A context is Markdown in UTF-8."
                ) from error
            found[path] = Context(path.relative_to(folder.resolve()).as_posix(), path, text)
    return list(found.values())
