"""Data as text for a model: JSON whose lists of like rows stand below it as tables, within a size."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, field, frozen

from trainer.stores import canonical_json
from trainer_prompts.tokens import estimate

T = TypeVar("T")
QUOTE = '"'
# A text that would be read as null, as no cell, a truth value, a number or one of our marks, or that has a mark of CSV.
QUOTED = re.compile(r'|~|true|false|-?\d+(\.\d+)?([eE][-+]?\d+)?|\s.*|.*\s|[<\[{].*|.*[,"\r\n].*', re.DOTALL)
FILLED = 0.5  # a table has more of its cells than this
SHORTEST = 3  # a list or an object with fewer rows is no shorter as a table
ROW = 20  # characters of a text that are given up as easily as a row
STEPS = 80  # quarters of a halving of what is shown, until two rows are left


@frozen
class Shown:
    """Data as text, about how many tokens that is, and what was left out of it (empty: nothing)."""

    text: str
    tokens: int
    left_out: str = ""


def serialise(data: Any) -> str:
    """The whole of `data` as text, which does not depend on the order of its keys.

    It is compact JSON. A list of objects that hold no lists or objects, and have mostly the same keys, stands below as
    CSV, with `<table N: 12 rows>` in its place; so does an object of such objects, whose keys are the first column.
    A list that is the whole of the data is CSV alone. In CSV an empty cell is null and `~` is a key that a row does
    not have; texts that could be read as something else are quoted. So different data never gives the same text.
    Raises `StoreError` for what JSON does not have.
    """
    return _Writer().text(_plain(data))


def show(data: Any, tokens: int | None = None) -> Shown:
    """`data` as `serialise` has it, in at most about so many `tokens`.

    Where that is too few, lists and tables are shown with as many rows of their beginning and their end as fit, and
    long texts with their beginning; `<… 12 left out>` stands in place of the rest. No data can look like that mark,
    which is never inside quotes.
    """
    plain = _plain(data)
    writer = _Writer()
    whole = _shown(writer, plain)
    if tokens is None or whole.tokens <= tokens:
        return whole
    size = len(whole.text)
    low, high = 0, STEPS
    best = _shown(_Writer(_rows(size, high), known=writer.known), plain)
    while low < high:  # the least reduction that fits
        middle = (low + high) // 2
        tried = _shown(_Writer(_rows(size, middle), known=writer.known), plain)
        if tried.tokens <= tokens:
            best, high = tried, middle
        else:
            low = middle + 1
    if best.tokens <= tokens:
        return best
    kept = best.text[: max(0, tokens * 2)]
    while estimate(kept) > tokens:
        kept = kept[: len(kept) * 3 // 4]
    text = f"{kept}\n<… {len(best.text) - len(kept):,} characters left out>"
    return Shown(text, estimate(text), best.left_out or f"{len(best.text) - len(kept):,} characters")


def _rows(size: int, step: int) -> int:
    return max(2, int(size / ROW / 2 ** (step / 4)))


def _plain(data: Any) -> Any:
    return json.loads(canonical_json(data))


def _shown(writer: _Writer, data: Any) -> Shown:
    text = writer.text(data)
    told = [f"{count:,} of {total:,} {what}" for what, (count, total) in writer.left.items() if count]
    return Shown(text, estimate(text), " and ".join(told))


@define
class _Writer:
    """Writes data, with so many rows of each list, twice the keys of each object and `ROW` times the characters."""

    rows: int | None = None
    known: dict[int, list[str]] = field(factory=dict)  # the columns of what has been looked at, by its `id`
    tables: list[str] = field(factory=list)
    left: dict[str, tuple[int, int]] = field(factory=dict)

    @property
    def letters(self) -> int | None:
        return None if self.rows is None else max(4, self.rows) * ROW

    def text(self, data: Any) -> str:
        if isinstance(data, list) and (columns := self._columns(data, data)):
            return self._csv(data, columns)
        return "\n".join([self._json(data), *self.tables])

    def _json(self, value: Any) -> str:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, list):
            if len(value) >= SHORTEST and (columns := self._columns(value, value)):
                return self._table(value, columns, f"{len(value):,} rows")
            return f"[{','.join(self._some(value, self._json))}]"
        if isinstance(value, dict):
            columns = self._columns(value, list(value.values())) if len(value) >= SHORTEST else []
            if columns and "" not in columns:
                keyed = [{"": key, **row} for key, row in sorted(value.items())]
                return self._table(keyed, ["", *columns], f"{len(value):,} rows by key")
            return f"{{{','.join(self._some(sorted(value.items()), self._pair, 'keys'))}}}"
        return canonical_json(value)

    def _pair(self, item: tuple[str, Any]) -> str:
        return f"{canonical_json(item[0])}:{self._json(item[1])}"

    def _string(self, value: str) -> str:
        more = len(value) - self.letters if self.letters is not None else 0
        if more <= 0:
            return canonical_json(value)
        self._leave("characters", more, len(value))
        return f"{canonical_json(value[: self.letters])}<… {more:,} characters left out>"

    def _columns(self, value: Any, rows: list[Any]) -> list[str]:
        if id(value) not in self.known:
            self.known[id(value)] = _columns(rows)
        return self.known[id(value)]

    def _table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], size: str) -> str:
        number = len(self.tables) + 1
        self.tables.append(f"<table {number}>\n{self._csv(rows, columns)}")
        return f"<table {number}: {size}>"

    def _csv(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
        def line(row: Mapping[str, Any]) -> str:
            return ",".join(self._cell(row[name]) if name in row else "~" for name in columns)

        return "\n".join([",".join(map(self._cell, columns)), *self._some(rows, line)])

    def _cell(self, value: Any) -> str:
        # The csv module would write "1" and 1 alike, and so an empty text and null.
        if value is None:
            return ""
        if not isinstance(value, str):
            return canonical_json(value)
        more = len(value) - self.letters if self.letters is not None else 0
        text = value if more <= 0 else value[: self.letters]
        cell = f'"{text.replace(QUOTE, QUOTE * 2)}"' if QUOTED.fullmatch(text) or more > 0 else text
        if more <= 0:
            return cell
        self._leave("characters", more, len(value))
        return f"{cell}<… {more:,} characters left out>"

    def _some(self, items: Sequence[T], write: Callable[[T], str], what: str = "rows") -> Iterable[str]:
        most = self.rows if self.rows is None or what == "rows" else max(20, self.rows * 2)
        if most is None or len(items) <= most:
            return map(write, items)
        head = (most + 1) // 2
        tail = most - head
        more = len(items) - most
        self._leave(what, more, len(items))
        return [*map(write, items[:head]), f"<… {more:,} left out>", *map(write, items[len(items) - tail :])]

    def _leave(self, what: str, count: int, total: int) -> None:
        counted, whole = self.left.get(what, (0, 0))
        self.left[what] = (counted + count, whole + total)


def _columns(rows: list[Any]) -> list[str]:
    """The columns of a table, or none where these rows are no table."""
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        return []
    if any(isinstance(value, dict | list) for row in rows for value in row.values()):
        return []
    names = {name for row in rows for name in row}
    return sorted(names) if sum(map(len, rows)) > FILLED * len(names) * len(rows) else []
