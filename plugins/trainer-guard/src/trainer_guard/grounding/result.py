"""What grounding says: of each figure and each quote whether it stands in the data, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

from attrs import asdict, field, frozen

MOST_LISTED = 30


class Status(StrEnum):
    """What was found out about a figure. `UNCHECKED` is what makes no claim about data, such as `10-K` or `top 3`."""

    FOUND = "found"
    DERIVED = "derived"
    NOT_FOUND = "not found"
    WRONG_SIGN = "wrong sign"
    WRONG_UNIT = "wrong unit"
    WRONG_SCALE = "wrong scale"
    WRONG_PERIOD = "wrong period"
    WRONG_METRIC = "wrong metric"
    WRONG_COMPANY = "wrong company"
    UNCHECKED = "unchecked"


SOUND = frozenset({Status.FOUND, Status.DERIVED})


@frozen
class Origin:
    """A fact that a figure rests on: the record (`key@version`), the place in it, and what stands there."""

    ref: str
    path: str
    value: str
    text: str


@frozen
class Figure:
    """A figure in a text: `text[start:end]`, what it says, and what became of it.

    `value` is in full (`46.9%` is 0.469), `precision` one in the last digit that is shown, `unit` `money`, `percent`,
    `points` (of percent), `multiple` or `number`. `ref` and `path` lead to the fact; `formula` and `inputs` say how it
    was derived; `candidates` are the facts nearest to one that is wrong, and `reason` says why it is so or why it was
    not checked.
    """

    start: int
    end: int
    text: str
    value: Decimal
    unit: str
    currency: str
    precision: Decimal
    status: Status
    ref: str = ""
    path: str = ""
    formula: str = ""
    inputs: tuple[Origin, ...] = ()
    candidates: tuple[Origin, ...] = ()
    reason: str = ""

    @property
    def sound(self) -> bool:
        """Whether it was found or derived."""
        return self.status in SOUND


@frozen
class Quote:
    """A quoted passage, `text[start:end]`; `ref` and `path` are empty if it stands nowhere in the data."""

    start: int
    end: int
    text: str
    ref: str = ""
    path: str = ""

    @property
    def sound(self) -> bool:
        """Whether it stands in the data."""
        return bool(self.ref)


@frozen
class GroundingResult:
    """The figures and quotes of a text, in its order."""

    text: str = field(repr=False)
    figures: Sequence[Figure]
    quotes: Sequence[Quote] = ()

    @property
    def checked(self) -> list[Figure]:
        """The figures that say something about data."""
        return [figure for figure in self.figures if figure.status is not Status.UNCHECKED]

    @property
    def faults(self) -> list[Figure | Quote]:
        """The figures that were neither found nor derived, and the quotes that stand nowhere."""
        return [
            *(figure for figure in self.checked if not figure.sound),
            *(quote for quote in self.quotes if not quote.sound),
        ]

    @property
    def sound(self) -> bool:
        """Whether all that was checked stands in the data or follows from it."""
        return not self.faults

    def sentence(self) -> str:
        """The result in one sentence: `122 of 123 figures trace to a stored record`."""
        checked = self.checked
        if not checked and not self.quotes:
            return "There is no figure to trace."
        traced = sum(figure.sound for figure in checked)
        one = len(checked) == 1
        told = f"{traced:,} of {len(checked):,} {'figure traces' if one else 'figures trace'} to a stored record"
        if lost := sum(not quote.sound for quote in self.quotes):
            stand = "stands" if lost == 1 else "stand"
            told += f"; {lost:,} of {len(self.quotes):,} quoted passages {stand} nowhere in the data"
        return told + "."

    def summary(self) -> dict[str, Any]:
        """The result as JSON data: counts by status, and every fault. What was found is counted only."""
        return {
            "sentence": self.sentence(),
            "figures": len(self.checked),
            "traced": sum(figure.sound for figure in self.checked),
            "quotes": len(self.quotes),
            "by_status": {
                str(status): count
                for status, count in sorted(Counter(figure.status for figure in self.figures).items())
            },
            "faults": [_plain(fault) for fault in self.faults],
        }

    def trace(self) -> list[dict[str, Any]]:
        """Every figure as JSON data, with where it comes from."""
        return [_plain(figure) for figure in self.figures]

    def marks(self) -> dict[str, list[dict[str, Any]]]:
        """What converters are given, as JSON data: `figures` that say something about data, and `quotes`.

        Each has its place in the text, its status, and where it comes from: see "What converters are given" in
        `docs/how-to/grounding.md`.
        """
        return {"figures": [_figure_mark(item) for item in self.checked], "quotes": list(map(_quote_mark, self.quotes))}

    def feedback(self) -> str:
        """What to tell a model that is asked to mend its text: each fault with its place and the nearest facts."""
        lines = [f"- {told}" for told in (explain(self.text, fault) for fault in self.faults[:MOST_LISTED])]
        more = len(self.faults) - len(lines)
        return "\n".join([*lines, *([f"- and {more:,} more"] if more > 0 else [])])

    def marked(self, mark: str = "[?]") -> str:
        """The text with `mark` after each fault."""
        parts, place = [], 0
        for fault in sorted(self.faults, key=lambda item: item.end):
            parts += [self.text[place : fault.end], mark]
            place = fault.end
        return "".join([*parts, self.text[place:]])


def explain(text: str, fault: Figure | Quote) -> str:
    """One fault in words, in one line, with the line that it stands in."""
    line = text.count("\n", 0, fault.start) + 1
    if isinstance(fault, Quote):
        return f"line {line}: the quote “{fault.text[:80]}” stands nowhere in the data"
    nearest = "; ".join(f"{origin.text} ({origin.ref} {origin.path})" for origin in fault.candidates[:2])
    why = f" ({fault.reason})" if fault.reason else ""
    told = f"line {line}: `{fault.text}`: {fault.status}{why}" + (f"; nearest: {nearest}" if nearest else "")
    return " ".join(told.split())


def _figure_mark(figure: Figure) -> dict[str, Any]:
    return {
        "start": figure.start,
        "end": figure.end,
        "text": figure.text,
        "status": str(figure.status),
        "ref": figure.ref or None,
        "path": figure.path,
        "formula": figure.formula,
        "inputs": [{"ref": one.ref, "path": one.path, "value": one.value} for one in figure.inputs],
        "reason": figure.reason,
    }


def _quote_mark(quote: Quote) -> dict[str, Any]:
    status = Status.FOUND if quote.sound else Status.NOT_FOUND
    place = {"start": quote.start, "end": quote.end, "text": quote.text}
    return {**place, "status": str(status), "ref": quote.ref or None, "path": quote.path}


def _plain(item: Figure | Quote) -> dict[str, Any]:
    found = asdict(
        item, value_serializer=lambda *part: str(part[2]) if isinstance(part[2], Decimal | Status) else part[2]
    )
    return {name: value for name, value in found.items() if value not in ("", (), [])}
