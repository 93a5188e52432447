"""Claims: the figures of a text, each with what the text says that it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from trainer_guard.grounding.context import Context, from_heads, in_prose, union, with_unit
from trainer_guard.grounding.ledger import Ledger
from trainer_guard.grounding.markdown import Piece, pieces
from trainer_guard.grounding.numerals import Numeral, convention
from trainer_guard.grounding.reading import DIGIT, Reading, read
from trainer_guard.grounding.words import wordset

NOUN = re.compile(r"[\s-]*([A-Za-z]+)")
DURATIONS = wordset("second minute hour day week month quarter year decade")
MOST_HEADS = 24


class Claim(NamedTuple):
    """A figure and its context. `idle` says why it claims nothing about data, unless it is found all the same.

    `bare` is the figure without the scale that only the table's caption gives it: either may be meant.
    """

    numeral: Numeral
    context: Context
    idle: str = ""
    bare: Numeral | None = None


class Claims:
    """The claims of a masked text, in its order."""

    def __init__(self, plain: str, ledger: Ledger) -> None:
        self.plain, self.ledger, self.european = plain, ledger, convention(plain)
        self._head = lru_cache(2048)(self._read)

    def _read(self, start: int, end: int, cell: bool = True) -> Reading:
        return read(self.plain, start, end, self.ledger, european=self.european, cell=cell)

    def __iter__(self) -> Iterator[Claim]:
        """The claims. What a sentence leaves open is carried on from those before it and the heading."""
        before: list[Piece] = []  # what may be carried on from: the heading, and the sentences of the block so far
        for piece in pieces(self.plain):
            if piece.heading:
                before = [piece]
            elif before and before[-1].block != piece.block:
                before = before[:1] if before[0].heading else []
            if DIGIT.search(self.plain, piece.start, piece.end):
                reading = self._read(piece.start, piece.end, piece.cell)
                if reading.figures:
                    yield from self._piece(piece, reading, self._carry(before))
            if not piece.cell and not piece.heading:
                before.append(piece)

    def _carry(self, before: Sequence[Piece]) -> Context:
        """What is spoken of after a heading and some sentences, of which only the last are looked at."""
        carried = Context()
        for piece in (*before[:1], *before[1:][-3:]):
            carried = _carried(self._head(piece.start, piece.end), carried)
        return carried

    def _piece(self, piece: Piece, reading: Reading, carried: Context) -> Iterator[Claim]:
        figures = [place for place, mark in enumerate(reading.marks) if mark.kind == "figure"]
        if not piece.cell:
            for place in figures:
                numeral: Numeral = reading.marks[place].value
                context = in_prose(self.plain, reading, place, carried)
                yield Claim(numeral, context, self._idle(numeral, context, piece))
            return
        row = [self._head(*span) for span in piece.row]
        column = self._head(*piece.column) if piece.column else None
        heads = [self._head(*span) for span in piece.heads[:MOST_HEADS]]
        names = [self.plain[slice(*span)] for span in piece.row]
        over = (*piece.heads[:1], *((piece.caption,) if piece.caption else ()))
        caption = " ".join(self.plain[slice(*span)] for span in over)
        for place in figures:
            numeral = reading.marks[place].value
            context = from_heads(reading, row, column, heads, place, carried, self.plain)
            if piece.column is None:
                yield Claim(numeral, context, "heads a column" if numeral.kind == "number" else "")
                continue
            united, guessed = with_unit(numeral, names, self.plain[slice(*piece.column)], caption)
            yield Claim(united, context, self._idle(united, context, piece), numeral if guessed else None)

    def _idle(self, numeral: Numeral, context: Context, piece: Piece) -> str:
        """Why a figure says nothing about data; empty for one that does, or may."""
        if numeral.kind == "multiple" and numeral.integer and not context.sure:
            return "a way of speaking"
        if numeral.kind != "number" or numeral.scaled:
            return ""
        noun = NOUN.match(self.plain, numeral.end, numeral.end + 24)
        word = noun[1].lower() if noun else ""
        if piece.heading:
            return "in a heading"
        if word.rstrip("s") in DURATIONS and numeral.integer:
            return "a length of time"
        if numeral.integer and abs(numeral.value) < 1000 and not (piece.cell and context.sure):
            return "a count"
        return ""


def _carried(reading: Reading, before: Context) -> Context:
    """What is spoken of after a sentence: what it named, else what was spoken of before."""
    named = union(reading.of("metric")[-6:]) or before.named
    companies = union(reading.of("company"))
    periods = tuple(mark.value.labels for mark in reading.of("period"))[-6:] or before.all_periods
    return Context(
        named=named,
        companies=companies if len(companies) == 1 else before.companies if not companies else frozenset(),
        all_periods=periods,
    )
