"""Quotes: passages in quotation marks, and figures in running text, looked up in the texts of the data."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from trainer_guard.grounding.facts import Text
from trainer_guard.grounding.markdown import masked
from trainer_guard.grounding.matching import same_currency, shows, window
from trainer_guard.grounding.numerals import FIGURE, Numeral, convention, moved, read_numeral
from trainer_guard.grounding.result import Origin, Quote
from trainer_guard.grounding.words import wordset

QUOTED = re.compile(
    r"“([^“”\n]{1,2000})”|„([^„“\n]{1,2000})“|«([^«»\n]{1,2000})»|(?<![\w\"])\"(?! )([^\"\n]{1,2000})\"(?!\w)"
)
FEWEST_WORDS = 4
NEAR = 160
MOST = 200
FOUND = re.compile(rf"(?<![\w.,-]){FIGURE}")
STOP = wordset(
    "with that this from have which were been than their there about into over more after other also year years total"
)


class Passages:
    """The texts of records and of the background, to be asked for a passage or for a figure."""

    def __init__(self, texts: Sequence[Text], background: Mapping[str, str]) -> None:
        self._texts = [*texts, *(Text(name, "", text) for name, text in background.items())]
        self._folded: str | None = None
        self._starts: list[int] = []
        self._figures: list[tuple[Decimal, Numeral, Text]] | None = None
        self._sizes: list[Decimal] = []

    def passage(self, words: str) -> Text | None:
        """The first text that holds a passage; spaces, case and marks do not count. `…` stands for anything."""
        if self._folded is None:
            folded = [fold(text.text) for text in self._texts]
            self._starts = [0, *accumulate(len(text) + 1 for text in folded)]
            self._folded = "\n".join(folded)
        parts = [part for part in (fold(part) for part in re.split(r"\[?(?:…|\.\.\.)\]?", words)) if part]
        place = self._folded.find(parts[0]) if parts else -1
        for _ in range(MOST):
            if place < 0:
                return None
            number = bisect_right(self._starts, place) - 1
            end = self._starts[number + 1]
            if all(self._folded.find(part, place, end) >= 0 for part in parts[1:]):
                return self._texts[number]
            place = self._folded.find(parts[0], end)
        return None

    def figure(self, numeral: Numeral, words: frozenset[str]) -> Origin | None:
        """Where a figure stands in a running text, near to one of the words that stand around it."""
        if self._figures is None:
            self._index()
        found = self._near(numeral, words, numeral.kind)
        if found is None and numeral.scaled and abs(numeral.value) >= 1000 * numeral.unit:
            # A table that says "in millions" at its head has the digits alone.
            found = self._near(moved(numeral, -numeral.exponent), words, "number")
        return found

    def _near(self, numeral: Numeral, words: frozenset[str], kind: str) -> Origin | None:
        low, high = window(numeral, False)
        found = self._figures or []
        for size, other, text in found[bisect_left(self._sizes, low) : bisect_right(self._sizes, high)][:MOST]:
            if not shows(numeral, size) or other.kind not in {kind, numeral.kind}:
                continue
            if not same_currency(numeral.currency, other.currency) or {numeral.sign, other.sign} == {1, -1}:
                continue
            around = text.text[max(0, other.start - NEAR) : other.end + NEAR].lower()
            if any(word in around for word in words if len(word) > 3 and word not in STOP):
                told = " ".join(text.text[max(0, other.start - 40) : other.end + 20].split())
                return Origin(text.ref, f"{text.path or 'text'} at {other.start}", f"{other.value:f}", told)
        return None

    def _index(self) -> None:
        found = []
        for text in self._texts:
            if not any(char.isdigit() for char in text.text) or len(text.text) < 12:
                continue
            plain = masked(text.text)
            european = convention(plain)
            for match in FOUND.finditer(plain):
                numeral = read_numeral(match, european=european)
                if numeral is not None:
                    found.append((abs(numeral.value), numeral, text))
        self._figures = sorted(found, key=lambda item: item[0])
        self._sizes = [item[0] for item in self._figures]


def fold(text: str) -> str:
    """A text's letters and digits in lower case, with one space between words."""
    return " ".join(re.findall(r"\w+", text.replace("'", "").replace("’", "").lower()))


def quotes(plain: str, passages: Passages) -> list[Quote]:
    """The quoted passages of a masked text that are long enough to be said by somebody."""
    found = []
    for match in QUOTED.finditer(plain):
        words = next(group for group in match.groups() if group)
        if len(words.split()) < FEWEST_WORDS:
            continue
        place = passages.passage(words)
        found.append(
            Quote(
                match.start(), match.end(), words, place.ref if place else "", (place.path or "text") if place else ""
            )
        )
    return found
