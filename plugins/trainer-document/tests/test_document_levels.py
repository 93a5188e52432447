"""The levels of a document's headings are those of its own, whatever is quoted in it."""

from __future__ import annotations

import pytest

from trainer_document.outline import contents, number_headings
from trainer_document.tree import Blockquote, Heading, List, ListItem, Node, Root, Text


def heading(words: str, depth: int) -> Heading:
    return Heading([Text(words)], depth)


@pytest.mark.parametrize(
    "quoted", [Blockquote([heading("Quoted", 1)]), List([ListItem([heading("Quoted", 1)])])], ids=["quote", "list"]
)
def test_a_heading_in_a_quotation_or_a_list_moves_no_other(quoted: Node) -> None:
    root = Root([heading("One", 2), quoted, heading("Below", 3), heading("Two", 2)])
    number_headings(root)
    assert [node.depth for node in root.children if isinstance(node, Heading)] == [2, 3, 2]
    assert [(chapter.text, [section.text for section in chapter.sections]) for chapter in contents(root)] == [
        ("One", ["Below"]),
        ("Two", []),
    ]


def test_a_quoted_heading_is_no_title() -> None:
    quoted = heading("Quoted", 1)
    number_headings(Root([heading("One", 2), Blockquote([quoted])]))
    assert quoted.depth == 2


def test_headings_that_are_all_quoted_keep_their_order() -> None:
    quoted = [heading("Quoted", 3), heading("Below", 4)]
    number_headings(Root([Blockquote([*quoted])]))
    assert [node.depth for node in quoted] == [2, 3]
