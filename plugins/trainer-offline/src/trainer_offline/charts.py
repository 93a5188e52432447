"""A chart of a company's sales or profit, as a fence that names the rows it is drawn from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainer_offline.numerals import is_currency

if TYPE_CHECKING:
    from trainer_offline.companies import Company, Series

METRICS = ("revenue", "net_income", "operating_cash_flow", "total_assets")  # the first that can be drawn is
FEWEST = 3


def chart(company: Company, data: Mapping[str, Any]) -> str:
    """A fence `chart`, or nothing if no list of rows in `data` (name → record) says exactly what is shown."""
    for series in (series for metric in METRICS for series in company.find(metric)):
        if len(series.facts) < FEWEST or not is_currency(series.unit):
            continue
        for place, rows in _lists(data):
            if where := _where(series, rows):
                spec = {
                    "type": "bar", "title": f"{series.label} of {company.short}", "data": place, "x": "end",
                    "y": "value", "where": where, "unit": series.unit,
                }  # fmt: skip
                return f"```chart\n{json.dumps(spec, ensure_ascii=False, indent=1)}\n```"
    return ""


def _lists(data: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    for name, record in data.items():
        if isinstance(record, list) and "." not in name:
            yield name, record
        elif isinstance(record, Mapping):
            yield from (
                (f"{name}.{key}", value)
                for key, value in record.items()
                if isinstance(value, list) and "." not in f"{name}{key}"
            )


def _where(series: Series, rows: Sequence[Any]) -> dict[str, str]:
    """What the rows of the series have, and no other row of the list."""
    ends = dict(series.facts)
    for names in (("metric", "unit"), ("metric", "unit", "form"), ("metric", "unit", "fp")):
        first = next(iter(ends.values())).row
        where = {name: first[name] for name in names if isinstance(first.get(name), str)}
        chosen = [row for row in rows if isinstance(row, Mapping) and all(row.get(key) == where[key] for key in where)]
        drawn = {row.get("end"): row.get("value") for row in chosen}
        if len(chosen) == len(ends) and drawn == {end: fact.row["value"] for end, fact in ends.items()}:
            return where if all(type(value) in (int, float) for value in drawn.values()) else {}
    return {}
