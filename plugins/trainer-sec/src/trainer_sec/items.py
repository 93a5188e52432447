"""Finding the items of a report (`Item 1A. Risk Factors`) in its text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = r"(?P<number>[1-9]\.[01]\d|\d{1,2}[A-K]?)\b"
HEADING = re.compile(
    rf"\W{{0,4}}(?:PART\s+(?P<part>I{{1,2}})\b\W*)?ITEM\s*{NUMBER}[\s.:|—–-]*(?P<title>.*)", re.IGNORECASE
)
PART = re.compile(r"\W{0,4}PART\s+(?:I{1,3}|IV)\b.{0,80}", re.IGNORECASE)
LONGEST_HEADING = 250
# A quarterly report numbers its items twice (Form 10-Q).
QUARTERLY = {"I": {"1", "2", "3", "4"}, "II": {"1", "1A", "2", "3", "4", "5", "6"}}

Rank = tuple[str, float, str]


class _Heading(NamedTuple):
    line: int
    part: str
    number: str
    title: str
    weight: int

    @property
    def rank(self) -> Rank:
        digits = re.match(r"[\d.]+", self.number)
        return self.part, float(digits[0]) if digits else 0.0, self.number


def find_items(text: str, form: str) -> tuple[str, list[dict[str, Any]]]:
    """What stands before the first item, and the items in order: `part`, `item`, `title`, `text`.

    `part` is `I` or `II` in a quarterly report, where both have an item 1, and empty elsewhere. Tables of contents
    and references name items too: of all lines that could be headings, those are taken that stand in the order of
    the form and have the most text below them. Without an item, all is what stands before.
    """
    lines = text.splitlines()
    chosen = _heaviest(_headings(lines, form.startswith("10-Q")))
    if not chosen:
        return text, []
    ends = [heading.line for heading in chosen[1:]] + [len(lines)]
    items = [_item(lines, heading, end) for heading, end in zip(chosen, ends, strict=True)]
    return _text(lines[: chosen[0].line]), items


def _headings(lines: Sequence[str], quarterly: bool) -> list[_Heading]:
    """Lines that could be headings, one for each part it could belong to; a repeated one counts once."""
    found: list[tuple[int, re.Match[str]]] = []
    for position, line in enumerate(lines):
        match = HEADING.fullmatch(line.strip()) if len(line) <= LONGEST_HEADING else None
        if match is None or match["title"][:1].islower():
            continue  # "Item 7 of this report" is a reference
        if not found or found[-1][1]["number"].upper() != match["number"].upper():
            found.append((position, match))
    ends = [position for position, _ in found[1:]] + [len(lines)]
    headings = []
    for (position, match), end in zip(found, ends, strict=False):
        number, weight = match["number"].upper(), 1 + sum(map(len, lines[position + 1 : end]))
        parts = [part for part, known in QUARTERLY.items() if number in known] if quarterly else [""]
        if quarterly and match["part"]:
            parts = [match["part"].upper()]
        headings += [_Heading(position, part, number, match["title"], weight) for part in parts]
    return headings


def _heaviest(headings: Sequence[_Heading]) -> list[_Heading]:
    """The headings of rising rank that have the most text in all."""
    best: dict[Rank, tuple[int, list[_Heading]]] = {}
    for heading in headings:
        rank = heading.rank
        below = (found for other, found in best.items() if other < rank and found[1][-1].line < heading.line)
        weight, chain = max(below, key=lambda found: found[0], default=(0, []))
        weight += heading.weight
        if rank not in best or weight > best[rank][0]:
            best[rank] = weight, [*chain, heading]
    return max(best.values(), key=lambda found: found[0], default=(0, []))[1]


def _item(lines: Sequence[str], heading: _Heading, end: int) -> dict[str, Any]:
    body = list(lines[heading.line + 1 : end])
    while body and (not body[-1].strip() or PART.fullmatch(body[-1].strip())):
        body.pop()  # the next part's heading belongs to the next item
    title = heading.title
    if not title:
        first = next((position for position, line in enumerate(body) if line.strip()), None)
        if first is not None and len(body[first].strip()) <= LONGEST_HEADING:
            title, body = body[first], body[first + 1 :]
    return {"part": heading.part, "item": heading.number, "title": title.strip(" .|"), "text": _text(body)}


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n")
