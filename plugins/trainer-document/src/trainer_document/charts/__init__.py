"""Charts: a fence of JSON that names data of the run becomes a drawing, the same in every format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from trainer.errors import ConversionError
from trainer_document import wording
from trainer_document.charts.drawing import svg
from trainer_document.charts.scale import shown
from trainer_document.charts.spec import Series, Spec, rows_of
from trainer_document.tree import (
    Align,
    Callout,
    Chart,
    Code,
    Link,
    Node,
    Paragraph,
    Root,
    Table,
    TableCell,
    TableRow,
    Text,
    rewrite,
)

__all__ = ["chart", "draw", "rows_of", "source_of"]

GROUP = "trainer.chart"


def draw(root: Root, metadata: Mapping[str, Any]) -> None:
    """Put a `Chart` in the place of every fence `chart`, in place.

    `metadata["records"]` is the data of the run by name. A fence that cannot be drawn stays as it is, below a callout
    that says why: a chart of data that is not there is never drawn.
    """
    records = metadata.get("records")
    sources = wording.rows(metadata.get("sources"))

    def drawn(node: Node) -> Sequence[Node] | None:
        if not (isinstance(node, Code) and node.lang == "chart"):
            return None
        try:
            return [chart(node.value, records if isinstance(records, Mapping) else {}, sources, root.lang)]
        except ConversionError as error:
            why = Paragraph([Text(f"{error.problem[:1].upper()}{error.problem[1:]}. {error.remedy}")])
            return [Callout([why], "caution", [Text("This chart cannot be drawn")]), node]

    rewrite(root, drawn)


def chart(text: str, records: Mapping[str, Any], sources: Sequence[Mapping[str, Any]] = (), lang: str = "en") -> Chart:
    """The chart that a fence describes. Raises `ConversionError` if it names what is not in `records`.

    A package may draw further types: an entry point of the group `trainer.chart`, named as the type, is called with the
    fence's JSON, the records and their sources, and returns the chart.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"it is no JSON: {error}", "Write one JSON object.") from error
    kind = given.get("type") if isinstance(given, Mapping) else None
    for entry in entry_points(group=GROUP, name=kind) if isinstance(kind, str) else ():
        made: Chart = entry.load()(given, records, sources)
        return made
    spec = Spec.read(given)
    drawn = spec.series_of(records)
    return Chart(
        title=f"{spec.title}, {spec.unit}" if spec.unit else spec.title,
        svg=svg(spec, drawn, lang),
        table=_table(spec, drawn),
        source=source_of(spec.record, sources),
        spec=given,
    )


def _table(spec: Spec, drawn: Sequence[Series]) -> Table:
    places = list(dict.fromkeys(point.x for series in drawn for point in series.points))
    values = [{point.x: point.y for point in series.points} for series in drawn]
    names = [series.name or spec.y for series in drawn]
    rows = [[spec.x, *names], *([str(x), *(shown(of.get(x)) for of in values)] for x in places)]
    right: list[Align] = ["right"] * len(names)
    return Table(
        [TableRow([TableCell([Text(cell)] if cell else []) for cell in row]) for row in rows],
        align=[None, *right],
        label=f"Data of the chart: {spec.title}",
        numeric=[False, *[True] * len(names)],
    )


def source_of(record: str, sources: Sequence[Mapping[str, Any]]) -> list[Node]:
    """Inline nodes that say where a record is from, and lead to it."""
    for number, source in enumerate(sources, 1):
        if source.get("name") == record:
            where = ", ".join(str(source[key]) for key in ("source", "ref") if source.get(key))
            return [Text("Source: "), Link([Text(where or record)], f"#source-{number}")]
    return [Text(f"Source: {record}")]
