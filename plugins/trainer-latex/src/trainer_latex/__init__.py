"""Document trees as LaTeX, and LaTeX as PDF through XeLaTeX or Tectonic."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError

__all__ = ["LatexToPDF", "TreeToLatex"]

SIZE = 20_000_000  # characters of a LaTeX file
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of what has no date, so that the same file makes the same bytes


@plugin
class TreeToLatex:
    """Document trees to LaTeX: one file that needs no other, for XeLaTeX and its like."""

    cost: ClassVar[int] = 10
    loses: ClassVar[frozenset[str]] = frozenset({"charts", "images", "style"})

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The document as LaTeX. Raises `ConversionError` for what is no tree, and for one that is too large."""
        from trainer_document.tree import read
        from trainer_latex.writer import latex_source

        tree = read(document.content)
        try:
            return Document(latex_source(tree), "latex", document.metadata)
        except RecursionError as error:  # a note may refer to a note, and so on
            raise ConversionError("the document is refused: its notes nest too deeply", "Shorten the chain.") from error


@plugin
class LatexToPDF:
    """LaTeX files to PDF, with xelatex or tectonic, whichever is installed.

    Each pass over a document may use `seconds` of processor time and `memory` megabytes of address space.
    """

    cost: ClassVar[int] = 1_000  # for seconds, where other ways to a PDF take less than one
    engine: ClassVar[str] = "xelatex"

    seconds: int = 60
    memory: int = 2_048

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The file as a PDF. Raises `ConversionError` for one over the limits or in error, or without an engine."""
        from trainer_latex.compiling import compile_source

        source = document.text
        if len(source) > SIZE:
            raise ConversionError(
                f"the document has {len(source):,} characters of LaTeX, and {SIZE:,} are allowed", "Split it."
            )
        pdf = compile_source(source.encode("utf-8", "replace"), self.seconds, self.memory, _epoch(document.metadata))
        return Document(pdf, "pdf", document.metadata)


def _epoch(metadata: Mapping[str, Any]) -> int:
    """When a document was made: as `SOURCE_DATE_EPOCH` says, or else its metadata."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isascii() and given.isdecimal():
        return int(given)
    try:
        made = datetime.fromisoformat(str(metadata.get("date")))
    except ValueError:
        made = EPOCH
    return max(0, int((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()))
