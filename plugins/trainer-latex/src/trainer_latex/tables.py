"""Tables: how wide their columns are, and their rows as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from attrs import frozen

from trainer_document.tree import Node, Parent, Table, TableRow, plain

MOST = 12  # columns that stand side by side; those of a wider table follow below, behind its first one again
WORD, TEXT = 18, 48  # letters of a column's longest word, and of its longest cell, that count
SIZES = [(92, "", "5pt"), (105, r"\small", "4pt"), (118, r"\footnotesize", "3pt"), (132, r"\scriptsize", "2.5pt")]
LEAST = (165, r"\tiny", "2pt")  # letters that a row has room for, their size, and half the space between two columns
TALL = 40  # lines of a cell that still fits on a page
TIGHT = 10  # letters of a word that may be broken anywhere in the smallest tables

Inlines = Callable[[Sequence[Node]], str]


@frozen
class Cell:
    """What is in a cell, and its words."""

    nodes: Sequence[Node]
    text: str


@frozen
class Grid:
    """A table whose rows are all as wide as its widest; each row with its id."""

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]

    @classmethod
    def read(cls, table: Table) -> Grid | None:
        """The table; None for one without a cell."""
        given = [row for row in table.children if isinstance(row, TableRow)]
        width = max((len(row.children) for row in given), default=0)
        aligns = [*table.align, *[None] * width][:width]
        numeric = [*table.numeric, *[False] * width][:width]
        columns = [
            "R" if side == "right" or (number and side is None) else "C" if side == "center" else "L"
            for side, number in zip(aligns, numeric, strict=True)
        ]
        return cls(columns, [(row.id, _filled(row, width)) for row in given]) if width else None

    def parts(self) -> list[Grid]:
        """The table in parts that have room on a page."""
        if len(self.columns) <= MOST:
            return [self]
        shares = [
            [0, *range(start, min(start + MOST - 1, len(self.columns)))]
            for start in range(1, len(self.columns), MOST - 1)
        ]
        return [
            Grid(
                [self.columns[column] for column in share],
                [(name if share[1] == 1 else "", [cells[column] for column in share]) for name, cells in self.rows],
            )
            for share in shares
        ]

    @property
    def most(self) -> int:
        """Letters of the longest word that is not broken."""
        return TIGHT if self._shape()[1] == LEAST[1] else WORD

    @property
    def tall(self) -> bool:
        """Whether it has a cell that is higher than a page: a row is never cut."""
        shares, size, _ = self._shape()
        room = next((most for most, name, _ in SIZES if name == size), LEAST[0])
        lines = [max(TALL * room * share, 1) for share in shares]
        return any(len(cell.text) > most for _, cells in self.rows for cell, most in zip(cells, lines, strict=True))

    def source(self, caption: str, inlines: Inlines, plainly: Inlines, place: Callable[[str], str]) -> str:
        """The table as LaTeX. Its head stands again on every page, there without links and footnotes."""
        shares, size, gap = self._shape()
        kinds = "".join(f"{kind}{{{share:.4f}}}" for kind, share in zip(self.columns, shares, strict=True))
        count = len(self.columns)
        above = rf"\multicolumn{{{count}}}{{@{{}}p{{\linewidth}}@{{}}}}{{{caption}}}\\*[3pt]" if caption else ""
        first, again = (
            " & ".join(rf"\textbf{{{write(cell.nodes)}}}" for cell in self.rows[0][1]) for write in (inlines, plainly)
        )
        rows = [
            f"{{}}{place(name) if name else ''}{' & '.join(inlines(cell.nodes) for cell in cells)}\\\\"
            for name, cells in self.rows[1:]
        ]
        lines = [
            rf"\begin{{grid}}{{{size}}}{{{gap}}}{{{count}}}", rf"\begin{{longtable}}{{@{{}}{kinds}@{{}}}}",
            above, rf"\toprule {first}\\", r"\midrule\endfirsthead",
            rf"\toprule {again}\\", r"\midrule\endhead", r"\bottomrule\endfoot", *rows,
            r"\end{longtable}", r"\end{grid}",
        ]  # fmt: skip
        return "\n".join(filter(None, lines))

    def records(self, inlines: Inlines, plainly: Inlines, place: Callable[[str], str]) -> str:
        """The table as paragraphs: each row, and in it each column's name and what it has there."""
        names = [plainly(cell.nodes) for cell in self.rows[0][1]]
        rows = [
            "\\par\n".join(
                rf"\textbf{{{name}}}: {inlines(cell.nodes)}" for name, cell in zip(names, cells, strict=True)
            )
            for _, cells in self.rows[1:]
        ]
        marks = [place(name) if name else "" for name, _ in self.rows[1:]]
        return "".join(f"\\par\\ruler{{}}\n{mark}{row}" for mark, row in zip(marks, rows, strict=True))

    def _shape(self) -> tuple[list[float], str, str]:
        """The columns' shares of the room, the size of the letters, and half the space between two columns."""
        longest = [1] * len(self.columns)
        needed = [1] * len(self.columns)
        for column, cell in chain.from_iterable(enumerate(cells) for _, cells in self.rows):
            longest[column] = max(longest[column], len(cell.text))
            needed[column] = max(needed[column], *map(len, cell.text[:400].split() or [""]))
        least = [min(need, WORD) + 1 for need in needed]
        wished = [max(min(text, TEXT) - need, 0) for text, need in zip(longest, least, strict=True)]
        total = sum(least) + 2 * len(least)
        room, size, gap = next((kind for kind in SIZES if total <= kind[0]), LEAST)
        free = max(0.0, room - total) / (sum(wished) or 1)
        widths = [need + wish * min(1.0, free) for need, wish in zip(least, wished, strict=True)]
        return [width / sum(widths) for width in widths], size, gap


def _filled(row: TableRow, width: int) -> list[Cell]:
    cells = [cell.children if isinstance(cell, Parent) else [cell] for cell in row.children]
    return [Cell(cell, plain(cell).strip()) for cell in cells] + [Cell((), "")] * (width - len(cells))
