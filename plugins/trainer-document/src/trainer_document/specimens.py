"""Document trees of every kind, to test a writer of a format with, and what is to be found in what it wrote.

    @given(documents())
    def test_what_is_written_says_the_same(root):
        assert read_back(write(root)) == Said.of(root)

It needs hypothesis, as `trainer.testing` does.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

from attrs import field, frozen
from hypothesis import strategies as st

from trainer_document import tree
from trainer_document.figures import set_table
from trainer_document.policy import is_link
from trainer_document.tree import Node, Root

PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
ASSET = f"asset:{sha256(PIXEL).hexdigest()}"
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><title>t</title><desc>d</desc><path d="M0 0H9"/></svg>'
NOTES = ("1", "Two")

# What formats take for something of theirs; then what few fonts have, and what no file may have.
LATIN = [
    "Revenue", "of 2024", "−12.5 %", "(1,234)", "—", "n/a", "C:\\new", "a_b^c", "100 %", "#1", "R&D <b>", "{x}",
    "$5 and $6", "~", "`code`", "``", "|", "*", "**a**", "\\end{document}", "\\\\", "&amp;", "]]>", "-->", "= a",
    "#let x", "@a", "^^41", "'\"'", "https://a.example/x_(y)", "[^1]", "[a](b)", "- a", "1. a", "> a", "```", "a\nb",
    "a\n\nb", "Émile Ωδ Привет", "x" * 60, " a ", "fi ffl --- ``",
]  # fmt: skip
OTHERS = [
    "🚀", "👩🏽\u200d🔬", "🇩🇪", "שלום", "مرحبا 12", "中文報告", "हिन्दी", "e\u0301", "a\u00a0b", "a\u00adb", "a\u200bb",
    "\u202eabc\u202c", "\ufeffa", "a\tb", "a\x00b", "a\x07b", "a\x1bb", "a\x85b", "a\u2028b", "a\ud800b", "a\ufffeb",
    "\r\n",
]  # fmt: skip
ADDRESSES = [
    "https://a.example/", "https://a.example/x?a=1&copy=2#f", "https://a.example/x_(y)_%20{z}",
    "HTTP://A.example/~b/$c^d|e", "https://a.example/ü/日本", 'https://a.example/"q"', "https://a.example/a b",
    "https://a.example/\\b", "mailto:a+b@c.example?subject=x%20y", "#part-1", "#part-2", "#part-9",
    "javascript:alert(1)", "file:///etc/passwd", "//a.example", "",
]  # fmt: skip
TAGS = ["<b>", "<x-y>", "<!-- c -->", "<script>alert(1)</script>", '<a href="javascript:x">']
FORMULAS = ["x_1", r"\frac{a}{b} \le 1", r"\sum_{i=1}^n i^2"]

_ODD = re.compile("[\ufffd\ufffe\uffff]")


def documents(words: Sequence[str] = (*LATIN, *OTHERS)) -> st.SearchStrategy[Root]:
    """Trees of every kind of node, whose texts are made of `words`.

    Headings stand in quotes and lists too, tables are ragged and stand anywhere, cells are empty or hold links, code
    and footnotes, addresses are odd or refused, and a link within the document may have no place to lead to.
    """
    return _quiet(st.lists(_blocks(words), max_size=5).map(_whole))


def _named(found: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    return [heading for heading in found if heading[1]]


def _filled(found: Iterable[Sequence[Sequence[str]]]) -> list[list[list[str]]]:
    tables = [[row for row in rows if any(row)] for rows in found]
    return [[[*row, *[""] * (max(map(len, rows)) - len(row))] for row in rows] for rows in tables if rows]


def _sorted(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(link for link in found if link[0])


@frozen
class Said:
    """What a document says that every format keeps, in reading order.

    `headings` are levels and words; `tables` rows of the words of cells, all as long as the longest; `links` words
    and addresses of the links that lead out of the document, sorted. What has no words is left out.
    """

    headings: list[tuple[int, str]] = field(converter=_named)
    tables: list[list[list[str]]] = field(converter=_filled)
    links: list[tuple[str, str]] = field(converter=_sorted)

    @classmethod
    def of(cls, root: Root) -> Said:
        """What a tree says."""
        nodes = list(tree.walk(root))
        return cls(
            [(node.depth, spoken(node)) for node in nodes if isinstance(node, tree.Heading)],
            [_rows(node) for node in nodes if isinstance(node, tree.Table)],
            [
                (spoken(node), node.url)
                for node in nodes
                if isinstance(node, tree.Link) and is_link(node.url) and not node.url.startswith("#")
            ],
        )


def spoken(node: Node) -> str:
    """The words of a node on one line, as `line` has them: no formulas, pictures and marks of footnotes."""
    return line("".join(_texts(node)))


def line(text: str) -> str:
    """`text` on one line, without what a format may leave out of it or write otherwise.

    These are controls, invisible characters and what is no character; space is one blank, and letters are composed.
    """
    kept = "".join(
        " " if char.isspace() else char for char in _ODD.sub("", text) if char.isspace() or not _hidden(char)
    )
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cn", "Cs"}


def _texts(node: Node) -> Iterator[str]:
    match node:
        case tree.Text() | tree.InlineCode() | tree.Html():
            yield node.value
        case tree.Break():
            yield " "
        case tree.Link() if node.url and not is_link(node.url):
            yield from (*_within(node), f" ({node.url})")  # it leads nowhere, and says where it would
        case tree.Parent():
            yield from _within(node)


def _within(node: tree.Parent) -> Iterator[str]:
    for below in node.children:
        yield from _texts(below)


def _rows(table: tree.Table) -> list[list[str]]:
    return [[spoken(cell) for cell in row.children] for row in table.children if isinstance(row, tree.TableRow)]


def _inlines(words: Sequence[str], depth: int = 2, linked: bool = False) -> st.SearchStrategy[list[Node]]:
    text = st.lists(st.sampled_from(words), min_size=1, max_size=3).map("".join)
    one: list[st.SearchStrategy[Any]] = [
        *(text.map(kind) for kind in (tree.Text, tree.Text, tree.InlineCode)),
        st.sampled_from(TAGS).map(tree.Html),
        st.sampled_from(FORMULAS).map(tree.InlineMath),
        st.builds(tree.Image, st.just(ASSET), text),
        st.builds(tree.Break),
    ]
    if depth:
        inner, unlinked = _inlines(words, depth - 1, linked), _inlines(words, depth - 1, linked=True)
        statuses, places = st.sampled_from(["found", "not found"]), st.sampled_from(["", "#part-1"])
        one += [st.builds(kind, inner) for kind in (tree.Emphasis, tree.Strong, tree.Delete)]
        one.append(st.builds(tree.Mark, inner, st.sampled_from(["sub", "sup", "kbd", "ins", "mark", "small"])))
        one.append(st.builds(tree.Figure, unlinked, statuses, url=places))
        if not linked:
            shown = st.tuples(text.map(tree.Text), unlinked).map(lambda parts: [parts[0], *parts[1]])
            one.append(st.sampled_from(NOTES).map(tree.FootnoteReference))
            one.append(st.builds(tree.Link, shown, st.sampled_from(ADDRESSES), st.none() | text))
    return _quiet(st.lists(st.one_of(one), max_size=3))


def _blocks(words: Sequence[str]) -> st.SearchStrategy[Node]:
    text, inlines = st.sampled_from(words), _inlines(words)
    cells = st.builds(tree.TableCell, inlines)
    head, row = (st.builds(tree.TableRow, st.lists(cells, min_size=least, max_size=4)) for least in (1, 0))
    rows = st.tuples(head, st.lists(row, max_size=3)).map(lambda parts: [parts[0], *parts[1]])
    aligns = st.lists(st.sampled_from([None, "left", "right", "center"]), max_size=5)
    tables = st.builds(tree.Table, rows, aligns, inlines, text)
    leaves: list[st.SearchStrategy[Any]] = [
        st.builds(tree.Paragraph, inlines),
        st.builds(tree.Heading, inlines, st.integers(1, 6)),
        tables,
        st.builds(tree.Chart, text, st.just(DRAWING), tables, inlines),
        st.builds(tree.Code, text, st.none() | text),
        st.sampled_from(TAGS).map(tree.Html),
        st.sampled_from(FORMULAS).map(tree.Math),
        st.builds(tree.ThematicBreak),
    ]
    return st.recursive(_quiet(st.one_of(leaves)), lambda inner: _quiet(_holders(inner, inlines)), max_leaves=6)


def _holders(inner: st.SearchStrategy[Any], inlines: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    held = st.lists(inner, max_size=3)
    items = st.builds(tree.ListItem, held, st.sampled_from([None, None, True, False]), st.booleans())
    told: st.SearchStrategy[Node] = st.builds(tree.DefinitionTerm, inlines) | st.builds(
        tree.DefinitionDescription, held
    )
    return st.one_of(
        st.builds(tree.Blockquote, held),
        st.builds(tree.Callout, held, st.sampled_from(["note", "warning", "insights"]), inlines),
        st.builds(tree.List, st.lists(items, max_size=3), st.booleans(), st.none() | st.integers(0, 12), st.booleans()),
        st.lists(told, max_size=3).map(tree.DefinitionList),
    )


def _quiet(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The strategy with a short name, which hypothesis asks for."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        return draw(strategy)

    return drawn()


def _whole(nodes: list[Node]) -> Root:
    """The nodes as a document: headings with ids of their own, tables as a report has them, footnotes, a picture."""
    from copy import deepcopy

    numbers = count(1)
    root = Root(deepcopy(nodes), title="T", assets={ASSET: ("image/png", PIXEL)})
    for node in tree.walk(root):
        if isinstance(node, tree.Heading):
            node.id = f"part-{next(numbers)}"
        elif isinstance(node, tree.Table):
            set_table(node)
    for name in NOTES:
        there = tree.Link([tree.Text("there")], f"https://a.example/{name}")
        note = [tree.Paragraph([tree.Text(f"Note {name}, "), there]), tree.Code("x")]
        root.children.append(tree.FootnoteDefinition([*note], name))
    return root
