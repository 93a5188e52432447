"""Context: what a figure is said to be of, by the words before and after it, or by the heads of its row and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from trainer_guard.grounding.numerals import CODES, CURRENCY, SCALE_WORDS, SCALES, Numeral, currency_of, moved
from trainer_guard.grounding.periods import Label
from trainer_guard.grounding.reading import AVERAGE, BOUND_WORDS, TOTAL, Mark, MarkKind, Reading
from trainer_guard.grounding.words import wordset

WAYS = {"up": 1, "down": -1}
CLOSE = 14  # characters between a figure and a word that belongs to it
REACH = 40  # marks that are looked at on either side of a figure: time stays linear
STRONG = re.compile(
    r"[\w\s%'’$]{0,40}?\b(?:in|for|during|at|on|of|by|as of|over|through|ended|ending)\s+(?:the\s+)?"
    r"(?:end of\s+|year(?:\s+ended|\s+ending|\s+to)?\s+|quarter(?:\s+ended)?\s+|\w+ months (?:to|ended)\s+|whole of\s+|"
    r"full year\s+|fiscal\s+)*|\s*\(?"
)
# What is set before a period that something is measured from.
FROM = wordset("from than against since versus vs vs.")
FROM_TWO = (["compared", "with"], ["compared", "to"], ["relative", "to"])
PADDING = wordset("in the fiscal")
OWNED = re.compile(r"\s*:\s*")
Labels = frozenset[Label]


@frozen
class Context:
    """What a figure is said to be of. Empty sets say nothing.

    `metrics`, `periods` and `companies` are what it must be of; `named` are all metrics, and `all_periods` all periods,
    that stand in the same sentence or table. `gain` are those that are called a loss, and so cannot be above zero
    without a sign. `direction` is 1 for words as "rose", -1 for "fell".
    """

    metrics: frozenset[str] = frozenset()
    periods: tuple[Labels, ...] = ()
    companies: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    all_periods: tuple[Labels, ...] = ()
    all_companies: frozenset[str] = frozenset()
    direction: int = 0
    changed: bool = False
    rate: bool = False
    loss: bool = False
    gain: frozenset[str] = frozenset()
    total: bool = False
    average: bool = False
    since: bool = False
    about: bool = False
    bound: int = 0
    by: bool = False
    versus: bool = False
    loose: frozenset[str] = frozenset()
    cell: bool = False
    change_cell: bool = False
    sure: bool = True


def union(marks: Iterable[Mark]) -> frozenset[str]:
    """All names that marks stand for."""
    return frozenset(name for mark in marks for name in mark.value)


@frozen
class Side:
    """The marks on one side of a figure, the nearest first; `near` are those that no other figure parts from it."""

    all: Sequence[Mark]
    near: Sequence[Mark]

    def of(self, kind: MarkKind) -> list[Mark]:
        """The marks of a kind: before a figure the nearest group of them, whatever stands between."""
        found: list[Mark] = []
        for mark in self.all:
            if mark.kind == kind:
                found.append(mark)
            elif mark.kind == "figure" and found:
                break
        return found


def sides(marks: Sequence[Mark], place: int) -> tuple[Side, Side]:
    """What stands before a figure, and what after it."""
    back, front = marks[max(0, place - REACH) : place][::-1], marks[place + 1 : place + 1 + REACH]
    return Side(back, _until_figure(back)), Side(front, _until_figure(front))


def _until_figure(marks: Sequence[Mark]) -> Sequence[Mark]:
    stop = next((place for place, mark in enumerate(marks) if mark.kind == "figure"), len(marks))
    return marks[:stop]


def only(marks: Iterable[Mark], kind: MarkKind) -> list[Mark]:
    """The marks of one kind."""
    return [mark for mark in marks if mark.kind == kind]


def in_prose(text: str, reading: Reading, place: int, carried: Context) -> Context:
    """The context of the figure that is the mark at `place`; what its sentence leaves open, `carried` may say."""
    mark = reading.marks[place]
    back, front = sides(reading.marks, place)
    window = (*back.all[::-1], *front.all)
    metric_marks = back.of("metric")
    metrics = union(metric_marks) | union(only(front.near, "metric"))
    companies = union(back.of("company")[:1]) | union(only(front.near, "company")[:1])
    named = union(only(window, "metric")) | union(only(window, "base"))
    since = _since(text, mark, back, front)
    every = (item for item in only(window, "period") if since or not _measured_from(text, item))
    here = tuple(item.value.labels for item in every)
    sure = bool(metrics)
    if not named:
        metrics = named = carried.named
    direction, changed = _direction(mark, back, front)
    losing = text[metric_marks[0].start : metric_marks[0].end].lower() if metric_marks else ""
    return Context(
        metrics=metrics,
        periods=_periods(text, mark, back, front),
        companies=companies or carried.companies,
        named=named,
        all_periods=here or carried.all_periods,
        all_companies=union(only(window, "company")),
        direction=direction,
        changed=changed,
        rate=_rate(text, mark, window),
        loss="loss" in losing or _losing(text, mark, back, front),
        gain=metric_marks[0].value
        if "loss" in losing and not re.search("income|profit|earnings", losing)
        else frozenset(),
        total=not TOTAL.isdisjoint(reading.loose),
        average=not AVERAGE.isdisjoint(reading.loose),
        since=since,
        about=_about(text, mark, back),
        bound=_bound(text, mark.start),
        by=changed and text[max(0, mark.start - 4) : mark.start].lower().endswith("by "),
        versus=any(item.kind == "other" for item in front.near),
        loose=reading.loose,
        sure=sure,
    )


def _losing(text: str, mark: Mark, back: Side, front: Side) -> bool:
    """Whether it is said before a figure, or right behind it, that it is less than nothing."""
    behind = any(_right_behind(text, mark, item) for item in only(front.near, "loss"))
    return behind or any(item.kind == "loss" for item in back.all)


def _right_behind(text: str, mark: Mark, other: Mark) -> bool:
    return other.start - mark.end < 2 * CLOSE and "," not in text[mark.end : other.start]


def _about(text: str, mark: Mark, back: Side) -> bool:
    if text[max(0, mark.start - 1) : mark.start] in {"~", "≈"}:
        return True
    return bool(back.all) and back.all[0].kind == "about" and mark.start - back.all[0].end < 4


def _bound(text: str, start: int) -> int:
    match = BOUND_WORDS.search(text[max(0, start - 24) : start])
    return 0 if not match else 1 if match["over"] else -1


YEARLY = re.compile(r"\W*(?:(?:a|per|each|every)\s+(?:year|annum)\b|p\.?a\b|annual|cagr|compound)", re.IGNORECASE)


def _rate(text: str, mark: Mark, window: Sequence[Mark]) -> bool:
    return YEARLY.match(text, mark.end, mark.end + 24) is not None or any(item.kind == "rate" for item in window)


def _direction(mark: Mark, back: Side, front: Side) -> tuple[int, bool]:
    """The direction that words give a figure, and whether its sentence speaks of a change at all."""
    earlier = next((item for item in back.all if item.kind in WAYS), None)
    later = next((item for item in front.near if item.kind in WAYS), None)
    if later is not None and later.start - mark.end < CLOSE:
        crossed = earlier is None or earlier not in back.near
        if crossed or mark.start - earlier.end > later.start - mark.end:  # type: ignore[union-attr]  # crossed says that it is there
            return WAYS[later.kind], True
    chosen = earlier or later
    return (WAYS[chosen.kind] if chosen else 0), chosen is not None


def _periods(text: str, mark: Mark, back: Side, front: Side) -> tuple[Labels, ...]:
    """The periods that a figure must be of: those that follow closely, or those before it."""
    following = [item for item in only(front.near, "period") if not _elsewhere(text, item, front)]
    if following and STRONG.fullmatch(text, mark.end, following[0].start):
        return tuple(item.value.labels for item in _side_by_side(following))
    nearest = next((item for item in back.all if item.kind in {"period", "relative"}), None)
    if any(item.kind == "relative" for item in front.near) or (nearest is not None and nearest.kind == "relative"):
        return ()
    previous = [item for item in back.of("period") if not _measured_from(text, item)]
    if previous:
        since = max(previous[0].end, next((item.end for item in back.all if item.kind == "figure"), 0))
        compared = any(item.kind == "other" and item.start >= since for item in back.all)
        return () if compared else tuple(item.value.labels for item in (*previous, *_leading(text, back, previous[-1])))
    return tuple(item.value.labels for item in following)


def _measured_from(text: str, period: Mark) -> bool:
    words = text[max(0, period.start - 32) : period.start].lower().split()
    while words and words[-1] in PADDING:
        words.pop()
    return bool(words) and (words[-1] in FROM or words[-2:] in FROM_TWO)


def _since(text: str, mark: Mark, back: Side, front: Side) -> bool:
    """Whether a figure tells of a change from a period that stands before it, or right behind."""
    behind = [item for item in only(front.near, "period") if _right_behind(text, mark, item)]
    return any(_measured_from(text, item) for item in (*back.of("period"), *behind))


def _elsewhere(text: str, period: Mark, front: Side) -> bool:
    """Whether a period behind a figure is another's: a change begins there, or it heads a figure ("FY2024: 8 %")."""
    after = next((item for item in front.all if item.start >= period.end), None)
    heads = after is not None and after.kind == "figure" and OWNED.fullmatch(text, period.end, after.start)
    return bool(heads) or _measured_from(text, period)


def _leading(text: str, back: Side, nearest: Mark) -> list[Mark]:
    """The periods a sentence begins with, if the nearest one is another figure's own, as in "from 5 in FY2024"."""
    owner = next((item for item in back.all if item.kind == "figure" and item.end <= nearest.start), None)
    if owner is None or not STRONG.fullmatch(text, owner.end, nearest.start):
        return []
    first = max(place for place, item in enumerate(back.all) if item.kind == "figure")
    return only(back.all[first:], "period")


def _side_by_side(marks: Sequence[Mark]) -> list[Mark]:
    """The first of periods and those that stand right beside it, as in "FY2024 and FY2025" or "FY2025 (2025-09-27)"."""
    found = [marks[0]]
    for mark in marks[1:]:
        if mark.start - found[-1].end > CLOSE // 2:
            break
        found.append(mark)
    return found


def from_heads(
    cell: Reading,
    row: Sequence[Reading],
    column: Reading | None,
    heads: Sequence[Reading],
    place: int,
    carried: Context,
    text: str,
) -> Context:
    """The context of a figure in a table's cell."""
    own = in_prose(text, cell, place, Context())
    beside = [*row, *([column] if column else [])]
    heads_of = [*row[:1], *([column] if column else [])]  # cells behind may comment on the figure
    metrics = union(mark for reading in [cell, *beside] for mark in reading.of("metric"))
    periods = own.periods or tuple(mark.value.labels for reading in beside for mark in reading.of("period"))
    companies = own.companies or union(mark for reading in beside for mark in reading.of("company"))
    every = tuple(mark.value.labels for reading in (*heads, *row) for mark in reading.of("period"))
    words = frozenset().union(*(reading.loose for reading in beside), cell.loose)
    change = any(mark.kind in {"up", "down"} for reading in beside for mark in reading.marks) or not words.isdisjoint(
        {"change", "yoy", "y/y", "delta", "difference", "variance", "chg", "growth", "trend"}
    )
    return evolve(
        own,
        metrics=metrics or carried.named,
        named=metrics or carried.named,
        periods=periods,
        companies=companies or carried.companies,
        all_periods=periods or every or carried.all_periods,
        changed=own.changed or change,
        change_cell=change and not own.changed,
        rate=own.rate or any(mark.kind == "rate" for reading in beside for mark in reading.marks),
        loss=own.loss or any(mark.kind == "loss" for reading in heads_of for mark in reading.marks),
        gain=frozenset(),
        loose=own.loose.union(*(reading.loose for reading in beside)),
        cell=True,
        sure=bool(metrics),
    )


SCALE = re.compile(
    rf"(?<![A-Za-z])(?P<scale>{SCALE_WORDS})(?![A-Za-z])|[$€£¥]\s?(?P<letter>[mMbBkK]|MM|mm)(?![A-Za-z])|(?P<thousands>['’]000\b)"
)
MONEY = re.compile(CURRENCY)


def head_unit(text: str) -> tuple[str, int | None, str]:
    """What a head says of its figures: currency, power of ten, and `percent`, `points`, `per share` or nothing."""
    money = MONEY.search(text)
    currency = currency_of(money[0]) if money and (money[0] in CODES or not money[0].isalpha()) else ""
    scale = SCALE.search(text)
    power = None
    if scale:
        power = 3 if scale["thousands"] else SCALES[(scale["scale"] or scale["letter"]).rstrip(".").lower()]
    low = text.lower()
    if "per share" in low or re.search(r"\beps\b", low):
        return currency, power, "per share"
    kind = (
        "percent"
        if re.search(r"%|\bpercent\b|\bpct\b", low)
        else "points"
        if re.search(r"\bpp\b|\bpoints\b", low)
        else ""
    )
    return currency, power, kind


def with_unit(numeral: Numeral, row: Sequence[str], column: str, caption: str) -> tuple[Numeral, bool]:
    """A cell's figure with the unit that its heads give it, and whether that was a guess from the table's caption."""
    if numeral.kind not in {"number", "money"} or numeral.scaled:
        return numeral, False
    near = [head_unit(text) for text in (*row, column)]
    currency = numeral.currency or next((found[0] for found in near if found[0]), "")
    kind = next((found[2] for found in near if found[2]), "")
    power = next((found[1] for found in near if found[1] is not None), None)
    guess = False
    if power is None and kind == "" and not re.search(r"\bratio\b|\bmargin|\bmonths\b|\bx\b", " ".join(row).lower()):
        over = head_unit(caption)
        power, guess = over[1], over[1] is not None
        currency = currency or over[0]
    if kind in {"percent", "points"} and numeral.kind == "number":
        numeral = evolve(numeral, kind="percent" if kind == "percent" else "points")
        return moved(numeral, -2), False
    if currency:
        numeral = evolve(numeral, currency=currency, kind="money")
    return (evolve(moved(numeral, power), scaled=True) if power and kind != "per share" else numeral), guess
