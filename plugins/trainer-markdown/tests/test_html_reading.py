"""HTML back to a tree: what a page of ours says comes back; of anybody's the content does, within limits."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from trainer.errors import ConversionError
from trainer_document import themes
from trainer_document.report import enrich
from trainer_document.tree import (
    Callout,
    Code,
    DefinitionDescription,
    DefinitionTerm,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    InlineMath,
    Link,
    List,
    ListItem,
    Math,
    Node,
    Paragraph,
    Root,
    Table,
    from_json,
    plain,
    to_json,
    walk,
)
from trainer_markdown import FormatConverter
from trainer_markdown.html_reader import read
from trainer_markdown.page import page
from trainer_markdown.reader import parse

REPORT = """
# Two companies

Up 4.42T and **down** -3 [see](https://example.com/a?b=1&c=2 "t").

> [!WARNING] Read *this*
> It is `a < b`.

Key figures:

| What | Figure |
|---|---|
| Cap | 4.42T |

## Part

Table: Growth

| Ticker | 2024 | 2025 |
|:--|---|---|
| AAPL | 1 | -2.5% |
| MU | - | 3 |

1. one
2. two
   - [x] done
   - [ ] open

     more

Term
: Meaning

$`x^2`$ and[^a]

```math
y = 1
```

    code  block

[^a]: A note with [link](#part).
"""
SOURCES = [{"name": "n", "ref": "yahoo:AAPL:20251119@3", "url": "https://example.com/r", "hash": "ab" * 32}]


def made(text: str = REPORT) -> Root:
    place = text.index("4.42T") if "4.42T" in text else 0
    figure = {"start": place, "end": place + 5, "status": "found", "ref": "yahoo:AAPL:20251119@3", "path": "q.cap"}
    root, _ = parse(text, [figure] if place else [])
    return enrich(root, {"sources": SOURCES, "run": "r-1", "date": "2025-11-19", "warnings": ["Old."]})


def of(root: Node, kind: type[Node]) -> list[Node]:
    return [node for node in walk(root) if isinstance(node, kind)]


def test_a_page_read_back_has_the_same_headings_tables_cells_and_links():
    root = made()
    back = read(page(root, themes.load("report")))
    assert [(node.depth, node.id, plain(node)) for node in of(back, Heading)] == [
        (node.depth, node.id, plain(node)) for node in of(root, Heading)
    ]
    assert [[[plain(cell) for cell in row.children] for row in node.children] for node in of(back, Table)] == [
        [[plain(cell) for cell in row.children] for row in node.children] for node in of(root, Table)
    ]
    assert [(node.url, plain(node)) for node in of(back, Link)] == [(node.url, plain(node)) for node in of(root, Link)]
    assert [node.kind for node in of(back, Table)] == [node.kind for node in of(root, Table)]


def test_what_is_ours_comes_back_as_the_node_it_was():
    root = made()
    back = read(page(root, themes.load("report")))
    assert (back.title, back.facts, back.origin) == (root.title, root.facts, root.origin)
    for kind in (Figure, Callout, FootnoteReference, InlineMath, Math, Code, DefinitionTerm, DefinitionDescription):
        assert [plain(node) for node in of(back, kind)] == [plain(node) for node in of(root, kind)], kind
    assert [(node.status, node.ref, node.path, node.url) for node in of(back, Figure)] == [
        (node.status, node.ref, node.path, node.url) for node in of(root, Figure)
    ]
    assert [node.checked for node in of(back, ListItem)] == [node.checked for node in of(root, ListItem)]
    assert len(of(back, FootnoteDefinition)) == 1


def test_a_page_that_is_read_and_written_again_reads_the_same():
    back = read(page(made(), themes.load("report")))
    again = read(page(back, themes.load("report")))
    assert [plain(node) for node in again.children] == [plain(node) for node in back.children]
    assert [node.url for node in of(again, Link)] == [node.url for node in of(back, Link)]


def test_a_page_of_anybody_gives_its_content():
    root = read(
        "<html lang=de><head><title> A  page </title><style>p{}</style></head><body><nav><ul><li><a href='https://a.example'>A</a></ul></nav>"
        "<div>loose <b>words</b><p>A <i>para</i>.<div><h2>Head</h2><table><caption>C</caption><tr><th>x<th align=right>y"
        "<tr><td colspan=2>z<table><tr><td>inner</table></table></div><pre>a\n  b</pre><img alt=chart src=https://a.example/x.png>"
        "<script>alert(1)</script><dl><div><dt>t</dt><dd>d</dd></div></dl><ol start=3><li>three</ol></body>"
    )
    assert (root.lang, root.title) == ("de", "A page")
    assert [plain(node) for node in of(root, Heading)] == ["Head"]
    assert [[plain(cell) for cell in row.children] for row in of(root, Table)[0].children] == [
        ["x", "y"],
        ["z inner", ""],
    ]
    assert of(root, Table)[0].align == [None, "right"]
    assert [(node.ordered, node.start) for node in of(root, List)] == [(False, None), (True, 3)]
    assert [node.url for node in of(root, Link)] == ["https://a.example", "https://a.example/x.png"]
    assert "loose words" in [plain(node) for node in of(root, Paragraph)]
    assert "alert" not in plain(root)
    assert "a\n  b" in plain(root)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "x.html", ""])
def test_a_link_that_may_not_be_one_keeps_its_words(url):
    root = read(f"<p><a href='{url}'>words</a> <img src='{url}' alt='pic'></p>")
    assert of(root, Link) == []
    assert plain(root) == "words Image: pic"


@pytest.mark.parametrize(
    "text", ["", " ", "words", "<", "<!--", "<html>", "<script>", "<p", "\0", "<td>x", b"\xff<p>x"]
)
def test_any_text_is_a_page(text):
    assert from_json(to_json(read(text))) == read(text)


SHAPES: dict[str, Callable[[int], str]] = runpy.run_path(str(Path(__file__).parents[3] / "scripts/hostile.py"))["HTML"]


@pytest.mark.parametrize("name", SHAPES)
def test_no_shape_of_html_takes_long_or_breaks_the_way_to_a_page(name):
    assert len(SHAPES) >= 18
    begun = time.thread_time()
    try:
        html = FormatConverter().convert(
            FormatConverter().convert(SHAPES[name](300_000), "html", "tree"), "tree", "html"
        )
        assert html.endswith("</html>")
    except ConversionError as error:
        assert "refused" in str(error) or "no document tree" in str(error)
    assert time.thread_time() - begun < 30  # one that is not bounded takes minutes


def test_a_page_of_more_elements_than_can_be_worked_on_is_refused_before_the_work():
    with pytest.raises(ConversionError, match="200,001 elements, and 200,000 are allowed"):
        read("<br>" * 200_001)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["<p>", "</p>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</table>", "<ul>", "<li>", "</ul>", "<dl>", "<dt>", "<h1>", "</h1>", "x", "<", "&", "<a", "href=#x>", "<pre>", "<div", "class=callout>", "<p", "class=callout-title>", "<section", "class=footnotes>", "<li", "id=fn.1>", "<sup", "class=cite>", "<math>", "<br>", "<span", "class=traced>", "<ol", "start=9>"]), max_size=30))  # fmt: skip
def test_any_html_becomes_a_tree_that_can_be_kept_and_written(parts):
    tree = FormatConverter().convert("".join(parts), "html", "tree")
    assert FormatConverter().convert(tree, "tree", "html")
