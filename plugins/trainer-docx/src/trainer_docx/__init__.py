"""Reports as Word documents: real headings, tables, lists, footnotes and formulas."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from trainer import Document, hookimpl, plugin

__all__ = ["TreeToDocx"]

NODES = 60_000  # of a tree: Word itself is slow to open more


@plugin
class TreeToDocx:
    """Document trees to DOCX.

    `template` is a Word document of the project whose styles, page and headers are used; what it says is left out.
    """

    cost: ClassVar[int] = 10
    loses: ClassVar[frozenset[str]] = frozenset({"style"})
    engine: ClassVar[str] = "docx"

    template: str = ""
    root: str = "."

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The document as DOCX, the same bytes for the same tree.

        Raises `ConversionError` for what is no tree, and for one that is too large.
        """
        from trainer_document.tree import read
        from trainer_docx.package import build

        tree = read(document.content, NODES)
        template = Path(self.root) / self.template if self.template else None
        return Document(build(tree, template), "docx", document.metadata)
