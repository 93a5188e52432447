"""What a chart is to show: its description, and the series of points that the data gives for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, get_args

from attrs import field, fields_dict, frozen

from trainer.catalog import PROVIDERS, install
from trainer.errors import ConversionError
from trainer_document.charts.scale import Type

POINTS = 2_000
SERIES = 8
BARS = 80
MOST = 1e300  # of a value


@frozen
class Point:
    """`at` is where on the axis `x` stands: days for dates, else the number itself or its turn."""

    x: str
    y: float
    at: float


@frozen
class Series:
    """Points in the order of the axis."""

    name: str
    points: tuple[Point, ...]


@frozen
class Spec:
    """The fence of a chart.

    `data` is the name of a record of the run, and behind a dot the way to a list of rows in it (`facts.quarters`).
    `x` and `y` are fields of a row, `series` the field that tells lines or groups of bars apart. `where` keeps the
    rows whose fields have these values, or one of a list of values. `unit` is what `y` is counted in.
    """

    type: Type
    title: str
    data: str
    x: str
    y: str
    series: str = ""
    where: Mapping[str, Any] = field(factory=dict)
    unit: str = ""

    @classmethod
    def read(cls, given: Any) -> Spec:
        """The description that JSON gives. Raises `ConversionError` naming what is missing, unknown or wrong."""
        known = fields_dict(cls)
        needed = ["type", "title", "data", "x", "y"]
        kind = given.get("type") if isinstance(given, Mapping) else None
        if isinstance(kind, str) and kind and kind not in get_args(Type):
            advice = install(PROVIDERS.get(f"chart.{kind}"))
            raise ConversionError(
                f"there is no type of chart {kind[:80]!r}", f"{advice}There is: {', '.join(get_args(Type))}."
            )
        if not isinstance(given, Mapping) or not given.keys() >= set(needed) or given.keys() - known.keys():
            keys = set(given) if isinstance(given, Mapping) else set()
            wrong = [*(f"{name} is missing" for name in needed if name not in keys),
                     *(f"{name} is not known" for name in sorted(keys - known.keys()))]  # fmt: skip
            raise ConversionError(f"its description is wrong: {', '.join(wrong)}", f"A chart has {', '.join(known)}.")
        for name, value in given.items():
            if not isinstance(value, Mapping if name == "where" else str) or (name in needed and not value):
                raise ConversionError(f"its {name} is {str(value)[:80]!r}", "Give a word; `where` takes an object.")
        return cls(**given)

    @property
    def record(self) -> str:
        """The name of the record."""
        return self.data.partition(".")[0]

    def series_of(self, records: Mapping[str, Any]) -> tuple[Series, ...]:
        """What is to be drawn. Raises `ConversionError` if the records do not have it, or have too much of it."""
        rows = rows_of(self.data, self.where, records)
        for name in filter(None, (self.x, self.y, self.series)):
            if not any(name in row for row in rows):
                raise ConversionError(
                    f"the rows of {self.data} have no field {name}", f"They have: {_listed(rows[0])}."
                )
        points: dict[str, dict[str, float]] = {}
        for row in rows:
            self._add(points, row)
        most = BARS if self.type == "bar" else POINTS
        if len(points) > SERIES or sum(map(len, points.values())) > most or not any(points.values()):
            raise ConversionError(
                f"it would have {sum(map(len, points.values())):,} points in {len(points)} series",
                f"Draw up to {most:,} in {SERIES}; choose with `where`.",
            )
        places = _places([x for series in points.values() for x in series], self.type == "bar")
        return tuple(
            Series(name, tuple(sorted((Point(x, y, places[x]) for x, y in series.items()), key=lambda point: point.at)))
            for name, series in points.items()
        )

    def _add(self, points: dict[str, dict[str, float]], row: Mapping[str, Any]) -> None:
        x, y, name = row.get(self.x), row.get(self.y), str(row.get(self.series, "")) if self.series else ""
        if x is None or y is None:
            return
        if isinstance(y, bool) or not isinstance(y, int | float) or not abs(y) <= MOST:
            raise ConversionError(f"{self.y} is {str(y)[:80]!r} where {self.x} is {x}", "Only numbers can be drawn.")
        series = points.setdefault(name, {})
        if series.get(str(x), y) != y:
            raise ConversionError(
                f"there are two values of {self.y} where {self.x} is {x}", "Choose one with `where`, or use `series`."
            )
        series[str(x)] = y


def rows_of(data: str, where: Mapping[str, Any], records: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows that `data` and `where` of a fence name. Raises `ConversionError` if the records have none."""
    name, _, way = data.partition(".")
    if name not in records:
        raise ConversionError(f"the run has no data {name!r}", f"It has: {_listed(records) or 'none'}.")
    found = records[name]
    for step in filter(None, way.split(".")):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        lists = [value for value in found.values() if _is_rows(value)]
        found = lists[0] if len(lists) == 1 else found
    if not _is_rows(found):
        has = _listed(records[name]) if isinstance(records[name], Mapping) else "no fields"
        raise ConversionError(f"{data} is no list of rows", f"{name} has: {has}.")
    rows = [
        row
        for row in found
        if all(row.get(key) in (wanted if isinstance(wanted, list) else [wanted]) for key, wanted in where.items())
    ]
    if not rows:
        raise ConversionError(f"no row of {data} is as `where` asks", "Ask for less.")
    return rows


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _places(words: Sequence[str], in_turn: bool) -> dict[str, float]:
    distinct = list(dict.fromkeys(words))
    if not in_turn:
        for number in (_day, float):
            try:
                places = {word: float(number(word)) for word in distinct}
            except ValueError:
                continue
            if all(map(math.isfinite, places.values())):
                return places
    dated = sorted(distinct) if all(map(_is_day, distinct)) else distinct
    return {word: float(number) for number, word in enumerate(dated)}


def _day(word: str) -> int:
    return date.fromisoformat(word[:10]).toordinal()


def _is_day(word: str) -> bool:
    try:
        return bool(_day(word))
    except ValueError:
        return False


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, names))[:20])
