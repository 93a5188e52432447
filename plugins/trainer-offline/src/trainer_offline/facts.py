"""Fact rows: finding them in records, and reading them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer_offline.numerals import number

if TYPE_CHECKING:
    from decimal import Decimal

SPANS = {"year": (350, 380), "9 months": (265, 285), "6 months": (175, 190), "3 months": (84, 100)}
IDENTITY = ("entity", "ticker", "cik", "about")


@frozen
class Fact:
    """One usable row: its value, and what a flow covers (`year`, `3 months`, `12 days`; empty for a balance)."""

    value: Decimal
    end: str
    span: str
    row: Mapping[str, Any]

    def text(self, *keys: str) -> str:
        """The first of the row's values under `keys` that is text with something in it."""
        return _text(*(self.row.get(key) for key in keys))

    @property
    def metric(self) -> str:
        """What the figure is of; without a name of ours, the tag it was reported under."""
        return self.text("metric", "tag", "label")

    @property
    def rank(self) -> tuple[Any, ...]:
        """The latest filed is the largest; what follows only makes the choice the same every time."""
        keys = ("filed", "accession", "accn", "label", "tag", "form", "taxonomy")
        return *(self.text(key) for key in keys), self.end, self.value


def fiscal_year(end: str) -> str:
    """`FY2025` for a year that ends in 2025, with a week of grace for 52/53-week years."""
    return f"FY{(date.fromisoformat(end) - timedelta(days=7)).year}"


def split_facts(data: Any, *, deep: bool = True) -> tuple[list[tuple[Mapping[str, Any], Sequence[Any]]], Any]:
    """The fact rows in a record's data, each list with the table it stands in, and the rest (`None` for nothing).

    Fact rows are a list whose first item names a metric and has an `end` and a `value`: the data itself, or a
    value in it, or in each of several tables (the files of a pattern).
    """
    if _is_facts(data):
        return [({}, data)], None
    if not isinstance(data, Mapping):
        return [], data
    name = min((key for key, value in data.items() if _is_facts(value)), default=None, key=str)
    if name is not None:
        rest = {key: value for key, value in data.items() if key != name and key not in IDENTITY}
        return [(data, data[name])], rest or None
    if not deep:
        return [], data
    inner = {key: split_facts(data[key], deep=False) for key in sorted(data, key=str)}
    left = {key: rest for key, (found, rest) in inner.items() if rest is not None or not found}
    return [item for found, _ in inner.values() for item in found], left if left or not data else None


def read_facts(records: Mapping[str, Any]) -> tuple[dict[str, list[Fact]], int]:
    """The usable rows of records (name → data) by company, and how many rows hold no usable figure.

    What a row does not say about its company (`entity`, `ticker`, `cik`), the table it stands in says.
    """
    facts: dict[str, list[Fact]] = defaultdict(list)
    unusable = 0
    for record, data in records.items():
        for head, rows in split_facts(data)[0]:
            for row in rows:
                fact = _fact(_completed(row, head)) if isinstance(row, Mapping) else None
                if fact is None:
                    unusable += 1
                else:
                    facts[fact.text("entity", "ticker") or record].append(fact)
    return facts, unusable


def _is_facts(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], Mapping):
        return False
    return {"value", "end"} <= value[0].keys() and not {"metric", "tag", "label"}.isdisjoint(value[0].keys())


def _text(*values: Any) -> str:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _completed(row: Mapping[str, Any], head: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, **{key: head[key] for key in IDENTITY if key in head and not row.get(key)}}


def _fact(row: Mapping[str, Any]) -> Fact | None:
    value = number(row.get("value"))
    if value is None or not _text(row.get("metric"), row.get("tag"), row.get("label")):
        return None
    try:
        end = date.fromisoformat(_text(row.get("end")))
        fiscal_year(end.isoformat())
        start = _text(row.get("start"))
        days = (end - date.fromisoformat(start)).days + 1 if start else 0
    except (ValueError, OverflowError):
        return None
    span = next((name for name, (low, high) in SPANS.items() if low <= days <= high), f"{days} days")
    return Fact(value, end.isoformat(), span if start else "", row)
