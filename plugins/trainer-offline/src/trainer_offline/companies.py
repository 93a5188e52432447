"""Companies: their facts as one series a metric, with what follows from them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from attrs import field, frozen

from trainer_offline.facts import Fact, fiscal_year
from trainer_offline.formulas import FORMULAS, Formula
from trainer_offline.numerals import is_currency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

PERIODS = 5


@frozen
class Series:
    """One metric of one company in one unit, by period end.

    `facts` is empty where `formula` made it; `undefined` are the periods for which the formula says nothing.
    """

    metric: str
    label: str
    unit: str
    instant: bool
    values: Mapping[str, Decimal]
    facts: Mapping[str, Fact] = field(factory=dict)
    formula: Formula | None = None
    undefined: frozenset[str] = frozenset()


@frozen
class Company:
    """The figures of one company over the periods that are shown, the oldest first.

    `span` is what its flows cover (empty if there are only balances). `index` has the series by metric and by
    tag. `unused` counts figures of other periods, and those that a later filing replaced.
    """

    name: str
    ticker: str
    cik: str
    span: str
    ends: tuple[str, ...]
    series: tuple[Series, ...]
    index: Mapping[str, Sequence[Series]]
    unused: int

    @property
    def short(self) -> str:
        """The ticker, or the name where there is none."""
        return self.ticker or self.name

    @property
    def facts(self) -> list[Fact]:
        """The figures shown."""
        return [fact for series in self.series for fact in series.facts.values()]

    def find(self, metric: str) -> Sequence[Series]:
        """The series of a metric, by its name or its tag: one for each unit."""
        return self.index.get(metric, ())

    def period(self, end: str, *, instant: bool = False) -> str:
        """How a period is called: `FY2025`, `the 3 months to 2025-06-28`; a balance's is its last day."""
        if self.span == "year":
            years = Counter(fiscal_year(item) for item in self.ends)
            return fiscal_year(end) if years[fiscal_year(end)] == 1 else f"the year to {end}"
        return end if instant or not self.span else f"the {self.span} to {end}"


def as_company(name: str, facts: Sequence[Fact]) -> Company:
    """The company whose facts these are (at least one): the latest filed of each period, the last periods."""
    spans = Counter(fact.span for fact in facts if fact.span)
    span = "year" if spans["year"] else max(sorted(spans), key=lambda item: spans[item], default="")
    ends = tuple(sorted({fact.end for fact in facts if fact.span == span})[-PERIODS:])
    chosen: dict[tuple[str, str, bool], dict[str, Fact]] = defaultdict(dict)
    for fact in facts:
        if fact.end in ends and fact.span in {span, ""}:
            periods = chosen[fact.metric, fact.text("unit"), not fact.span]
            rival = periods.get(fact.end)
            periods[fact.end] = fact if rival is None or fact.rank > rival.rank else rival
    series = [_series(*key, periods) for key, periods in chosen.items()]
    for formula in FORMULAS:
        series += _derived(formula, series)
    index: dict[str, list[Series]] = defaultdict(list)
    for item in series:
        for key in sorted({item.metric, *(fact.text("tag") for fact in item.facts.values())} - {""}):
            index[key].append(item)
    newest = max(facts, key=lambda fact: fact.rank)
    cik = str(newest.row.get("cik"))
    return Company(
        name=name,
        ticker=newest.text("ticker"),
        cik=cik if re.fullmatch(r"[0-9]{1,10}", cik) else "",
        span=span,
        ends=ends,
        series=tuple(series),
        index=index,
        unused=len(facts) - sum(len(periods) for periods in chosen.values()),
    )


def _series(metric: str, unit: str, instant: bool, periods: Mapping[str, Fact]) -> Series:
    facts = dict(sorted(periods.items()))
    label = facts[max(facts)].text("label") or _words(metric)
    return Series(metric, label, unit, instant, {end: fact.value for end, fact in facts.items()}, facts)


def _words(metric: str) -> str:
    """A metric's or a tag's name as words: `net_income`, `NetIncomeLoss`."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", metric).replace("_", " ").split()).capitalize()


def _derived(formula: Formula, series: Sequence[Series]) -> list[Series]:
    """The formula's series: one for each currency in which all its inputs are, unless the data has it itself."""
    by_name = {(item.metric, item.unit): item for item in series}
    found = []
    for unit in sorted({unit for metric, unit in by_name if metric == formula.inputs[0] and is_currency(unit)}):
        inputs = [by_name[metric, unit] for metric in formula.inputs if (metric, unit) in by_name]
        target = formula.unit or unit
        if len(inputs) < len(formula.inputs) or (formula.metric, target) in by_name:
            continue
        ends = sorted(set.intersection(*(set(item.values) for item in inputs)))
        results = {end: formula.compute(*(item.values[end] for item in inputs)) for end in ends}
        values = {end: value for end, value in results.items() if value is not None}
        instant = inputs[0].instant
        missing = frozenset(results.keys() - values.keys())
        if results:
            found.append(Series(formula.metric, formula.label, target, instant, values, {}, formula, missing))
    return found
