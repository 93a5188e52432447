"""HTML as a document tree: a page of ours with its figures and footnotes, or anybody's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from trainer_document.policy import is_image, is_link
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
    TableCell,
    TableRow,
    Text,
    ThematicBreak,
    plain,
)
from trainer_markdown.limits import CELLS, ELEMENTS, SIZE, too_much
from trainer_markdown.source import writable

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

DEPTH = 90  # levels of nodes
SPAN = 100  # columns that a cell may span

SKIPPED = {"canvas", "head", "iframe", "noscript", "object", "script", "style", "svg", "template"}
PASSED = {
    "address", "article", "aside", "body", "center", "details", "div", "fieldset", "figcaption", "figure", "footer",
    "form", "header", "html", "main", "nav", "section", "summary",
}  # fmt: skip
WRAPPERS: dict[str, Callable[[], Parent]] = {
    "b": Strong,
    "strong": Strong,
    "em": Emphasis,
    "i": Emphasis,
    "del": Delete,
    "s": Delete,
    "strike": Delete,
    "u": lambda: Mark(name="ins"),
    **{name: lambda name=name: Mark(name=name) for name in ("sub", "sup", "kbd", "ins", "mark", "small")},  # type: ignore[misc]
}

# Of a tag only what is read here reaches the parser: its time grows with the square of the attributes of one.
KEPT = {
    "align", "alt", "alttext", "aria-label", "class", "colspan", "content", "display", "href", "id", "lang", "name",
    "src", "start", "title",
}  # fmt: skip

_RAW = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[!?][^>]*+>?", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"""<(/?[A-Za-z][\w:-]*+)((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>?|<""")
_OPENED = re.compile(r"<[A-Za-z]")
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?+""")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_TOLD = re.compile(r"(?:(?P<ref>\S+@\d+) ?)?(?P<path>.*?)(?: ?= (?P<formula>.*))?", re.DOTALL)


def read(content: str | bytes) -> Root:
    """The tree of an HTML page, or of a piece of one.

    What only a browser can do something with (scripts, styles, drawings, frames) is left out; of what has no node of
    its own the content is kept. Raises `ConversionError` if it is larger, or nests deeper, than can be worked on.
    """
    from lxml import etree

    if len(content) > SIZE:
        raise too_much(f"it has {len(content):,} bytes, and {SIZE:,} are allowed")
    text = writable(content if isinstance(content, str) else content.decode("utf-8", "replace"))
    if (elements := len(_OPENED.findall(text))) > ELEMENTS:
        raise too_much(f"it has {elements:,} elements, and {ELEMENTS:,} are allowed")
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    page = etree.fromstring(_TAG.sub(_tidy, _RAW.sub("", text)).encode() or b"<p>", parser)
    if any("depth" in entry.message for entry in parser.error_log):
        raise too_much("it nests too deeply")
    if page is None:
        return Root()
    root = Root(lang=page.get("lang") or "en")
    reader = _Reader()
    if page.find("head/meta[@name='generator'][@content='trainer']") is not None:
        reader.masthead(page, root)
    else:
        root.title = _line(page.findtext("head/title") or "")
    root.children = reader.blocks(page, 1)
    return root


def _tidy(tag: re.Match[str]) -> str:
    if not tag[1]:
        return "&lt;"
    kept: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(tag[2]):
        if name.lower() in KEPT:
            kept.setdefault(name.lower(), "".join(values))
    written = "".join(
        f' {name}="{value.replace("<", "&lt;").replace(chr(34), "&quot;")}"' for name, value in kept.items()
    )
    return f"<{tag[1]}{written}>"


class _Reader:
    def __init__(self) -> None:
        self._cells = 0
        self._ours: set[Element] = set()

    def masthead(self, page: Element, root: Root) -> None:
        """Take what a page of ours says around its text."""
        for header in page.iter("header"):
            root.title = _line("".join(_text(title) for title in header.findall("h1")))
            for line in header.findall("p"):
                if line.get("class") in {"kicker", "subtitle"}:
                    setattr(root, line.get("class", ""), _line(_text(line)))
            root.facts = _pairs(header)
            self._ours.add(header)
        for footer in page.iter("footer"):
            if footer.get("class") == "origin":
                root.origin = _pairs(footer)
                self._ours.add(footer)
        self._ours.update(nav for nav in page.iter("nav") if nav.get("class") == "contents")
        self._ours.update(link for link in page.iter("a") if link.get("class") == "skip")

    def blocks(self, element: Element, depth: int) -> list[Node]:
        """The blocks in an element; words between them are paragraphs."""
        if depth > DEPTH:
            raise too_much(f"it nests more than {DEPTH} levels deep")
        found: list[Node] = []
        line: list[Node] = [Text(element.text or "")]
        for below in element:
            if not isinstance(below.tag, str) or below.tag in SKIPPED or below in self._ours:
                pass
            elif below.tag in PASSED or below.tag in _BLOCKS or _is_block_formula(below):
                found += [*_paragraph(line), *self._block(below, depth)]
                line = []
            else:
                line += self._inline(below, depth)
            line.append(Text(below.tail or ""))
        return found + _paragraph(line)

    def _block(self, element: Element, depth: int) -> list[Node]:
        classes = (element.get("class") or "").split()
        if "callout" in classes:
            return [self._callout(element, classes, depth)]
        if "footnotes" in classes:
            return self._footnotes(element, depth)
        if element.tag == "math":
            return [Math(element.get("alttext") or _line(_text(element)))]
        if read := _BLOCKS.get(str(element.tag)):
            return read(self, element, depth)
        found = self.blocks(element, depth)
        if len(found) == 1 and isinstance(found[0], Table):
            found[0].label = element.get("aria-label") or found[0].label
        return found

    def _heading(self, element: Element, depth: int) -> list[Node]:
        return [Heading(self._words(element, depth), int(str(element.tag)[1]), element.get("id") or "")]

    def _lines(self, element: Element, depth: int) -> list[Node]:
        return _paragraph(self._inlines(element, depth + 1))

    def _callout(self, element: Element, classes: Sequence[str], depth: int) -> Node:
        callout = Callout(kind=next((name for name in classes if name != "callout"), "note"))
        head = next((below for below in element if below.get("class") == "callout-title"), None)
        if head is not None:
            words = self._words(head, depth)
            callout.title = words if plain(words) != callout.kind.capitalize() else []
            self._ours.add(head)
        callout.children = self.blocks(element, depth + 1)
        return callout

    def _footnotes(self, element: Element, depth: int) -> list[Node]:
        notes: list[Node] = []
        for item in element.iter("li"):
            name = item.get("id") or ""
            if name.startswith("fn."):
                self._ours.update(link for link in item.iter("a") if link.get("class") == "back")
                notes.append(FootnoteDefinition(self.blocks(item, depth + 1), name.removeprefix("fn.")))
        return notes

    def _list(self, element: Element, depth: int) -> list[Node]:
        items: list[Node] = []
        for below in _inside(element, "li"):
            box = next((mark for mark in below.iter("span") if (mark.get("class") or "").startswith("box ")), None)
            item = ListItem(spread=below.find("p") is not None)
            if box is not None and below.get("class") == "task":
                item.checked = box.get("aria-label") == "done"
            item.children = self.blocks(below, depth + 2)
            items.append(item)
        start = element.get("start") or ""
        spread = any(isinstance(item, ListItem) and item.spread for item in items)
        ordered = element.tag == "ol"
        number = (int(start) if start.isdecimal() and len(start) < 10 else 1) if ordered else None
        return [List(items, ordered, number, spread)] if items else self.blocks(element, depth)

    def _definitions(self, element: Element, depth: int) -> list[Node]:
        found: list[Node] = []
        for below in _inside(element, "dt", "dd"):
            if below.tag == "dt":
                found.append(DefinitionTerm(self._words(below, depth + 1)))
            else:
                found.append(DefinitionDescription(self.blocks(below, depth + 2)))
        return [DefinitionList(found)] if found else self.blocks(element, depth)

    def _table(self, element: Element, depth: int) -> list[Node]:
        table = Table(kind="kpi" if element.get("class") == "kpi" else "", id=element.get("id") or "")
        caption = element.find("caption")
        table.caption = self._words(caption, depth) if caption is not None else []
        for line in _inside(element, "tr"):
            row = TableRow(id=line.get("id") or "")
            for below in _inside(line, "th", "td"):
                text = below.get("colspan") or ""
                width = min(int(text), SPAN) if text.isdecimal() and len(text) < 6 else 1
                self._cells += max(width, 1)
                if self._cells > CELLS:
                    raise too_much(f"its tables have more than {CELLS:,} cells")
                row.children += [TableCell(self._words(below, depth + 2)), *(TableCell() for _ in range(width - 1))]
                if not table.children:
                    table.align += [_align(below)] * max(width, 1)  # type: ignore[list-item]  # one of its words
                elif "figure" in (below.get("class") or "").split():
                    table.numeric += [False] * (len(row.children) - len(table.numeric))
                    table.numeric[len(row.children) - 1] = True
            table.children.append(row)
        if not table.children:
            return self.blocks(element, depth)
        table.numeric += [False] * (len(table.align) - len(table.numeric))
        return [table]

    def _code(self, element: Element, _: int) -> list[Node]:
        return [Code(_text(element).strip("\n"))]

    def _words(self, element: Element, depth: int) -> list[Node]:
        return _trimmed(self._inlines(element, depth + 1))

    def _inlines(self, element: Element, depth: int) -> list[Node]:
        if depth > DEPTH:
            raise too_much(f"it nests more than {DEPTH} levels deep")
        found: list[Node] = [Text(element.text or "")]
        for below in element:
            if isinstance(below.tag, str) and below.tag not in SKIPPED and below not in self._ours:
                found += self._inline(below, depth)
            found.append(Text(below.tail or ""))
        return found

    def _inline(self, element: Element, depth: int) -> list[Node]:
        tag, classes = str(element.tag), (element.get("class") or "").split()
        if tag == "br":
            return [Break()]
        if tag in {"code", "samp", "tt"}:
            words = _text(element)
            return [InlineMath(words) if "math" in classes else InlineCode(words)]
        if tag == "math":
            return [InlineMath(element.get("alttext") or _line(_text(element)))]
        if tag == "img":
            return [_image(element)]
        if "cite" in classes and (link := element.find("a")) is not None:
            return [FootnoteReference((link.get("href") or "").removeprefix("#fn."))]
        children = self._inlines(element, depth + 1)
        if {"traced", "untraced"} & set(classes):
            return _spaced(children, lambda words: _figure(element, words, "traced" in classes))
        if tag == "a":
            url = element.get("href") or ""
            return _spaced(children, lambda words: Link(words, url, element.get("title"))) if is_link(url) else children
        if tag in WRAPPERS:
            wrapper = WRAPPERS[tag]()
            wrapper.children = _trimmed(children, ends=False)
            return [wrapper]
        return [Text(" "), *children, Text(" ")] if tag in PASSED or tag in _BLOCKS else children


_BLOCKS: dict[str, Callable[[_Reader, Element, int], list[Node]]] = {
    **{f"h{level}": _Reader._heading for level in range(1, 7)},
    "blockquote": lambda reader, element, depth: [Blockquote(reader.blocks(element, depth + 1))],
    "dl": _Reader._definitions,
    "hr": lambda *_: [ThematicBreak()],
    "ol": _Reader._list,
    "p": _Reader._lines,
    "pre": _Reader._code,
    "table": _Reader._table,
    "ul": _Reader._list,
}


def _inside(element: Element, *tags: str) -> Iterator[Element]:
    """The elements of these names in one, through others but not through one another or a table."""
    for below in element:
        if below.tag in tags:
            yield below
        elif isinstance(below.tag, str) and below.tag in {"div", "tbody", "thead", "tfoot", "form"}:
            yield from _inside(below, *tags)


def _is_block_formula(element: Element) -> bool:
    return element.tag == "math" and element.get("display") == "block"


def _figure(element: Element, children: list[Node], traced: bool) -> Node:
    told, url = element.get("title") or "", element.get("href") or ""
    if traced:
        match = _TOLD.fullmatch(told)
        found = match.groupdict("") if match else {"ref": "", "path": "", "formula": ""}
        status = "derived" if found["formula"] else "found"
        return Figure(children, status, found["ref"] or None, found["path"], found["formula"], "", url)
    status, _, reason = told.partition(": ")
    return Figure(children, status or "not found", reason=reason, url=url)


def _image(element: Element) -> Node:
    url, alt = element.get("src") or "", _line(element.get("alt") or "")
    if is_image(url):
        return Image(url, alt, element.get("title"))
    words: list[Node] = [Text(f"Image: {alt or 'without a description'}")]
    return Link(words, url) if is_link(url) else words[0]


def _align(element: Element) -> str | None:
    told = [*(element.get("class") or "").split(), (element.get("align") or "").lower()]
    return next((word for word in told if word in {"left", "right", "center"}), None)


def _pairs(element: Element) -> list[tuple[str, str]]:
    words = [_line(_text(below)) for below in element.iter("dt", "dd")]
    return list(zip(words[::2], words[1::2], strict=False))


def _paragraph(nodes: list[Node]) -> list[Node]:
    words = _trimmed(nodes)
    return [Paragraph(words)] if words else []


def _trimmed(nodes: list[Node], ends: bool = True) -> list[Node]:
    """Inline nodes with neighbouring words in one, space as one sign, and none at the ends of a line."""
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, Text):
            value = _SPACE.sub(" ", node.value)
            before = found[-1] if found else None
            if isinstance(before, Text):
                before.value = _SPACE.sub(" ", before.value + value)
            elif isinstance(before, Break):
                found += [Text(value.lstrip(" "))] if value.strip(" ") else []
            elif value:
                found.append(Text(value))
        else:
            found.append(node)
    if ends and found and isinstance(found[0], Text):
        found[0].value = found[0].value.lstrip(" ")
    if ends and found and isinstance(found[-1], Text):
        found[-1].value = found[-1].value.rstrip(" ")
    return [node for node in found if not isinstance(node, Text) or node.value]


def _spaced(nodes: list[Node], make: Callable[[list[Node]], Node]) -> list[Node]:
    """What is made of inline nodes without the space at their ends, which stands around it instead."""
    words = _trimmed(nodes, ends=False)
    first, last = (words[0], words[-1]) if words else (None, None)
    before = isinstance(first, Text) and first.value.startswith(" ")
    after = isinstance(last, Text) and last.value.endswith(" ")
    return [Text(" " * before), make(_trimmed(words)), Text(" " * after)]


def _text(element: Element) -> str:
    return "".join(map(str, element.itertext()))


def _line(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" ")
