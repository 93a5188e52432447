"""Document trees to Typst source, and to PDFs that keep: PDF/A-3a and PDF/UA-1, with their records attached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

from attrs import field

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError
from trainer_document import themes
from trainer_document.apart import Apart
from trainer_document.tree import Root, read as parsed
from trainer_document.wording import text

__all__ = ["TreeToPDF", "TreeToTypst"]

SIZE = 8_000_000  # letters of a tree in JSON, without its pictures: what is larger needs more than 1 GB to set
COMPILE = "trainer_typst.compiling:compile_source"
ATTACHED = {  # of a document's metadata, in a PDF: what each says
    "snapshot": "The run that wrote this report, with all that it was written from",
    "records": "The stored data that this report was written from",
    "sources": "Where that data is from",
    "figures": "What each figure of the text traces to",
}


@plugin
class TreeToTypst:
    """A document tree to one Typst file, with its pictures in it.

    `theme` names a theme; a document whose metadata names one comes first.
    """

    cost: ClassVar[int] = 10
    loses: ClassVar[frozenset[str]] = frozenset({"style"})  # it takes the colours of a theme, not its style sheet

    theme: str = themes.DEFAULT
    root: str = "."

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The document as Typst source. Raises `ConversionError` for what is no tree."""
        tree, _ = read(document)
        return Document(source(tree, document.metadata, self.theme, self.root), "typst", document.metadata)


@plugin
class TreeToPDF:
    """A document tree to a PDF that meets PDF/A-3a and PDF/UA-1, through Typst.

    `theme` is as for Typst. `fonts` is a folder of the project with further fonts. The document may use `seconds` of
    processor time and `memory` megabytes of address space. What the document's metadata has under `snapshot`,
    `records`, `sources` and `figures` is attached to the PDF as JSON, and so is the tree.
    """

    cost: ClassVar[int] = 10
    loses: ClassVar[frozenset[str]] = frozenset({"style"})  # it takes the colours of a theme, not its style sheet
    engine: ClassVar[str] = "typst"

    theme: str = themes.DEFAULT
    fonts: str = ""
    seconds: int = 5
    memory: int = 1_024
    root: str = "."
    _press: Apart = field(init=False, factory=lambda: Apart(COMPILE), repr=False)

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The document as a PDF; what had to be given up is among its metadata's `warnings`.

        Raises `ConversionError` for what is no tree, and for a document over the limits.
        """
        tree, content = read(document)
        attached = {"document": content} | {
            name: _json(document.metadata[name]) for name in ATTACHED if document.metadata.get(name)
        }
        typst = source(tree, document.metadata, self.theme, self.root) + "".join(map(_attachment, attached))
        options = {
            "attachments": {f"{name}.json": _utf8(value) for name, value in attached.items()},
            "fonts": str((Path(self.root) / self.fonts).resolve()) if self.fonts else "",
        }
        kind, answer = self._press.call(typst.encode(), options, self.seconds, self.memory)
        match kind:
            case "done":
                notes, _, pdf = answer.partition(b"\n")
                return Document(pdf, "pdf", _noted(document.metadata, json.loads(notes)))
            case "limit":
                raise ConversionError(
                    f"the document needs more than {self.seconds} s of processor time or {self.memory} MB to set",
                    'Split it, keep long tables out of it, or raise ["tree-to-pdf"] seconds or memory in trainer.toml.',
                )
        raise ConversionError(
            f"Typst cannot set the document: {answer.decode('utf-8', 'replace')}",
            "Mend the theme's preamble.typ, or use trainer-pdf.",
        )

    def close(self) -> None:
        """End the processes that set documents."""
        self._press.close()


def read(document: Document) -> tuple[Root, str]:
    """The tree of a document, and its JSON. Raises `ConversionError` if it is none."""
    content = document.text
    tree = parsed(content)
    pictures = sum(4 * len(picture) // 3 for _, picture in tree.assets.values())
    if (size := len(content) - pictures) > SIZE:
        raise ConversionError(
            f"the document has {size:,} letters as a tree, and {SIZE:,} can be set",
            "Split it, or keep long tables out of it.",
        )
    return tree, content


def source(tree: Root, metadata: Mapping[str, Any], theme: str = themes.DEFAULT, root: str = ".") -> str:
    """The Typst source of a tree, in the theme that its metadata names or else in `theme`, dated as its metadata is."""
    from trainer_typst.writer import typst_source

    return typst_source(tree, themes.load(text(metadata.get("theme")) or theme, Path(root)), _day(metadata.get("date")))


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(text(value)).date()
    except ValueError:
        return None


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _attachment(name: str) -> str:
    told = ATTACHED.get(name, "This report as a document tree")
    relation = "source" if name == "document" else "data"
    return (
        f'#pdf.attach("{name}.json", bytes(sys.inputs.at("attached {name}.json")), relationship: "{relation}", '
        f'mime-type: "application/json", description: "{told}")\n'
    )


def _noted(metadata: Mapping[str, Any], notes: list[str]) -> Mapping[str, Any]:
    given = metadata.get("warnings")
    return (
        {**metadata, "warnings": [*(given if isinstance(given, list | tuple) else []), *notes]} if notes else metadata
    )
