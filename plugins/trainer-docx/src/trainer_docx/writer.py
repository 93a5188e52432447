"""The body of a Word document, from a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.part import Part
from docx.oxml.ns import qn
from docx.shared import Emu

from trainer_document import tree
from trainer_document.policy import Formulas, is_link
from trainer_document.tree import Node, plain
from trainer_docx.elements import AMBER, LINK, MUTED, Look, Place, element, paragraph, run, writable
from trainer_docx.footnotes import Footnotes
from trainer_docx.formulas import formula
from trainer_docx.lists import LEVELS, STEP, Numbering
from trainer_docx.pictures import ZOOM, drawn, picture

BARS = {"note": "1F6F8B", "tip": "3F7D4E", "important": "8A4B9C", "warning": AMBER, "caution": "B3261E"}
SCRIPTS = {"sub": "subscript", "sup": "superscript"}
LETTER = 95  # about the width of one in a table, in twentieths of a point
SHRUNK = 72 / 96 / ZOOM  # Word takes 72 pixels of a drawing to the inch; there are 96, and each is drawn larger
QUIET = Look(colour=MUTED, height=18)


class Writer:
    """Makes the elements of one document; `part` is what links belong to. Call `blocks` with the whole body."""

    def __init__(self, document: Document, root: tree.Root, part: Part | None = None) -> None:
        self._document = document
        self._root = root
        self._part: Any = part or document.part
        self._numbering = Numbering(document)
        self._notes = Footnotes(document, root)
        self._styles = {style.name: style.style_id for style in document.styles}
        self._anchors: dict[str, str] = {}
        self._formulas = Formulas()
        section = document.sections[0]
        self._width = int(
            ((section.page_width or 0) - (section.left_margin or 0) - (section.right_margin or 0)) or Emu(5_400_000)
        )

    def blocks(self, nodes: Sequence[Node], place: Place | None = None) -> Iterator[Any]:
        """The elements of block nodes that stand at a place."""
        for node in nodes:
            yield from self._block(node, place or Place())

    def inlines(self, nodes: Sequence[Node], look: Look | None = None, linked: bool = False) -> Iterator[Any]:
        """The elements of inline nodes. Within a link (`linked`) there is no other."""
        for node in nodes:
            yield from self._inline(node, look or Look(), linked)

    def close(self) -> None:
        """Write the footnotes that were referred to."""
        self._notes.write(lambda part: Writer._of_notes(self, part))

    def _of_notes(self, part: Part) -> Writer:
        other = Writer.__new__(Writer)
        other.__dict__.update(self.__dict__, _part=part)
        return other

    def _block(self, node: Node, place: Place) -> Iterator[Any]:
        match node:
            case tree.Paragraph():
                yield paragraph(place, self.inlines(node.children))
            case tree.Heading():
                style = place.but(style=f"Heading {min(node.depth, 9)}", number=None)
                yield self._marked(node.id, paragraph(self._named(style), self.inlines(node.children)))
            case tree.ThematicBreak():
                rule = element("w:pBdr", element("w:bottom", val="single", sz=4, space=1, color="C9CED6"))
                made = paragraph(place, [])
                made[0].append(rule)
                yield made
            case tree.Blockquote():
                inner = place.but(indent=place.indent + STEP, bar="C9CED6", number=None)
                yield from self.blocks(node.children, inner)
            case tree.Callout():
                yield from self._callout(node, place.but(indent=place.indent + STEP // 2, number=None))
            case tree.List():
                yield from self._list(node, place)
            case tree.DefinitionList():
                yield from self._definitions(node, place)
            case tree.Code() | tree.Html():
                yield paragraph(place.but(tight=False), [run(node.value.strip("\n"), Look(code=True, height=18))])
            case tree.Math():
                made = formula(node.value) if self._formulas.allow(node.value) else None
                shown = element("m:oMathPara", made) if made is not None else run(node.value, Look(code=True))
                yield paragraph(place, [shown])
            case tree.Table():
                yield from self._table(node, place)
            case tree.Chart():
                yield from self._chart(node, place)
            case tree.FootnoteDefinition():
                self._notes.define(node.identifier, node.children)
            case _:
                yield paragraph(place, self.inlines([node]))

    def _callout(self, node: tree.Callout, place: Place) -> Iterator[Any]:
        place = place.but(bar=BARS.get(node.kind, BARS["note"]))
        title = node.title or [tree.Text(node.kind.capitalize())]
        yield paragraph(place.but(keep=True), self.inlines(title, Look(bold=True, colour=place.bar)))
        yield from self.blocks(node.children, place)

    def _list(self, node: tree.List, place: Place) -> Iterator[Any]:
        level = min(place.number[1] + 1 if place.number else 0, LEVELS - 1)
        number = self._numbering.instance(node.ordered, 1 if node.start is None else node.start, level)
        indent = (place.indent or 0) + STEP
        for item in node.children:
            held = list(item.children) if isinstance(item, tree.ListItem) else [item]
            words: list[Node] = []
            if isinstance(item, tree.ListItem) and item.checked is not None:
                words.append(tree.Text("☒ " if item.checked else "☐ "))
            listed = place.but(
                style="List Paragraph", number=None if words else (number, level), indent=indent, hang=STEP
            )
            if held and isinstance(held[0], tree.Paragraph):
                words += held[0].children
                del held[0]
            yield paragraph(self._named(listed.but(tight=not node.spread)), self.inlines(words))
            for below in held:
                inner = place.but(indent=indent, number=(number, level) if isinstance(below, tree.List) else None)
                yield from self._block(below, inner)

    def _definitions(self, node: tree.DefinitionList, place: Place) -> Iterator[Any]:
        for item in node.children:
            if isinstance(item, tree.DefinitionTerm):
                yield paragraph(place.but(keep=True, tight=True), self.inlines(item.children, Look(bold=True)))
            elif isinstance(item, tree.Parent):
                yield from self.blocks(item.children, place.but(indent=place.indent + STEP))

    def _table(self, node: tree.Table, place: Place) -> Iterator[Any]:
        if node.caption:
            yield paragraph(self._named(place.but(style="Caption", keep=True)), self.inlines(node.caption))
        rows = [row for row in node.children if isinstance(row, tree.TableRow)]
        columns = max((len(row.children) for row in rows), default=0)
        if not columns:
            return
        align = [
            "right" if numeric else wanted or "left"
            for wanted, numeric, _ in zip_longest(node.align[:columns], node.numeric[:columns], range(columns))
        ]
        properties = element(
            "w:tblPr",
            element("w:tblW", w=5000, type="pct"),
            element("w:tblInd", w=place.indent, type="dxa") if place.indent else None,
            element("w:tblBorders", element("w:bottom", val="single", sz=4, color="C9CED6"),
                    element("w:insideH", val="single", sz=4, color="E3E6EA")),
            element("w:tblCellMar", element("w:left", w=60, type="dxa"), element("w:right", w=60, type="dxa")),
            element("w:tblLook", firstRow=1),
            element("w:tblDescription", val=writable(node.label)) if node.label else None,
        )  # fmt: skip
        room = self._width // 635 - place.indent  # 635 of Word's units of length are a twentieth of a point
        widths = _widths([[plain(cell) for cell in row.children] for row in rows], columns, room)
        grid = element("w:tblGrid", *(element("w:gridCol", w=width) for width in widths))
        lines = (self._row(row, columns, align, number == 0) for number, row in enumerate(rows))
        yield element("w:tbl", properties, grid, *lines)
        yield paragraph(Place(tight=True), [])  # Word makes one of two tables without a paragraph between them

    def _row(self, row: tree.TableRow, columns: int, align: Sequence[str], head: bool) -> Any:
        cells = []
        for number in range(columns):
            cell = row.children[number] if number < len(row.children) else tree.TableCell()
            held = cell.children if isinstance(cell, tree.Parent) else [cell]
            look = Look(bold=head, height=18, colour=MUTED if head else "")
            words = paragraph(Place(align=align[number], tight=True, keep=head), self.inlines(held, look))
            if number == 0:
                words = self._marked(row.id, words)
            cells.append(element("w:tc", words))
        properties = element("w:trPr", element("w:cantSplit"), element("w:tblHeader") if head else None)
        return element("w:tr", properties, *cells)

    def _chart(self, node: tree.Chart, place: Place) -> Iterator[Any]:
        yield paragraph(place.but(keep=True), [run(node.title, Look(bold=True))])
        if drawing := drawn(node.svg):
            yield paragraph(place.but(keep=True), [self._picture(drawing, f"Chart: {node.title}", SHRUNK)])
        yield from self._table(node.table, place)
        if node.source:
            yield paragraph(place, self.inlines(node.source, QUIET))

    def _inline(self, node: Node, look: Look, linked: bool) -> Iterator[Any]:
        match node:
            case tree.Text() | tree.Html():
                yield run(node.value.replace("\n", " "), look)
            case tree.Emphasis():
                yield from self.inlines(node.children, look.but(italic=True), linked)
            case tree.Strong():
                yield from self.inlines(node.children, look.but(bold=True), linked)
            case tree.Delete():
                yield from self.inlines(node.children, look.but(strike=True), linked)
            case tree.InlineCode():
                yield run(node.value, look.but(code=True))
            case tree.InlineMath():
                made = formula(node.value) if self._formulas.allow(node.value) else None
                yield run(node.value, look.but(code=True)) if made is None else made
            case tree.Break():
                yield element("w:r", element("w:br"))
            case tree.Link():
                yield from self._link(node, look, linked)
            case tree.Figure():
                yield from self._figure(node, look, linked)
            case tree.Image():
                yield from self._image(node, look)
            case tree.FootnoteReference():
                yield self._notes.reference(node.identifier)
            case tree.Mark():
                yield from self.inlines(node.children, _marked_look(node.name, look), linked)
            case _:
                yield run(plain(node), look)

    def _link(self, node: tree.Link, look: Look, linked: bool) -> Iterator[Any]:
        if linked or not is_link(node.url):
            yield from self.inlines(node.children, look, linked)
            if not linked and node.url:
                yield run(f" ({node.url})", look)
            return
        shown = look if node.url.startswith("#") else look.but(colour=LINK, underline=("single", LINK))
        yield self._leading(node.url, self.inlines(node.children, shown, True))

    def _figure(self, node: tree.Figure, look: Look, linked: bool) -> Iterator[Any]:
        if not node.traced:
            look = look.but(underline=("wave", AMBER))
        words = self.inlines(node.children, look, True)
        if linked or not node.url.startswith("#"):
            yield from words
        else:
            yield self._leading(node.url, words)

    def _leading(self, url: str, words: Iterator[Any]) -> Any:
        made = element("w:hyperlink", *words, history=1)
        if url.startswith("#"):
            made.set(qn("w:anchor"), self._anchor(url[1:]))
        else:
            made.set(qn("r:id"), self._part.relate_to(writable(url), RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        return made

    def _image(self, node: tree.Image, look: Look) -> Iterator[Any]:
        found = picture(node.url, self._root.assets) if self._part is self._document.part else None
        try:
            yield (
                self._picture(found, node.alt) if found else run(f"Image: {node.alt or 'without a description'}", look)
            )
        except Exception:  # python-docx knows the kinds of files it can read by no one type of error
            yield run(f"Image: {node.alt or 'without a description'}", look)

    def _picture(self, content: Any, alt: str, share: float = 1.0) -> Any:
        inline: Any = self._document.part.new_pic_inline(content)
        share = min(share, self._width / inline.extent.cx)
        if share < 1:
            inline.extent.cx, inline.extent.cy = int(inline.extent.cx * share), int(inline.extent.cy * share)
            size = inline.graphic.graphicData.pic.spPr
            size.cx, size.cy = inline.extent.cx, inline.extent.cy
        inline.docPr.set("descr", writable(alt))
        return element("w:r", element("w:drawing", inline))

    def _anchor(self, id: str) -> str:
        return self._anchors.setdefault(id, f"place{len(self._anchors) + 1}")

    def _marked(self, id: str, words: Any) -> Any:
        """A paragraph that links find under `id`."""
        if id:
            name = self._anchor(id)
            words.insert(1, element("w:bookmarkStart", id=name.removeprefix("place"), name=name))
            words.append(element("w:bookmarkEnd", id=name.removeprefix("place")))
        return words

    def _named(self, place: Place) -> Place:
        """A place with the identifier of its style, which a template may have under another than its name."""
        return place.but(style=self._styles.get(place.style, ""))


def _widths(rows: Sequence[Sequence[str]], columns: int, room: int) -> list[int]:
    """Shares of `room` for columns: enough for the longest word of each, the rest by how much they hold."""
    words, texts = [1] * columns, [1] * columns
    for row in rows:
        for number, text in enumerate(row):
            words[number] = max(words[number], *map(len, text[:400].split() or [""]))
            texts[number] = max(texts[number], len(text))
    needed = [min(word, 24) + 2 for word in words]
    wanted = [max(0, min(text, 48) - word) for text, word in zip(texts, needed, strict=True)]
    free = max(0, room // LETTER - sum(needed))
    share = min(1.0, free / (sum(wanted) or 1))
    sizes = [need + want * share for need, want in zip(needed, wanted, strict=True)]
    return [max(1, int(room * size / sum(sizes))) for size in sizes]


def _marked_look(name: str, look: Look) -> Look:
    if name in SCRIPTS:
        return look.but(raised=SCRIPTS[name])
    if name == "small":
        return look.but(height=16, colour=MUTED)
    if name == "ins":
        return look.but(underline=("single", "auto"))
    return look.but(code=name == "kbd", bold=look.bold or name == "mark")
