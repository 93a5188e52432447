"""JSON text as Markdown, even where a model broke it: what could be read, and the text as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.errors import ConversionError
from trainer_document.tree import Callout, Code, Heading, Node, Paragraph, Root, Text
from trainer_markdown import data_writer, strict
from trainer_markdown.data import to_markdown
from trainer_markdown.extraction import extract
from trainer_markdown.markdown_writer import write
from trainer_markdown.source import Source


def shown(content: str | bytes, schema: Mapping[str, Any] | None = None) -> str:
    """JSON text as Markdown.

    If it is not JSON alone, a callout says what is wrong, then comes what could be read of it, then all of the text.
    Raises `ConversionError` if it is larger than can be worked on.
    """
    text = Source.read(content, {}).text
    try:
        value = strict.loads(text)
    except (ValueError, RecursionError):
        return write(Root(_degraded(text)))
    return to_markdown(value, schema)


def _degraded(text: str) -> list[Node]:
    blocks: list[Node] = []
    try:
        found = extract(text)
        mended = f"This was no valid JSON: {found.note}. It is mended here."
        around = "; ".join(filter(None, ["Other words stood around this JSON", found.note]))
        note = mended if found.repaired else f"{around}."
        blocks = [*data_writer.tree(found.value), Heading([Text("The text as it was")], 2)]
    except ConversionError as error:
        note = f"This could not be read as JSON: {error.problem}."
    warning = Callout([Paragraph([Text(" ".join(note.split()))])], "warning")
    return [warning, *blocks, Code(text.strip("\n"), "text")]
