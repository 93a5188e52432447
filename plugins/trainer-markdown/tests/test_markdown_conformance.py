"""Markdown is read as its specifications say, and what is read can be written and read again.

The examples are not part of this repository; `scripts/specifications.py` fetches them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from trainer.paths import own_folder
from trainer_document import tree
from trainer_document.tree import Node, Parent
from trainer_markdown.markdown_writer import write
from trainer_markdown.reader import parse

FOLDER = own_folder("XDG_CACHE_HOME", ".cache") / "specifications"
SCRIPT = Path(__file__).parents[3] / "scripts" / "specifications.py"
EXAMPLE = re.compile(r"^`{32} example *([a-z]*)\n(.*?)^\.\n(.*?)^`{32}$", re.MULTILINE | re.DOTALL)
BARE_ADDRESSES = [608, 611, 612]  # CommonMark alone leaves them as words, GitHub's extension makes links of them

FILTERED = re.compile(r"<(?=/?(?:title|textarea|style|xmp|iframe|noembed|noframes|script|plaintext)\b)", re.IGNORECASE)
WRAPPED = {"paragraph": "p", "emphasis": "em", "strong": "strong", "delete": "del", "blockquote": "blockquote"}
VOID = {"br", "hr", "img", "input"}
BLOCKS = {
    "blockquote", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def examples(name: str) -> list[tuple[str, str, str]]:
    """The extension, the Markdown and the HTML of each example."""
    path = FOLDER / name
    if not path.exists() and os.environ.get("TRAINER_REQUIRE_SERVICES"):
        subprocess.run([sys.executable, str(SCRIPT)], check=True)
    if not path.exists():
        pytest.skip("the specifications are not here: run `python scripts/specifications.py`")
    return [tuple(part.replace("→", "\t") for part in found) for found in EXAMPLE.findall(path.read_text("utf-8"))]


def wrong(cases: list[tuple[str, str, str]], extensions: bool, disarmed: bool = False) -> list[int]:
    trees = [parse(text, extensions=extensions)[0] for _, text, _ in cases]
    shown = [spec_html((filtered(root) if disarmed else root).children) for root in trees]
    pairs = zip(shown, cases, strict=True)
    return [number for number, (html, case) in enumerate(pairs, 1) if not same_html(html, case[2])]


def test_every_example_of_commonmark_is_read_as_it_says():
    cases = examples("commonmark.txt")
    assert len(cases) == 652
    assert wrong(cases, extensions=False) == []


def test_the_extensions_change_nothing_of_commonmark_but_bare_addresses():
    assert wrong(examples("commonmark.txt"), extensions=True) == BARE_ADDRESSES


def test_every_example_of_githubs_extensions_is_read_as_it_says():
    cases = [case for case in examples("gfm.txt") if case[0]]
    assert sum(case[0] != "disabled" for case in cases) == 22  # the two of task lists are disabled there
    assert len(cases) == 24
    assert wrong(cases, extensions=True, disarmed=True) == []


@pytest.mark.parametrize("extensions", [False, True], ids=["commonmark", "with extensions"])
def test_every_example_can_be_written_and_read_again(extensions):
    for number, (_, text, _) in enumerate(examples("commonmark.txt"), 1):
        root, _ = parse(text, extensions=extensions)
        written = write(root)
        again, _ = parse(written, extensions=extensions)
        assert write(again) == written, number
        assert not extensions or again == root, number
        assert extensions or same_html(spec_html(again.children), spec_html(root.children)), number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<p>a</p>", "<p>b</p>"),
        ("<p>a</p>", "<p><em>a</em></p>"),
        ("<p>a b</p>", "<p>ab</p>"),
        ("<a href='x'>a</a>", "<a href='y'>a</a>"),
        ("<pre><code>a\n\nb</code></pre>", "<pre><code>a\nb</code></pre>"),
        ("<p>a <em>b</em></p>", "<p>a<em>b</em></p>"),
        ("<ul><li>a</li></ul>", "<ul><li><p>a</p></li></ul>"),
    ],
)
def test_the_comparison_sees_a_difference(one, other):
    assert same_html(one, one)
    assert not same_html(one, other)


def test_the_comparison_overlooks_white_space_that_is_not_shown():
    assert same_html("<ul>\n<li>a\nb</li>\n</ul>\n", "<ul><li>a b</li></ul>")


def filtered(root: tree.Root) -> tree.Root:
    """The tree with the HTML disarmed that GitHub disarms."""
    for node in tree.walk(root):
        if isinstance(node, tree.Html):
            node.value = FILTERED.sub("&lt;", node.value)
    return root


def spec_html(nodes: Sequence[Node]) -> str:
    return "".join(map(_html, nodes))


def same_html(one: str, other: str) -> bool:
    return dom(one) == dom(other)


def dom(html: str) -> list[object]:
    """Tags, attributes and words. White space counts once, and not beside a block; it counts as it is in `pre`."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.flush()
    return reader.events


def _html(node: Node) -> str:
    match node:
        case tree.Text(value):
            return escape(value)
        case tree.Html(value):
            return value
        case tree.InlineCode(value):
            return f"<code>{escape(value)}</code>"
        case tree.Break():
            return "<br />\n"
        case tree.ThematicBreak():
            return "<hr />\n"
        case tree.Heading():
            return f"<h{node.depth}>{spec_html(node.children)}</h{node.depth}>\n"
        case tree.Code(value):
            kind = f' class="language-{escape(node.lang)}"' if node.lang else ""
            return f"<pre><code{kind}>{escape(value)}\n</code></pre>\n"
        case tree.List():
            name = "ol" if node.ordered else "ul"
            start = f' start="{node.start}"' if node.ordered and node.start != 1 else ""
            return f"<{name}{start}>\n{''.join(map(_item, node.children))}</{name}>\n"
        case tree.Link():
            return f'<a href="{escape(node.url)}"{_title(node.title)}>{spec_html(node.children)}</a>'
        case tree.Image():
            return f'<img src="{escape(node.url)}" alt="{escape(node.alt)}"{_title(node.title)} />'
        case tree.Table():
            return _table(node)
        case Parent():
            name = WRAPPED[node.type]
            return f"<{name}>{spec_html(node.children)}</{name}>" + ("\n" if name in BLOCKS else "")
    raise AssertionError(f"the specification has no {node.type}")


def _item(item: Node) -> str:
    assert isinstance(item, tree.ListItem)
    box = {
        None: "",
        True: '<input checked="" disabled="" type="checkbox"> ',
        False: '<input disabled="" type="checkbox"> ',
    }
    inner = "".join(
        spec_html(child.children) + "\n" if isinstance(child, tree.Paragraph) and not item.spread else _html(child)
        for child in item.children
    )
    return f"<li>{box[item.checked]}{inner}</li>\n"


def _table(table: tree.Table) -> str:
    # GitHub shows as many cells as the head has; the tree keeps those beyond.
    rows = [
        "".join(
            f"<{name}{f' align={align!r}' if align else ''}>{spec_html(cell)}</{name}>"
            for cell, align in zip([*cells, *[[]] * len(table.align)], table.align, strict=False)
        )
        for name, cells in [
            ("td" if number else "th", [cell.children for cell in row.children if isinstance(cell, Parent)])
            for number, row in enumerate(table.children)
            if isinstance(row, Parent)
        ]
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{rows[0]}</tr></thead>{f'<tbody>{body}</tbody>' if body else ''}</table>"


def _title(title: str | None) -> str:
    return f' title="{escape(title)}"' if title else ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.events: list[object] = []
        self._words: list[str] = []
        self._pre = 0
        self._beside_block = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, ("open", tag, sorted(attrs, key=str)))
        self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._pre -= tag == "pre"
        self._tag(tag, ("close", tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_comment(self, data: str) -> None:
        self._tag("", ("comment", data))

    def handle_decl(self, decl: str) -> None:
        self._tag("", ("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self._tag("", ("instruction", data))

    def unknown_decl(self, data: str) -> None:
        self._tag("", ("section", data))

    def flush(self, block: bool = True) -> None:
        words = "".join(self._words)
        self._words = []
        if self._pre:
            words = words.removesuffix("\n") if block else words
        else:
            words = " ".join(f".{words}.".split())[1:-1]
            words = words.lstrip() if self._beside_block else words
            words = words.rstrip() if block else words
        if words:
            self.events.append(words)
            self._beside_block = False

    def _tag(self, tag: str, event: object) -> None:
        block = tag in BLOCKS or tag == "br" or (tag == "code" and self._pre > 0)
        self.flush(block)
        self.events.append(event)
        self._beside_block = block
