"""Any document at all, read back from its PDF: it says what it said, and meets the standards."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from pypdf.generic import DictionaryObject

from trainer import Document
from trainer_document import tree
from trainer_document.specimens import ASSET, LATIN, PIXEL, Said, documents
from trainer_document.tree import Root, to_json
from trainer_typst import TreeToPDF

UNSAID = {"/Formula", "/Figure", "/Lbl", "/Note"}  # what is within these are no words of what holds them


class Reader:
    """Reads a PDF by its tags (ISO 32000-1, 14.7). Words have no spaces: a line may end anywhere."""

    def __init__(self, content: bytes) -> None:
        pdf = pypdf.PdfReader(io.BytesIO(content))
        self._words: dict[tuple[int, int], str] = {}
        for page in pdf.pages:
            self._read(page)
        self.headings: list[tuple[int, str]] = []
        self.tables: list[list[list[str]]] = []
        self.links: list[tuple[str, str]] = []
        self._walk(pdf.trailer["/Root"]["/StructTreeRoot"].get("/K"), None)

    def _read(self, page: Any) -> None:
        place = page.indirect_reference.idnum
        marks: list[int | None] = []

        def operand(operator: bytes, operands: Any, *_: Any) -> None:
            if operator in {b"BDC", b"BMC"}:
                told = operands[-1]
                marks.append(told.get("/MCID") if isinstance(told, DictionaryObject) else None)
            elif operator == b"EMC":
                marks.pop()

        def text(words: str, *_: Any) -> None:
            if marks and marks[-1] is not None:
                key = place, marks[-1]
                self._words[key] = self._words.get(key, "") + words

        page.extract_text(visitor_operand_before=operand, visitor_text=text)

    def _walk(self, node: Any, page: Any) -> None:
        """Keep the headings, tables and links at and below a place of the tree."""
        node = node.get_object()
        for below in node if isinstance(node, list) else []:
            self._walk(below, page)
        if not isinstance(node, DictionaryObject):
            return
        kind, page = node.get("/S", ""), node.raw_get("/Pg") if "/Pg" in node else page
        if re.fullmatch("/H[1-6]", kind):
            self.headings.append((0, self.said(node, page)))
        elif kind == "/Table":
            self.tables.append(
                [[self.said(cell, page) for cell in found(row, {"/TH", "/TD"})] for row in found(node, {"/TR"})]
            )
        elif kind == "/Link":
            notes = [part["/Obj"] for part in found(node, {None}) if "/Obj" in part]  # one for each line
            if notes and "/URI" in notes[0].get("/A", {}):
                self.links.append((self.said(node, page), unquote(notes[0]["/A"]["/URI"])))
        if "/K" in node:
            self._walk(node["/K"], page)

    def said(self, node: Any, page: Any) -> str:
        """The words of an element, without what it shows or notes."""
        node = node.get_object()
        if isinstance(node, list):
            return "".join(self.said(below, page) for below in node)
        if isinstance(node, int):
            return bare(self._words.get((page.idnum, node), ""))
        if node.get("/S") in UNSAID:
            return ""
        page = node.raw_get("/Pg") if "/Pg" in node else page
        if "/MCID" in node:
            return self.said(node["/MCID"], page)
        return self.said(node["/K"], page) if "/K" in node else ""


def found(node: Any, kinds: set[str | None]) -> Iterator[Any]:
    """The elements of these kinds within one, in order."""
    node = node.get_object()
    held = (
        node if isinstance(node, list) else [node["/K"]] if isinstance(node, DictionaryObject) and "/K" in node else []
    )
    for below in held:
        part = below.get_object()
        if isinstance(part, DictionaryObject) and part.get("/S") in kinds:
            yield part
        else:
            yield from found(part, kinds)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def expected(root: Root) -> Said:
    """What a document says; its levels are those below the highest one, and addresses are in ASCII."""
    whole = Said.of(root)
    return Said(
        [(0, bare(words)) for _, words in whole.headings],
        [[[bare(cell) for cell in row] for row in rows] for rows in whole.tables],
        [(bare(words), unquote(url)) for words, url in whole.links],
    )


@pytest.fixture(scope="module")
def press() -> Iterator[TreeToPDF]:
    made = TreeToPDF(seconds=30)
    yield made
    made.close()


def said(press: TreeToPDF, root: Root) -> Said:
    made = press.convert(Document(json.dumps(to_json(root)), "tree"))
    assert "warnings" not in made.metadata
    assert isinstance(made.content, bytes)
    reader = Reader(made.content)
    return Said(reader.headings, reader.tables, reader.links)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(LATIN))
def test_any_document_has_the_same_headings_tables_and_links_as_a_pdf(press: TreeToPDF, root: Root) -> None:
    assert said(press, root) == expected(root)


def test_what_pdf_ua_does_not_know_is_said_in_another_way(press: TreeToPDF) -> None:
    number = [tree.Figure([tree.Text("12")], status, url="#end") for status in ("found", "not found")]
    struck = tree.Paragraph([tree.Delete([tree.Mark([*number, tree.Text("%")], "ins")])])
    picture = tree.Image(ASSET, "A house")
    nodes = [struck, tree.Heading([picture], 2, "picture"), tree.Heading([tree.Text("End")], 2, "end")]
    linked = tree.Paragraph(
        [tree.Link([tree.Image(ASSET)], "https://a.example/"), tree.Link([tree.Text("up")], "#picture")]
    )
    root = Root([*nodes, linked], assets={ASSET: ("image/png", PIXEL)})
    made = press.convert(Document(json.dumps(to_json(root)), "tree"))
    assert "warnings" not in made.metadata
    assert isinstance(made.content, bytes)
    assert Reader(made.content).headings == [(0, "End")]
    pages = pypdf.PdfReader(io.BytesIO(made.content)).pages
    actions = [note.get_object()["/A"]["/S"] for note in pages[0]["/Annots"] if "/A" in note.get_object()]
    assert actions.count("/URI") == 1
    assert len(pages[0]["/Annots"]) > 3
