"""Any document at all, read back from its Word document: it says what it said."""

from __future__ import annotations

import io
import re
from typing import Any

import docx
from docx.oxml.ns import qn
from hypothesis import HealthCheck, given, settings
from lxml import etree

from trainer_document.specimens import Said, documents, line
from trainer_document.tree import Root
from trainer_docx.package import build


def shown(element: Any) -> str:
    words = {qn("w:t"): lambda item: item.text or "", qn("w:br"): lambda _: " "}
    return "".join(words[item.tag](item) for item in element.iter(*words))


def said(content: bytes) -> Said:
    document = docx.Document(io.BytesIO(content))
    body = document.element.body
    headings = []
    for paragraph in body.iter(qn("w:p")):
        style = paragraph.style
        if style and (found := re.fullmatch(r"Heading(\d)", style)):
            headings.append((int(found[1]), line(shown(paragraph))))
    tables = [
        [[line(shown(cell)) for cell in row.iter(qn("w:tc"))] for row in table.iter(qn("w:tr"))]
        for table in body.iter(qn("w:tbl"))
    ]
    (notes,) = [rel.target_part for rel in document.part.rels.values() if rel.reltype.endswith("/footnotes")]
    links = [
        (line(shown(link)), part.rels[link.get(qn("r:id"))].target_ref)
        for part, root in [(document.part, body), (notes, etree.fromstring(notes.blob))]
        for link in root.iter(qn("w:hyperlink"))
        if link.get(qn("r:id"))
    ]
    return Said(headings, tables, links)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_any_document_has_the_same_headings_tables_and_links_as_a_word_document(root: Root) -> None:
    assert said(build(root, None)) == Said.of(root)
