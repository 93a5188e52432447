"""JSON values from the document tree that `data_writer` makes of them, and from what people write instead."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from trainer.errors import ConversionError
from trainer_document.tree import (
    Code,
    Heading,
    InlineCode,
    Link,
    List,
    ListItem,
    Node,
    Paragraph,
    Parent,
    Root,
    Strong,
    Table,
    Text,
    ThematicBreak,
    plain,
)
from trainer_markdown import strict
from trainer_markdown.data_writer import ITEM, NUMBER, WORDS
from trainer_markdown.markdown_writer import write

OTHER = "text"  # the member that holds what stands in a section beside its members

Members = list[tuple[str, Any]]


def value(blocks: Sequence[Node]) -> Any:
    """The JSON value that blocks show.

    Text that is not laid out as data is kept as strings of Markdown. Raises `ConversionError` for a key that stands
    twice and for JSON in code that is none.
    """
    start = next((number for number, block in enumerate(blocks) if isinstance(block, Heading)), len(blocks))
    members: Members = []
    others: list[Any] = []
    for block in blocks[:start]:
        found = _members(block)
        if found is None:
            others += [] if isinstance(block, ThematicBreak) else [_block(block)]
        else:
            members += found
    sections = _sections(blocks[start:])
    if not members and not others and sections and all(number for _, _, number in sections):
        return [value(body) for _, body, _ in sections]
    rest: Any = others[0] if len(others) == 1 else others
    if not members and not sections:
        return rest
    told: Members = [(OTHER, rest)] if others else []
    return _together([*members, *told, *((name, value(body)) for name, body, _ in sections)])


def _sections(blocks: Sequence[Node]) -> list[tuple[str, Sequence[Node], bool]]:
    """The headings with what belongs to each, and whether it is the number of an item."""
    starts: list[int] = []
    for number, block in enumerate(blocks):
        if isinstance(block, Heading) and (not starts or block.depth <= _depth(blocks[starts[0]])):
            starts.append(number)
    found = []
    for start, end in zip(starts, [*starts[1:], len(blocks)], strict=False):
        words = blocks[start].children if isinstance(blocks[start], Heading) else []  # type: ignore[attr-defined]  # as asked
        is_item = len(words) == 1 and isinstance(words[0], Text) and ITEM.fullmatch(words[0].value) is not None
        found.append((_key(words), blocks[start + 1 : end], is_item))
    return found


def _depth(node: Node) -> int:
    return node.depth if isinstance(node, Heading) else 0


def _members(block: Node) -> Members | None:
    """The members that a list of `**key:** value` has; None for other blocks."""
    if not isinstance(block, List):
        return None
    found = [_member(item) for item in block.children]
    return None if None in found else [pair for pair in found if pair]


def _member(item: Node) -> tuple[str, Any] | None:
    blocks = item.children if isinstance(item, ListItem) and item.checked is None else []
    words = blocks[0].children if blocks and isinstance(blocks[0], Paragraph) else []
    if not words or not isinstance(words[0], Strong):
        return None
    name, rest = [*words[0].children], [*words[1:]]
    if not _take_colon(name, -1) and not _take_colon(rest, 0):
        return None
    content: list[Node] = [Paragraph(line)] if (line := _trimmed(rest)) else []
    content += blocks[1:]
    return _key(name), value(content) if content else None


def _take_colon(nodes: list[Node], at: int) -> bool:
    """Take the colon off the end or the start of words, if there is one."""
    if not nodes or not isinstance(text := nodes[at], Text):
        return False
    taken = text.value.removesuffix(":") if at else text.value.removeprefix(":")
    if taken == text.value:
        return False
    nodes[at : at + 1 or None] = [Text(taken)] if taken else []
    return True


def _key(words: Sequence[Node]) -> str:
    found = _inline(words)
    code = len(words) == 1 and isinstance(words[0], InlineCode)
    return found if isinstance(found, str) and code else plain(words).strip()


def _block(block: Node) -> Any:
    match block:
        case Paragraph():
            return _inline(block.children)
        case Code(text, "text" | None):
            return text
        case Code(text, "json"):
            return _code(text)
        case Table():
            return _table(block)
        case List() if all(isinstance(item, ListItem) and item.checked is None for item in block.children):
            return [
                value(item.children) if isinstance(item, Parent) and item.children else None for item in block.children
            ]
    return write(Root([block])).rstrip("\n")


def _code(text: str) -> Any:
    try:
        return strict.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConversionError(
            f"a block of JSON in the text is none: {error}", "Mend it, or mark it as `text`."
        ) from error


def _table(table: Table) -> list[dict[str, Any]]:
    head, *rows = [
        [cell.children for cell in row.children if isinstance(cell, Parent)]
        for row in table.children
        if isinstance(row, Parent)
    ]
    width = max(map(len, (head, *rows)))
    keys = [_key(cell) for cell in head] + [f"column {number}" for number in range(len(head) + 1, width + 1)]
    _together((key, None) for key in keys)
    return [{key: _inline(cell) for key, cell in zip(keys, row, strict=False) if _trimmed(cell)} for row in rows]


def _inline(words: Sequence[Node]) -> Any:
    words = _trimmed(words)
    match words:
        case [Text(text)]:
            return _word(text)
        case [InlineCode(text)]:
            try:
                return strict.loads(text)
            except (ValueError, RecursionError):
                return text
        case [Link([Text(text)], url)] if text == url:
            return text
    return write(Root([Paragraph(list(words))])).rstrip("\n")


def _word(text: str) -> Any:
    if text not in WORDS and not NUMBER.fullmatch(text):
        return text
    try:
        found = json.loads(text)
    except ValueError:  # a number of more digits than Python reads
        return text
    return text if isinstance(found, float) and math.isinf(found) else found


def _trimmed(words: Sequence[Node]) -> list[Node]:
    """Words without the spaces around them."""
    result = [*words]
    if result and isinstance(first := result[0], Text):
        result[:1] = [Text(text)] if (text := first.value.lstrip()) else []
    if result and isinstance(last := result[-1], Text):
        result[-1:] = [Text(text)] if (text := last.value.rstrip()) else []
    return result


def _together(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in members:
        if key in result:
            raise ConversionError(f"{key!r} stands twice in one place of the text", "Call one of them otherwise.")
        result[key] = item
    return result
