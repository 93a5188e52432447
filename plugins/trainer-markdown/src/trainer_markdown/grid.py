"""Tables as HTML: figures set as figures, rows and columns named by their headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from attrs import frozen

from trainer_document.figures import DASHES, MISSING, is_figure, is_negative
from trainer_document.tree import Node, Parent, Table, TableRow, plain

SHORT = 16  # rows of a table that is kept on one printed page
SHORT_CELL = 400  # letters of a cell in which dates are kept whole
DENSE, CROWDED = 100, 135  # letters in a row from which a table is printed small, and smaller

_DATE = re.compile(r"\(?\b\d{4}-\d\d-\d\d\b\)?(?=[^<>]*(?:<|$))")  # breaks at its hyphens otherwise; not within a tag

Inlines = Callable[[Sequence[Node]], str]
Cell = tuple[Sequence[Node], str]  # what is in it, and its words


@frozen
class Column:
    """What is known of a column: whether it holds figures or names the rows, how wide it is, and its classes."""

    numeric: bool
    names_rows: bool
    letters: int
    align: str
    classes: str


def table_html(table: Table, inlines: Inlines) -> str:
    """A table in a frame that scrolls sideways, or a strip of key figures. Short rows are filled up."""
    given = [row for row in table.children if isinstance(row, TableRow)]
    width = max((len(row.children) for row in given), default=0)
    if not width:
        return ""
    rows = [_filled(row, width) for row in given]
    columns = _columns(table, rows[1:], width)
    if table.kind == "kpi":
        return _strip(table, rows, inlines)
    caption = inlines(table.caption)
    label = table.label or plain(table.caption).strip() or "Table"
    head = "".join([_cell(cell, column, "col", True, inlines) for cell, column in zip(rows[0], columns, strict=True)])
    body = "".join([_row(row, cells, columns, inlines) for row, cells in zip(given[1:], rows[1:], strict=True)])
    classes = [*_size(len(rows), columns), *(["records"] if any(row.id for row in given) else [])]
    parts = [
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(label)}">',
        f'<table class="{" ".join(classes)}"{_id(table.id)}>',
        f"<caption><span>{caption}</span></caption>" if caption else "",
        f"<thead>\n<tr>{head}</tr>\n</thead>" if "<th" in head else "",
        f"<tbody>\n{body}</tbody></table></div>\n",
    ]
    return "\n".join(part for part in parts if part)


def _filled(row: TableRow, width: int) -> list[Cell]:
    cells = [cell.children if isinstance(cell, Parent) else [cell] for cell in row.children]
    return [(cell, plain(cell).strip()) for cell in cells] + [((), "")] * (width - len(cells))


def _strip(table: Table, rows: Sequence[Sequence[Cell]], inlines: Inlines) -> str:
    # A table by its roles: browsers forget that it is one when it is laid out as something else.
    frames = [
        ('<th scope="row" role="rowheader">', "</th>"),
        ('<td class="figure" role="cell">', "</td>"),
        ('<td role="cell">', "</td>"),
    ]

    def line(cells: Sequence[Cell]) -> str:
        return "".join(f"{start}{inlines(cell)}{end}" for (cell, _), (start, end) in zip(cells, frames, strict=False))

    titles = "".join(f'<th scope="col" role="columnheader">{inlines(cell)}</th>' for cell, _ in rows[0])
    body = "".join(f'<tr role="row">{line(row)}</tr>\n' for row in rows[1:])
    return (
        f'<table class="kpi" role="table"><caption>{inlines(table.caption)}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{titles}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}</tbody></table>\n'
    )


def _columns(table: Table, body: Sequence[Sequence[Cell]], width: int) -> list[Column]:
    align = [*table.align, *[None] * width]
    numeric = [*table.numeric, *[False] * width]
    return [
        _column([row[number][1] for row in body], align[number], numeric[number], first=number == 0 and width > 1)
        for number in range(width)
    ]


def _column(texts: Sequence[str], align: str | None, numeric: bool, first: bool) -> Column:
    lengths = list(map(len, texts))
    longest = max(lengths, default=0)
    if longest <= 12 or (longest <= 24 and not any(" " in text for text in texts if len(text) > 12)):
        width = "tight"
    else:
        width = "wide" if longest > 32 else "brief"
    letters = longest if width == "tight" else 16
    stated = align if align in {"left", "right", "center"} else "right" if numeric else "left"
    return Column(bool(numeric), first and not numeric, letters, stated, f"{stated} {width}")


def _size(rows: int, columns: Sequence[Column]) -> list[str]:
    letters = sum(column.letters + 3 for column in columns)
    size = ["crowded"] if letters > CROWDED else ["dense"] if letters > DENSE else []
    return ["short" if rows <= SHORT else "long", *size]


def _row(row: TableRow, cells: Sequence[Cell], columns: Sequence[Column], inlines: Inlines) -> str:
    filled = any(text for _, text in cells[1:])
    parts = [
        _cell(cell, column, "row" if column.names_rows else "", filled, inlines)
        for cell, column in zip(cells, columns, strict=True)
    ]
    return f"<tr{_id(row.id)}>{''.join(parts)}</tr>\n"


def _cell(cell: Cell, column: Column, scope: str, filled: bool, inlines: Inlines) -> str:
    nodes, text = cell
    classes = column.classes if scope != "col" else column.align
    html = inlines(nodes).strip()
    if column.numeric and is_figure(text):
        classes += " figure negative" if is_negative(text) else " figure positive" if text[0] == "+" else " figure"
    elif "-" in html and len(html) < SHORT_CELL:
        html = _DATE.sub(r'<span class="whole">\g<0></span>', html)
    if column.numeric and not scope and filled and text in DASHES and "<" not in html:
        return f'<td class="{column.align} missing" aria-label="no value">—</td>'
    if column.numeric and text and text.lower() in MISSING:
        classes += " missing"
    start, end = (f'th scope="{scope}"', "th") if scope and html else ("td", "td")
    return f'<{start} class="{classes}">{html}</{end}>'


def _id(name: str) -> str:
    return f' id="{escape(name)}"' if name else ""
