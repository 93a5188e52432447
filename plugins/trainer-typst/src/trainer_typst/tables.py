"""Tables: how wide their columns are, and their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import evolve, frozen

from trainer_document.figures import DASHES, MISSING, is_figure, is_negative
from trainer_document.tree import FootnoteReference, Link, Node, Parent, Table, TableRow, Text, plain, walk
from trainer_typst.literals import array, line

KEPT = 12  # rows of a table that stays on one page,
LETTERS = 1_500  # if it has no more letters than these
PAGE = 98.0  # letters of a table's usual size beside one another on a page
GAP = 2.4  # letters that the space between two columns takes, and the number of a record
LONG = 24  # letters of a word that is not broken
MOST = 40  # columns beside one another
SMALLEST = 0.7  # of the usual size; what needs smaller letters is set as several tables

Inlines = Callable[[Sequence[Node]], str]

_BARE = re.compile(r"[^\s]{0,24}(?: [^\s]{1,24})*")


@frozen
class Cell:
    """What is in a cell, and its words."""

    nodes: Sequence[Node]
    text: str


@frozen
class Grid:
    """A table whose rows are all as wide as its widest; each row with its id."""

    table: Table
    width: int
    rows: list[tuple[str, list[Cell]]]

    @classmethod
    def read(cls, table: Table) -> Grid | None:
        """The table; None for one without a cell."""
        given = [row for row in table.children if isinstance(row, TableRow)]
        width = max((len(row.children) for row in given), default=0)
        return cls(table, width, [(row.id, _filled(row, width)) for row in given]) if width else None

    def source(self, inlines: Inlines, plainly: Inlines, place: Callable[[str], str], anchor: str) -> str:
        """The table as Typst code. Links in its head are only in the first of its heads, on the page of `anchor`."""
        numeric = [*self.table.numeric, *[False] * self.width][: self.width]
        aligns = [*self.table.align, *[None] * self.width][: self.width]
        align = [side or ("right" if number else "left") for side, number in zip(aligns, numeric, strict=True)]
        first_names = self.width > 1 and not numeric[0]
        head = ", ".join(f"[{_head(cell, inlines, plainly, anchor)}]" for cell in self.rows[0][1])
        body = []
        for name, cells in self.rows[1:]:
            mark = place(name) if name else ""
            parts = [
                _cell(cell, inlines, number, first_names and column == 0)
                for column, (cell, number) in enumerate(zip(cells, numeric, strict=True))
            ]
            if mark:
                parts[0] = f"[#metadata(none){mark}#{_content(parts[0])}]"
            body.append(", ".join(parts))
        widths, size = self._widths()
        rows = f"table.header({head}, under-head),\n" + ",\n".join(body)
        source = f"table(columns: {array(widths)}, align: {array(align)},\n{rows}\n)"
        letters = sum(len(cell.text) for _, cells in self.rows for cell in cells)
        kept = len(self.rows) <= KEPT + 1 and letters <= LETTERS
        whole = f"block(width: 100%, breakable: false, {source})" if kept else source
        return f"{{ set text(size: {8 * size:.2f}pt); {whole} }}"

    def parts(self) -> list[Grid]:
        """The table; if it is too wide for a page several, each with the first column and some of the others."""
        needs = self._needs()
        rest = list(range(1, self.width))
        for share in range(min(len(rest), MOST), 0, -1):  # columns of each
            groups = [[0, *rest[start : start + share]] for start in range(0, len(rest), share)]
            if all(sum(needs[column] for column in group) <= PAGE / SMALLEST for group in groups):
                break
        if len(rest) < 2 or len(groups) == 1:
            return [self]
        share = -(-len(rest) // len(groups))
        return [self._with([0, *rest[at : at + share]], first=not at) for at in range(0, len(rest), share)]

    def _with(self, columns: Sequence[int], first: bool) -> Grid:
        align = [*self.table.align, *[None] * self.width]
        numeric = [*self.table.numeric, *[False] * self.width]
        table = evolve(self.table, align=[align[n] for n in columns], numeric=[numeric[n] for n in columns])
        rows = [(name if first else "", [cells[n] for n in columns]) for name, cells in self.rows]
        return Grid(table, len(columns), rows)

    def _needs(self) -> list[float]:
        """How many letters of each column must stand beside one another."""
        return [
            max(min(_longest(cells[column].text), LONG) for _, cells in self.rows) + GAP for column in range(self.width)
        ]

    def _widths(self) -> tuple[list[str], float]:
        """How wide the columns are beside one another, and how large the letters."""
        needs = self._needs()
        wants = [
            max(need, min(max(len(cells[column].text) for _, cells in self.rows), 60) + GAP)
            for column, need in enumerate(needs)
        ]
        size = max(SMALLEST, min(1.0, PAGE / sum(needs), max(0.85, PAGE / sum(wants))))
        spare = PAGE / size - sum(needs)
        share = max(0.0, min(1.0, spare / (sum(wants) - sum(needs) or 1.0)))
        return [f"{need + (want - need) * share:.1f}fr" for need, want in zip(needs, wants, strict=True)], round(
            size, 2
        )


def _longest(text: str) -> int:
    """Letters of the longest word; a figure is one, with its unit."""
    return len(text) if is_figure(text) else max(map(len, text.split()), default=0)


def _filled(row: TableRow, width: int) -> list[Cell]:
    cells = [cell.children if isinstance(cell, Parent) else [cell] for cell in row.children]
    return [Cell(cell, plain(cell).strip()) for cell in cells] + [Cell((), "")] * (width - len(cells))


def _head(cell: Cell, inlines: Inlines, plainly: Inlines, anchor: str) -> str:
    if not any(
        isinstance(below, Link | FootnoteReference) or below.type == "figure"
        for node in cell.nodes
        for below in walk(node)
    ):
        return f"#head[{inlines(cell.nodes)}]"
    later = plainly(cell.nodes)
    return f"#head(once({line(anchor)}, [{inlines(cell.nodes)}], [{later}]))"


def _cell(cell: Cell, inlines: Inlines, numeric: bool, names: bool) -> str:
    if numeric and cell.text in DASHES:
        return '"—"' if cell.text else '""'
    simple = all(type(node) is Text for node in cell.nodes) and _BARE.fullmatch(cell.text)
    body = line(cell.text) if simple else f"[{inlines(cell.nodes)}]"
    if numeric and is_figure(cell.text):
        colour = "negative" if is_negative(cell.text) else "positive" if cell.text[0] == "+" else ""
        return f"{colour}({body})" if colour and simple else body
    if numeric and cell.text.lower() in MISSING:
        return f"text(fill: tokens.muted, {body})"
    return f"text(weight: 600, {body})" if names and cell.text else body


def _content(code: str) -> str:
    """An expression as what can follow a `#`."""
    return code if code[0] in '["' or code.startswith("text(") else f"[#{code}]"
