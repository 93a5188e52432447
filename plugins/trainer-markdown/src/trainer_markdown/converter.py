"""From one format to another, by way of the document tree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve

from trainer import Document, hookimpl, plugin
from trainer.errors import ConversionError
from trainer.paths import confine
from trainer_document import themes
from trainer_document.report import enrich, needs
from trainer_document.tree import Root, read as parsed, to_json
from trainer_document.wording import text as words
from trainer_markdown import answer, data as codec, detection
from trainer_markdown.assets import Assets, Place, regained
from trainer_markdown.extraction import Extracted, extract
from trainer_markdown.markdown_writer import write
from trainer_markdown.page import page
from trainer_markdown.reader import parse
from trainer_markdown.source import Source, front_matter

ALIASES = {"md": "markdown", "htm": "html", "tree.json": "tree"}
AUTO = "auto"
READ = ("markdown", "tree", "html", "json")
WRITTEN = ("html", "tree", "markdown", "json")


class FormatConverter:
    """Converts text between formats, without a pipeline.

    `theme` names a theme (see `trainer_document.themes`), found from the folder `root`; `lang` is the language of the
    text (BCP 47).
    """

    def __init__(self, theme: str = themes.DEFAULT, lang: str = "en", root: Path | None = None) -> None:
        self.theme = theme
        self.lang = lang
        self.root = root

    def convert(self, text: str | bytes, source: str, target: str, metadata: Mapping[str, Any] | None = None) -> str:
        """`text` in the format `target`. The format `source` may be `auto`: what `detect_format` is sure of.

        `metadata` is what the document is about: title, subtitle, run, date, model, writer, instruction,
        params, cost, tokens, prompt, sources, figures, quotes, grounding, warnings, findings; all optional. Values of
        the text's own front matter stand in for those that are not given. `schema` is a JSON schema, for data. Raises
        `ConversionError` if there is no such conversion or theme, or if the text is larger than can be worked on.
        """
        return self.document(text, source, target, metadata).text

    def document(
        self,
        text: str | bytes,
        source: str,
        target: str,
        metadata: Mapping[str, Any] | None = None,
        assets: Place = "embedded",
    ) -> Document:
        """As `convert`, with the metadata, and with the files that a page needs whose pictures lie `beside` it."""
        source, target = ALIASES.get(source, source), ALIASES.get(target, target)
        if source == AUTO:
            source = self._detected(text)
        if source not in READ or target not in WRITTEN or source == target:
            known = ", ".join(f"{one} to {other}" for one in READ for other in WRITTEN if one != other)
            raise ConversionError(f"there is no conversion from {source} to {target}", f"There is: {known}.")
        about = metadata or {}
        if target != "html":
            return Document(self._text(text, source, target, about), target, about)
        theme = themes.load(self.theme, self.root)
        root = self._read(text, source, about)
        pictures = Assets(root.assets, assets)
        return Document(page(root, theme, pictures), target, about, pictures.files)

    def json_to_markdown(self, data: Any, schema: Mapping[str, Any] | None = None, template: str | None = None) -> str:
        """A JSON value as Markdown: by a template, or as `markdown_to_json` reads it back, exactly.

        A schema gives titles, order, units and formats. Raises `ConversionError` for what JSON cannot hold.
        """
        return codec.to_markdown(data, schema) if template is None else self.apply_template(template, data)

    def markdown_to_json(self, text: str | bytes, schema: Mapping[str, Any] | None = None) -> Any:
        """The JSON value that Markdown holds; any Markdown has one.

        Raises `ConversionError` if a key stands twice, or if shown figures and exact ones say different things.
        """
        return codec.from_markdown(text, schema)

    def detect_format(self, content: str | bytes) -> tuple[str, float]:
        """The format of a text or a file, and a confidence from 0 to 1. Raises nothing."""
        return detection.detect(content)

    def apply_template(self, template: str, data: Any) -> str:
        """A Jinja template of Markdown, filled in, in a sandbox. Raises `ConversionError` if it fails."""
        from trainer_markdown.templating import render

        return render(template, data)

    def apply_styles(self, html: str, css: str = "", theme: str = "") -> str:
        """A page with one more style sheet: of a theme, of CSS, or of both.

        Raises `ConversionError` for an unknown theme, and for CSS that could fetch something.
        """
        from trainer_markdown.styling import styled

        base = themes.load(theme, self.root) if theme else themes.Theme("of this call")
        return styled(html, evolve(base, css=f"{base.css}\n{css}"))

    def extract_json_from_text(self, text: str, schema: Mapping[str, Any] | None = None) -> Extracted:
        """The JSON value within a text, and whether it had to be `repaired`.

        Raises `ConversionError` if there is none, or if none fits the schema.
        """
        return extract(text, schema)

    def _detected(self, content: str | bytes) -> str:
        name, confidence = self.detect_format(content)
        if confidence < detection.SURE:
            raise ConversionError(
                f"this could be {name}, and only {confidence:.0%} speak for it", f"Say what it is: {', '.join(READ)}."
            )
        return name

    def _text(self, text: str | bytes, source: str, target: str, metadata: Mapping[str, Any]) -> str:
        if source == "json" and target == "markdown":
            return answer.shown(text, _schema(metadata))
        if target == "json":
            text = text if source == "markdown" else write(self._read(text, source, metadata))
            return json.dumps(codec.from_markdown(text, _schema(metadata)), ensure_ascii=False, indent=2) + "\n"
        root = self._read(text, source, metadata)
        return write(root) if target == "markdown" else json.dumps(to_json(root), ensure_ascii=False)

    def _read(self, text: str | bytes, source: str, metadata: Mapping[str, Any]) -> Root:
        if source == "json":
            text, source = answer.shown(text, _schema(metadata)), "markdown"
        if source == "markdown":
            return self._report(text, metadata)
        if source == "html":
            from trainer_markdown.html_reader import read

            return read(text)
        return parsed(text)

    def _report(self, text: str | bytes, metadata: Mapping[str, Any]) -> Root:
        source = Source.read(text, metadata)
        root, notes = parse(source.text, _figures(text, source))
        root.lang = self.lang
        return enrich(root, source.metadata, [*source.notes, *notes], source.details)


def _schema(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = metadata.get("schema")
    return found if isinstance(found, Mapping) else None


def _figures(content: str | bytes, source: Source) -> list[dict[str, Any]]:
    """The figures that grounding found, at their places in the text without its front matter."""
    given = source.metadata.get("figures")
    whole = len(content if isinstance(content, str) else content.decode("utf-8", "surrogateescape"))
    offset = whole - len(source.text)
    return [
        {**figure, "start": figure["start"] - offset, "end": figure["end"] - offset}
        for figure in (given if isinstance(given, list | tuple) else ())
        if isinstance(figure, Mapping)
        and isinstance(figure.get("start"), int)
        and isinstance(figure.get("end"), int)
        and offset <= figure["start"] < figure["end"] <= whole
    ]


def _theme(document: Document, root: str) -> str:
    """The theme that a document asks for, or "": in its metadata, or in the front matter of a text of no run.

    The text may be anybody's, and a theme is trusted: so it names one that is installed, or in the project's folder.
    """
    named = words(document.metadata.get("theme"))
    if named or document.format != "markdown" or "run" in document.metadata:
        return named
    own = words(front_matter(document.content).get("theme"))
    if own:
        confine(Path(root), own)
    return own


@plugin
class MarkdownToHTML:
    """Markdown to one sanitised HTML page.

    `theme` names a theme; one that the document's metadata or front matter names comes first. `lang` is the language of
    the text (BCP 47). `assets` says where its pictures are: `embedded` in the page, which is then a file that stands
    alone, or `beside` it, in files named by their contents.
    """

    theme: str = themes.DEFAULT
    lang: str = "en"
    assets: Place = "embedded"
    root: str = "."

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The document as HTML. Raises `ConversionError` for other formats and for refused text."""
        converter = FormatConverter(_theme(document, self.root) or self.theme, self.lang, Path(self.root))
        return converter.document(document.content, document.format, to, document.metadata, self.assets)


@plugin
class TreeToHTML:
    """A document tree to one sanitised HTML page. `theme` and `assets` are as for Markdown."""

    theme: str = themes.DEFAULT
    assets: Place = "embedded"
    root: str = "."

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The document as HTML. Raises `ConversionError` for what is no tree."""
        converter = FormatConverter(_theme(document, self.root) or self.theme, root=Path(self.root))
        return converter.document(document.content, document.format, to, document.metadata, self.assets)


@plugin
class MarkdownToTree:
    """Markdown to a document tree with all of a report: figures that lead to their records, captions, an appendix.

    `theme` is as for HTML. What the document has, and the engine that its theme is made for, are told in the metadata.
    """

    learns: ClassVar[bool] = True

    theme: str = themes.DEFAULT
    lang: str = "en"
    root: str = "."

    @hookimpl
    def convert(self, document: Document) -> Document:
        """The tree as JSON. Raises `ConversionError` for a theme that is not there and for refused text."""
        asked = _theme(document, self.root)
        theme = themes.load(asked or self.theme, Path(self.root))
        tree = FormatConverter(lang=self.lang)._report(document.content, document.metadata)
        styled = ["style"] if theme.name != themes.DEFAULT else []
        learnt = {"theme": asked, "via": theme.pdf, "needs": [*needs(tree), *styled]}
        metadata = {**document.metadata, **learnt}
        return Document(json.dumps(to_json(tree), ensure_ascii=False), "tree", metadata)


@plugin
class TreeToMarkdown:
    """A document tree to Markdown that reads back as the same tree."""

    loses: ClassVar[frozenset[str]] = frozenset({"lineage", "style"})

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The document as Markdown. Raises `ConversionError` for what is no tree."""
        return FormatConverter().document(document.content, document.format, to, document.metadata)


@plugin
class HTMLToTree:
    """Any HTML to a document tree: headings, text, lists, tables, links, code, footnotes and pictures of its own."""

    loses: ClassVar[frozenset[str]] = frozenset({"style", "charts"})

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The tree as JSON. Raises `ConversionError` for other formats and for refused text."""
        if not document.files:
            return FormatConverter().document(document.content, document.format, to, document.metadata)
        html, pictures = regained(document.text, document.files)
        root = FormatConverter()._read(html, "html", {})
        root.assets = pictures
        return Document(json.dumps(to_json(root), ensure_ascii=False), "tree", document.metadata)


@plugin
class JSONToMarkdown:
    """JSON to Markdown that people read and edit, and that leads back to the same JSON.

    `metadata["schema"]`, a JSON schema, gives titles, order, units and formats. What is not JSON alone is shown with
    what is wrong with it, and as it was.
    """

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The data as Markdown. Raises `ConversionError` for other formats and for refused text."""
        return FormatConverter().document(document.content, document.format, to, document.metadata)


@plugin
class MarkdownToJSON:
    """Markdown to the JSON that it was made of; of other Markdown, headings become members and text strings."""

    cost: ClassVar[int] = 30
    loses: ClassVar[frozenset[str]] = frozenset({"charts", "lineage", "style"})

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        """The data as JSON. Raises `ConversionError` for other formats and for refused text."""
        return FormatConverter().document(document.content, document.format, to, document.metadata)
