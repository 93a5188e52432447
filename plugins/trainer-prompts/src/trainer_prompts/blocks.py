"""Data as text, inside fences that nothing in the data can close."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from trainer.stores import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer import StoredData

QUOTE = '"'
# A text that would be read as null, a truth value or a number, or that has a mark of CSV in it.
QUOTED = re.compile(r'|true|false|-?\d+(\.\d+)?([eE][-+]?\d+)?|\s.*|.*\s|.*[,"\r\n].*', re.DOTALL)


def fence(records: Mapping[str, StoredData]) -> tuple[str, dict[str, str]]:
    """A random word of 128 bits and each record's block, fenced with it; neither if there are no records.

    A block is `<data-WORD name="…" record="key@version" source="…" retrieved="…">`, the data on lines of
    its own, and `</data-WORD>`. The word stands nowhere inside a block, so no data can end it.
    """
    if not records:
        return "", {}
    inner = {name: _attributes(name, record) + serialise(record.data) for name, record in records.items()}
    word = secrets.token_hex(16)
    while any(word in text for text in inner.values()):
        word = secrets.token_hex(16)
    return word, {name: f"<data-{word} {text}\n</data-{word}>" for name, text in inner.items()}


def serialise(data: Any) -> str:
    """`data` as text that does not depend on the order of its keys: a table as CSV, the rest as compact JSON.

    A table is a list of dicts with the same keys and no lists or dicts inside. An empty cell is null; texts
    that look like numbers are quoted, so different data never gives the same text.
    Raises `StoreError` for what JSON does not have.
    """
    text = canonical_json(data)
    return _table(data) if _is_table(data) else text


def _attributes(name: str, record: StoredData) -> str:
    values = {
        "name": name,
        "record": record.ref,
        "source": record.source,
        # When this version was written: `updated_at` moves with every look at the same content, and with
        # it the prompt's hash would.
        "retrieved": record.stored_at.isoformat(timespec="seconds"),
    }
    return " ".join(f"{key}={quoteattr(value)}" for key, value in values.items()) + ">\n"


def _is_table(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(row, Mapping) and row and row.keys() == data[0].keys() for row in data)
        and not any(isinstance(value, Mapping | list | tuple) for row in data for value in row.values())
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = sorted(rows[0])
    lines = [columns, *([row[column] for column in columns] for row in rows)]
    return "\n".join(",".join(map(_cell, line)) for line in lines)


def _cell(value: Any) -> str:
    # The csv module would write "1" and 1 alike, and so an empty text and null.
    if value is None:
        return ""
    if not isinstance(value, str):
        return canonical_json(value)
    return f'"{value.replace(QUOTE, QUOTE * 2)}"' if QUOTED.fullmatch(value) else value
