"""Derivations: growth, differences, ratios, multiples, sums and means of known figures that a text may mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice, permutations

from attrs import frozen

from trainer_guard.grounding.context import Context, Labels
from trainer_guard.grounding.ledger import Entry, Ledger, Series
from trainer_guard.grounding.names import name_of
from trainer_guard.grounding.numerals import Numeral

MOST_SERIES = 24
MOST_PAIRS = 200
MOST_METRICS = 5


@frozen
class Derived:
    """A value that follows from entries by a formula. `change` says that its sign is that of a change."""

    value: Decimal
    formula: str
    inputs: tuple[Entry, ...]
    change: bool = False
    magnitude: bool = False


def derivations(numeral: Numeral, context: Context, ledger: Ledger, *, loosely: bool = False) -> Iterator[Derived]:
    """What the figure may be, given what its text speaks of. `loosely` forgets the periods that are named."""
    series = [
        item
        for metric in sorted(context.metrics or context.named)
        for item in ledger.series_of.get(metric, ())
        if _of(item, context)
    ]
    for item in series[:MOST_SERIES]:
        yield from _changes(numeral, context, item, loosely)
        if context.total or context.average:
            yield from _sums(context, item)
    if numeral.kind != "money" or context.changed or context.total:
        yield from _between(numeral, context, ledger)


def _of(series: Series, context: Context) -> bool:
    return not context.companies or not series.company or series.company in context.companies


def _named(series: Series, periods: Sequence[Labels]) -> list[int]:
    """The places of a series that are in one of the periods."""
    if not periods:
        return []
    wanted = frozenset().union(*periods)
    return [
        place for place, entry in enumerate(series.entries) if not entry.labels or not wanted.isdisjoint(entry.labels)
    ]


def _year_before(series: Series, place: int) -> int | None:
    """The entry about a year before another."""
    end = series.entries[place].end
    for other in range(place - 1, -1, -1):
        older = series.entries[other].end
        if end is None or older is None or (end - older).days > 380:
            return None
        if (end - older).days >= 350:
            return other
    return None


def pairs(series: Series, context: Context, loosely: bool, *, based: bool = False) -> Iterator[tuple[int, int]]:
    """From which entry to which a change may be meant, as places in the series; `based` on the period that is named."""
    size = len(series.entries)
    own = [] if loosely else _named(series, context.periods)
    every = [] if loosely else _named(series, context.all_periods)
    if not every and not loosely and (context.periods or context.all_periods) and not context.since:
        return
    found: dict[tuple[int, int], None] = {}
    if context.change_cell and len(every) > 1 and not context.periods[1:]:
        found[every[-2], every[-1]] = None
        found[every[0], every[-1]] = None
    else:
        found.update(dict.fromkeys((a, b) for a in every[:20] for b in every[:20] if a < b))
    if context.rate and len(every) > 1:
        yield from islice(found, MOST_PAIRS)
        return
    latest = own or ([] if context.since else every[-1:] or range(1, size))
    for place in list(latest)[-MOST_PAIRS:]:
        if place > 0:
            found[place - 1, place] = None
        year = _year_before(series, place)
        if year is not None:
            found[year, place] = None
    if based and not context.since:
        found.update(dict.fromkeys((place, size - 1) for place in own if place < size - 1))
    if context.rate or (context.since and not own) or not (context.periods or context.all_periods):
        found.update(dict.fromkeys((place, size - 1) for place in every or [0] if place < size - 1))
        found.update(dict.fromkeys((0, place) for place in every if place > 0 and context.rate))
    if loosely:
        found.update(dict.fromkeys((a, size - 1) for a in range(max(0, size - 12), size - 1)))
    yield from islice(found, MOST_PAIRS)


def _changes(numeral: Numeral, context: Context, series: Series, loosely: bool) -> Iterator[Derived]:
    name = name_of(series.metric)
    for first, last in pairs(series, context, loosely, based=context.versus or numeral.kind == "multiple"):
        old, new = series.entries[first], series.entries[last]
        inputs = new, old
        match numeral.kind:
            case "percent" if old.value:
                if context.rate and (annual := _annual(old, new)) is not None:
                    yield Derived(annual, f"{name}: (newer / older)^(1 / years) − 1", inputs, True)
                    continue
                yield Derived((new.value - old.value) / abs(old.value), f"{name}: newer / older − 1", inputs, True)
                if old.value < 0:
                    yield Derived(new.value / old.value - 1, f"{name}: newer / older − 1", inputs, True)
                if not context.changed and context.named == context.metrics and series.unit not in {"ratio", ""}:
                    yield Derived(new.value / old.value, f"{name}: newer / older", inputs)
            case "points" if series.unit in {"ratio", ""}:
                yield Derived(new.value - old.value, f"{name}: newer − older", inputs, True)
                if not series.unit:
                    yield Derived((new.value - old.value).scaleb(-2), f"{name}: newer − older", inputs, True)
            case "multiple" if old.value:
                yield Derived(new.value / old.value, f"{name}: newer / older", inputs)
                if context.changed and new.value and new.value / old.value < 1:
                    yield Derived(old.value / new.value, f"{name}: older / newer", inputs)
            case "money" | "number" if context.changed:
                if numeral.kind == "number" or _same_money(numeral, series):
                    yield Derived(new.value - old.value, f"{name}: newer − older", inputs, True)
            case _:
                pass


def _annual(old: Entry, new: Entry) -> Decimal | None:
    """Growth a year over at least two years, of figures above zero."""
    if old.end is None or new.end is None or old.value <= 0 or new.value <= 0:
        return None
    years = round((new.end - old.end).days / 365.25)
    if years < 2:
        return None
    # No figure is shown with more digits than these, and a power of `Decimal` takes a tenth of a millisecond.
    return Decimal(repr(round(float(new.value / old.value) ** (1 / years) - 1, 12)))


def _same_money(numeral: Numeral, series: Series) -> bool:
    from trainer_guard.grounding.matching import same_currency

    return series.unit in {"money", "per share", ""} and same_currency(numeral.currency, series.currency)


def _sums(context: Context, series: Series) -> Iterator[Derived]:
    """Sums and means: of the periods named, from the first to the last, or of the last ones."""
    places = _named(series, context.all_periods)
    size = len(series.entries)
    runs = (
        {(places[0], places[-1] + 1)}
        if len(places) > 1
        else {(size - length, size) for length in (2, 3, 4, 5) if length <= size}
    )
    runs |= {(place - 3, place + 1) for place in places[-4:] if place >= 3 and series.span == "quarter"}
    name = name_of(series.metric)
    for first, last in sorted(runs):
        inputs = series.entries[first:last]
        total = sum((entry.value for entry in inputs), Decimal(0))
        if context.total and series.span:
            yield Derived(total, f"{name}: sum of {len(inputs)} periods", inputs)
        if context.average:
            yield Derived(total / len(inputs), f"{name}: mean of {len(inputs)} periods", inputs)


def _between(numeral: Numeral, context: Context, ledger: Ledger) -> Iterator[Derived]:
    """One metric set against another of the same day, and one company against another."""
    metrics = sorted(context.named | context.metrics)[:MOST_METRICS]
    periods = context.periods or context.all_periods
    for left, right in permutations(metrics, 2):
        for one in ledger.series_of.get(left, ())[:MOST_METRICS]:
            for other in ledger.series_of.get(right, ())[:MOST_METRICS]:
                if (
                    _of(one, context)
                    and one.company == other.company
                    and (one.span == other.span or not one.span or not other.span)
                ):
                    yield from _combined(numeral, context, one, other, periods)
    if len(context.all_companies) > 1:
        for metric in metrics:
            known = [item for item in ledger.series_of.get(metric, ()) if item.company in context.all_companies][
                :MOST_METRICS
            ]
            for one, other in permutations(known, 2):
                if one.currency == other.currency and one.company != other.company:
                    yield from _against(numeral, context, one, other, periods)


def _combined(
    numeral: Numeral, context: Context, one: Series, other: Series, periods: Sequence[Labels]
) -> Iterator[Derived]:
    if one.unit == "ratio" or other.unit == "ratio":
        return
    chosen = _named(one, periods) if periods else range(max(0, len(one.entries) - 2), len(one.entries))
    for place in chosen[-8:] if isinstance(chosen, list) else chosen:
        first = one.entries[place]
        beside = other.place.get(first.end) if first.end else None
        if beside is None:
            continue
        second = other.entries[beside]
        names = name_of(one.metric), name_of(other.metric)
        if numeral.kind in {"percent", "multiple", "number"} and second.value:
            yield Derived(first.value / second.value, f"{names[0]} / {names[1]}", (first, second))
            if context.changed and numeral.kind == "percent":
                yield Derived(first.value / second.value - 1, f"{names[0]} / {names[1]} − 1", (first, second), True)
        if numeral.kind in {"money", "number"} and one.currency == other.currency:
            yield Derived(first.value - second.value, f"{names[0]} − {names[1]}", (first, second), magnitude=True)
            if context.total:
                yield Derived(first.value + second.value, f"{names[0]} + {names[1]}", (first, second))


def _against(
    numeral: Numeral, context: Context, one: Series, other: Series, periods: Sequence[Labels]
) -> Iterator[Derived]:
    """One company's figure set against another's, each in the period named, or its newest."""
    left = [one.entries[place] for place in _named(one, periods)[-3:]] or [one.entries[-1]]
    right = [other.entries[place] for place in _named(other, periods)[-3:]] or [other.entries[-1]]
    name = name_of(one.metric)
    for first in left:
        for second in right:
            told = f"{name}: {one.company} / {other.company}"
            if numeral.kind == "points" and one.unit == "ratio":
                yield Derived(
                    first.value - second.value,
                    f"{name}: {one.company} − {other.company}",
                    (first, second),
                    magnitude=True,
                )
            elif numeral.kind in {"percent", "multiple", "number"} and second.value:
                yield Derived(first.value / second.value, told, (first, second))
            elif numeral.kind == "money":
                yield Derived(
                    first.value - second.value,
                    f"{name}: {one.company} − {other.company}",
                    (first, second),
                    magnitude=True,
                )
                if context.total:
                    yield Derived(
                        first.value + second.value, f"{name}: {one.company} + {other.company}", (first, second)
                    )
