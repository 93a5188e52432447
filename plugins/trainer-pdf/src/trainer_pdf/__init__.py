"""HTML to PDF with WeasyPrint, in a process with limits that fetches nothing."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import ClassVar

from attrs import field

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError
from trainer_document.apart import Apart

__all__ = ["HTMLToPDF"]

PRINT = "trainer_pdf.printing:print_page"
SIZE = 20_000_000  # bytes of HTML, with the images in it and beside it
TAGS = 2_000  # that are printed in a second, at best: what has more for its seconds is not begun
PANGO = (
    "Install Pango: `apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0`, `dnf install pango`, "
    "or `brew install pango`. trainer-typst needs no system package."
)


@plugin
class HTMLToPDF:
    """HTML pages to PDF, through WeasyPrint.

    `styles` are CSS files of the project, applied after the page's own. `assets` is the one folder of the project from
    which they and the page may take images and fonts; nothing else is opened, and nothing is fetched from the network.
    `variant` is `pdf/ua-1`, which readers for the blind need, another of WeasyPrint's, or nothing. A document may use
    `seconds` of processor time and `memory` megabytes of address space.
    """

    cost: ClassVar[int] = 40
    loses: ClassVar[frozenset[str]] = frozenset({"math"})  # formulas stand in it as TeX
    engine: ClassVar[str] = "weasyprint"

    styles: list[str] = field(factory=list)
    assets: str = ""
    variant: str = "pdf/ua-1"
    seconds: int = 120
    memory: int = 2_048
    root: str = "."
    _press: Apart = field(init=False, factory=lambda: Apart(PRINT), repr=False)

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The page as a PDF. Raises `ConversionError` for text over the limits, and if Pango is not installed."""
        html = document.content.encode("utf-8", "replace") if isinstance(document.content, str) else document.content
        if (size := len(html) + sum(map(len, document.files.values()))) > SIZE:
            raise ConversionError(
                f"the page has {size:,} bytes, and {SIZE:,} can be printed", "Split it, or leave out its images."
            )
        if (tags := html.count(b"<")) > TAGS * self.seconds:
            raise ConversionError(
                f"the page has {tags:,} tags, and no more than {TAGS * self.seconds:,} can be printed in "
                f"{self.seconds} s of processor time",
                'Split it, raise ["html-to-pdf"] seconds in trainer.toml, or use trainer-typst.',
            )
        options = {
            "beside": {name: b64encode(content).decode() for name, content in document.files.items()},
            "styles": [self._style(name) for name in self.styles],
            "assets": str((Path(self.root) / self.assets).resolve()) if self.assets else "",
            "variant": self.variant or None,
        }
        kind, answer = self._press.call(html, options, self.seconds, self.memory)
        match kind:
            case "done":
                return Document(answer, "pdf", document.metadata)
            case "missing":
                raise ConversionError("WeasyPrint cannot find the library Pango", PANGO)
            case "limit":
                raise ConversionError(
                    f"the page needs more than {self.seconds} s of processor time or {self.memory} MB to print",
                    'Split it, raise ["html-to-pdf"] seconds or memory in trainer.toml, or use trainer-typst.',
                )
        raise ConversionError(
            f"WeasyPrint cannot print the page: {answer.decode('utf-8', 'replace')}",
            "Mend the page or its style sheet, or use trainer-typst.",
        )

    def close(self) -> None:
        """End the processes that print."""
        self._press.close()

    def _style(self, name: str) -> str:
        path = Path(self.root) / name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConversionError(
                f"cannot read the style sheet {name}: {reason}", 'Mend ["html-to-pdf"] styles in trainer.toml.'
            ) from error
