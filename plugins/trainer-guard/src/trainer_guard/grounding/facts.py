"""Facts: every number in a record's data, with what stands around it: its metric, unit, period and company."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from attrs import frozen

from trainer_guard.grounding.names import metric_of
from trainer_guard.grounding.numerals import CODES, FIGURE, read_numeral
from trainer_guard.grounding.periods import Label, as_day, period_of_key, span_of
from trainer_guard.grounding.words import wordset

LARGEST = Decimal("1E40")
NAMES = ("metric", "tag", "label", "concept", "item", "indicator", "measure", "line_item", "account", "name", "key")
VALUES = ("value", "val", "amount", "raw", "reportedValue", "obs_value")
CURRENCIES = ("currency", "currencyCode", "reportedCurrency", "financialCurrency", "ccy", "currency_code")
UNITS = ("unit", "uom", "units")
STARTS = ("start", "period_start", "startDate", "from")
ENDS = (
    "end", "period_end", "endDate", "date", "asOfDate", "fiscalDateEnding", "ts", "day", "as_of", "report_date", "time",
    "datetime", "regularMarketTime",
)  # fmt: skip
COLUMNS = (*ENDS, "dates", "timestamps")
PERIODS = ("period", "frame", "quarter", "year", "fiscal_year", "fiscalYear", "calendarYear")
COMPANIES = ("entity", "company", "companyName", "longName", "shortName", "entityName", "name")
TICKERS = ("ticker", "symbol")
# Numbers that name or date something and measure nothing.
IDENTITIES = wordset(
    "cik id ids sic zip phone fax fy year fiscal_year fiscalyear calendaryear maxage gmtoffset "
    "gmtoffsetmilliseconds timestamp version accession accn isin cusip pricehint exchangedatadelayedby "
    "sourceinterval port status statuscode code"
)
SHARES = re.compile(r"pershare|per share|eps|(?:trailing|forward)eps", re.IGNORECASE)
RATIOS = re.compile(
    r"margin|ratio|yield|growth|percent|pct|intensity|payout|return_on|returnon|rate$|change_p|held_percent|roe|roa|pe$|beta|priceto|debtto|enterpriseto|_to_",
    re.IGNORECASE,
)
PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,2})?")
DIGIT = re.compile(r"\d")
MOST_FACTS = 200_000


@frozen
class Fact:
    """A number in a record: where it stands (`ref`, `path`), its value, and what it is said to be of.

    `unit` is `money`, `per share`, `count`, `ratio`, `percent` (of which 5 is 0.05) or empty for unknown; `currency` is
    a code or empty. `start` and `end` are days; `labels` are names of a period that is given in other words.
    """

    ref: str
    path: str
    value: Decimal
    metric: str
    names: tuple[str, ...]
    unit: str = ""
    currency: str = ""
    noun: str = ""
    start: date | None = None
    end: date | None = None
    labels: frozenset[Label] = frozenset()
    company: str = ""
    filed: str = ""
    fiscal: int | None = None
    part: str = ""

    @property
    def span(self) -> str:
        """What the figure covers: `year`, `quarter`, …; empty for one of a moment."""
        return span_of(self.start, self.end) if self.end else ""


@frozen
class Text:
    """A text in a record, in which figures and quotes may stand."""

    ref: str
    path: str
    text: str


class Around(NamedTuple):
    """What is known of a place in the data from what stands beside and above it."""

    names: tuple[str, ...] = ()
    unit: str = ""
    currency: str = ""
    start: date | None = None
    end: date | None = None
    labels: frozenset[Label] = frozenset()
    company: str = ""
    ticker: str = ""
    filed: str = ""
    fiscal: int | None = None
    part: str = ""


def read_facts(ref: str, data: Any) -> Iterator[Fact | Text]:
    """Every number and every text in `data`, in its order."""
    yield from _walk(data, "", Around(), ref, 0)


def number(value: Any) -> Decimal | None:
    """A JSON number, or a text that is a number and nothing else; `None` for all else."""
    match value:
        case str():
            return Decimal(value) if len(value) < 31 and PLAIN.fullmatch(value) else None
        case bool():
            return None
        case int() if value.bit_length() < 130:
            return Decimal(value)
        case float() if math.isfinite(value):
            found = Decimal(repr(value))
            return found if abs(found) < LARGEST else None
    return None


def _walk(data: Any, path: str, around: Around, ref: str, depth: int) -> Iterator[Fact | Text]:
    if depth > 40:
        return
    if isinstance(data, Mapping):
        yield from _mapping(data, path, around, ref, depth)
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        for place, item in enumerate(data):
            yield from _walk(item, f"{path}[{place}]", around, ref, depth + 1)
    elif (value := number(data)) is not None:
        if around.names:
            yield _fact(ref, path, value, around)
    elif isinstance(data, str) and data:
        found = _written(data)
        if found is not None and around.names:
            yield _fact(
                ref, path, found[0], around._replace(unit=found[1] or around.unit, currency=found[2] or around.currency)
            )
        yield Text(ref, path, data)


def _mapping(data: Mapping[str, Any], path: str, around: Around, ref: str, depth: int) -> Iterator[Fact | Text]:
    inner = _described(data, around)
    value_key = next((key for key in VALUES if key in data and number(data[key]) is not None), None)
    named = tuple(str(data[key]) for key in NAMES if value_key and isinstance(data.get(key), str) and data[key])
    units = (depth and path.endswith(".units")) or path == "units"
    columns = _columns(data)
    for key, item in data.items():
        name = str(key)
        place = f"{path}.{name}" if path else name
        if name == value_key:
            yield from _walk(item, place, inner._replace(names=named or inner.names or (name,)), ref, depth + 1)
        elif number(item) is not None:
            if not _identity(name) and not (value_key and isinstance(item, str)):
                yield from _walk(item, place, _keyed(inner, name, data), ref, depth + 1)
        elif isinstance(item, str):
            yield Text(ref, place, item)
            if (found := _written(item)) is not None and not (value_key and name in {"fmt", "longFmt"}):
                below = _keyed(inner, name, data)
                unit, currency = found[1] or below.unit, found[2] or below.currency
                yield _fact(ref, place, found[0], below._replace(unit=unit, currency=currency))
        elif units:
            yield from _walk(item, place, inner._replace(unit=name), ref, depth + 1)
        elif columns and isinstance(item, list) and len(item) == len(columns):
            below = _keyed(inner, name, data)
            for row, (cell, day) in enumerate(zip(item, columns, strict=True)):
                yield from _walk(cell, f"{place}[{row}]", below._replace(end=day, start=None), ref, depth + 2)
        else:
            yield from _walk(item, place, _keyed(inner, name, data, group=True), ref, depth + 1)


def _columns(data: Mapping[str, Any]) -> list[date | None]:
    """The days of a table that is kept by columns, if it is one."""
    for key in COLUMNS:
        item = data.get(key)
        if isinstance(item, list) and item and as_day(item[0]):
            return [as_day(cell) for cell in item]
    return []


@lru_cache(4096)
def _identity(key: str) -> bool:
    return key.lower().replace("-", "_") in IDENTITIES or key.lower().endswith(("_id", "epoch", "timestamp"))


def _keyed(around: Around, key: str, data: Mapping[str, Any], *, group: bool = False) -> Around:
    """What is known below a key: it is a period, or a part of the metric's name."""
    if labels := period_of_key(key):
        day = as_day(key)
        return around._replace(labels=labels, end=day or around.end, start=None if day else around.start)
    if key in VALUES and around.names:
        return around
    if group:
        label = data.get("label") if key == "units" else None
        if key == "units":
            return around._replace(names=(*around.names[:1], *([label] if isinstance(label, str) else [])))
        return around._replace(names=(key,)) if not key.isdigit() else around
    return around._replace(names=(key, f"{around.names[0]} {key}") if around.names else (key,))


def _text(data: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        item = data.get(key)
        if item and isinstance(item, str):
            return item
    return ""


def _described(data: Mapping[str, Any], around: Around) -> Around:
    """What a mapping's own fields say of the numbers in it."""
    changes: dict[str, Any] = {}
    if unit := _text(data, UNITS):
        changes["unit"] = unit
    if currency := _text(data, CURRENCIES):
        changes["currency"] = currency
    if company := _text(data, COMPANIES if not any(key in data for key in VALUES) else COMPANIES[:-1]):
        changes["company"] = company
    if ticker := _text(data, TICKERS):
        changes["ticker"] = ticker
    if filed := _text(data, ("filed", "filing_date")):
        changes["filed"] = filed
    end = next((day for key in ENDS if key in data and (day := as_day(data[key]))), None)
    if end:
        changes |= {
            "end": end,
            "start": next((day for key in STARTS if (day := as_day(data.get(key)))), None),
            "labels": frozenset(),
        }
        changes["start"] = changes["start"] or _started(end, data)
    else:
        for key in PERIODS:
            if labels := period_of_key(str(data[key])) if isinstance(data.get(key), str | int) else frozenset():
                changes["labels"] = labels
                break
    fiscal = data.get("fy")
    if isinstance(fiscal, int) and (end is None or "metric" in data or fiscal == end.year - 1):
        changes |= {"fiscal": fiscal, "part": _text(data, ("fp",))}
    return around._replace(**changes) if changes else around


def _started(end: date, data: Mapping[str, Any]) -> date | None:
    """The first day, where the data says by a word how long the period is."""
    days = {"annual": 364, "12m": 364, "fy": 364, "quarterly": 90, "3m": 90}.get(
        _text(data, ("period", "periodType")).lower()
    )
    return date.fromordinal(end.toordinal() - days) if days else None


def _unit(around: Around, metric: str) -> tuple[str, str, str]:
    """A unit's kind, its currency, and what is counted, by what the data says or the metric's name lets expect."""
    unit = around.unit.strip()
    head, _, per = unit.partition("/")
    if head in CODES and len(head) == 3:
        return ("per share" if per else "money"), head, per
    if unit.lower() in {"%", "percent", "pct"}:
        return "percent", "", ""
    if unit.lower() in {"pure", "ratio"}:
        return "ratio", "", ""
    if unit:
        return "count", "", unit
    name = " ".join(around.names[:1])
    if SHARES.search(name) or metric.startswith("eps"):
        return ("per share", around.currency, "")
    if RATIOS.search(name):
        return "", "", ""
    return "", around.currency, ""


def _fact(ref: str, path: str, value: Decimal, around: Around) -> Fact:
    metric = metric_of(around.names)
    unit, currency, noun = _unit(around, metric)
    return Fact(
        ref, path, value, metric, around.names, unit, currency, noun, around.start, around.end, around.labels,
        around.ticker or around.company, around.filed, around.fiscal, around.part,
    )  # fmt: skip


WRITTEN = re.compile(FIGURE)


@lru_cache(4096)
def _written(text: str) -> tuple[Decimal, str, str] | None:
    """A text that is one figure with its unit or scale, as `$391.0B` or `46.9%`: value, unit and currency."""
    if len(text) > 40 or not DIGIT.search(text):
        return None
    match = WRITTEN.fullmatch(text.strip())
    found = read_numeral(match, european=False, whole=True) if match else None
    if match is None or found is None or (found.kind == "number" and not found.scaled and not match["mark"]):
        return None
    unit = {"percent": "ratio", "money": ""}.get(found.kind, "")
    return found.value, unit, found.currency if len(found.currency) == 3 else ""


def company_of(data: Any) -> tuple[str, str]:
    """The entity and ticker that a record's data names at its top."""
    if not isinstance(data, Mapping):
        return "", ""
    return _text(data, COMPANIES), _text(data, TICKERS)
