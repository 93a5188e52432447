"""No document holds the machine for long, and none is lost without a word."""

from __future__ import annotations

import io
import json
import os
import resource
from collections.abc import Callable

import pypdf
import pytest

from trainer import Document
from trainer.errors import ConversionError
from trainer_document.tree import (
    Blockquote,
    Emphasis,
    FootnoteDefinition,
    FootnoteReference,
    List,
    ListItem,
    Math,
    Node,
    Paragraph,
    Root,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
    to_json,
)
from trainer_typst import TreeToPDF


def document(*nodes: Node) -> Document:
    return Document(json.dumps(to_json(Root(list(nodes), title="T"))), "tree")


def words(made: Document) -> str:
    reader = pypdf.PdfReader(io.BytesIO(made.content))  # type: ignore[arg-type]  # a PDF is bytes
    return " ".join(page.extract_text() for page in reader.pages)


def nested(wrap: Callable[[list[Node]], Node], levels: int) -> Node:
    node: Node = Paragraph([Text("deep")])
    for _ in range(levels):
        node = wrap([node])
    return node


def inline(wrap: Callable[[list[Node]], Node], levels: int) -> Node:
    node: Node = Text("deep")
    for _ in range(levels):
        node = wrap([node])
    return Paragraph([node])


def chain(length: int) -> Node:
    """Footnotes of which each refers to the next one."""
    return Blockquote(
        [Paragraph([FootnoteReference("0")])]
        + [
            FootnoteDefinition([Paragraph([Text(f"note {n}"), FootnoteReference(str(n + 1))])], str(n))
            for n in range(length)
        ]
        + [FootnoteDefinition([Paragraph([Text("deep")])], str(length))]
    )


@pytest.mark.parametrize(
    "node",
    [
        nested(Blockquote, 95), nested(lambda below: List([ListItem(below)]), 45), inline(Strong, 90), inline(Emphasis, 90),
        nested(lambda below: Blockquote([List([ListItem(below)], ordered=True)]), 30), chain(400),
        Math("{" * 300 + "x" + "}" * 300 + " deep"), Math(r"\frac{1}{" * 100 + "deep" + "}" * 100),
    ],
    ids=["quotes", "lists", "strong", "emphasis", "mixed", "notes", "braces", "fractions"],
)  # fmt: skip
def test_deep_nesting_loses_no_word(node: Node) -> None:
    plugin = TreeToPDF(seconds=20)
    assert "deep" in words(plugin.convert(document(node)))
    plugin.close()


def test_a_footnote_that_refers_to_itself_is_printed_once() -> None:
    plugin = TreeToPDF()
    ask = FootnoteReference("a")
    made = plugin.convert(
        document(Paragraph([Text("x"), ask, ask]), FootnoteDefinition([Paragraph([Text("note"), ask])], "a"))
    )
    assert words(made).count("note") == 1
    plugin.close()


def table(rows: int, columns: int, cell: str = "1.5") -> Table:
    return Table(
        [TableRow([TableCell([Text(cell)]) for _ in range(columns)]) for _ in range(rows)], numeric=[True] * columns
    )


HUGE = {
    "cells": lambda: table(7_000, 8),
    "columns": lambda: table(3, 12_000),
    "paragraphs": lambda: Root([Paragraph([Text("x")]) for _ in range(40_000)]),
    "one word": lambda: Paragraph([Text("x" * 4_000_000)]),
    "one paragraph": lambda: Paragraph([Text("word " * 600_000)]),
    "styles": lambda: Paragraph([Strong([Text("x")]) for _ in range(50_000)]),
    "notes": lambda: Root(
        [Paragraph([FootnoteReference("a")] * 60_000), FootnoteDefinition([Paragraph([Text("n")])], "a")]
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_document_over_the_limits_is_refused_and_the_next_one_is_printed(name: str) -> None:
    plugin = TreeToPDF(seconds=2, memory=700)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    plugin.convert(document(Paragraph([Text("warm")])))
    made = HUGE[name]()
    tree = made if isinstance(made, Root) else Root([made])
    given = Document(json.dumps(to_json(tree)), "tree")
    try:
        plugin.convert(given)
    except ConversionError as error:
        assert "2 s of processor time or 700 MB" in error.problem
    assert "next" in words(plugin.convert(document(Paragraph([Text("next")]))))
    plugin.close()
    # No child was larger than the limit lets it be. One begins as large as this process, and other tests had theirs.
    largest, own = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    assert largest <= max(before, own, 1_000_000) or os.uname().sysname != "Linux"


def test_a_tree_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(ConversionError, match="can be set"):
        TreeToPDF().convert(document(Paragraph([Text("x" * 9_000_000)])))


def test_what_is_no_tree_is_refused() -> None:
    for content in ("", "[]", "{", '{"type": "text"}', '{"type": "nonsense"}', "[" * 100_000, b"\xff"):
        with pytest.raises(ConversionError, match="no document tree"):
            TreeToPDF().convert(Document(content, "tree"))
