"""Markdown becomes a document tree: nothing is lost, and figures are marked where they stand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from trainer_document import tree
from trainer_document.tree import (
    Blockquote,
    Break,
    Callout,
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
    Paragraph,
    Strong,
    Table,
    Text,
    plain,
    walk,
)
from trainer_markdown.reader import parse
from trainer_markdown.source import Source

SLOW = settings(deadline=None)


def read(text: str) -> list[tree.Node]:
    return parse(text)[0].children


def words(text: str) -> list[tree.Node]:
    (paragraph,) = read(text)
    assert isinstance(paragraph, Paragraph)
    return paragraph.children


BLOCKS = [
    ("# A *b*", Heading([Text("A "), Emphasis([Text("b")])], 1)),
    ("> a", Blockquote([Paragraph([Text("a")])])),
    ("> [!NOTE]\n> a", Callout([Paragraph([Text("a")])], "note")),
    ("> [!WARNING] Mind *this*\n> - a", Callout([List([ListItem([Paragraph([Text("a")])])])], "warning", [Text("Mind "), Emphasis([Text("this")])])),
    ("> [!OTHER]\n> a", Blockquote([Paragraph([Text("[!OTHER]\na")])])),
    ("```chart\n{}\n```", Code("{}", "chart")),
    ("```python title=x\na\n\n```", Code("a\n", "python", "title=x")),
    ("    a", Code("a")),
    ("```math\nx^2\n```", Math("x^2")),
    ("$$\nx^2\n$$", Math("x^2")),
    ("$$\nx^2", Paragraph([Text("$$\nx^2")])),
    ("<div>\na\n</div>", Html("<div>\na\n</div>")),
    ("Term\nOther\n: One\n: Two\n\n    more", DefinitionList([
        DefinitionTerm([Text("Term")]), DefinitionTerm([Text("Other")]),
        DefinitionDescription([Paragraph([Text("One")])]),
        DefinitionDescription([Paragraph([Text("Two")]), Paragraph([Text("more")])])])),
    ("- [x] a\n- [ ] b\n- c", List([ListItem([Paragraph([Text("a")])], True), ListItem([Paragraph([Text("b")])], False), ListItem([Paragraph([Text("c")])])])),
    ("3. a\n\n4. b", List([ListItem([Paragraph([Text("a")])], spread=True), ListItem([Paragraph([Text("b")])], spread=True)], True, 3, True)),
]  # fmt: skip
WORDS = [
    ("**a** _b_ ~~c~~ ~d~", [Strong([Text("a")]), Text(" "), Emphasis([Text("b")]), Text(" "), Delete([Text("c")]), Text(" "), Delete([Text("d")])]),
    ("~5% to ~6%, 5~6 and 7~8", [Text("~5% to ~6%, 5~6 and 7~8")]),
    ("a<br>b  \nc\\\nd\ne", [Text("a"), Break(), Text("b"), Break(), Text("c"), Break(), Text("d\ne")]),
    ("H<sub>2</sub>O <u>a</u>", [Text("H"), Mark([Text("2")], "sub"), Text("O "), Mark([Text("a")], "ins")]),
    ("<b>a <i>b</b>", [Strong([Text("a "), Html("<i>"), Text("b")])]),
    ("a <script>x</script>", [Text("a "), Html("<script>"), Text("x"), Html("</script>")]),
    ("`a  b` $`x_1`$", [InlineCode("a  b"), Text(" "), InlineMath("x_1")]),
    ("$5 to $10, $x$ and $$y$$", [Text("$5 to $10, $x$ and $$y$$")]),
    ("&copy; &lt; \\&lt; &nothing; &#0;", [Text("© < &lt; &nothing; \ufffd")]),
    ('[a](/b "c & d")', [Link([Text("a")], "/b", "c & d")]),
    ("![a *b*](c.png)", [Image("c.png", "a b")]),
    ("me@a.example, www.a.example.", [Link([Text("me@a.example")], "mailto:me@a.example"), Text(", "), Link([Text("www.a.example")], "http://www.a.example"), Text(".")]),
    ("[^1] is not defined", [Text("[^1] is not defined")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), BLOCKS, ids=[text[:20] for text, _ in BLOCKS])
def test_a_block_becomes_this_node(text, node):
    assert read(text) == [node]


@pytest.mark.parametrize(("text", "nodes"), WORDS, ids=[text[:20] for text, _ in WORDS])
def test_words_become_these_nodes(text, nodes):
    assert words(text) == nodes


def test_without_extensions_it_is_commonmark_alone():
    (paragraph,) = parse("~~a~~ <b>c</b> [^1] https://a.example", extensions=False)[0].children
    assert isinstance(paragraph, Paragraph)
    assert paragraph.children == [Text("~~a~~ "), Html("<b>"), Text("c"), Html("</b>"), Text(" [^1] https://a.example")]


def test_a_footnote_stays_where_it_is_defined_and_holds_blocks():
    note = FootnoteDefinition([Paragraph([Text("One\ntwo.")]), List([ListItem([Paragraph([Text("three")])])])], "Note")
    assert read("A[^note].\n\n[^Note]: One\ntwo.\n\n    - three\n\nB") == [
        Paragraph([Text("A"), FootnoteReference("Note"), Text(".")]),
        note,
        Paragraph([Text("B")]),
    ]


def test_a_second_footnote_of_one_name_is_not_lost():
    assert "Second" in plain(read("[^a]\n\n[^a]: First\n\n[^a]: Second"))


def test_definitions_that_follow_each_other_are_one_list():
    (definitions,) = read("A\n: a\n\nB\n: b")
    assert isinstance(definitions, DefinitionList)
    assert [plain(node) for node in definitions.children] == ["A", "a", "B", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "```\nsome code\n\n# not a heading",
        "| a | b |\n|---|---|\n| c | d",
        "| a | b |\n|--",
        "see [the filing](https://a.exam",
        "**strong and *stress",
        "> quote\n> - item\n>   `code",
        "[^1]: note that",
        "<div>\nraw",
        "$$\nx + y",
        "![picture](data:image/png;base64,iVBO",
    ],
)
def test_a_text_that_is_cut_off_keeps_all_its_words(text):
    nodes = list(walk(parse(text)[0]))
    shown = " ".join(plain(node) for node in nodes if isinstance(node, Text | Code | Html | Math))
    shown += " ".join(f" {node.identifier}" for node in nodes if isinstance(node, FootnoteDefinition))
    shown += " ".join(f" {node.url}" for node in nodes if isinstance(node, Link))
    assert set(re.findall(r"\w+", text)) <= set(re.findall(r"\w+", shown))


CUTS = "# Title\n\nRevenue **rose** by 5 % to *records*, `code` and ~~less~~.\n\n| Item | 2024 |\n|---|---|\n| one | 1 |\n\n1. first\n   - second\n\n> quote\n\n```text\nfence\n```\n"


@pytest.mark.parametrize("end", range(0, len(CUTS), 7))
def test_a_report_that_is_cut_anywhere_loses_no_word(end):
    text = CUTS[:end]
    shown = " ".join(plain(node) for node in walk(parse(text)[0]) if isinstance(node, Text | Code | InlineCode))
    info = {"text"} | {text.rsplit("```", 1)[-1]}  # of a fence: the language of what it holds
    assert set(re.findall(r"[a-zA-Z]+", text)) - info <= set(re.findall(r"[a-zA-Z]+", shown))


LINES = st.lists(st.text(st.sampled_from("ab é5.,;() \n"), min_size=1, max_size=30), max_size=8).map("\n\n".join)


@SLOW
@given(LINES)
def test_words_without_marks_are_all_in_the_tree(text):
    shown = " ".join(plain(node) for node in walk(parse(text)[0]) if isinstance(node, Text | Code))
    numbers = re.findall(r"^\s*\d+[.)](?=\s|$)", text, re.MULTILINE)  # of a list
    wanted = re.findall(r"\w+", text)
    assert len(wanted) - len(numbers) <= len(re.findall(r"\w+", shown))


SIGNS = [
    "*", "**", "_", "`", "```\n", "~~", "~", "# ", "\n", "\n\n", "    ", "- ", "1. ", "12) ", "- [x] ", "> ", "> [!NOTE]\n", "|",
    "\n|---|---|\n", "| 1 | 22 |\n", "[", "](", ")", "![", "](5)", "](https://e.example/5)", "[^1]", "\n[^1]: ", "\n[5]: /x\n", "[5]",
    "<", ">", "<b>", "<h1>", "</b>", "<br>", "<!--", "-->", "&", "&#55;", "&frac12;", "\\", "\n: ", "---\n", "$5", "-5", "5%", "$5.2B",
    "(55)", "5", "77", "1", "a5@b5.de", "www.5.de ", "$`5`$", "$$\n", "\t", "x", "1.", "2)", "\ufdd0", "\ufdd1",
]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(SIGNS), max_size=14).map("".join), st.data())
def test_marking_figures_changes_nothing_but_that_they_are_marked(text, data):
    found = [{"start": match.start(), "end": match.end()} for match in re.finditer(r"[$(-]?\d+[\d.]*[%B)]?", text)]
    places = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=3)
    anywhere = [{"start": start, "end": start + length} for start, length in data.draw(places)]
    marked = parse(text, [*found, *anywhere])[0]
    tree.rewrite(marked, lambda node: node.children if isinstance(node, Figure) else None)
    for node in walk(marked):
        for name in ("children", "title"):
            if isinstance(held := getattr(node, name, None), list):
                setattr(node, name, joined(held))
    assert marked == parse(text)[0]


def joined(nodes: list[tree.Node]) -> list[tree.Node]:
    result: list[tree.Node] = []
    for node in nodes:
        if isinstance(node, Text) and result and isinstance(last := result[-1], Text):
            result[-1] = Text(last.value + node.value)
        else:
            result.append(node)
    return result


def figures(text: str, *spans: str) -> list[tuple[str, str]]:
    entries, place = [], 0
    for number, span in enumerate(spans):
        place = text.index(span, place)
        entries.append({"start": place, "end": place + len(span), "status": "found", "ref": f"r@{number}"})
        place += len(span)
    return [(plain(node), node.ref or "") for node in walk(parse(text, entries)[0]) if isinstance(node, Figure)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("It rose 5% to $5.2B.", ["5%", "$5.2B"]),
        ("**5**, _5 million_ and x**7**y", ["5", "5 million", "7"]),
        ("| a | b |\n|---|---|\n| 1,234 | (55) |", ["1,234", "(55)"]),
        ("- 12.5\n- [x] 13", ["12.5", "13"]),
        ("> [!NOTE] 5%\n> 6%", ["5%", "6%"]),
        ("[about $5](https://a.example)", ["$5"]),
        ("# 2024\n\nTerm 7\n: 8 and 9", ["2024", "7", "8", "9"]),
    ],
)
def test_figures_are_marked_with_their_records(text, spans):
    assert figures(text, *spans) == [(span, f"r@{number}") for number, span in enumerate(spans)]


@pytest.mark.parametrize(
    "text",
    [
        "`5`",
        "    5",
        "```\n5\n```",
        "<div>\n5\n</div>",
        "https://a.example/5",
        "[a](5)",
        "5. a",
        "![5](x)",
        "[^5]\n\n[^5]: a",
    ],
)
def test_figures_in_code_addresses_and_marks_are_left_alone(text):
    assert figures(text, "5") == []
    assert parse(text, [{"start": text.index("5"), "end": text.index("5") + 1}]) == parse(text)


@pytest.mark.parametrize(
    "hostile",
    [[None], ["x"], [{}], [{"start": "0", "end": 1}], [{"start": -1, "end": 1}], [{"start": 0, "end": 10**9}], [{"start": True, "end": 2}],
     [{"start": 2, "end": 1}], [{"start": 0, "end": 1, "status": 1, "ref": [], "path": None}] * 3, "abc", 5, {"start": 0}],
)  # fmt: skip
def test_a_hostile_list_of_figures_does_no_harm(hostile):
    root, _ = parse("5 and 6", hostile)
    assert plain(root) == "5 and 6"


@SLOW
@given(st.text() | st.lists(st.sampled_from(SIGNS), max_size=40).map("".join))
def test_any_text_is_read_without_marks_left_in_it(text):
    for node in walk(parse(text, [{"start": 0, "end": 2}, {"start": 3, "end": 4}])[0]):
        for name in ("value", "url", "alt", "identifier"):
            assert not re.search("[\ufdd0-\ufdef]", str(getattr(node, name, "")))


def test_front_matter_is_taken_off_and_a_byte_order_mark_with_it():
    source = Source.read("\ufeff---\ntitle: T\n---\nBody\n", {})
    assert (source.text, source.metadata) == ("Body\n", {"title": "T"})


def test_a_table_keeps_cells_beyond_its_head():
    (table,) = read("| a |\n|---|\n| b | c |")
    assert isinstance(table, Table)
    assert [plain(row) for row in table.children] == ["a", "bc"]
