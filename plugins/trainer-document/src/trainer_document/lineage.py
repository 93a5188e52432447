"""Figures and the records they are from: where each leads, and what of each record is cited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer_document.tree import (
    Callout,
    Chart,
    Figure,
    Link,
    Node,
    Parent,
    Root,
    Table,
    TableCell,
    TableRow,
    Text,
    blocks,
    nodes,
    plain,
)

CHECKED = 200  # figures and quotes of the appendix that no record has; further ones are only counted

_HOLDING: set[type[Node]] = {Callout, Chart, Table}  # more than children


def figures(node: Node) -> Iterator[Figure]:
    """All figures below a node, in reading order."""
    todo = [node]
    while todo:
        below = todo.pop()
        kind = type(below)
        if kind is Figure:
            yield below  # type: ignore[misc]  # it is one
        elif kind in _HOLDING:
            todo.extend(reversed(list(nodes(below))))
        elif isinstance(below, Parent):
            todo.extend([held for held in reversed(below.children) if type(held) is not Text])


def trace(root: Root, found: Sequence[Figure], refs: Sequence[str]) -> list[Figure]:
    """Lead each of the figures of a tree to where the appendix has its record, or says what is wrong, in place.

    `refs` are the records (`key@version`) of the appendix, in its order. Where the figures of a table's row or column
    are of one record, the row's or the column's head leads there instead. Returns the figures that no record has.
    """
    numbers = {ref: number for number, ref in reversed(list(enumerate(refs, 1)))}
    unfounded: list[Figure] = []
    for figure in found:
        if not figure.traced:
            unfounded.append(figure)
            figure.url = f"#check-{len(unfounded)}" if len(unfounded) <= CHECKED else ""
        else:
            figure.url = f"#source-{numbers[figure.ref]}" if figure.ref in numbers else ""
    for node in blocks(root) if found else ():
        if isinstance(node, Table) and node.kind != "kpi":
            _mark_heads(node)
    return unfounded


def cited(found: Sequence[Figure], metadata: Mapping[str, Any]) -> dict[str, int]:
    """How many places of each record (`key@version`) the figures of a text are from."""
    places = {(figure.ref, figure.path) for figure in found if figure.traced}
    for entry in _mappings(metadata.get("figures")):
        places |= {(place.get("ref"), str(place.get("path"))) for place in _mappings(entry.get("inputs"))}
    counts: dict[str, int] = {}
    for ref, _ in places:
        if isinstance(ref, str):
            counts[ref] = counts.get(ref, 0) + 1
    return counts


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _mark_heads(table: Table) -> None:
    rows = [row for row in table.children if isinstance(row, TableRow)]
    by_row: dict[int, list[Figure]] = {}
    by_column: dict[int, list[Figure]] = {}
    for number, row in enumerate(rows[1:], 1):
        for column, cell in enumerate(row.children):
            found = [figure for figure in figures(cell) if figure.traced and figure.url]
            if found:
                by_row.setdefault(number, []).extend(found)
                by_column.setdefault(column, []).extend(found)
    lines = max(
        _lines(by_row, [row.children[0] if row.children else None for row in rows]),
        _lines(by_column, list(rows[0].children) if rows else []),
        key=lambda lines: (sum(len(found) for _, found in lines), -len(lines)),
    )
    for head, found in lines:
        head.children = [Link(head.children, found[0].url, found[0].ref)]
        for figure in found:
            figure.url = ""


def _lines(found: Mapping[int, list[Figure]], heads: Sequence[Node | None]) -> list[tuple[TableCell, list[Figure]]]:
    """The rows, or the columns, of two figures and more that are of one record and have a head to say so."""
    return [
        (head, found)
        for number, found in found.items()
        if len(found) > 1
        and len({figure.url for figure in found}) == 1
        and number < len(heads)
        and isinstance(head := heads[number], TableCell)
        and plain(head).strip()
        and not any(isinstance(below, Link | Figure) for below in head.children)
    ]
