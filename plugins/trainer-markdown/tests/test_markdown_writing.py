"""A tree that is written as Markdown reads back as the same tree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer_document.tree import (
    Blockquote,
    Break,
    Callout,
    Chart,
    Code,
    DefinitionDescription,
    DefinitionList,
    DefinitionTerm,
    Delete,
    Emphasis,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    Html,
    Image,
    InlineCode,
    InlineMath,
    Link,
    List,
    ListItem,
    Mark,
    Math,
    Node,
    Paragraph,
    Root,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
    ThematicBreak,
    plain,
)
from trainer_markdown.markdown_writer import write
from trainer_markdown.reader import parse


def joined(nodes: list[Node]) -> list[Node]:
    """Inline nodes as a reader makes them: words that touch are one node, and so is code."""
    result: list[Node] = []
    for node in nodes:
        if result and isinstance(node, Text | InlineCode) and type(last := result[-1]) is type(node):
            result[-1] = type(node)(last.value + node.value)
        else:
            result.append(node)
    return result


def stands(nodes: list[Node]) -> bool:
    """Whether these can be words of a paragraph: HTML or a break at an edge would be read as something else."""
    edges = isinstance(nodes[0], Html | Break) or isinstance(nodes[-1], Break)
    return not edges and bool(plain(nodes).strip())


def quiet(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The strategy with a short name, which hypothesis asks for."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        return draw(strategy)

    return drawn()


SIGNS = st.text(st.sampled_from("aB5 é—$%.,:;!?()[]{}<>*_~`#+-=|&\\\"'/@\n\t\u00a0"), min_size=1, max_size=12)
SYNTAX = st.sampled_from(
    ["# a", "- a", "1. a", "2) a", "> a", "---", "===", "| a | b |", "|---|---|", "```", "~~~", "    a", "<b>", "<div>",
     "<!-- a -->", "&amp;", "&copy;", "\\", "https://a.example/x", "www.a.example", "me@a.example", "[a](b)", "![a](b)", "[^1]",
     "[^1]: a", "[a]: b", ": a", "$$", "$`a`$", "*a*", "__a__", "snake_case", "~~a~~", "~a~", "5 * 3", "a\n# b", "a\n- b", "a\n===",
     "a\n|-|", "$5 and $6", "* * *", "_ _ _", "2 < 3 > 1", "!", "$", "[ ] a", "[x] a", "[!NOTE] a", "a|b\n-|-", "a\n\nb"]
)  # fmt: skip
WORDS = (SIGNS | SYNTAX).filter(lambda text: bool(text.strip())).map(Text)
CODE = st.text(st.sampled_from("ab `*<&|[]_é"), min_size=1, max_size=8).map(InlineCode)
PICTURES = st.builds(
    Image,
    st.sampled_from(["asset:" + "0" * 64, "/a%20b", "/a(b", "x"]),
    st.text(st.sampled_from("ab]*[\\ "), max_size=4).map(str.strip),
    st.none() | st.sampled_from(['a"b', "it's", "&amp;", "a\\b"]),
)
ADDRESSES = st.sampled_from(["https://a.example/x?a=1&copy=2", "#a", "/x_(y)", "mailto:a@b.example", ""])


def inlines(linked: bool = False, depth: int = 2) -> st.SearchStrategy[list[Node]]:
    one = [WORDS, CODE, PICTURES, st.sampled_from([InlineMath("x_1"), Html("<x-y>"), Html("<!-- c -->"), Break()])]
    if not linked:
        one.append(st.sampled_from(["1", "Two"]).map(FootnoteReference))
    if depth:
        inner = inlines(linked, depth - 1)
        one += [inner.map(Emphasis), inner.map(Strong), inner.map(Delete)]
        one.append(st.builds(Mark, inner, st.sampled_from(["sub", "sup", "kbd", "ins", "mark", "small"])))
        if not linked:
            one.append(st.builds(Link, inlines(True, depth - 1), ADDRESSES, st.none() | st.just('t "q"')))
    words = st.lists(st.one_of(one), min_size=1, max_size=3).map(joined).filter(stands)
    return quiet(words)


def table(align: list[str | None], head: list[list[Node]], rows: list[list[list[Node]]]) -> Table:
    return Table([TableRow([TableCell(cell) for cell in row]) for row in [head, *rows]], align)


INLINES = inlines()
CELLS = st.just([]) | INLINES
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.builds(
        table,
        st.lists(st.sampled_from([None, "left", "right", "center"]), min_size=width, max_size=width),
        st.lists(CELLS, min_size=width, max_size=width),
        st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=2),
    )
)
FENCES = st.builds(
    Code,
    # An empty line of a list has no blanks for its parser.
    st.lists(
        st.text(st.sampled_from("ab`~#>|- "), max_size=6).filter(lambda line: not line or bool(line.strip())),
        max_size=3,
    ).map("\n".join),
    st.none() | st.sampled_from(["python", "chart", "c++"]),
)
LEAVES = quiet(
    st.one_of(
        INLINES.map(Paragraph),
        st.builds(Heading, INLINES, st.integers(1, 6)),
        FENCES,
        TABLES,
        st.sampled_from([ThematicBreak(), Html("<div>\na\n</div>"), Html("<!-- c -->"), Math("x\ny")]),
    )
)


def apart(nodes: list[Node]) -> bool:
    """Whether no two lists of definitions touch: they would be one."""
    return not any(isinstance(a, DefinitionList) and isinstance(b, DefinitionList) for a, b in pairwise(nodes))


def spread(ordered: bool, start: int, items: list[tuple[bool | None, list[Node]]]) -> List:
    return List(
        [ListItem(blocks, checked if isinstance(blocks[0], Paragraph) else None, True) for checked, blocks in items],
        ordered,
        start if ordered else None,
        True,
    )


def definitions(groups: list[tuple[list[Node], list[list[Node]]]]) -> DefinitionList:
    return DefinitionList(
        [node for term, meanings in groups for node in (DefinitionTerm(term), *map(DefinitionDescription, meanings))]
    )


def containers(blocks: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    inner = quiet(st.lists(blocks, min_size=1, max_size=3).filter(apart))
    items = st.lists(st.tuples(st.sampled_from([None, True, False]), inner), min_size=2, max_size=3)
    tight = st.lists(INLINES, min_size=1, max_size=3)
    one = st.one_of(
        inner.map(Blockquote),
        st.builds(spread, st.booleans(), st.integers(0, 12), items),
        tight.map(lambda words: List([ListItem([Paragraph(one)]) for one in words])),
        st.builds(Callout, inner, st.sampled_from(["note", "warning"]), CELLS),
        st.lists(st.tuples(INLINES, st.lists(inner, min_size=1, max_size=2)), min_size=1, max_size=2).map(definitions),
    )
    return quiet(one)


NOTES: list[Node] = [
    FootnoteDefinition([Paragraph([Text("One")])], "1"),
    FootnoteDefinition([Paragraph([Text("Two")]), Code("x")], "Two"),
]
TREES = (
    st.lists(st.recursive(LEAVES, containers, max_leaves=5), max_size=3)
    .filter(apart)
    .map(lambda nodes: Root([*nodes, *NOTES]))
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREES)
def test_a_tree_that_is_written_reads_back_as_the_same_tree(root):
    assert parse(write(root))[0] == root


@settings(max_examples=300, deadline=None)
@given(INLINES)
def test_words_that_are_written_read_back_as_the_same_words(nodes):
    root = Root([Paragraph(nodes), *NOTES])
    assert parse(write(root))[0] == root


@settings(max_examples=200, deadline=None)
@given(st.text() | st.lists(SIGNS | SYNTAX, max_size=8).map("".join))
def test_any_text_that_is_read_can_be_written_and_is_then_the_same(text):
    once = write(parse(text)[0])
    assert write(parse(once)[0]) == once


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([Text("5 "), Emphasis([Text("a")]), Strong([Text("b")])], "5 *a*__b__\n"),
        ([Strong([Emphasis([Text("a")])])], "**_a_**\n"),
        ([Strong([Text("a")]), Text("b")], "**a**b\n"),
        ([Strong([Text("a.")]), Text("b")], "<strong>a.</strong>b\n"),
        ([Text("snake_case costs $5")], "snake_case costs $5\n"),
        ([Text("1. a\n# b")], "1\\. a\n\\# b\n"),
        ([Link([Text("https://a.example")], "https://a.example")], "<https://a.example>\n"),
        ([Link([Text("a")], "/b (c)", "d")], '[a](</b%20(c)> "d")\n'),
        ([Figure([Text("5%")], "found", "r@1"), Text(" more")], "5% more\n"),
        ([InlineCode("a`b")], "``a`b``\n"),
    ],
)
def test_words_are_written_as_a_person_would(nodes, text):
    assert write(Root([Paragraph(nodes)])) == text


def test_blocks_are_written_as_a_person_would():
    item = ListItem([Paragraph([Text("a")]), List([ListItem([Paragraph([Text("b")])])], True, 3)], True)
    table = Table([TableRow([TableCell([Text("x|y")]), TableCell([])])], ["right", None])
    root = Root([Heading([Text("T")], 2), List([item]), Callout([Paragraph([Text("c")])], "tip", [Text("d")]), table])
    assert write(root) == "## T\n\n- [x] a\n\n  3. b\n\n> [!TIP] d\n> c\n\n| x\\|y |  |\n| --: | --- |\n"


def test_the_title_facts_and_drawings_of_a_report_are_written():
    root = Root(
        [Chart(spec={"type": "bar"})],
        title="T",
        subtitle="S",
        kicker="K",
        facts=[("Date", "2025"), ("Model", "m")],
        origin=[("Run", "r")],
    )
    assert write(root) == (
        '# T\n\n*K*\n\n*S*\n\n**Date:** 2025\\\n**Model:** m\n\n```chart\n{\n  "type": "bar"\n}\n```\n\n**Run:** r\n'
    )


def test_an_empty_document_is_an_empty_text():
    assert write(Root()) == ""
