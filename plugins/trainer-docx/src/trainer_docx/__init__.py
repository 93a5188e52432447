"""Reports as Word documents: real headings, tables, lists, footnotes and formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError

__all__ = ["TreeToDocx"]

SIZE = 20_000_000  # characters of the tree's JSON


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
        """The document as DOCX, the same bytes for the same tree. Raises `ConversionError` for what is no tree."""
        from trainer_document.tree import Root, from_json, wrong_tree
        from trainer_docx.package import build

        text = document.text
        if len(text) > SIZE:
            raise ConversionError(
                f"the document has {len(text):,} characters as a tree, and {SIZE:,} are allowed", "Split it."
            )
        try:
            tree = from_json(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise wrong_tree(str(error)) from error
        if not isinstance(tree, Root):
            raise wrong_tree(f"it begins with a {tree.type}")
        template = Path(self.root) / self.template if self.template else None
        return Document(build(tree, template), "docx", document.metadata)
