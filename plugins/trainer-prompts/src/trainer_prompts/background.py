"""Background files in a prompt: each text once, in order, within a budget, its headings below those around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from attrs import evolve, frozen

from trainer.contexts import load_contexts
from trainer.errors import TrainerError
from trainer.instruction import FENCE, HEADING, Problem
from trainer.models import Part
from trainer_prompts.tokens import estimate

if TYPE_CHECKING:
    from trainer import Context, Instruction

UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
# What no paragraph begins with: space, a quote, an item of a list, a row of a table, a tag, a line across the page.
BREAK = r"(?:-[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:\*[ \t]*){3,}$"
OTHER = re.compile(rf"[ \t>|<]|[-+*](?=[ \t]|$)|\d{{1,9}}[.)](?=[ \t]|$)|{BREAK}")

SAME = "the same text as"


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
        note = f"{SAME} {first[text]}" if text in first else ""
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
        taken = 0 if note.startswith(SAME) else estimate(tagged(shown[-1]))
        parts.append(Part("background", context.name, context.text, taken, context.path, note))
    return Background(tuple(shown), tuple(parts))


def named(instruction: Instruction, folders: Sequence[Path]) -> Iterator[tuple[Context, int]]:
    """The background that an instruction names and that can be read, each file once, with the line that names it."""
    own = instruction.contexts
    lines = [(name, instruction.line("contexts", place)) for place, name in enumerate(own or ())]
    found: set[str] = set()
    for name, line in instruction.references.items() if own is None else lines:
        for folder in folders:
            with suppress(TrainerError):
                (context,) = load_contexts(folder, [name])
                if context.name not in found:
                    yield context, line
                found.add(context.name)


def shortened(instruction: Instruction, folders: Sequence[Path], tokens: int | None = None) -> Iterator[Problem]:
    """What of an instruction's background would not be shown, and why; `tokens` is the limit if it has none itself."""
    found = {context.name: (context, line) for context, line in named(instruction, folders)}
    limit = tokens if instruction.context_tokens is None else instruction.context_tokens
    for part in merge([context for context, _ in found.values()], limit).parts:
        if part.note:
            message = f"the context {part.name}: {part.note}"
            yield Problem(found[part.name][1], message, remedy_for(part.note), False)


def remedy_for(note: str) -> str:
    """What to do about a part of which a note says that not all of it is shown."""
    return "Take one of the two out." if note.startswith(SAME) else "Raise its budget, or ask for less."


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
    text = demote(text, 1) if any(level == 1 for level, _ in _headed(text)) else text
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
    """`text` with its headings that many levels lower, at most the sixth, all written with `#`; code is left alone."""
    return "\n".join(_heading(level + levels, line) if level else line for level, line in _headed(text))


def _headed(text: str) -> Iterator[tuple[int, str]]:
    """Each line with the level of heading that it is (0: none); of a heading only its words.

    Underlined are a paragraph's lines, as in CommonMark; one that begins with a space, as in lists, is left alone.
    """
    paragraph: list[str] = []
    started, fresh = False, True  # whether a line was read, and whether a paragraph may begin here
    for line, code in _lines(text):
        if paragraph and not code and (mark := UNDERLINE.match(line)):
            yield (1 if mark[1][0] == "=" else 2), " ".join(one.strip() for one in paragraph)
            paragraph, fresh = [], True
        elif not code and line.strip() and (paragraph or (fresh and not OTHER.match(line))) and not HEADING.match(line):
            paragraph.append(line)
        else:
            yield from ((0, one) for one in paragraph)
            heading = None if code else HEADING.match(line)
            yield (len(heading[1]), heading[2]) if heading else (0, line)
            # What stands between two --- at the beginning is about the file, and no heading.
            fresh = bool(code or heading or not line.strip() or (started and re.match(BREAK, line)))
            paragraph = []
        started = True
    yield from ((0, one) for one in paragraph)


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
