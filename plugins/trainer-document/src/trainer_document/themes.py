"""Themes: how a report looks, in colours and lengths (tokens) that every format can take up, and in CSS.

A theme is a folder with a `theme.toml` and, each if wanted, a `style.css`, a `page.html` and a `preamble.typ`:

    extends = "report"                    # what it does not say itself is this theme's
    callouts = ["insights"]               # kinds of `> [!INSIGHTS]`, beside GitHub's five
    section = "company-section"           # the class of a section around each chapter, if there shall be one
    pdf = "weasyprint"                    # the engine that PDFs are made with, if both are installed

    [tokens]                              # `--accent` in the CSS
    accent = "#0b6bcb"

    [dark]                                # those that differ on a dark screen
    accent = "#8fb1ff"

Themes are configuration that is trusted, as plugins are. Still no page may fetch anything, so that a style sheet with
`@import` or an address that is not `data:` is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from attrs import field, frozen

from trainer.errors import ConversionError

GROUP = "trainer.theme"
DEFAULT = "report"

_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_TOKEN = re.compile(r"[\w-]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))")
_FETCHED = re.compile(r"""@import|url\(\s*(?!["']?(?:data:|#))|image-set\(|(?<![\w-])src\s*\(|</""", re.IGNORECASE)


@frozen
class Theme:
    """How a report looks.

    `tokens` and `dark` map names to CSS values; `css` uses them as `var(--name)`. `page` is a Jinja template of a whole
    page instead of the usual one, `typst` what a Typst file begins with, both or "". `callouts` are its own kinds of
    callouts, `section` the class of a section around each chapter, `pdf` the engine that it is made for.
    """

    name: str = DEFAULT
    tokens: Mapping[str, str] = field(factory=dict)
    dark: Mapping[str, str] = field(factory=dict)
    css: str = ""
    page: str = ""
    typst: str = ""
    callouts: tuple[str, ...] = ()
    section: str = ""
    pdf: str = ""

    @property
    def stylesheet(self) -> str:
        """The whole CSS: the tokens, those of a dark screen, and the rules."""
        light = "".join(f"  --{name}: {value};\n" for name, value in self.tokens.items())
        dark = "".join(f"    --{name}: {value};\n" for name, value in self.dark.items())
        parts = [f":root {{\n{light}}}\n" if light else ""]
        if dark:
            parts.append(
                "\n@media screen and (prefers-color-scheme: dark) {\n"
                f"  :root {{\n    color-scheme: dark;\n{dark}  }}\n}}\n"
            )
        return "".join(parts) + f"\n{self.css}"


def load(name: str, root: Path | None = None) -> Theme:
    """The theme `name`: the one built in, one of an installed package, or a folder.

    A package offers one through an entry point of the group `trainer.theme`, which names a `Theme` or a package that
    has a theme's files. Otherwise `name` is the path of a folder, from `root`. Raises `ConversionError` if there is
    no such theme, or if it could fetch something.
    """
    theme = _installed(name) if _NAME.fullmatch(name) else None
    folder = (root or Path()) / name
    if theme is None and name and (folder / "theme.toml").is_file():
        theme = _read(folder.name, folder)
    if theme is None:
        known = sorted({DEFAULT, *(entry.name for entry in entry_points(group=GROUP))})
        raise ConversionError(
            f"there is no theme {name!r}", f"There is: {', '.join(known)}. Or name a folder with a theme.toml."
        )
    return theme


@cache
def _installed(name: str) -> Theme | None:
    if name == DEFAULT:
        return _read(name, files("trainer_document") / "styles" / DEFAULT)
    for entry in entry_points(group=GROUP, name=name):
        found = entry.load()
        return checked(found) if isinstance(found, Theme) else _read(name, files(found))
    return None


def _read(name: str, folder: Traversable) -> Theme:
    def text(file: str) -> str:
        path = folder / file
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    try:
        values = tomllib.loads(text("theme.toml"))
        css, page, typst = text("style.css"), text("page.html"), text("preamble.typ")
    except (OSError, ValueError) as error:
        raise _wrong(name, str(error)) from error
    base = _base(name, values)
    return checked(
        Theme(
            name=name,
            tokens={**base.tokens, **_tokens(name, values.get("tokens", {}))},
            dark={**base.dark, **_tokens(name, values.get("dark", {}))},
            css=f"{base.css}\n{css}" if base.css else css,
            page=page or base.page,
            typst=typst or base.typst,
            callouts=(*base.callouts, *(str(kind).lower() for kind in values.get("callouts", ()))),
            section=str(values.get("section", base.section)),
            pdf=str(values.get("pdf", base.pdf)),
        )
    )


def _base(name: str, values: Mapping[str, Any]) -> Theme:
    extended = str(values.get("extends", ""))
    if extended and (extended == name or (base := _installed(extended)) is None):
        raise _wrong(name, f"it extends {extended!r}, and no such theme is installed")
    return base if extended and base else Theme()


def _tokens(name: str, values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or not all(_TOKEN.fullmatch(key) for key in values):
        raise _wrong(name, "its tokens are no table of names and values")
    return {key: str(value) for key, value in values.items()}


def checked(theme: Theme) -> Theme:
    """The theme, if no page made with it can fetch anything. Raises `ConversionError` otherwise."""
    bad = [value for value in (*theme.tokens.values(), *theme.dark.values()) if re.search(r"[{};<]", value)]
    css = _COMMENT.sub("", theme.stylesheet)
    found = _FETCHED.search(css) or _FETCHED.search(_ESCAPE.sub(_unescaped, css))
    if bad or found:
        what = f"the token {bad[0]!r} is not one value" if bad else f"its style sheet has {found[0]!r}, which may fetch"  # type: ignore[index]  # one of both
        raise _wrong(theme.name, what)
    return theme


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else 0
    return match[2] or (chr(code) if 0 < code < 0x110000 else "\ufffd")


def _wrong(name: str, reason: str) -> ConversionError:
    return ConversionError(
        f"the theme {name!r} cannot be used: {reason}", "Put fonts and pictures into it as `data:` addresses."
    )
