"""A whole page: the title block, the contents, the text and the appendix."""

from __future__ import annotations

from functools import cache

from jinja2 import PackageLoader, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from trainer.errors import ConversionError
from trainer_document.outline import contents
from trainer_document.themes import Theme
from trainer_document.tree import Root
from trainer_markdown.assets import Assets
from trainer_markdown.html import Body
from trainer_markdown.sanitiser import sanitise
from trainer_markdown.source import writable

RUNNING = 80  # letters of the title at the foot of a printed page


def page(root: Root, theme: Theme, assets: Assets | None = None) -> str:
    """The HTML page of a document: without scripts, sanitised, and self-contained if `assets` does not say otherwise.

    Raises `ConversionError` if it grows beyond the limits, or if the theme's own template is wrong.
    """
    assets = assets or Assets(root.assets)
    text, appendix = (Markup(sanitise(writable(part))) for part in Body(root, theme, assets).parts())  # noqa: S704  # sanitised
    title = root.title or "Report"
    chapters = contents(root)
    try:
        html = _template(
            theme.page
        ).render(
            appendix=appendix,
            contents=chapters,
            columns=len(chapters) > 1,
            css=Markup(theme.stylesheet),  # noqa: S704  # themes are trusted, and cannot end a style sheet
            files=assets.files,
            notes=assets.notes,
            root=root,
            run=dict(root.origin).get("Run", ""),
            running_title=_css_text(title if len(title) <= RUNNING else f"{title[: RUNNING - 1]}…"),
            text=text,
            title=title,
        )
    except TemplateError as error:
        raise ConversionError(
            f"the page template of the theme {theme.name!r} is wrong: {error}", "See docs/how-to/reports.md."
        ) from error
    return writable(html)


@cache
def templates() -> SandboxedEnvironment:
    """The templates of this package, in which all that is not markup already is escaped."""
    return SandboxedEnvironment(
        loader=PackageLoader("trainer_markdown"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _template(own: str) -> Template:
    return templates().from_string(own) if own else templates().get_template("page.html")


def _css_text(text: str) -> str:
    """`text` for a string in CSS: every character but ASCII letters and digits by its number."""
    return "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):x} " for char in text)
