"""From one format to another: today from Markdown to HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError
from trainer_markdown.outline import number_headings, take_title
from trainer_markdown.page import page
from trainer_markdown.parser import parse
from trainer_markdown.sanitiser import sanitise
from trainer_markdown.source import Source
from trainer_markdown.wording import text as words
from trainer_markdown.writer import Writer

ALIASES = {"md": "markdown"}


class FormatConverter:
    """Converts text between formats, without a pipeline.

    `theme` names a style sheet of this package, `lang` is the language of the text (BCP 47).
    """

    def __init__(self, theme: str = "report", lang: str = "en") -> None:
        self.theme = theme
        self.lang = lang

    def convert(self, text: str | bytes, source: str, target: str, metadata: Mapping[str, Any] | None = None) -> str:
        """`text` in the format `target`.

        `metadata` is what the document is about: title, subtitle, run, date, model, writer, instruction,
        params, cost, tokens, prompt, sources, warnings, findings; all optional. Values of the text's own
        front matter stand in for those that are not given. Raises `ConversionError` if there is no such
        conversion or theme, or if the text is larger than can be worked on.
        """
        edge = ALIASES.get(source, source), target
        if edge != ("markdown", "html"):
            raise ConversionError(f"there is no conversion from {source} to {target}", "There is: markdown to html.")
        return self._page(Source.read(text, metadata or {}))

    def _page(self, source: Source) -> str:
        tree, notes = parse(source.text)
        tree, title, subtitle = take_title(
            tree, words(source.metadata.get("title")), words(source.metadata.get("subtitle"))
        )
        contents = number_headings(tree)
        return page(
            sanitise(Writer().blocks(tree)),
            title=title or "Report",
            subtitle=subtitle,
            contents=contents,
            source=source,
            notes=[*source.notes, *notes],
            theme=self.theme,
            lang=self.lang,
        )


@plugin
class MarkdownToHTML:
    """Markdown to one self-contained, sanitised HTML page.

    `theme` names a style sheet of this package; a document whose metadata names one comes first. `lang` is the
    language of the text (BCP 47).
    """

    theme: str = "report"
    lang: str = "en"

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The document as HTML. Raises `ConversionError` for other formats and for refused text."""
        converter = FormatConverter(words(document.metadata.get("theme")) or self.theme, self.lang)
        html = converter.convert(document.content, document.format, to, document.metadata)
        return Document(html, "html", document.metadata)
