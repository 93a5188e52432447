"""Markdown as the pieces in which figures stand: sentences and cells of tables. Places are offsets in the text."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence

from attrs import field, frozen

from trainer_guard.grounding.words import wordset

FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
ITEM = re.compile(r"[\s>]*(?:[-*+•][ \t]+|\d{1,4}[.)][ \t]+|[A-Za-z][.)][ \t]+)")
HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(?:\(?\d{1,3}(?:\.\d{1,3}){0,4}[.)]?[ \t]+)?")
RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")
QUOTE = re.compile(r"[ ]{0,3}(?:>[ ]?)+(?:\[![A-Z]+\])?")
# What is no prose, each with the text without which it cannot be there.
HIDDEN = (
    ("`", re.compile(r"(?<!`)`[^`\n]*+`")),
    ("](", re.compile(r"(?<=\])\([^()\n]*+(?:\([^()\n]*+\)[^()\n]*+)?\)")),
    ("]:", re.compile(r"^\[[^\]\n]*+\]:[^\n]*+", re.MULTILINE)),
    ("://", re.compile(r"\bhttps?://[^\s<>()|\"”]*+")),
    ("www.", re.compile(r"\bwww\.[^\s<>()|\"”]*+")),
    ("<", re.compile(r"<[a-zA-Z/!][^<>\n]*+>")),
    ("@", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w.-]++")),
    ("&", re.compile(r"&#?\w{1,20};")),
    ("~~", re.compile(r"~~+")),
)
END = re.compile(r"[.!?:](?P<close>[\"”’)\]_*]*)\s+(?=[\"“‘(\[*_]*[A-Z0-9−+$€£])|\n")
ABBREVIATED = wordset(
    "inc corp co ltd vs approx est no nr mr ms dr prof st etc e.g i.e u.s u.k cf fig sec jan feb mar apr jun jul "
    "aug sep sept oct nov dec mio mrd p pp vol ca bn mn al approx"
)  # fmt: skip
LONGEST = 4_000


@frozen
class Piece:
    """A sentence or a cell: where it stands, and the block (paragraph, item, row) it is a part of.

    A cell has the spans of its `row` and `column` heads, and those of the other heads of its table (`heads`).
    """

    start: int
    end: int
    block: int
    cell: bool = False
    heading: int = 0
    row: tuple[tuple[int, int], ...] = ()
    column: tuple[int, int] | None = None
    heads: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    caption: tuple[int, int] | None = None


def masked(text: str) -> str:
    """`text` with all that is no prose blanked out: front matter, code, addresses, marks. Every place stays."""
    lines = text.split("\n")
    fence = ""
    front = len(lines) if lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]) else 0
    inside = bool(front)
    for place, line in enumerate(lines):
        if inside:
            inside = not (place and line.strip() == "---")
            lines[place] = " " * len(line)
            continue
        found = FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            lines[place] = " " * len(line)
        elif found:
            fence = found[1]
            lines[place] = " " * len(line)
    plain = "\n".join(lines).replace("*", " ")
    for sign, pattern in HIDDEN:
        if sign in plain:
            plain = pattern.sub(_blank, plain)
    return _without_comments(plain)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without_comments(text: str) -> str:
    parts, place = [], 0
    while (start := text.find("<!--", place)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts += [text[place:start], re.sub(r"[^\n]", " ", text[start : end + 3])]
        place = end + 3
    return "".join([*parts, text[place:]])


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a masked text, in order."""
    block = 0
    lines = _lines(text)
    place = 0
    last: tuple[int, int] | None = None
    while place < len(lines):
        start, end = lines[place]
        line = text[start:end]
        if not line.strip():
            place += 1
            continue
        block += 1
        after = text[slice(*lines[place + 1])] if place + 1 < len(lines) else ""
        if "|" in line and "|" in after and RULE.fullmatch(after):
            place, block = yield from _table(text, lines, place, block, last)
            last = None
        elif heading := HEADING.match(line):
            yield Piece(start + heading.end(), end, block, heading=len(heading[1]))
            last = (start, end)
            place += 1
        else:
            stop = place + 1
            while stop < len(lines) and _continues(text[slice(*lines[stop])]):
                stop += 1
            begin = start + _mark(line)
            yield from _sentences(text, begin, lines[stop - 1][1], block)
            last = (begin, lines[stop - 1][1])
            place = stop


def _mark(line: str) -> int:
    quote = QUOTE.match(line)
    item = ITEM.match(line, quote.end() if quote else 0)
    return item.end() if item else quote.end() if quote else 0


def _continues(line: str) -> bool:
    return bool(line.strip()) and not ITEM.match(line) and not HEADING.match(line) and not line.lstrip().startswith("|")


def _lines(text: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for line in text.split("\n"):
        found.append((start, start + len(line)))
        start += len(line) + 1
    return found


def _sentences(text: str, start: int, end: int, block: int) -> Iterator[Piece]:
    begin = start
    for match in END.finditer(text, start, end):
        stop = match.start() + 1
        if text[match.start()] == "\n":
            # A line that goes on below is one sentence with it.
            if match.start() - begin < LONGEST:
                continue
        elif text[match.start()] in ".:" and _abbreviated(text, begin, match.start()):
            continue
        yield Piece(begin, stop, block)
        begin = match.end()
    if text[begin:end].strip():
        yield Piece(begin, end, block)


def _abbreviated(text: str, begin: int, end: int) -> bool:
    if text[end] == ":":
        return True
    word = re.search(r"[\w.]{1,12}$", text[max(begin, end - 12) : end])
    return bool(word) and (word[0].lower() in ABBREVIATED or (len(word[0]) == 1 and word[0].isalpha()))  # type: ignore[index]  # bool(word) says it is there


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found, begin = [], start
    for match in re.compile(r"(?<!\\)\|").finditer(text, start, end):
        found.append((begin, match.start()))
        begin = match.end()
    found.append((begin, end))
    if not text[slice(*found[0])].strip():
        found = found[1:]
    if found and not text[slice(*found[-1])].strip():
        found = found[:-1]
    return found


def _table(
    text: str, lines: Sequence[tuple[int, int]], place: int, block: int, caption: tuple[int, int] | None
) -> Generator[Piece, None, tuple[int, int]]:
    heads = _cells(text, *lines[place])
    shared = tuple(heads)
    for head in heads:
        yield Piece(*head, block, cell=True, heads=shared, caption=caption)
    place += 2
    while place < len(lines) and "|" in text[slice(*lines[place])]:
        block += 1
        row = _cells(text, *lines[place])
        # What names the row: its first cell, and others that are words.
        named = tuple(cell for number, cell in enumerate(row) if not number or _is_words(text[slice(*cell)]))[:4]
        for number, cell in enumerate(row):
            column = heads[min(number, len(heads) - 1)] if heads else None
            yield Piece(*cell, block, True, 0, named if number else (), column, shared, caption)
        place += 1
    return place, block


def _is_words(cell: str) -> bool:
    return not any(char.isdigit() for char in cell)
