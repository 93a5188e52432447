"""The ledger: all facts of a run, to be found by value, and the series they make."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from itertools import islice
from typing import TYPE_CHECKING

from attrs import field, frozen

from trainer_guard.grounding.facts import MOST_FACTS, Fact, Text, company_of, read_facts
from trainer_guard.grounding.formulas import FORMULAS, Formula
from trainer_guard.grounding.names import Phrases, company_names, metric_phrases, name_of
from trainer_guard.grounding.periods import Label, labels_of

if TYPE_CHECKING:
    from trainer import StoredData

ARITHMETIC = Context(prec=60)  # whatever the host's is
UNDATED = date.min  # the last day of what the data gives no period for: such figures go together
SMALL = Decimal(1000)


@frozen(eq=False)
class Entry:
    """A value to be found: of a fact, or made of facts by a formula. `size` is its value without sign."""

    value: Decimal
    size: Decimal
    metric: str
    unit: str
    currency: str
    company: str
    labels: frozenset[Label]
    facts: tuple[Fact, ...]
    formula: str = ""
    end: date | None = None


@frozen(eq=False)
class Series:
    """One metric of one company in one unit: its entries by their last day, the oldest first."""

    metric: str
    unit: str
    currency: str
    company: str
    span: str
    entries: tuple[Entry, ...]
    place: Mapping[date, int] = field(factory=dict)


class Ledger:
    """The facts of records (by any name), indexed: `entries` by size, `series` by metric, `texts` as they are."""

    def __init__(self, records: Mapping[str, StoredData]) -> None:
        facts: list[Fact] = []
        self.texts: list[Text] = []
        names: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for record in records.values():
            for item in islice(read_facts(record.ref, record.data), MOST_FACTS):
                (self.texts if isinstance(item, Text) else facts).append(item)  # type: ignore[arg-type]  # told apart by its type
            entity, ticker = company_of(record.data)
            if entity or ticker:
                names[ticker or entity] |= company_names(entity, ticker)
        for fact in facts:
            if fact.company and fact.company not in names:
                names[fact.company] |= company_names(fact.company, "")
        with localcontext(ARITHMETIC):
            self._index(facts)
        self.companies = Phrases()
        for company, phrases in names.items():
            if len(names) > 1:
                for phrase in phrases:
                    self.companies.add(phrase, company)
        self.companies.freeze()
        spoken: dict[str, set[str]] = defaultdict(set)
        for metric, fact_names in ((fact.metric, fact.names) for fact in facts):
            spoken[metric].update(fact_names[:3])
        for series in self.series_of:
            spoken.setdefault(series, set())
        self.phrases: Phrases = metric_phrases(spoken)
        self.per_share = frozenset(entry.metric for entry in self.entries if entry.unit == "per share")

    def _index(self, facts: Sequence[Fact]) -> None:
        years = _year_ends(facts)
        entries = [entry for fact in facts for entry in _entries(fact, years.get(fact.company, 12))]
        self.series_of: dict[str, list[Series]] = defaultdict(list)
        for series in _series(entries):
            self.series_of[series.metric].append(series)
        made = [entry for formula in FORMULAS for entry in self._derive(formula)]
        self.entries = sorted((*entries, *made), key=lambda entry: entry.size)
        self.sizes = [entry.size for entry in self.entries]
        self.newest = {
            company: max((fact.end for fact in facts if fact.end and fact.company == company), default=None)
            for company in {fact.company for fact in facts}
        }

    def _derive(self, formula: Formula) -> Iterator[Entry]:
        """A formula's entries: for each company, currency and day on which all its inputs are there."""
        groups: dict[tuple[str, str], list[list[Series]]] = {}
        for place, metric in enumerate(formula.inputs):
            for series in self.series_of.get(metric, ()):
                key = series.company, series.currency
                groups.setdefault(key, [[] for _ in formula.inputs])[place].append(series)
        # What is counted has no currency: earnings by shares.
        if formula.unit == "per share":
            groups = {key: [parts[0], groups.get((key[0], ""), parts)[1]] for key, parts in groups.items() if key[1]}
        for (company, currency), parts in groups.items():
            given = {
                entry.end
                for series in self.series_of.get(formula.metric, ())
                if series.company == company and (series.currency == currency or formula.unit in {"ratio", "months"})
                for entry in series.entries
                if not entry.formula
            }
            for first in parts[0]:
                rest = [_beside(options, first.span) for options in parts[1:]]
                if not all(rest):
                    continue
                entries = [
                    entry
                    for one in first.entries
                    if one.end not in given and (entry := _made(formula, one, rest, company, currency))
                ]
                # A flow and a balance share their last day. What the data gives itself stays beside what is made.
                if entries:
                    unit = formula.unit
                    self.series_of[formula.metric].append(
                        Series(
                            formula.metric,
                            unit,
                            entries[0].currency,
                            company,
                            first.span,
                            tuple(entries),
                            _places(entries),
                        )
                    )
                yield from entries

    def between(self, low: Decimal, high: Decimal) -> Sequence[Entry]:
        """The entries whose size is from `low` to `high`."""
        return self.entries[bisect_left(self.sizes, low) : bisect_right(self.sizes, high)]


def _beside(options: Sequence[Series], span: str) -> Series | None:
    """The series to be combined with one of a span: of the same span, or of moments."""
    return next(
        (item for item in options if item.span == span),
        next((item for item in options if not item.span or not span), None),
    )


def _made(formula: Formula, first: Entry, rest: Sequence[Series | None], company: str, currency: str) -> Entry | None:
    if first.end is None:
        return None
    inputs = [first]
    for series in rest:
        place = series.place.get(first.end) if series else None
        if series is None or place is None:
            return None
        inputs.append(series.entries[place])
    value = formula.compute(*(entry.value for entry in inputs))
    if value is None:
        return None
    facts = tuple(fact for entry in inputs for fact in entry.facts)
    money = formula.unit in {"money", "per share"}
    spans = [entry for entry in inputs if entry.facts and entry.facts[0].start]
    labels = (spans or inputs)[0].labels
    return Entry(
        value,
        abs(value),
        formula.metric,
        formula.unit,
        currency if money else "",
        company,
        labels,
        facts,
        formula.text,
        first.end,
    )


def _year_ends(facts: Iterable[Fact]) -> dict[str, int]:
    """The month in which each company's fiscal year ends, by its annual figures."""
    months: dict[str, Counter[int]] = defaultdict(Counter)
    for fact in facts:
        if fact.end and fact.span == "year":
            months[fact.company][(fact.end - timedelta(days=7)).month] += 1
    return {company: found.most_common(1)[0][0] for company, found in months.items()}


def _day(labels: frozenset[Label]) -> date | None:
    """The last day of a period that is given by a label alone."""
    for kind, year, *rest in sorted(labels, key=str):
        part = rest[0] if rest else None
        months = {
            "FY": 12,
            "Y": 12,
            "Q": 3 * part if isinstance(part, int) else 0,
            "H": 6 * part if isinstance(part, int) else 0,
        }
        month = part if kind == "M" else months.get(str(kind), 0)
        if isinstance(year, int) and isinstance(month, int) and 1 <= month <= 12:
            return date(year, month, monthrange(year, month)[1])
    return None


def _entries(fact: Fact, year_end: int) -> Iterator[Entry]:
    labels = fact.labels
    if fact.end:
        labels |= labels_of(fact.end, fact.span, year_end, fact.fiscal, fact.part)
    elif any(label[0] in {"FY", "Y"} for label in labels):
        labels |= {(other, label[1]) for label in labels if label[0] in {"FY", "Y"} for other in ("FY", "Y")}
    end = fact.end or _day(fact.labels) or (UNDATED if "[" not in fact.path else None)
    value, unit = (fact.value.scaleb(-2), "ratio") if fact.unit == "percent" else (fact.value, fact.unit)
    yield Entry(value, abs(value), fact.metric, unit, fact.currency, fact.company, labels, (fact,), "", end)
    # A number without a unit may be a percentage.
    if not unit and not fact.currency and abs(value) < SMALL:
        part = value.scaleb(-2)
        yield Entry(part, abs(part), fact.metric, "part", "", fact.company, labels, (fact,), "", end)


def _series(entries: Iterable[Entry]) -> Iterator[Series]:
    """The entries of facts as series; of a figure that was filed more than once, the latest filing counts."""
    groups: dict[tuple[str, str, str, str, str], dict[date, Entry]] = defaultdict(dict)
    for entry in entries:
        if entry.end is None or entry.unit == "part":
            continue
        key = entry.company, entry.metric, entry.unit, entry.currency, entry.facts[0].span
        rival = groups[key].get(entry.end)
        if rival is None or entry.facts[0].filed > rival.facts[0].filed:
            groups[key][entry.end] = entry
    for (company, metric, unit, currency, span), by_end in groups.items():
        ordered = [by_end[end] for end in sorted(by_end)]
        yield Series(metric, unit, currency, company, span, tuple(ordered), _places(ordered))


def _places(entries: Sequence[Entry]) -> dict[date, int]:
    return {entry.end: place for place, entry in enumerate(entries) if entry.end}


def described(entry: Entry) -> str:
    """An entry in words: company, metric, period, value."""
    when = (
        entry.end.isoformat()
        if entry.end and entry.end != UNDATED
        else ", ".join(str(label[1]) for label in sorted(entry.labels, key=str)[:1])
    )
    amount = (
        f"{entry.value.scaleb(2).normalize():.4f}".rstrip("0").rstrip(".") + "%"
        if entry.unit in {"ratio", "part"}
        else f"{entry.value:f}"
    )
    return " ".join(part for part in (entry.company, name_of(entry.metric), when, entry.currency, amount) if part)
