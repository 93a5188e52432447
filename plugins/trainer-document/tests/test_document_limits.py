"""A tree that would take long to set is refused before the work, and no other is."""

from __future__ import annotations

import json

import pytest

from trainer.errors import ConversionError
from trainer_document.policy import EACH, Formulas
from trainer_document.tree import (
    FACTS,
    SIZE,
    Chart,
    Node,
    Paragraph,
    Root,
    Table,
    TableCell,
    TableRow,
    Text,
    read,
    to_json,
)


def written(*nodes: Node) -> str:
    return json.dumps(to_json(Root(list(nodes))))


def ragged(columns: int, rows: int) -> Table:
    """A wide head above rows of nothing."""
    return Table([TableRow([TableCell() for _ in range(columns)]), *(TableRow() for _ in range(rows - 1))])


def test_a_tree_of_as_many_nodes_as_are_allowed_is_read_and_one_more_is_refused() -> None:
    text = written(*(Paragraph([Text("x")]) for _ in range(50)))
    assert len(read(text, most=101).children) == 50
    with pytest.raises(ConversionError, match="101 nodes as a tree, and 100 are allowed") as caught:
        read(text, most=100)
    assert caught.value.remedy


def test_words_that_look_like_nodes_are_words() -> None:
    words = Text('{"type": "text"}' * 100)
    assert read(written(Paragraph([words])), most=3).children == [Paragraph([words])]


@pytest.mark.parametrize("hold", [lambda table: table, lambda table: Chart(table=table)], ids=["table", "chart"])
def test_cells_that_short_rows_are_filled_up_with_count(hold) -> None:  # type: ignore[no-untyped-def]  # a lambda
    assert read(written(hold(ragged(50, 20))), most=1_000)
    with pytest.raises(ConversionError, match="1,050 cells, with those that short rows are filled up with"):
        read(written(hold(ragged(50, 21))), most=1_000)
    with pytest.raises(ConversionError, match="1,200 cells"):
        read(written(hold(ragged(20, 30)), hold(ragged(20, 30))), most=1_000)


def test_a_tree_of_too_many_letters_or_facts_is_refused() -> None:
    with pytest.raises(ConversionError, match="letters as a tree"):
        read(" " * (SIZE + 1))
    with pytest.raises(ConversionError, match=f"{FACTS + 1:,} facts"):
        read(json.dumps({"type": "root", "facts": [["a", "b"]] * (FACTS + 1)}))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"type": "text"}', "[" * 100_000, b"\xff"], ids=range(6))
def test_what_is_no_tree_is_a_typed_error(content: str | bytes) -> None:
    with pytest.raises(ConversionError, match="no document tree"):
        read(content)


def test_formulas_are_set_until_their_letters_are_used_up() -> None:
    formulas = Formulas(left=2 * (EACH + 3))
    assert [formulas.allow("x^2") for _ in range(3)] == [True, True, False]
