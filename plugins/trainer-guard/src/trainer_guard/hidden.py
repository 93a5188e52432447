"""Characters that a reader does not see and a model does, told from those that scripts and emoji need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainer_guard.folding import ordinary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainer.models import Severity


class Match(NamedTuple):
    """What was found from `start` to `end` of a text."""

    category: str
    severity: Severity
    message: str
    start: int
    end: int


SUSPECT = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ud800-\udfff\U000e0000-\U000e0fff]"
)
NUL = re.compile("\0+")
# Sequences that move a terminal's cursor, rename its window or write its clipboard (ECMA-48, xterm).
ESCAPE = "\x1b\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)?|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
CONTROL = re.compile(
    f"({ESCAPE})|[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9a\x9c-\x9f\ud800-\udfff]+|[\x1b\x9b]"
)
# Separators of records, and quotes and dashes of code page 1252 that old filings hold read as Latin-1.
MISREAD = re.compile("[\x1c-\x1f\x80-\x9f]+")
LINE = re.compile("[^\n]+")
BIDI = re.compile("[\u202a-\u202e\u2066-\u206f]+")
OVERRIDE = re.compile("[\u202d\u202e\u206a-\u206f]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# A flag of a region is a black flag, up to six tag letters and the end tag (UTS 51, emoji tag sequences).
TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f)|[\U000e0000-\U000e007f]+")
SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
JOINERS = "\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u3164\ufeff\uffa0"
INVISIBLE = re.compile(f"[{SELECTORS}{JOINERS}]+")
SELECTOR = re.compile(f"[{SELECTORS}]")
SUPPLEMENT = re.compile("[\U000e0100-\U000e01ef]")
IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Letters of scripts that join and break words without invisible help.
PLAIN = re.compile("[0-9A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff\u1e00-\u1fff]")


def find_hidden(text: str) -> Iterator[Match]:
    """Every run of characters that has no business in a text.

    Left alone: what emoji are joined and coloured with, ZWNJ and ZWJ between letters of scripts that use
    them, ZWSP where it is not inside a word, soft hyphens, one variation selector after its character,
    directional marks, embeddings in lines that have letters from right to left, and a byte order mark
    at the beginning.
    """
    if not ordinary(text) and SUSPECT.search(text):
        for find in PASSES:
            yield from find(text)


def strip_hidden(text: str) -> str:
    """`text` without what `find_hidden` finds; the same again when it is stripped again."""
    if SUSPECT.search(text):
        for find in PASSES:
            text = _without(text, find(text))
    return text


def _nul(text: str) -> Iterator[Match]:
    for match in NUL.finditer(text):
        yield Match("nul", "high", f"NUL, {len(match[0])} times", *match.span())


def _controls(text: str) -> Iterator[Match]:
    for match in CONTROL.finditer(text):
        if match[1]:
            yield Match("terminal-escape", "medium", "a control sequence for terminals", *match.span())
        else:
            severity: Severity = "low" if MISREAD.fullmatch(match[0]) else "medium"
            yield Match("control", severity, f"control characters: {_names(match[0])}", *match.span())


def _bidi(text: str) -> Iterator[Match]:
    for line in LINE.finditer(text) if BIDI.search(text) else ():
        needed = RIGHT_TO_LEFT.search(line[0])
        for match in BIDI.finditer(text, *line.span()):
            if OVERRIDE.search(match[0]) or not needed:
                yield Match("bidi", "medium", f"direction is forced: {_names(match[0])}", *match.span())


def _tags(text: str) -> Iterator[Match]:
    for match in TAGS.finditer(text):
        if not match[1]:
            said = "".join(chr(ord(char) - 0xE0000) for char in match[0] if "\U000e0020" <= char <= "\U000e007e")
            yield Match("tags", "high", f"text in invisible tag characters: {said[:60]!r}", *match.span())


def _invisible(text: str) -> Iterator[Match]:
    for match in INVISIBLE.finditer(text):
        start, end = match.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        inside = PLAIN.match(before) and PLAIN.match(after)
        smuggled = len(SELECTOR.findall(match[0])) > 1 or (SUPPLEMENT.search(match[0]) and not IDEOGRAPH.match(before))
        if inside or smuggled or end - start > 3:
            yield Match("invisible", "medium", f"invisible characters: {_names(match[0])}", start, end)


# In this order a later pass makes no new work for an earlier one, so stripping once is enough.
PASSES: tuple[Callable[[str], Iterator[Match]], ...] = (_nul, _controls, _bidi, _tags, _invisible)


def _names(run: str) -> str:
    names = list(dict.fromkeys(f"U+{ord(char):04X}" for char in run))
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _without(text: str, found: Iterator[Match]) -> str:
    pieces, at = [], 0
    for item in found:
        pieces.append(text[at : item.start])
        at = item.end
    return "".join([*pieces, text[at:]])
