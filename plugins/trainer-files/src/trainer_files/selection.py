"""Which rows and columns of a table are wanted."""

from __future__ import annotations

import json
import operator
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer.catalog import did_you_mean
from trainer.errors import RetrievalError
from trainer.stores import LARGEST_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
WORDS = ("$eq", "$ne", "$in", *ORDER)


@frozen
class Selection:
    """Columns (none: all), conditions (column, word, value) that a row must meet, and how many rows at most."""

    columns: tuple[str, ...] = ()
    where: tuple[tuple[str, str, Any], ...] = ()
    limit: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Selection:
        """What `columns`, `where` and `limit` of a query mean. Raises `RetrievalError` for what they cannot mean."""
        columns = query.get("columns") or ()
        names = columns.split(",") if isinstance(columns, str) else columns
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name.strip() for name in names):
            raise RetrievalError(f"columns is {columns!r}, not names", "Write for example columns: [date, close]")
        return cls(tuple(dict.fromkeys(name.strip() for name in names)), _conditions(query.get("where")), _limit(query))

    @property
    def names(self) -> list[str]:
        """The columns that are looked at; none if all rows are taken as they are."""
        return list(dict.fromkeys([*self.columns, *(name for name, _, _ in self.where)]))

    def check(self, header: Collection[str]) -> None:
        """Raise `RetrievalError` naming a column that `header` lacks."""
        for name in self.names:
            if name not in header:
                hint = did_you_mean(name, header)
                raise RetrievalError(f"there is no column {name!r}{hint}", f"Columns are {', '.join(header)}.")

    def matches(self, cell: Callable[[str], Any]) -> bool:
        """Whether a row is wanted; `cell` gives its value by column."""
        return all(_meets(cell(name), word, value) for name, word, value in self.where)

    def cut(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with the wanted columns; what it lacks is `None`."""
        return {name: row.get(name) for name in self.columns or row}


def as_cell(text: str) -> str | int | float | None:
    """What a text means: a number only if nothing of it is lost, `None` if it is empty."""
    if not text:
        return None
    if INTEGER.fullmatch(text):
        value = int(text)
        return value if abs(value) <= LARGEST_INTEGER else text
    if DECIMAL.fullmatch(text) and Decimal(repr(number := float(text))) == Decimal(text):
        return number
    return text


def _conditions(where: Any) -> tuple[tuple[str, str, Any], ...]:
    example = "Write for example where: {ticker: AAPL, year: {$gte: 2020}}"
    try:
        table = json.loads(where) if isinstance(where, str) and where else where or {}
    except ValueError as error:
        raise RetrievalError(f"where is not JSON: {error}", example) from error
    if not isinstance(table, Mapping):
        raise RetrievalError(f"where is {where!r}, not a table of conditions", example)
    found = []
    for name, wanted in table.items():
        tests = wanted if isinstance(wanted, Mapping) else {"$in" if isinstance(wanted, list) else "$eq": wanted}
        for word, value in tests.items():
            if word not in WORDS:
                raise RetrievalError(f"where.{name}: {word!r} is no test", f"Tests are {', '.join(WORDS)}.")
            if isinstance(value, list | tuple | Mapping) != (word == "$in") or isinstance(value, Mapping):
                raise RetrievalError(f"where.{name}: {word} cannot be {value!r}", example)
            found.append((str(name), str(word), value))
    return tuple(found)


def _limit(query: Mapping[str, Any]) -> int | None:
    given = query.get("limit")
    if given in (None, ""):
        return None
    text = str(given)  # a variable of an instruction fills in text
    if not re.fullmatch(r"[1-9][0-9]{0,14}", text, re.ASCII):
        raise RetrievalError(f"limit is {given!r}, not a number of rows", "Write for example limit: 100")
    return int(text)


def _meets(cell: Any, word: str, value: Any) -> bool:
    if word == "$in":
        return any(_same(cell, item) for item in value)
    if word in ("$eq", "$ne"):
        return _same(cell, value) == (word == "$eq")
    if isinstance(value, str) and not isinstance(cell, str):
        value = as_cell(value)
    if not (_is_number(cell) and _is_number(value)) and not (isinstance(cell, str) and isinstance(value, str)):
        return False
    return bool(ORDER[word](cell, value))


def _same(cell: Any, value: Any) -> bool:
    """Equality; a text, which is all that a variable can fill in, also equals the number or boolean it spells."""
    if isinstance(value, str) and not isinstance(cell, str):
        return cell is not None and (as_cell(value) == cell or json.dumps(cell) == value)
    return bool(cell == value) and isinstance(cell, bool) == isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def first_twice(names: Sequence[str]) -> str | None:
    """The first name that stands twice."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
