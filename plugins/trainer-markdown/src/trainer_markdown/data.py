"""JSON as Markdown that people can read and edit, and back, exactly.

Without a schema Markdown holds each value as it is. With one, numbers are shown as people read them, and a closing
` ```json data ` block has the exact values, with a sum over the text above it: once that is edited, the two say
different things, and it is an error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from trainer.errors import ConversionError
from trainer_document.tree import Code, Heading, Node, Root, plain
from trainer_markdown import data_reader, data_writer, strict
from trainer_markdown.limits import readable, too_much
from trainer_markdown.markdown_writer import write
from trainer_markdown.reader import parse
from trainer_markdown.shape import Shape
from trainer_markdown.source import Source

VALUES = 80_000  # that are laid out; of more there is nothing to see, and they are one block of JSON
BLOCK = re.compile(r"^`{3,}json data [0-9a-f]{12}[ \t\r]*$", re.MULTILINE)


def to_markdown(data: Any, schema: Mapping[str, Any] | None = None) -> str:
    """A JSON value as Markdown; `from_markdown` gives the same value back, with its types and the order of its members.

    A schema gives titles, order, units and formats (see `Shape`). What is too large to be laid out is one line of JSON.
    Raises `ConversionError` for what JSON cannot hold, and if the text would be larger than can be read back.
    """
    try:
        text = _laid_out(data, schema) if _count(data) <= VALUES else ""
        if not text or readable(text) < len(text):
            text = write(Root([Code(data_writer.literal(data), "json", "data")]))
    except RecursionError as error:
        raise too_much("it nests too deeply") from error
    except (TypeError, ValueError) as error:
        raise ConversionError(
            f"this is no JSON: {error}", "Give text, numbers, lists and objects with text as keys."
        ) from error
    text = Source.read(text, {}).text
    _check(text)
    return text


def from_markdown(text: str | bytes, schema: Mapping[str, Any] | None = None) -> Any:
    """The JSON value that Markdown holds.

    Reads what `to_markdown` writes, edited or not, and any other Markdown: headings become members, and text becomes
    strings. A schema gives titles their keys back. Raises `ConversionError` if the text above a data block is not what
    it was when that was written, and where a number is to be and another text stands.
    """
    source = Source.read(text, {})
    _check(source.text)
    blocks = parse(source.text)[0].children
    if blocks and isinstance(last := blocks[-1], Code) and last.lang == "json" and (last.meta or "").startswith("data"):
        return _exact(source.text, last, alone=len(blocks) == 1)
    shape = Shape.of(schema)
    found = data_reader.value(_untitled(blocks, shape))
    head = {key: _plain(item) for key, item in {**source.metadata, **source.details}.items()}
    if head:
        found = {**head, **(found if isinstance(found, dict) else {data_reader.OTHER: found} if found else {})}
    return _keyed(found, shape) if schema is not None else found


def _laid_out(data: Any, schema: Mapping[str, Any] | None) -> str:
    text = write(Root(data_writer.tree(data, schema)))
    if schema is not None:
        text = f"{text}\n{write(Root([Code(data_writer.pretty(data), 'json', f'data {_sum(text)}')]))}"
    return text


def _count(data: Any) -> int:
    """How many values there are in one. Raises `TypeError` for a key that is no text: JSON would make one of it."""
    ahead, number = [data], 0
    while ahead:
        number += 1
        match ahead.pop():
            case dict() as found:
                if wrong := [key for key in found if not isinstance(key, str)]:
                    raise TypeError(f"the key {wrong[0]!r} is no text")
                ahead += found.values()
            case list() as found:
                ahead += found
    return number


def _check(text: str) -> None:
    """Raise `ConversionError` for a text of which only a part would be read: data is whole or none."""
    if readable(text) < len(text):
        raise too_much("it has more lines and marks than can be read as data")


def _exact(text: str, block: Code, alone: bool) -> Any:
    above = text[: [match.start() for match in BLOCK.finditer(text)][-1]] if BLOCK.search(text) else text
    if not alone and block.meta != f"data {_sum(above)}":
        raise ConversionError(
            "the text was edited, and the block of exact values at its end was not",
            "Change the value in the block, and take away all that is above it; or take the block away.",
        )
    try:
        return strict.loads(block.value)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"the block of exact values is no JSON: {error}", "Mend it.") from error


def _sum(text: str) -> str:
    """A sum over text that a change of the spaces at the ends of its lines does not change."""
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip()
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def _untitled(blocks: list[Node], shape: Shape) -> list[Node]:
    first = blocks[0] if blocks else None
    titled = isinstance(first, Heading) and first.depth == 1 and shape.title and plain(first) == shape.title
    return blocks[1:] if titled else blocks


def _keyed(found: Any, shape: Shape, name: str = "the text") -> Any:
    """A value with a schema's keys for its titles."""
    if isinstance(found, dict):
        keys: dict[str, str] = {_labelled(shape, key): key for key in shape.members}
        keys |= {shape.label(key): key for key in shape.members}
        named = [(keys.get(str(label), str(label)), item) for label, item in found.items()]
        return {key: _keyed(item, shape.member(key), key) for key, item in named}
    if isinstance(found, list):
        return [_keyed(item, shape.item(), name) for item in found]
    if isinstance(found, str) and shape.numeric:
        raise ConversionError(
            f"{name} has to be a number, and there stands {found[:50]!r}", "Write its exact value, such as 3950000."
        )
    return found


def _labelled(shape: Shape, key: str) -> str:
    return f"{shape.label(key)} ({shape.member(key).suffix.strip()})"


def _plain(item: Any) -> Any:
    """A value of front matter as JSON has it: a date as text."""
    if isinstance(item, dict):
        return {str(key): _plain(one) for key, one in item.items()}
    if isinstance(item, list):
        return [_plain(one) for one in item]
    return item if isinstance(item, str | int | float | None) else str(item)
