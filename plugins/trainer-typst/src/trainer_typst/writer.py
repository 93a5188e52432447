"""A document tree as Typst source. Every word of it is a string there: none of the text can be a command."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape
from importlib.resources import files
from typing import Any

from trainer_document.appendix import ID as APPENDIX
from trainer_document.figures import MINUS
from trainer_document.outline import CHAPTERS, contents
from trainer_document.policy import Formulas, is_image, is_link
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
    TableRow,
    Text,
    ThematicBreak,
    blocks,
    plain,
    walk,
)
from trainer_typst.formulas import formula
from trainer_typst.literals import address, array, line, string
from trainer_typst.tables import Grid

UNDATED = date(1970, 1, 1)  # of a document that does not say: a PDF/A has a date, and the same one on every run
BLOCKS, INLINES = 10, 12  # levels that are drawn; Typst lays out a few dozen, and deeper ones look like these
NOTES = 4  # levels of footnotes of footnotes
LONG = 24  # letters of a word that may be broken anywhere
ROOM = 490  # points beside one another on a page
LEAD = 600  # letters of a paragraph that stays with the table below it
TOKENS = {
    "paper": "#ffffff", "ink": "#15181e", "soft": "#454c59", "muted": "#5b6472", "line": "#e4e7eb", "rule": "#79828f",
    "accent": "#1f4fd1", "positive": "#0f6b45", "negative": "#b3261e", "code": "#f5f6f8", "note": "#1f4fd1",
    "note-paper": "#f2f5fe", "tip": "#0f6b45", "tip-paper": "#eff8f3", "important": "#6235bd",
    "important-paper": "#f6f2fd", "warning": "#855400", "warning-paper": "#fdf7e7", "caution": "#b3261e",
    "caution-paper": "#fdf2f0",
}  # fmt: skip
MARKS = {"sub": "sub", "sup": "super", "kbd": "kbd", "ins": "underline", "mark": "marked", "small": "small"}
SIGNS = (MINUS, "-", "–")
PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}

_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_LANG = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}))?(?:-.*)?")
_DRAWN_WIDTH = re.compile(r'<svg\b[^>]*?\swidth="(\d{1,4}(?:\.\d{1,4})?)"')
_UNBROKEN = re.compile(rf"[^\s\u2e80-\U0010ffff]{{{LONG + 1},}}")


def typst_source(root: Root, theme: Theme, day: date | None = None) -> str:
    """The Typst source of a document: one file, with its pictures in it, that reads no other."""
    return Source(root).whole(theme, day)


class Source:
    """Writes one document."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._depth = 0
        self._level = 0
        self._outlined = 0
        self._tables = 0
        self._formulas = Formulas()
        self._noting = 0
        self._repeating = False
        self._ruled = False  # whether a line is drawn through or below these words: PDF/UA knows of no second one
        self._held: list[str] | None = None  # footnotes of what may not have one, such as a heading
        self._placed: set[str] = set()
        self._noted: set[str] = set()
        self._pictures: dict[str, int] = {}
        self._definitions: dict[str, FootnoteDefinition] = {}
        self._places: set[str] = set()
        depths = []
        for node in blocks(root):
            match node:
                case FootnoteDefinition():
                    self._definitions.setdefault(node.identifier, node)
                case Heading():
                    depths.append(node.depth)
                    self._places |= {node.id} if plain(node).strip() else set()
                case Table() if node.children:
                    self._places |= {node.id, *(row.id for row in node.children if isinstance(row, TableRow))}
        self._places.discard("")
        self._top = min(depths, default=1)
        self._block: dict[type[Node], Callable[[Any], str]] = {
            Blockquote: lambda node: self._nested("#quote(block: true)", node.children),
            Callout: self._callout,
            Chart: self._chart,
            Code: lambda node: self._code(node.value),
            DefinitionDescription: lambda node: self.blocks(node.children),
            DefinitionList: self._definition_list,
            DefinitionTerm: lambda node: f"#par[{self._strong(node.children)}]",
            FootnoteDefinition: lambda _: "",
            Heading: self._heading,
            Html: lambda node: self._code(node.value),
            List: self._list,
            ListItem: lambda node: self.blocks(node.children),
            Math: lambda node: formula(node.value, True, self._formulas.allow(node.value)),
            Paragraph: lambda node: f"#par[{self.inlines(node.children)}]",
            Table: self._table,
            ThematicBreak: lambda _: "#rule",
        }
        self._inline: dict[type[Node], Callable[[Any, bool], str]] = {
            Break: lambda *_: "#linebreak()",
            Delete: lambda node, linked: self._lined("#strike", node.children, linked),
            Emphasis: lambda node, linked: self._within("#emph", node.children, linked),
            Figure: self._figure,
            FootnoteReference: self._citation,
            Html: lambda node, _: words(node.value),
            Image: self._image,
            InlineCode: lambda node, _: mono(node.value),
            InlineMath: lambda node, _: formula(node.value, False, self._formulas.allow(node.value)),
            Link: self._link,
            Mark: lambda node, linked: (self._lined if node.name == "ins" else self._within)(
                f"#{MARKS.get(node.name, '')}", node.children, linked
            ),
            Strong: lambda node, linked: self._within("#strong", node.children, linked),
            Text: lambda node, _: words(node.value),
        }

    def whole(self, theme: Theme, day: date | None) -> str:
        """The source with its preamble."""
        root, nodes = self._root, self._root.children
        end = next((i for i, node in enumerate(nodes) if isinstance(node, Heading) and node.id == APPENDIX), len(nodes))
        chapters = contents(root)
        listed = "#contents(2)" if sum(len(chapter.sections) for chapter in chapters) else "#contents(1)"
        body = [self.blocks(nodes[:end]), self._unused(), self.blocks(nodes[end:]), f"#pairs({pairs(root.origin)})"]
        shown = [f"#let picture-{number} = {svg}" for svg, number in self._pictures.items()]
        preamble = (files("trainer_typst") / "preamble.typ").read_text(encoding="utf-8")
        head = [
            f"#let tokens = {colours(theme.tokens)}", preamble, *shown, report(root, day), theme.typst,
            f"#masthead({line(root.kicker)}, {line(root.subtitle)}, {pairs(root.facts)})",
            listed if len(chapters) > 1 else "",
        ]  # fmt: skip
        return "\n".join(part for part in [*head, *body] if part) + "\n"

    def blocks(self, nodes: Sequence[Node]) -> str:
        """The source of block nodes, a paragraph for each; inline ones among them become a paragraph."""
        write = self._block
        parts = []
        for node, after in zip(nodes, [*nodes[1:], None], strict=False):
            part = write[type(node)](node) if type(node) in write else f"#par[{self.inlines([node])}]"
            leads = isinstance(node, Paragraph) and isinstance(after, Table | Chart)
            parts.append(f"#block(sticky: true)[{part}]" if leads and len(part) < LEAD else part)
        return "\n\n".join(part for part in parts if part)

    def inlines(self, nodes: Sequence[Node], linked: bool = False) -> str:
        """The source of inline nodes, `linked` if they stand within a link; of others the words."""
        write = self._inline
        return "".join(
            [write[type(node)](node, linked) if type(node) in write else words(plain(node)) for node in nodes]
        )

    def plainly(self, nodes: Sequence[Node]) -> str:
        """The source of inline nodes as what is repeated on a page: without links and footnotes."""
        self._repeating = True
        source = self.inlines(nodes, linked=True)
        self._repeating = False
        return source

    def _nested(self, call: str, nodes: Sequence[Node]) -> str:
        if self._depth >= BLOCKS:
            return self.blocks(nodes)
        self._depth += 1
        source = f"{call}[{self.blocks(nodes)}]"
        self._depth -= 1
        return source

    def _within(self, call: str, nodes: Sequence[Node], linked: bool) -> str:
        if call == "#" or self._depth >= BLOCKS + INLINES:
            return self.inlines(nodes, linked)
        self._depth += 1
        source = f"{call}[{self.inlines(nodes, linked)}]"
        self._depth -= 1
        return source

    def _lined(self, call: str, nodes: Sequence[Node], linked: bool) -> str:
        ruled, self._ruled = self._ruled, True
        source = self._within("#" if ruled else call, nodes, linked)
        self._ruled = ruled
        return source

    def _strong(self, nodes: Sequence[Node]) -> str:
        return self._within("#strong", nodes, linked=False)

    def _aside(self, write: Callable[[], str]) -> str:
        """What `write` gives for something that may not have footnotes, and below it the marks of those it has."""
        held, self._held = self._held, []
        source = write()
        notes, self._held = self._held, held
        return "\n".join([source, *([f"#block[#small[#{string('Notes: ')}{''.join(notes)}]]"] if notes else [])])

    def _place(self, name: str) -> str:
        """A name as the place of what stands before it, once."""
        if name not in self._places or name in self._placed:
            return ""
        self._placed.add(name)
        return f"#label({string(f'to {name}')})"

    def _heading(self, node: Heading) -> str:
        if not plain(node).strip():
            return ""
        if not any(plain(below).strip() for below in walk(node) if not isinstance(below, Parent | Image)):
            return f"#par[#metadata(none){self._place(node.id)}{self.inlines(node.children)}]"  # PDF/UA wants words
        self._level = min(max(node.depth - self._top, 0), self._level) + 1
        listed = self._depth == 0 and self._outlined < CHAPTERS
        self._outlined += listed
        level = f"level: {self._level}{'' if listed else ', outlined: false, bookmarked: true'}"
        return self._aside(lambda: f"#heading({level})[{self.inlines(node.children)}]{self._place(node.id)}")

    def _callout(self, node: Callout) -> str:
        title = self.inlines(node.title) or words(node.kind.capitalize())
        return self._nested(f"#callout({string(node.kind)}, [{title}])", node.children)

    def _list(self, node: List) -> str:
        if self._depth >= BLOCKS:
            return self.blocks(node.children)
        self._depth += 1
        items = [self._item(item, node.spread) for item in node.children]
        self._depth -= 1
        tight = "false" if node.spread else "true"
        if node.ordered:
            start = 1 if node.start is None else max(int(node.start), 0)
            return f"#enum(tight: {tight}, start: {start}, {', '.join(items)})"
        tasks = items and all(isinstance(item, ListItem) and item.checked is not None for item in node.children)
        return f"#list(tight: {tight}{', marker: none' if tasks else ''}, {', '.join(items)})"

    def _item(self, node: Node, spread: bool) -> str:
        if not isinstance(node, ListItem):
            return f"[{self.blocks([node])}]"
        box = "" if node.checked is None else f"#todo({'true' if node.checked else 'false'})#{string(' ')}"
        if node.children and isinstance(first := node.children[0], Paragraph) and (box or not (spread or node.spread)):
            below = self.blocks(node.children[1:])
            return f"[{box}{self.inlines(first.children)}{chr(10) if below else ''}{below}]"
        return f"[{box}{self.blocks(node.children)}]"

    def _definition_list(self, node: DefinitionList) -> str:
        if self._depth >= BLOCKS:
            return self.blocks(node.children)
        self._depth += 1
        items: list[tuple[str, list[str]]] = []
        for child in node.children:
            if isinstance(child, DefinitionTerm) or not items:
                items.append((self.inlines(child.children) if isinstance(child, DefinitionTerm) else "", []))
            if not isinstance(child, DefinitionTerm):
                items[-1][1].append(self._item(ListItem(getattr(child, "children", [child])), spread=False))
        self._depth -= 1
        return f"#terms({', '.join(f'terms.item([{term}], {{{chr(59).join(told)}}})' for term, told in items)})"

    def _code(self, value: str) -> str:
        text = value.strip("\n")
        if not _UNBROKEN.search(text):
            return f"#code({string(text)}, none)"
        # A word that is too long for the page would run off it.
        return f"#code(none, [{'#linebreak()'.join(words(part, keep=True) for part in text.split(chr(10)))}])"

    def _table(self, node: Table) -> str:
        grid = Grid.read(node)
        if grid is None:
            return ""
        self._tables += 1
        anchor = f"table {self._tables}"
        if node.kind == "kpi":
            items = [[self.inlines(cell.nodes) for cell in row[:3]] for _, row in grid.rows[1:]]
            strip = array(array(f"[{part}]" for part in [*row, "", "", ""][:3]) for row in items)
            return self._aside(lambda: f"#keys({strip})")

        def write() -> str:
            caption = f"[{self.inlines(node.caption)}]" if node.caption else "none"
            place = f"#here-is({string(anchor)})" + (
                f"#[#metadata(none){mark}]" if (mark := self._place(node.id)) else ""
            )
            parts = [part.source(self.inlines, self.plainly, self._place, anchor) for part in grid.parts()]
            return f"{place}#captioned({caption}, {{\n{chr(10).join(parts)}\n}})"

        return self._aside(write)

    def _chart(self, node: Chart) -> str:
        told = re.search(r"<desc>(.*?)</desc>", node.svg, re.DOTALL)
        alt = f"{node.title}. {told[1] if told else ''}".strip() or "Chart"
        data = f"[{self._table(node.table)}]" if node.table.children else "none"
        source = f"[{self.inlines(node.source)}]" if node.source else "none"
        return (
            f"#chart({line(node.title)}, {self._picture(node.svg)}, {_width(node.svg)}, {line(alt)}, {data}, {source})"
        )

    def _figure(self, node: Figure, linked: bool) -> str:
        said = plain(node).lstrip("~≈ ")  # brackets around a figure of a sentence are but brackets
        colour = "negative" if said.startswith(SIGNS) else "positive" if said.startswith("+") else ""
        ruled, self._ruled = self._ruled, True
        body = self._within(f"#{colour}", node.children, True)
        self._ruled = ruled
        place = node.url.removeprefix("#")
        known = not linked and node.url.startswith("#") and place in self._places
        if not node.traced:
            return f"#{'doubted' if ruled else 'untraced'}({string(f'to {place}') if known else 'none'})[{body}]"
        return (
            f"#{'sourced' if ruled else 'traced'}({string(f'to {place}')}, {string(_number(place))})[{body}]"
            if known
            else body
        )

    def _link(self, node: Link, linked: bool) -> str:
        body = self._within("#", node.children, True)
        place = node.url.removeprefix("#")
        if linked:
            return body + (f"#number({string(_number(place))})" if self._repeating and _number(place) else "")
        if node.url and not is_link(node.url):
            return body + words(f" ({node.url})")
        if not node.url or not _is_shown(node):
            return body
        if node.url.startswith("#"):
            if place not in self._places:
                return body
            number = _number(place)
            told = f", {string(number)}" if number else ""
            return f"#{'sourced' if number else 'inner'}({string(f'to {place}')}{told})[{body}]"
        return f"#web({address(node.url)})[{body}]"

    def _image(self, node: Image, linked: bool) -> str:
        told = node.alt or node.title or "without a description"
        kind, content = self._root.assets.get(node.url, ("", b""))
        url = node.url if node.url.startswith("data:") else f"data:{kind};base64,{b64encode(content).decode()}"
        if not is_image(node.url) or url[5:].partition(";")[0].lower() not in PICTURES:
            text = words(f"Image: {told}")
            return f"#web({address(node.url)})[{text}]" if is_link(node.url) and not linked else text
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{escape(url)}"/></svg>'
        return f"#picture({self._picture(svg)}, {line(node.alt or node.title or 'Image')})"

    def _picture(self, svg: str) -> str:
        """The name of a drawing, which stands in the source once."""
        return f"picture-{self._pictures.setdefault(line(svg), len(self._pictures))}"

    def _citation(self, node: FootnoteReference, linked: bool) -> str:
        definition = self._definitions.get(node.identifier)
        if definition is None or self._noting >= NOTES:
            return words(f"[^{node.identifier}]")
        if self._repeating:
            return ""
        name = string(f"note {node.identifier}")
        if node.identifier in self._noted:
            mark = f"#footnote(label({name}))"
        else:
            self._noted.add(node.identifier)
            held, self._held = self._held, None
            depth, self._depth = self._depth, BLOCKS
            ruled, self._ruled = self._ruled, False
            self._noting += 1
            mark = f"#footnote[{self._note(definition)}]#label({name})"
            self._noting -= 1
            self._held, self._depth, self._ruled = held, depth, ruled
        if self._held is not None or linked:
            (self._held if self._held is not None else []).append(mark)
            return ""
        return mark

    def _note(self, definition: FootnoteDefinition) -> str:
        first, *rest = definition.children or [Paragraph()]
        lead = self.inlines(first.children) if isinstance(first, Paragraph) else self.blocks([first])
        return f"{lead}\n{self.blocks(rest)}" if rest else lead

    def _unused(self) -> str:
        """Footnotes that nothing refers to."""
        left: list[str] = []
        for name, node in self._definitions.items():
            if name not in self._noted:
                self._noted.add(name)
                left.append(f"#block[#small[{self._note(node)}]]")
        return "\n".join(left)


def _width(svg: str) -> str:
    """How wide a drawing is: as wide as it says, if that is less than a page."""
    told = _DRAWN_WIDTH.match(svg)
    return f"{float(told[1]) * 0.75:.0f}pt" if told and float(told[1]) * 0.75 < ROOM else "100%"


def _is_shown(node: Node) -> bool:
    """Whether there is anything to see of a node that holds others."""
    return bool(plain(node).strip()) or any(isinstance(below, Image) for below in walk(node))


def words(text: str, keep: bool = False) -> str:
    """Words as content; long ones may break anywhere. `keep` keeps spaces as they are."""
    text = text if keep else text.replace("\n", " ")
    if len(text) <= LONG or not _UNBROKEN.search(text):
        return f"#{line(text)}" if text else ""
    parts: list[str] = []
    done = 0
    for match in _UNBROKEN.finditer(text):
        parts += [text[done : match.start()]] if match.start() > done else []
        parts += _pieces(match[0])
        done = match.end()
    parts += [text[done:]] if done < len(text) else []
    return "#cut".join(f"#{line(part)}" for part in parts)


def mono(text: str) -> str:
    """Code within a line."""
    text = " ".join(text.splitlines())
    return f"#mono-parts[{words(text)}]" if _UNBROKEN.search(text) else f"#mono({line(text)})"


def pairs(items: Sequence[tuple[str, str]]) -> str:
    """Names and values as an array."""
    return array(f"({line(name)}, [{words(value)}])" for name, value in items)


def colours(tokens: Mapping[str, str]) -> str:
    """The colours among a theme's tokens, or our own for those that are none, as a dictionary."""
    chosen = {
        name: value if _COLOUR.fullmatch(value) else TOKENS.get(name, "")
        for name, value in (TOKENS | dict(tokens)).items()
    }
    return f"({', '.join(f'{string(name)}: rgb({string(value)})' for name, value in chosen.items() if value)})"


def report(root: Root, day: date | None) -> str:
    """The rule that makes a report of what follows."""
    day = day or UNDATED
    lang = _LANG.fullmatch(root.lang)
    given = {
        "name": line(root.title.strip() or "Report"),
        "description": line(root.subtitle),
        "lang": string(lang[1].lower() if lang else "en"),
        "region": string(lang[2].lower()) if lang and lang[2] else "none",
        "date": f"datetime(year: {day.year}, month: {day.month}, day: {day.day})",
    }
    return f"#show: report.with({', '.join(f'{name}: {value}' for name, value in given.items())})"


def _number(place: str) -> str:
    number = place.removeprefix("source-")
    return number if number != place and number.isdecimal() else ""


def _pieces(word: str) -> list[str]:
    """A long word in pieces, cut behind punctuation or after twelve letters, and never before a mark of a letter."""
    pieces = [""]
    for char in word:
        if len(pieces[-1]) >= 12 and not unicodedata.category(char).startswith("M") and char != "\u200d":
            pieces.append("")
        pieces[-1] += char
    return pieces
