"""The tables of a report: one company over the years, or companies side by side."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from trainer_offline.markup import callout, plain, table
from trainer_offline.numerals import is_currency, percent, rounded
from trainer_offline.wording import cell, change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer_offline.companies import Company, Series

MOST_METRICS = 40
NO_MEANING = "n/m: not meaningful, as a base or divisor is not above zero or the sign changed. –: not in the data."


def history(company: Company) -> str:
    """One company's figures, a column for each period (the newest last), and below it what follows from them."""
    given = [series for series in company.series if series.formula is None]
    notes = [_more(len(given))]
    if company.unused:
        notes.append(f"{company.unused:,} figures of other periods, or replaced by a later filing, are not shown.")
    for series in given[:MOST_METRICS]:
        tags = sorted({fact.text("tag") for fact in series.facts.values()} - {""})
        if len(tags) > 1:
            notes.append(f"Reported under several tags: {plain(series.label)} ({plain(', '.join(tags))}).")
    parts = [_years(company, given[:MOST_METRICS]), " ".join(note for note in notes if note)]
    if derived := _derived(company):
        parts += ["What follows from these figures:", _years(company, derived)]
    text = "\n\n".join(part for part in parts if part)
    return f"{text}\n\n{NO_MEANING}" if "n/m |" in text or "– |" in text else text


def side_by_side(companies: Sequence[Company]) -> str:
    """The newest figures of several companies, each with its currency and its change to the period before."""
    given = {s.metric: s.label for company in companies for s in company.series if s.formula is None}
    derived = {s.metric: s.label for company in companies for s in _derived(company)}
    head = ["Metric", *(f"{plain(item.short)} {_heading(item, item.ends[-1])}" for item in companies)]
    rows = [
        [plain(label), *(", ".join(cell(item, series) for series in item.find(metric)) or "–" for item in companies)]
        for metric, label in [*list(given.items())[:MOST_METRICS], *derived.items()]
    ]
    names = "; ".join(f"{plain(item.ticker)} is {plain(item.name)}" for item in companies if item.ticker)
    notes = f"In brackets: the change to the period before. {NO_MEANING} {_more(len(given))}".rstrip()
    warning = _hindrances(companies)
    parts = [
        callout("WARNING", warning) if warning else "",
        table(head, rows),
        notes,
        f"Companies: {names.rstrip('.')}." if names else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _derived(company: Company) -> list[Series]:
    """What follows from the figures for the newest period: a runway is of no interest once there is no burn."""
    return [series for series in company.series if series.formula and company.ends[-1] in series.values]


def _years(company: Company, shown: Sequence[Series]) -> str:
    before = company.ends[-2:-1]
    head = ["Metric", "Unit", *(_heading(company, end) for end in company.ends), *("Change" for _ in before)]
    largest: dict[str, Decimal] = defaultdict(Decimal)
    for series in company.series:
        largest[series.unit] = max(largest[series.unit], *map(abs, series.values.values()), Decimal())
    rows = []
    for series in shown:
        unit, factor, places = _scale(series, largest[series.unit])
        cells = [_cell(series, end, factor, places) for end in company.ends]
        rows.append([plain(series.label), unit, *cells, *(change(series, end, company.ends[-1]) for end in before)])
    return table(head, rows, left=2)


def _hindrances(companies: Sequence[Company]) -> str:
    """What stands in the way of comparing: other currencies, other standards, other period ends."""
    units = {item.short: sorted({s.unit for s in item.series if is_currency(s.unit)}) for item in companies}
    standards = {item.short: sorted({f.text("taxonomy") for f in item.facts} - {""}) for item in companies}
    ends = {item.short: [item.ends[-1]] for item in companies}
    said = [
        (units, "Amounts are in different currencies ({}) and are not converted: compare ratios and changes."),
        (standards, "Accounts follow different standards ({})."),
        (ends, "The newest periods end on different days ({})."),
    ]
    return " ".join(
        text.format(
            ", ".join(f"{plain(name)} {plain(' and '.join(values))}" for name, values in kinds.items() if values)
        )
        for kinds, text in said
        if len({value for values in kinds.values() for value in values}) > 1
    )


def _more(count: int) -> str:
    return f"{count - MOST_METRICS:,} more metrics are not shown." if count > MOST_METRICS else ""


def _heading(company: Company, end: str) -> str:
    if company.span == "year":
        name = company.period(end)
        return f"{name} ({end})" if name.startswith("FY") else name.removeprefix("the ").capitalize()
    return f"{company.span} to {end}" if company.span else end


def _scale(series: Series, largest: Decimal) -> tuple[str, int, int]:
    """A row's unit as it is told, what its values are divided by, and how many decimals they get.

    `largest` is the company's largest amount in that unit: amounts in one currency share a scale, so that rows
    can be added up by eye.
    """
    unit = series.unit
    if unit in {"ratio", "months"}:
        return unit, 1, 1
    if (is_currency(unit) or unit == "shares") and largest >= 10**6:
        factor, word = (10**9, "billion") if largest >= 10**12 else (10**6, "million")
        name = f"{unit} {word}" if is_currency(unit) else f"{word} {unit}"
        return name, factor, 0 if largest >= 100_000 * factor else 1
    decimals = max((-int(value.normalize().as_tuple().exponent) for value in series.values.values()), default=0)
    name = plain(unit.replace("/shares", " per share")) or "–"
    return name, 1, max(2 if "/" in unit else 0, min(4, decimals))


def _cell(series: Series, end: str, factor: int, places: int) -> str:
    if end not in series.values:
        return "n/m" if end in series.undefined else "–"
    value = series.values[end]
    return percent(value) if series.unit == "ratio" else rounded(value / factor, places)
