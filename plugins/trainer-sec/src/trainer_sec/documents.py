"""From the document of a filing to text: one paragraph, or one row of a table, a line."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

from lxml import etree

from trainer.errors import RetrievalError

INLINE = frozenset({
    "a", "abbr", "b", "bdo", "big", "cite", "code", "em", "font", "i", "img", "ins", "q", "s", "small", "span",
    "strike", "strong", "sub", "sup", "tt", "u",
})  # fmt: skip
# What a browser does not show, and the header in which inline XBRL keeps facts that no one is to see.
UNSEEN = frozenset({"head", "script", "style", "ix:header"})
CODE = frozenset({"script", "style", "title"})  # of a page's head: not for readers, nor hidden from them
WORDS = 4  # of a hidden XBRL element that make it more than a value
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE)
MARKUP = re.compile(rb"<(?:html|body|div|p|font)\b", re.IGNORECASE)
DOCUMENT = re.compile(rb"<DOCUMENT>.*?<TEXT>(.*?)(?:</TEXT>|\Z)", re.DOTALL)
# Pages, tables, their captions and columns in plain-text filings (EDGAR Filer Manual, volume II, 5.2.1).
MARKS = re.compile(r"^[ \t]*</?(?:PAGE|TABLE|CAPTION|S|C|FN|F\d+)>(?:[ \t]*<[SC]>)*[ \t]*\d*[ \t]*$", re.MULTILINE)
SIGN = re.compile(r"(?:[A-Z]{0,3}[$€£¥]\s?)?\(?")
CLOSING = re.compile(r"[)%]+")


class Page(NamedTuple):
    """What a reader sees of a document, and what it holds besides: comments, and elements that are not displayed."""

    text: str
    hidden: list[str]


def read(raw: bytes) -> Page:
    """A document: HTML, plain text, or the first document of a full submission.

    The cells of a row are set apart by ` | `; empty ones are left out, and a currency sign, parenthesis or percent
    sign in a cell of its own is put to its number. What is hidden stands there once, in the marks that hide it; of
    XBRL's own elements only what has words. Raises `RetrievalError` for HTML nested too deeply to be read.
    """
    if match := DOCUMENT.search(raw):
        raw = match[1]
    page = _Page(_decoded(raw)) if MARKUP.search(raw[:20_000]) else None
    text = page.text if page else MARKS.sub("", _decoded(raw))
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return Page(re.sub(r"\n{3,}", "\n\n", lines).strip("\n"), list(page.hidden) if page else [])


def to_text(raw: bytes) -> str:
    """The text of a document, as `read` has it."""
    return read(raw).text


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


class _Page:
    """HTML as lines. `rows` has the cells so far of the row that is being read, for each open table."""

    def __init__(self, html: str) -> None:
        self.hidden: dict[str, None] = {}
        self.lines: list[str] = []
        self.inline: list[str] = []
        self.rows: list[list[str]] = []
        parser = etree.HTMLParser(encoding="utf-8", remove_pis=True, huge_tree=True)
        root = etree.fromstring(html.encode("utf-8", "replace"), parser)
        if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
            raise RetrievalError("the document is nested too deeply to be read", "Read it in a browser.")
        if root is not None:
            self._walk(root)
        self._paragraph()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def _walk(self, root: etree._Element) -> None:
        unseen = None
        events = etree.iterwalk(root.getroottree(), events=("start", "end", "comment"))
        for event, node in events:
            if event == "comment":
                self._hide("<!--", node.text, "-->")
                self.inline.append(node.tail or "")
            elif event == "start" and self._is_unseen(node):
                unseen = node
                self._veiled(node)
                events.skip_subtree()
            elif event == "start":
                self._start(node.tag)
                self.inline.append(node.text or "")
            else:
                if node is not unseen:
                    self._end(node.tag)
                self.inline.append(node.tail or "")

    @staticmethod
    def _is_unseen(node: etree._Element) -> bool:
        return node.tag in UNSEEN or node.get("hidden") is not None or bool(HIDDEN.search(node.get("style", "")))

    def _veiled(self, node: etree._Element) -> None:
        """Keep the words of an element that is not displayed, and the comments in it."""
        for one in node.iter(etree.Comment):
            self._hide("<!--", one.text, "-->")
        texts = []
        for text in cast("list[Any]", node.xpath("descendant::text()")):
            tag = text.getparent().getparent().tag if text.is_tail else text.getparent().tag
            if tag not in CODE and (":" not in tag or len(text.split()) >= WORDS):
                texts.append(str(text))
        self._hide('<div style="display:none">', " ".join(texts), "</div>")

    def _hide(self, begin: str, text: str | None, end: str) -> None:
        if told := " ".join((text or "").split()):
            self.hidden[f"{begin}{told}{end}"] = None

    def _start(self, tag: str) -> None:
        if tag == "table":
            self._row()
            self._paragraph()
            self.rows.append([])
        elif tag == "tr":
            self._row()
        elif tag in ("td", "th"):
            self._cell()
        elif tag == "br" or self._is_block(tag):
            self._paragraph()

    def _end(self, tag: str) -> None:
        if tag == "table" and self.rows:
            self._row()
            self.rows.pop()
            self.lines.append("")
        elif tag == "tr":
            self._row()
        elif tag in ("td", "th"):
            self._cell()
        elif self._is_block(tag):
            self._paragraph()

    @staticmethod
    def _is_block(tag: str) -> bool:
        return tag not in INLINE and ":" not in tag

    def _paragraph(self) -> None:
        """The end of a line; inside a cell it is only noted, for the row may need it on one line."""
        if self.rows:
            self.inline.append("\n")
        elif text := " ".join("".join(self.inline).split()):
            self.lines += [text, ""]
        if not self.rows:
            self.inline.clear()

    def _cell(self) -> None:
        if self.rows:
            self.rows[-1].append("".join(self.inline))
            self.inline.clear()

    def _row(self) -> None:
        if not self.rows:
            return
        self._cell()
        cells = [cell for cell in self.rows[-1] if cell.strip()]
        self.rows[-1].clear()
        if len(cells) == 1:
            self.lines += [line for line in (" ".join(line.split()) for line in cells[0].split("\n")) if line]
        elif cells:
            self.lines.append(" | ".join(_joined([" ".join(cell.split()) for cell in cells])))


def _joined(cells: list[str]) -> list[str]:
    """Cells with what belongs to one number in one cell."""
    found: list[str] = []
    for cell in cells:
        if found and (CLOSING.fullmatch(cell) or SIGN.fullmatch(found[-1])):
            found[-1] += cell
        else:
            found.append(cell)
    return found
