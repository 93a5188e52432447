"""A type of charts that keeps every promise, and others that break one each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from attrs import evolve

from trainer.errors import ConversionError
from trainer_document.charts import rows_of, source_of
from trainer_document.tree import Chart, Table, TableCell, TableRow, Text

COUNT = itertools.count()
Fence, Data, Sources = Mapping[str, Any], Mapping[str, Any], Sequence[Mapping[str, Any]]


def dots(given: Fence, records: Data, sources: Sources) -> Chart:
    """A circle for each row, as far from the left as its value."""
    if not isinstance(given.get("title"), str):
        raise ConversionError("it has no title", "Give it one.")
    rows = rows_of(given["data"], {}, records)
    circles = "".join(f'<circle cx="{row["value"]}" r="1" class="s{given.get("colour", 0)}"/>' for row in rows)
    table = Table([TableRow([TableCell([Text(str(cell))])]) for cell in ["value", *(row["value"] for row in rows)]])
    svg = f'<svg role="img"><title>{escape(given["title"], quote=False)}</title>{circles}</svg>'
    return Chart(given["title"], svg, table, source_of(given["data"], sources), dict(given))


def dots_links(given: Fence, records: Data, sources: Sources) -> Chart:
    chart = dots(given, records, sources)
    return evolve(chart, svg=chart.svg.replace("<circle", '<circle onclick="x()"'))


def dots_unnamed(given: Fence, records: Data, sources: Sources) -> Chart:
    chart = dots(given, records, sources)
    return evolve(chart, svg=f'<svg role="img">{chart.svg.partition("</title>")[2]}')


def dots_tableless(given: Fence, records: Data, sources: Sources) -> Chart:
    return evolve(dots(given, records, sources), table=Table([]))


def dots_fickle(given: Fence, records: Data, sources: Sources) -> Chart:
    return dots({**given, "colour": next(COUNT)}, records, sources)


def dots_constant(given: Fence, records: Data, sources: Sources) -> Chart:
    return evolve(dots(given, records, sources), svg='<svg role="img"><title>Money</title></svg>')


def dots_lively(given: Fence, records: Data, sources: Sources) -> Chart:
    return evolve(dots(given, records, sources), spec={**given, "data": tuple(given["data"])})


def dots_invents(given: Fence, records: Data, sources: Sources) -> Chart:
    return dots(given, records or {given["data"]: [{"value": 1}]}, sources)


def dots_crashes(given: Fence, records: Data, sources: Sources) -> Chart:
    return dots({**given, "title": given["title"]}, records, sources)


def dots_believes(given: Fence, records: Data, sources: Sources) -> Chart:
    chart = dots(given, records, sources)
    return evolve(chart, svg=chart.svg.replace(escape(chart.title, quote=False), chart.title))


def dots_tidies(given: dict[str, Any], records: Data, sources: Sources) -> Chart:
    given.setdefault("colour", 0)
    return dots(given, records, sources)
