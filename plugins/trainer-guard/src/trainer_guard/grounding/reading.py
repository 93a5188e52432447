"""Reading: a piece of text as marks: figures, periods, metrics, companies, and words that say how to take them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from attrs import evolve, field, frozen

from trainer_guard.grounding.names import CAMEL
from trainer_guard.grounding.numerals import FIGURE, SKIP, WORD, Numeral, moved, read_numeral
from trainer_guard.grounding.periods import PERIOD, Named, named
from trainer_guard.grounding.words import wordset

if TYPE_CHECKING:
    from trainer_guard.grounding.ledger import Ledger

# Words that may begin a period or a label are looked at closely, all other plain ones at once.
CLOSELY = (
    "first|second|third|fourth|fiscal|prior|previous|preceding|last|a|one|the|year|phase|step|section|item|note|level|chapter|figure|"
    "table|top|page|pp"
)
TOKEN = re.compile(
    r"(?=[\w$€£¥₩₹(+\-−–±.#\[&])(?:"
    rf"(?P<plain>(?!(?:{CLOSELY})\b)[a-z]{{2,}}+(?![\w&'’/.-]))"
    rf"|(?P<period>{PERIOD})|(?P<skip>{SKIP})|(?P<figure>{FIGURE})|(?P<word>{WORD}))"
)
SLASHED = wordset("p/e p/b p/s ev/ebitda ev/sales ev/revenue")
DIGIT = re.compile(r"\d")
MarkKind = Literal[
    "figure", "period", "metric", "base", "company", "up", "down", "other", "rate", "relative", "about", "bound", "loss"
]

UP = wordset(
    "exceed exceeds exceeding "
    "rose rise rises rising grew grow grows growing growth grown increase increased increases increasing up gain "
    "gained gains higher climbed jumped surged expanded expansion improved improving improvement above added "
    "advanced accelerated soared exceeded more doubled upside rebounded recovered widened outpaced"
)
DOWN = wordset(
    "fell fall falls falling fallen declined decline declines declining decreased decrease decreases decreasing "
    "down dropped drop drops lower reduced reduction contracted contraction shrank shrunk slipped below less fewer "
    "lost slid eased narrowed cut plunged tumbled compressed deteriorated weakened worsened retreated"
)
LOSS = wordset("loss losses deficit outflow outflows burn burned burnt burning negative used spent consumed")
RATE = wordset("cagr annually annualized annualised compound compounded")
OTHER = wordset("from versus vs against than after compared")
ABOUT = wordset("about around approximately roughly circa nearly almost some ca approx close")
TOTAL = wordset("total combined cumulative cumulatively together sum aggregate totaling totalling altogether")
AVERAGE = wordset("average averaged averaging mean")
RANGE = re.compile(r"\s?(?:[-–—]|to|and|or|,(?: and)?)\s?")
DASHES = ("-", "–", "—")
BASE = re.compile(r"(?:%|percent)\s+of\s+(?:its |the |their |total |net )?$")
BOUND_WORDS = re.compile(
    r"\b(?:(?P<over>over|above|more than|greater than|higher than|at least|exceed(?:s|ed|ing)?|"
    r"upwards of|surpass(?:es|ed|ing)?|north of)"
    r"|(?P<under>under|below|less than|lower than|fewer than|at most|no more than|up to|just short of|short of))\s+$",
    re.IGNORECASE,
)


class Mark(NamedTuple):
    """Something in a piece that says something, with its place in the text."""

    kind: MarkKind
    start: int
    end: int
    value: Any = None


@frozen
class Reading:
    """A piece as marks, in order, with the words that are part of no phrase."""

    marks: tuple[Mark, ...]
    loose: frozenset[str] = frozenset()
    figures: tuple[Numeral, ...] = field(default=())

    def of(self, kind: MarkKind) -> list[Mark]:
        """The marks of one kind."""
        return [mark for mark in self.marks if mark.kind == kind]


def read(text: str, start: int, end: int, ledger: Ledger, *, european: bool = False, cell: bool = False) -> Reading:
    """The marks of `text` from `start` to `end`."""
    marks: list[Mark] = []
    words: list[str] = []
    places: list[tuple[int, int]] = []
    figures: list[Numeral] = []
    for match in TOKEN.finditer(text, start, end):
        kind = match.lastgroup
        if kind == "plain":
            words.append(match[0])
            places.append(match.span())
        elif kind == "word":
            word = CAMEL.sub("-", match[0]).lower().replace("’", "'")
            for part in _parts(word):
                words.append(part)
                places.append(match.span())
        elif kind == "period":
            found = named(match)
            marks.append(Mark("relative" if match["relative"] else "period", found.start, found.end, found))
        elif kind == "figure":
            whole = cell and not text[start : match.start()].strip() and not text[match.end() : end].strip(" )*_~%")
            numeral = read_numeral(match, european=european, whole=whole)
            if numeral is not None:
                figures.append(numeral)
                marks.append(Mark("figure", numeral.start, numeral.end, numeral))
                if numeral.per_share and ledger.per_share:
                    marks.append(Mark("metric", numeral.end, numeral.end, ledger.per_share))
                # Words on either side of a figure are no phrase.
                words.append("")
                places.append(match.span())
    if len(figures) > 1:
        marks = _ranged(text, marks)
        figures = [mark.value for mark in marks if mark.kind == "figure"]
    used: set[int] = set()
    for first, last, names in ledger.phrases.find(words):
        place = places[first][0]
        base = BASE.search(text, max(start, place - 20), place)
        marks.append(Mark("base" if base else "metric", place, places[last][1], names))
        used.update(range(first, last + 1))
    for first, last, names in ledger.companies.find(words):
        marks.append(Mark("company", places[first][0], places[last][1], names))
        used.update(range(first, last + 1))
    for place, word in enumerate(words):
        if sign := SIGNS.get(word):
            marks.append(Mark(sign, *places[place], word))
    marks.sort(key=lambda mark: (mark.start, mark.end))
    loose = frozenset(word for place, word in enumerate(words) if place not in used and word)
    return Reading(tuple(marks), loose, tuple(figures))


def _ranged(text: str, marks: Sequence[Mark]) -> list[Mark]:
    """Marks with the unit of a range's last figure given to the first: both are billions in "USD 5–7 billion"."""
    found = list(marks)
    for place in range(len(found) - 2, -1, -1):
        mark, after = found[place], found[place + 1]
        if mark.kind != "figure" or after.kind != "figure":
            continue
        one, two = mark.value, after.value
        between = RANGE.fullmatch(text, one.end, two.start)
        if one.scaled or not between:
            continue
        kind, currency = two.kind, one.currency or two.currency
        if one.kind == "money" and two.kind == "number" and between[0].strip() in DASHES:
            kind = one.kind  # "$5-10B" is one range, "$5 to 10 billion people" is not
        if one.kind not in {"number", kind}:
            continue
        counts = one.integer and two.kind == "number" and not two.scaled
        shared = evolve(one, kind=kind, currency=currency, scaled=two.scaled, integer=counts)
        found[place] = mark._replace(value=moved(shared, two.exponent - one.exponent))
        if one.currency and two.kind == "number":
            found[place + 1] = after._replace(value=evolve(two, kind="money", currency=one.currency))
    return found


def _parts(word: str) -> Sequence[str]:
    """A word as names have it: `Apple's` is `apple`, `long-term` two words; `p/e` stays one."""
    plain = word.removesuffix("'s").replace("'", "")
    if plain in SLASHED:
        return (plain,)
    return re.split(r"[-./]", plain) if not plain.isalnum() and plain != "&" else (plain,)


def _signs() -> dict[str, MarkKind]:
    found: dict[str, MarkKind] = {}
    groups: tuple[tuple[MarkKind, frozenset[str]], ...] = (
        ("up", UP), ("down", DOWN), ("loss", LOSS), ("rate", RATE), ("other", OTHER), ("about", ABOUT),
    )  # fmt: skip
    for kind, words in groups:
        found |= dict.fromkeys(words, kind)
    return found


SIGNS = _signs()


def period_of(mark: Mark) -> Named:
    """The period that a mark holds."""
    found: Named = mark.value
    return found
