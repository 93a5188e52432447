"""Footnotes, which python-docx has no interface for: a part of their own (ECMA-376, part 1, section 11.3.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from docx.document import Document
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part, XmlPart

from trainer_document.tree import FootnoteDefinition, Node, Root, blocks
from trainer_docx.elements import Look, Place, element, paragraph, run

if TYPE_CHECKING:
    from trainer_docx.writer import Writer


class Footnotes:
    """The footnotes of one document, numbered in the order in which the text refers to them."""

    def __init__(self, document: Document, root: Root) -> None:
        self._document = document
        self._known = {node.identifier: node.children for node in blocks(root) if isinstance(node, FootnoteDefinition)}
        self._numbers: dict[str, int] = {}

    def define(self, identifier: str, content: Sequence[Node]) -> None:
        """A footnote stands in the text: it is kept even if nothing refers to it."""
        self._known.setdefault(identifier, list(content))

    def reference(self, identifier: str) -> Any:
        """The mark of a footnote in the text."""
        if identifier not in self._known:
            return run(f"[{identifier}]")
        number = self._numbers.setdefault(identifier, len(self._numbers) + 1)
        return element("w:r", Look(raised="superscript").properties(), element("w:footnoteReference", id=number))

    def write(self, writer: Callable[[Part], Writer]) -> None:
        """Add the part with all footnotes to the document."""
        if not self._known:
            return
        root = element("w:footnotes", _separator(-1, "separator"), _separator(0, "continuationSeparator"))
        uri = PackURI("/word/footnotes.xml")
        part = XmlPart(uri, CONTENT_TYPE.WML_FOOTNOTES, root, self._document.part.package)
        self._document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
        inner = writer(part)
        for identifier in self._known:
            self._numbers.setdefault(identifier, len(self._numbers) + 1)
        for identifier, number in sorted(self._numbers.items(), key=lambda item: item[1]):
            body = list(inner.blocks(self._known[identifier], Place(tight=True))) or [paragraph(Place(), [])]
            mark = element("w:r", Look(raised="superscript").properties(), element("w:footnoteRef"))
            first = next((item for item in body if item.tag.endswith("}p")), None)
            if first is None:
                body.insert(0, first := paragraph(Place(), []))
            first.insert(1, mark)
            first.insert(2, run(" "))
            root.append(element("w:footnote", *body, id=number))


def _separator(number: int, kind: str) -> Any:
    inside = element("w:r", element(f"w:{kind}"))
    return element("w:footnote", paragraph(Place(tight=True), [inside]), id=number, type=kind)
