"""Charts in Vega-Lite: the type `vega-lite` of a fence `chart`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.errors import ConversionError
from trainer_document.apart import Apart
from trainer_document.charts import rows_of, source_of
from trainer_document.charts.scale import shown
from trainer_document.tree import Align, Chart, Table, TableCell, TableRow, Text

__all__ = ["chart"]

NEEDED = ("type", "title", "data", "spec")
KNOWN = (*NEEDED, "where", "unit")
PARTS = frozenset({"mark", "encoding", "layer", "width", "height"})  # of a specification; the data is the run's
# What could name other data, an address, or work without end; and what the document has no room for.
REFUSED = frozenset({
    "data", "datasets", "expr", "filter", "href", "image", "labelExpr", "lookup", "params", "projection", "signal",
    "test", "transform", "url",
})  # fmt: skip
ROWS, LETTERS, DEPTH = 2_000, 50_000, 20
SECONDS = 15
SPACE = 16_000_000  # megabytes of addresses: V8 reserves many; `drawing` limits what it uses


def chart(given: Mapping[str, Any], records: Mapping[str, Any], sources: Sequence[Mapping[str, Any]] = ()) -> Chart:
    """The chart of a fence with the keys `type`, `title`, `data`, `spec`, and maybe `where` and `unit`.

    `spec` is a Vega-Lite specification of `mark` and `encoding`, or of a `layer` of them; its data are the rows that
    `data` and `where` name. Raises `ConversionError` if they are not in `records`, or the specification is refused.
    """
    wrong = [f"{name} is missing" for name in NEEDED if name not in given]
    wrong += [f"{name} is not known" for name in given if name not in KNOWN]
    texts = (given.get(name, "") for name in ("title", "data", "unit"))
    spec, where = given.get("spec"), given.get("where", {})
    if wrong or not all(isinstance(text, str) for text in texts) or not isinstance(where, Mapping):
        told = ", ".join(wrong) or "a value"
        raise ConversionError(f"its description is wrong: {told}", f"It has {', '.join(KNOWN)}.")
    spec = _checked(spec)
    rows = rows_of(given["data"], where, records)
    if len(rows) > ROWS:
        raise ConversionError(f"it would have {len(rows):,} rows", f"Draw up to {ROWS:,}; choose with `where`.")
    names = [name for name in dict.fromkeys(_fields(spec)) if any(name in row for row in rows)]
    if not names:
        raise ConversionError(
            f"its encoding names no field of {given['data']}", f"The rows have: {', '.join(map(str, rows[0]))[:200]}."
        )
    data = [{name: row.get(name) for name in names} for row in rows]
    unit = given.get("unit", "")
    return Chart(
        title=f"{given['title']}, {unit}" if unit else given["title"],
        svg=_drawn(given["title"], {**spec, "data": {"values": data}}),
        table=_table(given["title"], names, data),
        source=source_of(given["data"].partition(".")[0], sources),
        spec=dict(given),
    )


def _checked(spec: Any) -> Mapping[str, Any]:
    if not isinstance(spec, Mapping) or not spec.keys() <= PARTS or not spec.keys() & {"mark", "layer"}:
        raise ConversionError("its spec is no drawing of marks", f"It may have {', '.join(sorted(PARTS))}.")
    if len(json.dumps(spec, default=str)) > LETTERS:
        raise ConversionError(f"its spec has more than {LETTERS:,} characters", "Draw less.")
    for words in _words(spec, 0):
        if words in REFUSED:
            raise ConversionError(f"its spec uses {words!r}", "Its data is that of the run; compute before.")
    return spec


def _words(value: Any, depth: int) -> Iterator[str]:
    """All keys, and the kinds of marks."""
    if depth > DEPTH:
        raise ConversionError(f"its spec nests more than {DEPTH} levels deep", "Draw less.")
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            if key in ("mark", "type") and isinstance(item, str):
                yield item
            yield from _words(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item, depth + 1)


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("field"), str):
            yield value["field"]
        for item in value.values():
            yield from _fields(item)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item)


def _drawn(title: str, spec: Mapping[str, Any]) -> str:
    try:
        content = json.dumps(spec, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ConversionError(f"its data cannot be drawn: {error}", "Draw texts and finite numbers.") from error
    press = Apart("trainer_vega.drawing:draw")
    try:
        kind, answer = press.call(content, {"title": title}, SECONDS, SPACE)
    finally:
        press.close()
    if kind == "done":
        return answer.decode()
    reason = f"it takes more than {SECONDS} s" if kind == "limit" else answer.decode("utf-8", "replace").split("\n")[0]
    raise ConversionError(f"Vega-Lite cannot draw it: {reason[:300]}", "Mend its spec.")


def _table(title: str, names: Sequence[str], data: Sequence[Mapping[str, Any]]) -> Table:
    columns = [[row[name] for row in data] for name in names]
    numeric = [all(type(value) in (int, float, type(None)) for value in column) for column in columns]
    align: list[Align] = ["right" if number else None for number in numeric]
    cells = zip(*([_cell(value, _are_years(column)) for value in column] for column in columns), strict=True)
    return Table(
        [TableRow([TableCell([Text(cell)] if cell else []) for cell in row]) for row in [names, *cells]],
        align=align,
        label=f"Data of the chart: {title}",
        numeric=numeric,
    )


def _are_years(column: Sequence[Any]) -> bool:
    return all(type(value) is int and 1900 <= value < 2100 for value in column)


def _cell(value: Any, year: bool) -> str:
    return shown(value) if type(value) in (int, float) and not year else "" if value is None else str(value)
