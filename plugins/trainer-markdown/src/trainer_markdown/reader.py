"""Markdown as a document tree: CommonMark with GitHub's extensions, footnotes, definitions, callouts and formulas."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from html.entities import html5
from typing import Any, cast

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
from trainer_markdown.blocks import Blocks
from trainer_markdown.inlines import Inlines
from trainer_markdown.limits import DEPTH, Budget, readable, too_much
from trainer_markdown.marking import figures_in, mark, unmarked, unmarked_address

Token = dict[str, Any]

NESTED_HTML = 8
TAG = re.compile(r"<(/?)(br|b|strong|i|em|s|del|u|ins|sub|sup|kbd|mark|small)\s*/?>", re.IGNORECASE)
WRAPPERS: dict[str, Callable[[], Parent]] = {
    "b": Strong,
    "strong": Strong,
    "i": Emphasis,
    "em": Emphasis,
    "s": Delete,
    "del": Delete,
    "u": lambda: Mark(name="ins"),
    "ins": lambda: Mark(name="ins"),
    "sub": lambda: Mark(name="sub"),
    "sup": lambda: Mark(name="sup"),
    "kbd": lambda: Mark(name="kbd"),
    "mark": lambda: Mark(name="mark"),
    "small": lambda: Mark(name="small"),
}

_MARKUP = re.compile(r"[\\`*_\[<&~]|  \n|\$`|://|www\.|@\w")
_LINE_END = re.compile(r" ?\n[ \t\f\v]*")
_CALLOUT = re.compile(r"\[!(note|tip|important|warning|caution)\][ \t]*(.*)", re.IGNORECASE)
_TASK = re.compile(r"\[([ xX])\]\s+(?=\S)")
_UNUSABLE = re.compile("[\ud800-\udfff\ufdd0-\ufdef]")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z0-9]{1,32});")


def parse(text: str, figures: Sequence[Mapping[str, Any]] = (), *, extensions: bool = True) -> tuple[Root, list[str]]:
    """The tree of `text`, and notes on what was left as it is written: too many marks, the end of too long a text.

    `figures` are entries of `metadata["figures"]`, with offsets into `text`; they become `Figure` nodes.
    Without `extensions` it is CommonMark alone, and all HTML stays `Html`.
    Raises `ConversionError` if the text nests too deeply, or in ways that take too long.
    """
    budget = Budget()
    text, rest, notes = _split(text)
    text, marked = mark(text, figures)
    inlines = Inlines(budget, extensions)
    try:
        tokens, env = Blocks(budget, extensions).tokens(text)
        root = Root(children=_Builder(inlines, env, extensions, marked).blocks(tokens, 1) + rest)
    except RecursionError as error:
        raise too_much("it nests too deeply") from error
    return root, [*notes, *inlines.notes]


def _split(text: str) -> tuple[str, list[Node], list[str]]:
    """What can be worked on of a text, the rest as it is written, and a note that says so."""
    end = readable(text)
    rest = unmarked(text[end:]).strip("\n")
    if not rest:
        return text[:end], [], []
    line = text.count("\n", 0, end) + 1
    note = f"The text is too long to be laid out whole. From line {line:,} on it is shown as it is written."
    return text[:end], [Code(rest)], [note]


class _Builder:
    def __init__(self, inlines: Inlines, env: dict[str, Any], extensions: bool, marked: list[Figure]) -> None:
        self._marked = marked
        self._inlines = inlines
        self._env = env
        self._extensions = extensions

    def blocks(self, tokens: Sequence[Token], depth: int) -> list[Node]:
        if depth > DEPTH:
            raise too_much(f"it nests more than {DEPTH} levels deep")
        return [self._block(token, depth + 1) for token in tokens if token["type"] != "blank_line"]

    def _block(self, token: Token, depth: int) -> Node:
        match token["type"]:
            case "paragraph" | "block_text":
                return Paragraph(self._words(token["text"], depth))
            case "table":
                return self._table(token, depth)
            case "heading":
                return Heading(self._words(token["text"], depth), token["attrs"]["level"])
            case "list":
                return self._list(token, depth)
            case "block_code":
                return _code(token)
            case "block_quote":
                return self._quote(token["children"], depth)
            case "thematic_break":
                return ThematicBreak()
            case "block_html":
                return Html(unmarked(token["raw"]).strip("\n"))
            case "formula":
                return Math(unmarked(token["raw"]).strip("\n"))
            case "footnote":
                return FootnoteDefinition(self.blocks(token["children"], depth), token["identifier"])
            case "definitions":
                return DefinitionList(self.blocks(token["children"], depth))
            case "term":
                return DefinitionTerm(self._words(token["text"], depth))
            case "description":
                return DefinitionDescription(self.blocks(token["children"], depth))
            case kind:
                raise AssertionError(f"the parser made a token that is not known here: {kind}")

    def _table(self, token: Token, depth: int) -> Table:
        rows: list[Node] = [
            TableRow([TableCell(self._words(cell, depth + 2)) for cell in row]) for row in token["rows"]
        ]
        return Table(rows, token["align"])

    def _list(self, token: Token, depth: int) -> List:
        attrs, spread = token["attrs"], not token["tight"]
        start = attrs.get("start", 1) if attrs["ordered"] else None
        items = [self._item(item["children"], spread, depth + 1) for item in token["children"]]
        return List(cast(list[Node], items), attrs["ordered"], start, spread)

    def _item(self, tokens: list[Token], spread: bool, depth: int) -> ListItem:
        checked = None
        lead = next((token for token in tokens if token["type"] != "blank_line"), None)
        words = lead["text"] if self._extensions and lead and lead["type"] in {"paragraph", "block_text"} else ""
        if lead and (task := _TASK.match(words)):
            checked = task[1] != " "
            lead["text"] = words[task.end() :]
        return ListItem(self.blocks(tokens, depth), checked, spread)

    def _quote(self, tokens: list[Token], depth: int) -> Node:
        tokens = [token for token in tokens if token["type"] != "blank_line"]
        lead, _, rest = (
            tokens[0]["text"].partition("\n") if tokens and tokens[0]["type"] == "paragraph" else ("", "", "")
        )
        kind = _CALLOUT.fullmatch(lead.strip()) if self._extensions else None
        if not kind:
            return Blockquote(self.blocks(tokens, depth))
        body = [{"type": "paragraph", "text": rest}, *tokens[1:]] if rest.strip() else tokens[1:]
        return Callout(self.blocks(body, depth), kind[1].lower(), self._words(kind[2], depth))

    def _words(self, text: str, depth: int) -> list[Node]:
        text = text.strip(" \r\n\t\f")
        if not _MARKUP.search(text):
            words: list[Node] = [Text(_LINE_END.sub("\n", text) if "\n" in text else text)] if text else []
            return self._merged(words) if self._marked else words
        return self._nodes(self._inlines(text, self._env), depth)

    def _nodes(self, tokens: Sequence[Token], depth: int) -> list[Node]:
        if depth > DEPTH:
            raise too_much(f"it nests more than {DEPTH} levels deep")
        nodes: list[Node] = []
        opened: list[tuple[str, int]] = []
        for token in tokens:
            match token["type"]:
                case "text":
                    nodes.append(Text(unescape(token["raw"])))
                case "softbreak":
                    nodes.append(Text("\n"))
                case "inline_html":
                    self._tag(token["raw"], nodes, opened)
                case _:
                    nodes.append(self._inline(token, depth + 1 + len(opened)))
        return self._merged(nodes)

    def _inline(self, token: Token, depth: int) -> Node:
        match token["type"]:
            case "strong":
                return Strong(self._nodes(token["children"], depth))
            case "emphasis":
                return Emphasis(self._nodes(token["children"], depth))
            case "link":
                attrs = token["attrs"]
                return Link(self._nodes(token["children"], depth), unmarked_address(attrs["url"]), _title(attrs))
            case "codespan":
                return InlineCode(unmarked(token["raw"]))
            case "linebreak":
                return Break()
            case "strikethrough":
                return Delete(self._nodes(token["children"], depth))
            case "image":
                attrs = token["attrs"]
                return Image(
                    unmarked_address(attrs["url"]), plain(self._nodes(token["children"], depth)), _title(attrs)
                )
            case "footnote_ref":
                return FootnoteReference(token["raw"])
            case "formula":
                return InlineMath(unmarked(token["raw"]))
            case kind:
                raise AssertionError(f"the parser made a token that is not known here: {kind}")

    def _tag(self, raw: str, nodes: list[Node], opened: list[tuple[str, int]]) -> None:
        """A harmless tag that is closed within the words it was opened in is a node; others are text."""
        tag = TAG.fullmatch(raw) if self._extensions else None
        name = tag[2].lower() if tag else ""
        if name == "br":
            nodes.append(Break())
            return
        if tag and tag[1] and name in (names := [opener for opener, _ in opened]):
            last = len(names) - 1 - names[::-1].index(name)
            start = opened[last][1]
            del opened[last:]
            wrapper = WRAPPERS[name]()
            wrapper.children = self._merged(nodes[start + 1 :])
            nodes[start:] = [wrapper]
            return
        if tag and not tag[1] and len(opened) < NESTED_HTML:
            opened.append((name, len(nodes)))
        nodes.append(Html(unmarked(raw)))

    def _merged(self, nodes: list[Node]) -> list[Node]:
        """Words that touch as one, and the figures in them as nodes."""
        result: list[Node] = []
        words: list[str] = []
        for node in [*nodes, None]:
            if isinstance(node, Text):
                words.append(node.value)
                continue
            if text := "".join(words):
                result.append(Text(text))
            words.clear()
            if node:
                result.append(node)
        if not self._marked:
            return result
        return [
            part
            for node in result
            for part in (figures_in(node.value, self._marked) if isinstance(node, Text) else [node])
        ]


def unescape(text: str) -> str:
    """`text` with its character references as characters; what names none is left."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[0][1:]
    if name[0] != "#":
        return html5.get(name, match[0])
    number = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    return chr(number) if number and number <= sys.maxunicode and not _UNUSABLE.match(chr(number)) else "\ufffd"


def _title(attrs: Mapping[str, Any]) -> str | None:
    title = attrs.get("title")
    return unmarked(unescape(title)) if title else None


def _code(token: Token) -> Code | Math:
    info = unmarked(unescape(token.get("attrs", {}).get("info", "")))
    lang, _, meta = info.partition(" ")
    value = unmarked(token["raw"]).removesuffix("\n")
    return Math(value) if lang == "math" else Code(value, lang or None, meta.strip() or None)
