"""JSON values as a document tree that people can read, and `data_reader` reads back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from trainer_document.tree import (
    Align,
    Code,
    Emphasis,
    Heading,
    InlineCode,
    Link,
    List,
    ListItem,
    Node,
    Paragraph,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
)
from trainer_markdown.shape import Shape

FIRST, LAST = 2, 6  # levels of headings; what nests deeper is shown as JSON
SHORT = 60  # characters of a list that is shown within a line
CELLS = 100_000  # of a table, with those that are empty
MARKS = 100  # signs of emphasis in one value: a paragraph with too many is read without any
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
WORDS = frozenset({"true", "false", "null"})
ITEM = re.compile(r"Item [0-9]+")

_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9./_~:?#=%+,@!-]*")


def tree(data: Any, schema: Mapping[str, Any] | None = None) -> list[Node]:
    """The blocks that show a JSON value.

    An object is a list of `**key:** value`, and a heading for each member from the first on that needs more than a
    line; a list of objects a table, if a line holds each; other lists have an item a line, or a heading each
    (`Item 1`). A string that is not plain words is a JSON string within code. With a schema, members that a line holds
    come first, and its titles, units and formats change what is shown.
    """
    shape = Shape.of(schema)
    head: list[Node] = [Heading([Text(shape.title)], 1)] if shape.title else []
    return [*head, *_description(shape), *_blocks(data, shape, FIRST)]


def literal(value: Any) -> str:
    """A value as JSON in one line that stands within code, in a table as elsewhere."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.translate(_Signs("`|*_" if text.count("*") + text.count("_") > MARKS else "`|"))


def pretty(value: Any) -> str:
    """A value as JSON over several lines."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return text.translate(_Signs(kept="\n"))


class _Signs(dict[int, str]):
    """A table for `str.translate`: `signs`, and what cannot be seen but for `kept`, as JSON's escapes."""

    def __init__(self, signs: str = "", kept: str = "") -> None:
        self.signs, self.kept = signs, kept

    def __missing__(self, code: int) -> str:
        char = chr(code)
        plain = (char.isprintable() or char in self.kept) and char not in self.signs
        self[code] = char if plain else json.dumps(char)[1:-1] if code > 0x7E else f"\\u{code:04x}"
        return self[code]


def _blocks(value: Any, shape: Shape, level: int) -> list[Node]:
    match value:
        case dict() if value:
            return _object(shape.ordered(value), shape, level)
        case list() if value:
            return _list(value, shape, level)
        case str() if "\n" in value and _is_block(value):
            return [Code(value, "text")]
    return [Paragraph(_inline(value, shape) or [InlineCode(literal(value))])]


def _object(value: dict[str, Any], shape: Shape, level: int) -> list[Node]:
    lines = {key: _inline(item, shape.member(key)) for key, item in value.items()}
    lead = [key for key, line in lines.items() if line is not None]
    if not shape.schema:  # the order is to come back
        lead = list(takewhile(lambda key: lines[key] is not None, value))
    first = set(lead)
    rest = [key for key in value if key not in first]
    if rest and level > LAST:
        return [Code(pretty(value), "json")]
    items: list[Node] = [
        ListItem([Paragraph([Strong([*_key(shape.label(key)), Text(":")]), Text(" "), *(lines[key] or [])])])
        for key in lead
    ]
    nodes: list[Node] = [List(items)] if items else []
    for key in rest:
        member = shape.member(key)
        nodes += [
            Heading(_key(shape.label(key)), level),
            *_description(member),
            *_blocks(value[key], member, level + 1),
        ]
    return nodes


def _list(value: list[Any], shape: Shape, level: int) -> list[Node]:
    inner = shape.item()
    if table := _table(value, inner):
        return [table]
    lines = [_inline(item, inner) for item in value]
    if None not in lines:
        return [List([ListItem([Paragraph(line or [])]) for line in lines])]
    if level > LAST:
        return [Code(pretty(value), "json")]
    nodes: list[Node] = []
    for number, item in enumerate(value, 1):
        nodes += [Heading([Text(f"Item {number}")], level), *_blocks(item, inner, level + 1)]
    return nodes


def _table(rows: list[Any], shape: Shape) -> Table | None:
    """A list of objects as a table, if a line holds each of them and one order of columns fits all."""
    if not all(isinstance(row, dict) and row for row in rows):
        return None
    ordered = [shape.ordered(row) for row in rows]
    columns = shape.ordered({key: shape.member(key) for row in ordered for key in row})
    if len(columns) * len(rows) > CELLS:
        return None
    lines = [{key: _cell(value, columns[key]) for key, value in row.items()} for row in ordered]
    if any(list(row) != [key for key in columns if key in row] or None in row.values() for row in lines):
        return None
    head = TableRow([TableCell(_head(shape.label(key), column)) for key, column in columns.items()])
    body = [TableRow([TableCell(row.get(key) or []) for key in columns]) for row in lines]
    align: list[Align] = [
        "right" if all(_is_number(row[key]) for row in rows if key in row) else None for key in columns
    ]
    return Table([head, *body], align)


def _head(label: str, column: Shape) -> list[Node]:
    return [*_key(label), Text(f" ({column.suffix.strip()})")] if column.suffix else _key(label)


def _cell(value: Any, shape: Shape) -> list[Node] | None:
    if shape.schema and _is_number(value) and (shown := shape.shown(value)):
        return [Text(shown)]
    if isinstance(value, dict) and value:
        return [InlineCode(text)] if _is_flat(value.values()) and len(text := literal(value)) <= SHORT else None
    return _inline(value, shape)


def _inline(value: Any, shape: Shape) -> list[Node] | None:
    """A value in one line; None for what needs more."""
    match value:
        case str() if _ADDRESS.fullmatch(value):
            return [Link([Text(value)], value)]
        case str() if _is_plain(value):
            return [Text(value)]
        case str():
            return None if "\n" in value and _is_block(value) else [InlineCode(literal(value))]
        case dict() | list() if not value:
            return [InlineCode(literal(value))]
        case list() if _is_flat(value) and len(text := literal(value)) <= SHORT:
            return [InlineCode(text)]
        case dict() | list():
            return None
    shown = shape.shown(value) if shape.schema and _is_number(value) else ""
    return [Text(f"{shown}{shape.suffix}" if shown else literal(value))]


def _key(key: str) -> list[Node]:
    return [Text(key)] if _is_words(key) and not ITEM.fullmatch(key) else [InlineCode(literal(key))]


def _description(shape: Shape) -> list[Node]:
    return [Paragraph([Emphasis([Text(shape.description)])])] if shape.description else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_flat(values: Any) -> bool:
    return not any(isinstance(value, dict | list) for value in values)


def _is_words(text: str) -> bool:
    """Whether text is read as it is: in one line, and with nothing at its ends or in it that cannot be seen."""
    return text.strip() == text != "" and text.isprintable() and text.count("*") + text.count("_") <= MARKS


def _is_plain(text: str) -> bool:
    return _is_words(text) and text not in WORDS and not NUMBER.fullmatch(text)


def _is_block(text: str) -> bool:
    return all(char.isprintable() or char in "\n\t" for char in text)
