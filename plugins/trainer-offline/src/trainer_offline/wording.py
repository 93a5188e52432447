"""Sentences about figures, worded by rule: the same figures always make the same sentence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from trainer_offline.markup import plain
from trainer_offline.numerals import percent, percentage_points, rounded, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer_offline.companies import Company, Series

DIFFERENCES = {"ratio", "months"}  # units whose change is a difference, not a percentage
LITTLE = Decimal("0.0005")  # a change that would read as 0.0%


def change(series: Series, before: str, after: str) -> str:
    """The change between two periods for a table: `+6.4%`, `+0.7 pp`, `n/m` or `–` if a figure is missing."""
    if before not in series.values or after not in series.values:
        return "n/m" if {before, after} & series.undefined else "–"
    old, new = series.values[before], series.values[after]
    if series.unit in DIFFERENCES:
        return _difference(series, new - old)
    return percent(new / old - 1, signed=True) if old > 0 and new >= 0 else "n/m"


def sentence(company: Company, series: Series) -> str:
    """What the newest figure of a series is, how it stands to the one before, and where it came from.

    The verbs are those that singular and plural share, as labels are of both kinds.
    """
    label, ends, newest = f"**{plain(series.label)}**", sorted(series.values), company.ends[-1]
    if series.formula is not None and (newest in series.undefined or not ends):
        return f"{label} cannot be given for {company.period(newest)}: {series.formula.unless}."
    last = ends[-1]
    stale = "" if last == newest else f" (the data has no figure for {company.period(newest)})"
    if len(ends) == 1:
        value = f"{_spoken(series, last)} {_when(company, series, last)}"
        return f"{label} came to {value}{stale}. No other period is in the data."
    return f"{label} {_movement(company, series, ends[-2], last)}{stale}.{_longer(company, series, ends)}"


def comparison(companies: Sequence[Company], metric: str) -> str:
    """One metric of several companies, each in its own unit with its own change, and who stands where."""
    label, parts, ranked, ratio = metric, [], [], False
    for company in companies:
        found = company.find(metric)
        told = ", ".join(cell(company, series) for series in found)
        parts.append(f"{plain(company.short)} {told or 'not in the data'}")
        for series in found[:1]:
            label, ratio = series.label, series.unit == "ratio"
            basis = _basis(company, series)
            ranked += [] if basis is None else [(basis, company.short)]
    text = f"**{plain(label)}**: {'; '.join(parts)}."
    return text + _extremes(ranked, ratio) if len(ranked) == len(companies) else text


def cell(company: Company, series: Series) -> str:
    """The newest figure with its currency and its change: `USD 416.2 billion (+6.4%)`."""
    end = company.ends[-1]
    if end not in series.values:
        return "n/m" if end in series.undefined else "–"
    moved = change(series, company.ends[-2], end) if len(company.ends) > 1 else "–"
    return _spoken(series, end) + (f" ({moved})" if moved not in {"–", "n/m"} else "")


def _basis(company: Company, series: Series) -> Decimal | None:
    """What companies can be ranked by whatever their currency: a ratio, or a flow's growth on a positive base."""
    end = company.ends[-1]
    if series.unit == "ratio" or end not in series.values:
        return series.values.get(end)
    if series.instant:
        return None
    old = series.values.get(company.ends[-2]) if len(company.ends) > 1 else None
    return series.values[end] / old - 1 if old and old > 0 and series.values[end] >= 0 else None


def _extremes(ranked: Sequence[tuple[Decimal, str]], ratio: bool) -> str:
    low, high = min(ranked), max(ranked)
    if percent(low[0]) == percent(high[0]):
        return ""
    top, bottom = (f"{plain(name)} at {percent(value, signed=not ratio)}" for value, name in (high, low))
    if ratio:
        return f" Highest: {top}; lowest: {bottom}."
    return f" Largest growth, in own currency: {top}; smallest: {bottom}."


def _spoken(series: Series, end: str) -> str:
    return spoken(series.values[end], plain(series.unit))


def _when(company: Company, series: Series, end: str) -> str:
    name = company.period(end, instant=series.instant)
    if not series.instant:
        return f"in {name}"
    return f"at the end of {name}" if company.span == "year" else f"on {name}"


def _movement(company: Company, series: Series, before: str, after: str) -> str:
    old, new = series.values[before], series.values[after]
    was, now = _spoken(series, before), f"{_spoken(series, after)} {_when(company, series, after)}"
    period = company.period(before, instant=series.instant)
    then = f"on {period}" if series.instant and company.span != "year" else f"in {period}"
    if new == old:
        return f"stayed at {now}, as {then}"
    if abs(new - old if series.unit in DIFFERENCES or not old else new / old - 1) < LITTLE:
        return f"hardly moved: {now}, {was} {then}"
    if series.unit in DIFFERENCES:
        moved = _difference(series, abs(new - old)).removeprefix("+").replace("pp", "percentage points")
        return f"came to {now}, {moved} {'above' if new > old else 'below'} {period} ({was})"
    if old == 0:
        return f"came to {now}, after zero {then}"
    if old < 0 and new < 0:
        return f"stayed negative and {'improved' if new > old else 'fell further'}, to {now} from {was} {then}"
    if old < 0 or new < 0:
        return f"turned {'positive' if new > 0 else 'negative' if new < 0 else 'to zero'}: {now}, {was} {then}"
    return f"{'rose' if new > old else 'fell'} {percent(abs(new / old - 1))} to {now}, from {was} {then}"


def _difference(series: Series, value: Decimal) -> str:
    if series.unit == "ratio":
        return percentage_points(value)
    return f"{'+' if value > 0 else ''}{rounded(value, 1)} months"


def _longer(company: Company, series: Series, ends: Sequence[str]) -> str:
    """Where a ratio stood, or what a figure's growth a year was, since the first of at least three years."""
    first, last = ends[0], ends[-1]
    years = round((date.fromisoformat(last) - date.fromisoformat(first)).days / 365.25)
    if len(ends) < 3 or company.span != "year" or years < 2 or series.unit == "months":
        return ""
    old, new = series.values[first], series.values[last]
    since = company.period(first, instant=series.instant)
    if series.unit == "ratio":
        return f" {since}: {percent(old)}."
    if old <= 0 or new <= 0:
        return ""
    return f" Since {since}: {percent((new / old) ** (Decimal(1) / years) - 1, signed=True)} a year."
