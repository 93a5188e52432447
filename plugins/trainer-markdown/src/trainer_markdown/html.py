"""A document tree as HTML, for the body of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from trainer_document.appendix import ID as APPENDIX
from trainer_document.figures import is_negative
from trainer_document.policy import Formulas, is_drawing, is_link
from trainer_document.themes import Theme
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
    Parent,
    Root,
    Strong,
    Table,
    Text,
    ThematicBreak,
    blocks,
    plain,
)
from trainer_markdown.assets import Assets
from trainer_markdown.formulas import mathml
from trainer_markdown.grid import table_html
from trainer_markdown.limits import ADDRESSES, CELLS, too_much

MARKS = {"sub", "sup", "kbd", "ins", "mark", "small"}


class Body:
    """Writes one document. Raises `ConversionError` when it grows beyond the limits."""

    def __init__(self, root: Root, theme: Theme, assets: Assets) -> None:
        self._root = root
        self._theme = theme
        self._assets = assets
        self._cells = 0
        self._addresses = 0
        self._formulas = Formulas()
        self._cited: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}
        self._order: list[str] = []
        self._definitions: dict[str, FootnoteDefinition] = {}
        for node in blocks(root):
            if isinstance(node, FootnoteDefinition):
                self._definitions.setdefault(node.identifier, node)
        self._block: dict[type[Node], Callable[[Any], str]] = {
            Blockquote: self._quote,
            Callout: self._callout,
            Chart: self._chart,
            Code: _code,
            DefinitionDescription: lambda node: f"<dd>{self._tight(node.children)}</dd>\n",
            DefinitionList: lambda node: f"<dl>\n{self.blocks(node.children)}</dl>\n",
            DefinitionTerm: lambda node: f"<dt>{self.inlines(node.children)}</dt>\n",
            FootnoteDefinition: lambda _: "",
            Heading: self._heading,
            Html: _code,
            List: self._list,
            ListItem: self._item,
            Math: lambda node: f'<div class="math" tabindex="0">{self._formula(node, block=True)}</div>\n',
            Paragraph: lambda node: f"<p>{self.inlines(node.children)}</p>\n",
            Table: self._table,
            ThematicBreak: lambda _: "<hr>\n",
        }
        self._inline: dict[type[Node], Callable[[Any, bool], str]] = {
            Break: lambda *_: "<br>",
            Delete: lambda node, linked: f"<del>{self.inlines(node.children, linked)}</del>",
            Emphasis: lambda node, linked: f"<em>{self.inlines(node.children, linked)}</em>",
            Figure: self._figure,
            FootnoteReference: self._citation,
            Html: lambda node, _: escape(node.value, False),
            Image: self._image,
            InlineCode: lambda node, _: f"<code>{escape(node.value, False)}</code>",
            InlineMath: lambda node, _: self._formula(node),
            Link: self._link,
            Mark: self._mark,
            Strong: lambda node, linked: f"<strong>{self.inlines(node.children, linked)}</strong>",
            Text: lambda node, _: escape(node.value, False),
        }

    def parts(self) -> tuple[str, str]:
        """The text with its footnotes, and the appendix, as HTML that is to be sanitised."""
        nodes = self._root.children
        end = next((i for i, node in enumerate(nodes) if isinstance(node, Heading) and node.id == APPENDIX), len(nodes))
        text = self._sections(nodes[:end])
        appendix = self.blocks(nodes[end:])
        return text + self._footnotes(), appendix

    def blocks(self, nodes: Sequence[Node]) -> str:
        """The HTML of block nodes; inline ones among them become a paragraph."""
        write = self._block
        return "".join(
            [write[type(node)](node) if type(node) in write else f"<p>{self.inlines([node])}</p>\n" for node in nodes]
        )

    def inlines(self, nodes: Sequence[Node], linked: bool = False) -> str:
        """The HTML of inline nodes, `linked` if they stand within a link; of others the words."""
        write = self._inline
        return "".join(
            [write[type(node)](node, linked) if type(node) in write else escape(plain(node), False) for node in nodes]
        )

    def _sections(self, nodes: Sequence[Node]) -> str:
        if not self._theme.section:
            return self.blocks(nodes)
        starts = [i for i, node in enumerate(nodes) if isinstance(node, Heading) and node.depth == 2]
        lead, *chapters = [nodes[i:j] for i, j in zip([0, *starts], [*starts, len(nodes)], strict=True)]
        name = escape(self._theme.section)
        return self.blocks(lead) + "".join(
            f'<section class="{name}">\n{self.blocks(chapter)}</section>\n' for chapter in chapters
        )

    def _tight(self, nodes: Sequence[Node]) -> str:
        """Blocks of which a paragraph that stands alone or first is no paragraph of its own."""
        if nodes and isinstance(nodes[0], Paragraph) and not any(isinstance(node, Paragraph) for node in nodes[1:]):
            return self.inlines(nodes[0].children) + self.blocks(nodes[1:])
        return self.blocks(nodes)

    def _heading(self, node: Heading) -> str:
        html = self.inlines(node.children)
        level = min(max(int(node.depth), 1), 6)
        name = f' id="{escape(node.id)}"' if node.id else ""
        return f"<h{level}{name}>{html}</h{level}>\n" if html.strip() else ""

    def _quote(self, node: Blockquote) -> str:
        if self._theme.callouts and (callout := _own_callout(node, self._theme.callouts)):
            return self._callout(callout)
        return f"<blockquote>\n{self.blocks(node.children)}</blockquote>\n"

    def _callout(self, node: Callout) -> str:
        title = self.inlines(node.title).strip() or escape(node.kind.capitalize())
        return (
            f'<div class="callout {escape(node.kind)}" role="note"><p class="callout-title">{title}</p>\n'
            f"{self.blocks(node.children)}</div>\n"
        )

    def _list(self, node: List) -> str:
        name = "ol" if node.ordered else "ul"
        start = f' start="{int(node.start)}"' if node.ordered and node.start not in (None, 1) else ""
        return f"<{name}{start}>\n{self.blocks(node.children)}</{name}>\n"

    def _item(self, node: ListItem) -> str:
        html = self.blocks(node.children) if node.spread else self._tight(node.children)
        if node.checked is None:
            return f"<li>{html}</li>\n"
        state = "done" if node.checked else "open"
        return f'<li class="task"><span class="box {state}" role="img" aria-label="{state}"></span>{html}</li>\n'

    def _table(self, node: Table) -> str:
        rows = [row.children for row in node.children if isinstance(row, Parent)]
        self._cells += max(map(len, rows), default=0) * len(rows)
        if self._cells > CELLS:
            raise too_much(f"its tables have more than {CELLS:,} cells")
        return table_html(node, self.inlines)

    def _chart(self, node: Chart) -> str:
        source = f'<p class="aside">{self.inlines(node.source)}</p>\n' if node.source else ""
        svg = node.svg if is_drawing(node.svg) else ""
        table = f"<details><summary>Data of this chart</summary>\n{self._table(node.table)}</details>\n"
        return (
            f'<figure class="chart"><figcaption>{escape(node.title, False)}</figcaption>\n{svg}\n'
            f"{table if node.table.children else ''}{source}</figure>\n"
        )

    def _formula(self, node: Math | InlineMath, block: bool = False) -> str:
        return mathml(node.value, block, self._formulas.allow(node.value))

    def _figure(self, node: Figure, linked: bool) -> str:
        html = self.inlines(node.children, True)
        what = " ".join(filter(None, [node.ref, node.path, f"= {node.formula}" if node.formula else ""]))
        told = what if node.traced else ": ".join(filter(None, [node.status, node.reason]))
        name = "traced" if node.traced else "untraced"
        nested = any(isinstance(below, Figure) for below in node.children)
        words = "" if nested else plain(node)
        if not words.startswith("(") and is_negative(words):  # in a sentence brackets are brackets
            name += " negative"
        elif words.startswith("+"):
            name += " positive"
        title = f' title="{escape(told)}"' if told else ""
        if linked or not node.url.startswith("#"):
            return f'<span class="{name}"{title}>{html}</span>'
        return f'<a class="{name}" href="{escape(node.url)}"{_number(node.url)}{title}>{html}</a>'

    def _mark(self, node: Mark, linked: bool) -> str:
        html = self.inlines(node.children, linked)
        return f"<{node.name}>{html}</{node.name}>" if node.name in MARKS else html

    def _link(self, node: Link, linked: bool) -> str:
        text = self.inlines(node.children, True)
        self._count(node.url, node.title)
        if linked:
            return text
        if not is_link(node.url):
            return f"{text} ({escape(node.url, False)})" if node.url else text
        return f'<a href="{escape(node.url)}"{_number(node.url)}{_title(node.title)}>{text}</a>'

    def _image(self, node: Image, linked: bool) -> str:
        self._count("" if node.url.startswith("data:") else node.url, node.title)
        if url := self._assets.address(node.url):
            return f'<img src="{escape(url)}" alt="{escape(node.alt)}"{_title(node.title)}>'
        text = f"Image: {escape(node.alt or 'without a description', False)}"
        return f'<a href="{escape(node.url)}">{text}</a>' if is_link(node.url) and not linked else text

    def _count(self, url: str, title: str | None) -> None:
        # One definition can be referred to a million times, each time with the whole of its address.
        self._addresses += len(url) + len(title or "")
        if self._addresses > ADDRESSES:
            raise too_much(f"its links and images have more than {ADDRESSES:,} characters")

    def _citation(self, node: FootnoteReference, linked: bool) -> str:
        if node.identifier not in self._definitions:
            return escape(f"[^{node.identifier}]", False)
        index = self._index(node.identifier)
        if linked:
            return f"<sup>{index}</sup>"
        self._cited[node.identifier] += 1
        name = _nth(index, self._cited[node.identifier])
        return (
            f'<sup class="cite"><a id="fnref.{name}" href="#fn.{index}" aria-label="Footnote {index}">{index}</a></sup>'
        )

    def _index(self, identifier: str) -> int:
        """The number of a footnote: they are counted as they are first referred to."""
        if identifier not in self._numbers:
            self._order.append(identifier)
            self._numbers[identifier] = len(self._order)
        return self._numbers[identifier]

    def _footnotes(self) -> str:
        items: list[str] = []
        for identifier in self._definitions:
            while len(items) < len(self._order):  # a footnote may be the first to refer to another
                items.append(self._footnote(self._order[len(items)], len(items) + 1))
            self._index(identifier)
        while len(items) < len(self._order):
            items.append(self._footnote(self._order[len(items)], len(items) + 1))
        body = "".join(items)
        return f'<section class="footnotes" aria-label="Footnotes"><ol>\n{body}</ol></section>\n' if items else ""

    def _footnote(self, identifier: str, index: int) -> str:
        html = self.blocks(self._definitions[identifier].children).rstrip()
        back = "".join(
            f' <a class="back" href="#fnref.{_nth(index, nth)}" aria-label="Back to the text">↩</a>'
            for nth in range(1, min(self._cited[identifier], 5) + 1)
        )
        html = f"{html[:-4]}{back}</p>" if html.endswith("</p>") else f"{html}{back}"
        return f'<li id="fn.{index}">{html}</li>\n'


def _code(node: Code | Html) -> str:
    return f'<pre tabindex="0"><code>{escape(node.value.strip(chr(10)), False)}</code></pre>\n'


def _own_callout(quote: Blockquote, kinds: Sequence[str]) -> Callout | None:
    """The callout of a theme's own kind that a quotation is, if it begins with `[!KIND]`, perhaps with a title."""
    lead = quote.children[0] if quote.children else None
    first = lead.children[0] if isinstance(lead, Paragraph) and lead.children else None
    if not isinstance(lead, Paragraph) or not isinstance(first, Text) or not first.value.startswith("[!"):
        return None
    kind, _, rest = first.value[2:].partition("]")
    if kind.lower() not in kinds:
        return None
    title, _, more = rest.partition("\n")
    words = [*([Text(more)] if more else ()), *lead.children[1:]]
    body = [*([Paragraph(words)] if words else ()), *quote.children[1:]]
    return Callout(body, kind.lower(), [Text(title.strip())] if title.strip() else [])


def _number(url: str) -> str:
    """The attribute from which the style sheet writes the number of a record beside a figure."""
    number = url.removeprefix("#source-")
    return f' data-source="{number}"' if number != url and number.isdecimal() else ""


def _title(text: str | None) -> str:
    return f' title="{escape(text)}"' if text else ""


def _nth(index: int, nth: int) -> str:
    return str(index) if nth == 1 else f"{index}.{nth}"
