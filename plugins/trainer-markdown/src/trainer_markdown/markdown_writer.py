"""A document tree as Markdown that reads back as the same tree."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby, zip_longest
from urllib.parse import quote

from attrs import evolve, frozen

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
)

MARKS = {Emphasis: ("*", "_", "em"), Strong: ("**", "__", "strong"), Delete: ("~~", "~~", "del")}
BOXES = {None: "", True: "[x] ", False: "[ ] "}
RULES = {None: "---", "left": ":--", "right": "--:", "center": ":-:"}
SAFE = ":/?#@!$&()*+,;=%"  # what stays as it is in an address, beside letters, digits and `_.-~`

_SPECIAL = re.compile(
    r"[\\`*\[~]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|<(?=[A-Za-z/!?]|\Z)"
    r"|(?<=http)://|(?<=https)://|(?<=ftp)://|(?<=www)\.|(?<=[\w.+-])@(?=\w)"
)
_REFERENCE = re.compile(r"&(?=#\d{1,7};|#[xX][0-9a-fA-F]+;|[^\t\n\f <&#;]{1,32};)")
_LINE_START = re.compile(
    r"#{1,6}(?=\s|\Z)|>|[-+](?=\s|\Z)|[=-]+[ \t]*\Z|-[- \t]*\Z|:(?=\s)|\$(?=\$\s*\Z)|[|:-](?=[|: \t-]*\Z)"
)
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|\Z)")
_CONTROL = re.compile(r"[\r\v\f\x1c-\x1f\x85\u2028\u2029]")
_SPACE = re.compile(r"\A\s+|\s+\Z")
_AUTOLINK = re.compile(r"[A-Za-z][A-Za-z0-9.+-]{1,31}:[^<>\x00-\x20\\&]*")
_ENDED_HTML = re.compile(r"\s*<(?:!|\?|(?:script|pre|style|textarea)\b)", re.IGNORECASE)


@frozen
class _Place:
    """Where words stand: in one line, within a link, and within which marks of emphasis."""

    line: bool = False
    linked: bool = False
    marks: str = ""


def write(root: Root) -> str:
    """The tree as Markdown. What stands above and below a report becomes a heading and paragraphs; drawings, data."""
    head: list[Node] = [Heading([Text(root.title)], 1)] if root.title else []
    head += [Paragraph([Emphasis([Text(words)])]) for words in (root.kicker, root.subtitle) if words]
    text = _blocks([*head, *_facts(root.facts), *root.children, *_facts(root.origin)])
    return f"{text}\n" if text else ""


def _facts(facts: Sequence[tuple[str, str]]) -> list[Node]:
    lines = [[Strong([Text(f"{name}:")]), Text(f" {value}"), Break()] for name, value in facts]
    return [Paragraph([node for line in lines for node in line][:-1])] if lines else []


def _blocks(nodes: Sequence[Node], spread: bool = True) -> str:
    parts: list[str] = []
    previous: Node | None = None
    other = False
    for node in nodes:
        other = isinstance(node, List) and isinstance(previous, List) and node.ordered == previous.ordered and not other
        text = _list(node, other) if isinstance(node, List) else _block(node)
        if not text:
            continue
        if previous is not None:
            parts.append("\n\n" if spread or not _may_touch(previous, node) else "\n")
        parts.append(text)
        previous = node
    return "".join(parts)


def _block(node: Node) -> str:
    match node:
        case Paragraph():
            return _words(node.children, _Place())
        case Heading():
            text = _words(node.children, _Place(line=True))
            if text.endswith("#") and (bare := text.rstrip("#"))[-1:] in {"", " ", "\t"}:
                text = f"{bare}{text[len(bare) : -1]}\\#"
            return f"{'#' * node.depth} {text}".rstrip()
        case Table():
            return _table(node)
        case Code(value):
            return _fence(value, " ".join(filter(None, [node.lang, node.meta])))
        case Blockquote():
            return _indent(_blocks(node.children), "> ", "> ")
        case Callout():
            title = _words(node.title, _Place(line=True))
            gap = "\n" if node.children and isinstance(node.children[0], Paragraph) else "\n\n"
            lead = f"[!{node.kind.upper()}] {title}".rstrip()
            return _indent(f"{lead}{gap}{_blocks(node.children)}".rstrip(), "> ", "> ")
        case ThematicBreak():
            return "___"
        case Html(value):
            return value
        case Math(value):
            return _fence(value, "math") if re.search(r"^ {0,3}\$\$", value, re.MULTILINE) else f"$$\n{value}\n$$"
        case FootnoteDefinition():
            return _indent(_blocks(node.children), f"[^{node.identifier}]: ", "    ")
        case DefinitionList():
            return _definitions(node.children)
        case Chart():
            return _fence(json.dumps(node.spec, indent=2, ensure_ascii=False), "chart")
        case Parent():
            return _blocks(node.children)
    return _words([node], _Place())


def _may_touch(upper: Node, lower: Node) -> bool:
    """Whether a block may follow another without an empty line, and both are read as they are."""
    if isinstance(lower, Paragraph | DefinitionList | FootnoteDefinition | Table | Html):
        return not _is_open(upper) or (isinstance(lower, Table) and isinstance(upper, Paragraph))
    if isinstance(lower, List) and isinstance(upper, Paragraph):
        first = lower.children[0] if lower.children else None
        return isinstance(first, Parent) and bool(first.children) and lower.start in {None, 1}
    return not isinstance(upper, Html) or not _is_open(upper)


def _is_open(node: Node) -> bool:
    """Whether a line of words after a block would be taken for a part of it."""
    match node:
        case Blockquote() | Callout() | List() | ListItem():
            return bool(node.children) and _is_open(node.children[-1])
        case Html(value):
            return not _ENDED_HTML.match(value)
    return not isinstance(node, Code | Heading | ThematicBreak | Math | Chart)


def _list(node: List, other: bool) -> str:
    spread = node.spread or any(isinstance(item, ListItem) and item.spread for item in node.children)
    items = []
    for number, item in enumerate(node.children, node.start if node.start is not None else 1):
        bullet = f"{min(number, 999_999_999)}{')' if other else '.'}" if node.ordered else "*" if other else "-"
        box = BOXES[item.checked] if isinstance(item, ListItem) else ""
        content = _blocks(item.children if isinstance(item, Parent) else [item], spread)
        items.append(_indent(f"{box}{content}", f"{bullet} ", " " * (len(bullet) + 1)))
    return ("\n\n" if spread else "\n").join(items)


def _definitions(nodes: Sequence[Node]) -> str:
    parts: list[str] = []
    for node, previous in zip(nodes, [None, *nodes], strict=False):
        if isinstance(node, DefinitionDescription):
            parts.append(_indent(_blocks(node.children), ":   ", "    "))
        elif isinstance(node, DefinitionTerm):
            gap = "\n" if isinstance(previous, DefinitionDescription) else ""
            parts.append(gap + _words(node.children, _Place(line=True), starts=True))
    return "\n".join(parts)


def _table(node: Table) -> str:
    rows = [
        [_cell(cell.children) for cell in row.children if isinstance(cell, Parent)]
        for row in node.children
        if isinstance(row, Parent)
    ]
    head = rows[0] if rows and rows[0] else [""]
    rule = [RULES[align] for _, align in zip_longest(head, node.align[: len(head)])]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows[1:])]
    caption = f"Table: {_words(node.caption, _Place(line=True))}\n\n" if node.caption else ""
    return caption + "\n".join(lines)


def _cell(nodes: Sequence[Node]) -> str:
    return _words(nodes, _Place(line=True), starts=False).replace("|", "\\|")


def _fence(value: str, info: str) -> str:
    mark = "~" if "`" in info else "`"
    longest = max((len(run) for run in re.findall(f"{mark}+", value)), default=0)
    fence = mark * max(3, longest + 1)
    info = _REFERENCE.sub("&amp;", info.replace("\\", "\\\\").replace("\n", " "))
    return f"{fence}{info}\n{value}\n{fence}" if value else f"{fence}{info}\n{fence}"


def _indent(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    rest = (f"{others}{line}" if line else others.rstrip() for line in lines[1:])
    return "\n".join([f"{first}{lines[0]}".rstrip() if not lines[0] else f"{first}{lines[0]}", *rest])


def _words(nodes: Sequence[Node], place: _Place, starts: bool | None = None) -> str:
    """Words that make a block. `starts`: whether their first line could be taken for the beginning of another."""
    starts = not place.line if starts is None else starts
    return _inlines(_flat(nodes), place, "\n" if starts else "", "")


def _flat(nodes: Sequence[Node]) -> list[Node]:
    """Inline nodes without the marks of figures; words that touch are one, and so is code."""
    parts = (part for node in nodes for part in (_flat(node.children) if isinstance(node, Figure) else [node]))
    result: list[Node] = []
    for kind, run in groupby(parts, type):
        held = list(run)
        if kind in {Text, InlineCode} and len(held) > 1:
            result.append(kind("".join([part.value for part in held])))  # type: ignore[attr-defined]  # both have
        else:
            result += held
    return result


def _inlines(nodes: Sequence[Node], place: _Place, before: str, after: str) -> str:
    """Inline nodes between the signs `before` and `after`: "" is the edge of a block, a line feed that of a line."""
    text = ""
    for node, following in zip_longest(nodes, nodes[1:]):
        text += _inline(node, place, text[-1:] or before, _first(following, place) if following else after, following)
    return text


def _first(node: Node, place: _Place) -> str:
    match node:
        case Text(value):
            return value[:1] or "."
        case Break():
            return "<" if place.line else "\n"
        case Html():
            return "<"
    return "."


def _last(node: Node) -> str:
    return node.value[-1:] or "." if isinstance(node, Text) else "."


def _inline(node: Node, place: _Place, before: str, after: str, following: Node | None) -> str:
    match node:
        case Text(value):
            text = _text(value, place, before, after)
            opens = isinstance(following, Link | FootnoteReference | Image) and text.endswith("!")
            formula = isinstance(following, InlineCode) and text.endswith("$")
            return f"{text[:-1]}\\{text[-1]}" if opens or formula else text
        case Emphasis() | Strong() | Delete():
            return _emphasis(node, place, before, after)
        case InlineCode(value):
            return _code(value)
        case InlineMath(value):
            return f"$`{value}`$"
        case Break():
            return "<br>" if place.line or isinstance(following, Html | None) or after == "\n" else "\\\n"
        case Html(value):
            return value.replace("\n", " ") if place.line else value
        case Link():
            return _link(node, place, before, after)
        case Image():
            alt = _text(node.alt, evolve(place, linked=True), "[", "]")
            return f"![{alt}]({_target(node.url, node.title)})"
        case FootnoteReference():
            return f"[^{node.identifier}]"
        case Mark():
            return _tagged(node.children, node.name, place)
        case Parent():
            return _inlines(_flat(node.children), place, before, after)
    return ""


def _emphasis(node: Emphasis | Strong | Delete, place: _Place, before: str, after: str) -> str:
    star, line, tag = MARKS[type(node)]
    nodes = _flat(node.children)
    if not nodes:
        return ""
    edges = _first(nodes[0], place), _last(nodes[-1])
    for mark in (line, star) if "*" in place.marks + before else (star, line):
        if mark[0] not in place.marks + before + after and _flanks(mark, before, *edges, after):
            inner = _inlines(nodes, evolve(place, marks=place.marks + mark[0]), mark[0], mark[0])
            # Deleted words end at the first two tildes, wherever those stand.
            return f"<{tag}>{inner}</{tag}>" if mark == "~~" and mark in inner else f"{mark}{inner}{mark}"
    return _tagged(nodes, tag, place)


def _flanks(mark: str, before: str, first: str, last: str, after: str) -> bool:
    """Whether marks open and close here, as CommonMark says (https://spec.commonmark.org/0.31.2/#delimiter-run)."""
    if first.isspace() or last.isspace() or (mark[0] == "_" and (before.isalnum() or after.isalnum())):
        return False
    return mark[0] == "~" or ((first.isalnum() or not before.isalnum()) and (last.isalnum() or not after.isalnum()))


def _tagged(nodes: Sequence[Node], tag: str, place: _Place) -> str:
    return f"<{tag}>{_inlines(_flat(nodes), place, '>', '<')}</{tag}>"


def _code(value: str) -> str:
    value = value.replace("\n", " ")
    runs = {len(run) for run in re.findall("`+", value)}
    fence = "`" * next(size for size in range(1, len(runs) + 2) if size not in runs)
    edge = value[:1] == "`" or value[-1:] == "`" or (value[:1] == value[-1:] == " " and value.strip(" "))
    return f"{fence} {value} {fence}" if edge else f"{fence}{value}{fence}"


def _link(node: Link, place: _Place, before: str, after: str) -> str:
    nodes = _flat(node.children)
    if place.linked:
        return _inlines(nodes, place, before, after)
    if not node.title and len(nodes) == 1 and isinstance(words := nodes[0], Text):
        if _AUTOLINK.fullmatch(words.value) and words.value == node.url:
            return f"<{node.url}>"
        if node.url == f"mailto:{words.value}" and re.fullmatch(
            r"[A-Za-z0-9.+_-]+@[A-Za-z0-9]+(\.[A-Za-z0-9]+)+", words.value
        ):
            return f"<{words.value}>"
    text = _inlines(nodes, evolve(place, linked=True), "[", "]")
    return f"[{text}]({_target(node.url, node.title)})"


def _target(url: str, title: str | None) -> str:
    url = _REFERENCE.sub("&amp;", quote(url, safe=SAFE))
    if "(" in url or ")" in url or not url:
        url = f"<{url}>"
    if not title:
        return url
    title = _REFERENCE.sub("&amp;", re.sub(r'(["\\])', r"\\\1", title)).replace("\n", "&#10;")
    return f'{url} "{title}"'


def _text(value: str, place: _Place, before: str, after: str) -> str:
    value = _CONTROL.sub(_as_reference, _REFERENCE.sub("&amp;", _SPECIAL.sub(r"\\\g<0>", value)))
    if place.linked:
        value = value.replace("]", "\\]")
    if before == "]" and value.startswith(":"):  # it would define the footnote whose mark stands before it
        value = f"\\{value}"
    if place.line:
        value = value.replace("\n", "&#10;")
    lines = value.split("\n")
    last = len(lines) - 1
    for number, line in enumerate(lines):
        starts, ends = number > 0 or before in {"", "\n"}, number < last or after in {"", "\n"}
        lines[number] = _line(line, starts, ends, number > 0 or before == "\n")
    text = lines[0]
    for number, line in enumerate(lines[1:], 1):
        blank = not lines[number - 1] and (number > 1 or before in {"", "\n", ">"})
        blank = blank or (number == last and not line and after in {"", "\n", "<"})
        text += ("&#10;" if blank else "\n") + line
    return text


def _line(line: str, starts: bool, ends: bool, begins: bool) -> str:
    if begins and (number := _NUMBER.match(line)):
        line = f"{number[1]}\\{line[number.end(1) :]}"
    elif begins and _LINE_START.match(line):
        line = f"\\{line}"
    if starts and line[:1].isspace():
        line = re.sub(r"\A\s+", _as_reference, line)
    if ends and line[-1:].isspace():
        line = re.sub(r"\s+\Z", _as_reference, line)
    return line


def _as_reference(match: re.Match[str]) -> str:
    return "".join(f"&#{ord(char)};" for char in match[0])
