"""Background files in a prompt: each text once, in order, within a budget, its headings below those around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from attrs import evolve, frozen

from trainer.instruction import FENCE, HEADING
from trainer.models import Part
from trainer_prompts.tokens import estimate

if TYPE_CHECKING:
    from trainer import Context


@frozen
class Background:
    """The contexts that a prompt shows, with the text it shows of each, and what was left out of which."""

    contexts: tuple[Context, ...]
    parts: tuple[Part, ...]


def merge(contexts: Sequence[Context], tokens: int | None = None) -> Background:
    """The contexts in their order, each text once, in at most about so many `tokens`.

    The first that does not fit is shown up to its last paragraph that does; of those after it nothing is shown. What is
    left out is said where it would stand, and in the part's note.
    """
    shown: list[Context] = []
    parts: list[Part] = []
    first: dict[str, str] = {}
    left = tokens
    for context in contexts:
        text = context.text.strip()
        note = f"the same text as {first[text]}" if text in first else ""
        if not note:
            first[text] = context.name
            kept = text if left is None or estimate(text) <= left else _begin(text, left)
            if kept != text:
                left = 0
                gone = estimate(text) - estimate(kept)
                note = f"about {gone:,} of {estimate(text):,} tokens left out: background may take {tokens:,}"
                what = "The rest of this file" if kept else "This file"
                kept = f"{kept}\n\n[{what}, about {gone:,} tokens, is left out for want of space.]".strip()
            elif left is not None:
                left -= estimate(text)
            shown.append(evolve(context, text=kept))
        taken = 0 if note.startswith("the same") else estimate(tagged(shown[-1]))
        parts.append(Part("background", context.name, context.text, taken, context.path, note))
    return Background(tuple(shown), tuple(parts))


def _begin(text: str, tokens: int) -> str:
    """As many paragraphs from the beginning as fit."""
    kept: list[str] = []
    for paragraph in text.split("\n\n"):
        tokens -= estimate(paragraph) + 1
        if tokens < 0:
            break
        kept.append(paragraph)
    return "\n\n".join(kept).rstrip()


def tagged(context: Context) -> str:
    """A context between two tags; its own headings start at the second level, below the report's."""
    text = context.text.strip()
    tops = [len(heading[1]) for line, code in _lines(text) if not code and (heading := HEADING.match(line))]
    text = demote(text, 1) if tops and min(tops) == 1 else text
    return f"<background name={quoteattr(context.name)}>\n{text}\n</background>"


def outline(contexts: Sequence[Context]) -> Iterator[str]:
    """Background as a tree: a heading for each folder and file, with the files' own headings below theirs.

    Folders are sorted by name; the files of a folder keep their order.
    """
    if contexts:
        yield "# Background"
    opened: tuple[str, ...] = ()
    for context in sorted(contexts, key=_folders):
        folders = _folders(context)
        for depth, folder in enumerate(folders):
            if opened[: depth + 1] != folders[: depth + 1]:
                yield _heading(depth + 2, folder)
        opened = folders
        level = len(folders) + 2
        yield _heading(level, PurePosixPath(context.name).name)
        yield demote(context.text.strip(), level)


def demote(text: str, levels: int) -> str:
    """`text` with its `#` headings that many levels lower, at most the sixth; code is left alone."""
    return "\n".join(
        _heading(len(heading[1]) + levels, heading[2]) if not code and (heading := HEADING.match(line)) else line
        for line, code in _lines(text)
    )


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code or a fence of code."""
    code = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        yield line, bool(code or mark)
        if mark and not code:
            code = mark[1]
        elif mark and mark[1].startswith(code):
            code = ""


def _folders(context: Context) -> tuple[str, ...]:
    return PurePosixPath(context.name).parent.parts


def _heading(level: int, text: str) -> str:
    return f"{'#' * min(level, 6)} {text}"
