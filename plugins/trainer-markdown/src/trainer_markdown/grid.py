"""Tables as HTML: figures set as figures, rows and columns named by their headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from attrs import frozen

from trainer_markdown.figures import DASHES, MISSING, is_figure, is_negative, is_numeric, set_minus
from trainer_markdown.parser import Token, plain

SHORT = 16  # rows of a table that is kept on one printed page
DENSE, CROWDED = 100, 135  # letters in a row from which a table is printed small, and smaller

_DATE = re.compile(r"\(?\b\d{4}-\d\d-\d\d\b\)?")  # breaks at its hyphens otherwise

Inlines = Callable[[Sequence[Token]], str]


@frozen
class Column:
    """What is known of a column: whether it holds figures or names the rows, how wide it is, and its classes."""

    numeric: bool
    names_rows: bool
    letters: int
    classes: tuple[str, ...]


def table_html(
    rows: Sequence[Sequence[Token]], align: Sequence[str | None], label: str, caption: str, inlines: Inlines
) -> str:
    """A table in a frame that scrolls sideways.

    `rows` are cells, the header first; short rows are filled up to the longest. `align` is for as many
    columns as Markdown says something about. `label` names the table for those who do not see it.
    """
    width = max(len(row) for row in rows)
    rows = [[*row, *[{"children": []}] * (width - len(row))] for row in rows]
    texts = [[plain(cell["children"]).strip() for cell in row] for row in rows]
    columns = _columns(texts[1:], [*align, *[None] * (width - len(align))])
    head = [_cell(cell, "", column, "col", True, inlines) for cell, column in zip(rows[0], columns, strict=True)]
    body = [_row(row, text, columns, inlines) for row, text in zip(rows[1:], texts[1:], strict=True)]
    parts = [
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(label)}">',
        f'<table class="{" ".join(_size(len(rows), columns))}">',
        f"<caption><span>{caption}</span></caption>" if caption else "",
        f"<thead>\n<tr>{''.join(head)}</tr>\n</thead>" if any("<th" in cell for cell in head) else "",
        f"<tbody>\n{''.join(body)}</tbody></table></div>\n",
    ]
    return "\n".join(part for part in parts if part)


def _columns(body: Sequence[Sequence[str]], align: Sequence[str | None]) -> list[Column]:
    return [
        _column([row[number] for row in body], stated, first=number == 0 and len(align) > 1)
        for number, stated in enumerate(align)
    ]


def _column(texts: Sequence[str], align: str | None, first: bool) -> Column:
    numeric = is_numeric(texts)
    longest = max(map(len, texts), default=0)
    if all(len(text) <= 12 or (len(text) <= 24 and " " not in text) for text in texts):
        width = "tight"
    else:
        width = "wide" if longest > 32 else "brief"
    letters = longest if width == "tight" else 16
    return Column(numeric, first and not numeric, letters, (align or ("right" if numeric else "left"), width))


def _size(rows: int, columns: Sequence[Column]) -> list[str]:
    letters = sum(column.letters + 3 for column in columns)
    size = ["crowded"] if letters > CROWDED else ["dense"] if letters > DENSE else []
    return ["short" if rows <= SHORT else "long", *size]


def _row(cells: Sequence[Token], texts: Sequence[str], columns: Sequence[Column], inlines: Inlines) -> str:
    filled = any(texts[1:])
    parts = [
        _cell(cell, text, column, "row" if column.names_rows else "", filled, inlines)
        for cell, text, column in zip(cells, texts, columns, strict=True)
    ]
    return f"<tr>{''.join(parts)}</tr>\n"


def _cell(cell: Token, text: str, column: Column, scope: str, filled: bool, inlines: Inlines) -> str:
    classes = list(column.classes) if scope != "col" else [column.classes[0]]
    if column.numeric and is_figure(text):
        set_minus(cell["children"])
        classes += ["figure", "negative"] if is_negative(text) else ["figure"]
    html = inlines(cell["children"]).strip()
    if "<" not in html:
        html = _DATE.sub(r'<span class="whole">\g<0></span>', html)
    if column.numeric and not scope and filled and html in DASHES:
        return f'<td class="{column.classes[0]} missing" aria-label="no value">—</td>'
    if column.numeric and text and text.lower() in MISSING:
        classes.append("missing")
    start, end = (f'th scope="{scope}"', "th") if scope and html else ("td", "td")
    return f'<{start} class="{" ".join(classes)}">{html}</{end}>'
