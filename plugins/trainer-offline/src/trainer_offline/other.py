"""Data of any other shape: what can be shown of it, and what a path leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from trainer_offline.markup import code, plain, shown, table

MOST_ROWS, MOST_COLUMNS, MOST_VALUES, EXCERPT, DEEPEST = 20, 8, 40, 600, 12
# Columns that say what a row is about stand first.
FIRST = ("date", "period", "end", "time", "name", "title", "symbol", "ticker", "key", "id")


class Nothing:
    """What a path leads to when it leads nowhere (`None` is a value)."""


def at_path(data: Any, path: str) -> Any:
    """The value at a dotted path (`financials.revenue`, `prices.0.close`), else `Nothing`."""
    for word in path.split("."):
        if isinstance(data, Mapping) and word in data:
            data = data[word]
        elif isinstance(data, list | tuple) and re.fullmatch("[0-9]{1,9}", word) and int(word) < len(data):
            data = data[int(word)]
        else:
            return Nothing
    return data


def is_single(value: Any) -> bool:
    """Whether a value fits into a sentence."""
    return not isinstance(value, Mapping | list | tuple) and not (isinstance(value, str) and len(value) > 200)


def as_blocks(value: Any) -> str:
    """A value as Markdown: a quoted excerpt, a table of rows, or a table of paths and values."""
    match value:
        case str() if value.strip():
            return _excerpt(value)
        case None | str() | Mapping() | list() | tuple() if not value:
            return "Empty."
        case list() | tuple() if all(isinstance(row, Mapping) for row in value):
            return _rows(value)
        case Mapping() | list() | tuple():
            return _paths(value)
        case _:
            return shown(value)


def _excerpt(text: str) -> str:
    kept = plain(text, EXCERPT)
    whole = " ".join(text.split())
    cut = f"The first {EXCERPT} of {len(text):,} characters" if len(whole) > EXCERPT else f"{len(text):,} characters"
    return f"> “{kept}”\n\n{cut}."


def _rows(rows: Any) -> str:
    names = sorted({str(name) for row in rows for name in row}, key=_column)
    columns = names[:MOST_COLUMNS]
    cells = [[shown(row.get(name)) for name in columns] for row in rows[:MOST_ROWS]]
    notes = [
        f"{len(rows) - MOST_ROWS:,} more rows are not shown." if len(rows) > MOST_ROWS else "",
        f"{len(names) - MOST_COLUMNS:,} more columns are not shown." if len(names) > MOST_COLUMNS else "",
    ]
    if not columns:
        return f"{len(rows):,} empty rows."
    head = [plain(name) or "–" for name in columns]
    return "\n\n".join([table(head, cells, left=len(head)), *(note for note in notes if note)])


def _paths(data: Any) -> str:
    leaves = _leaves(data, "", 0)
    rows = [[code(path), shown(value)] for path, value in islice(leaves, MOST_VALUES)]
    more = sum(1 for _ in leaves)
    note = f"\n\n{more:,} more values are not shown." if more else ""
    return table(["Path", "Value"], rows, left=2) + note


def _column(name: str) -> tuple[int, str]:
    return (FIRST.index(name.lower()) if name.lower() in FIRST else len(FIRST)), name


def _leaves(data: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Paths and values, in the order of the paths; a list of single values, or what is too deep, is one value."""
    nested = data.values() if isinstance(data, Mapping) else data if isinstance(data, list | tuple) else ()
    if not nested or depth == DEEPEST or (nested is data and all(is_single(item) for item in data)):
        yield path, data
        return
    items = sorted(data.items(), key=lambda item: str(item[0])) if isinstance(data, Mapping) else enumerate(data)
    for name, value in items:
        yield from _leaves(value, f"{path}.{name}" if path else str(name), depth + 1)
