"""A whole page: the title block, the contents, the body, and the appendix on where it all comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup

from trainer.errors import ConversionError
from trainer_markdown import wording
from trainer_markdown.outline import Section
from trainer_markdown.sanitiser import is_link
from trainer_markdown.source import Source, writable

FILTERS = (
    wording.count, wording.day, wording.minute, wording.money, wording.pairs, wording.rows, wording.stem, wording.text,
    wording.texts, wording.words,
)  # fmt: skip


def page(
    body: str,
    title: str,
    subtitle: str,
    contents: Sequence[Section],
    source: Source,
    notes: Sequence[str],
    theme: str,
    lang: str,
) -> str:
    """The HTML of a page. `body` must be sanitised; all other text is escaped here.

    `source` says what the document is about, `notes` what the conversion had to give up.
    Raises `ConversionError` if there is no theme of that name.
    """
    html = _template().render(
        body=Markup(body),  # noqa: S704  # it is the sanitiser's output
        contents=contents,
        css=Markup(_css(theme)),  # noqa: S704  # it is a file of this package
        details=source.details,
        lang=lang,
        meta=source.metadata,
        notes=notes,
        running_title=_css_text(title if len(title) <= 80 else f"{title[:79]}…"),
        subtitle=subtitle,
        title=title,
    )
    return writable(html)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("trainer_markdown"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({function.__name__: function for function in FILTERS})
    environment.tests["link"] = is_link
    return environment.get_template("page.html")


@cache
def _css(theme: str) -> str:
    themes = {file.name.removesuffix(".css"): file for file in (files("trainer_markdown") / "themes").iterdir()}
    if theme not in themes:
        raise ConversionError(f"there is no theme {theme!r}", f"There is: {', '.join(sorted(themes))}.")
    return themes[theme].read_text(encoding="utf-8")


def _css_text(text: str) -> str:
    """`text` for a string in CSS: every character but ASCII letters and digits by its number."""
    return "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):x} " for char in text)
