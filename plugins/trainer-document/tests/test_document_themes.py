"""Themes: tokens, a style sheet and perhaps a page, from a package or a folder, that fetch nothing."""

from __future__ import annotations

import pytest

from trainer.errors import ConversionError
from trainer_document import themes


@pytest.fixture
def folder(tmp_path):
    def write(css: str = "", toml: str = "") -> str:
        (tmp_path / "house").mkdir(exist_ok=True)
        (tmp_path / "house" / "theme.toml").write_text(toml)
        (tmp_path / "house" / "style.css").write_text(css)
        return "house"

    return write


def test_the_theme_that_is_built_in_has_tokens_for_both_screens():
    theme = themes.load("report")
    assert {"paper", "ink", "accent", "positive", "negative"} <= set(theme.tokens)
    assert set(theme.dark) <= set(theme.tokens)
    assert "--paper: #ffffff;" in theme.stylesheet
    assert "prefers-color-scheme: dark" in theme.stylesheet


def test_a_folder_takes_over_from_the_theme_it_extends(folder, tmp_path):
    name = folder(
        "h1 { color: red }",
        'extends = "report"\nsection = "part"\ncallouts = ["INSIGHTS"]\n[tokens]\nink = "#000000"\n',
    )
    theme = themes.load(name, tmp_path)
    assert theme.tokens["ink"] == "#000000"
    assert theme.tokens["paper"] == "#ffffff"
    assert theme.css.endswith("h1 { color: red }")
    assert (theme.section, theme.callouts) == ("part", ("insights",))


@pytest.mark.parametrize(
    "css",
    [
        '@import "https://evil.example/a.css";',
        "@IMPORT url(a.css);",
        "p { background: url(https://evil.example/x.png) }",
        "p { background: url('//evil.example/x.png') }",
        "p { background: URL( \"x.png\" ) }",
        "p { background: u\\72l(https://evil.example/x.png) }",
        "@\\69mport 'a.css';",
        "p { background: ur/**/l(x) url/**/(https://evil.example) }",
        "p { background: image-set('https://evil.example/x.png' 1x) }",
        "@font-face { font-family: x; src: url(https://evil.example/f.woff2) }",
        "</style><script>alert(1)</script>",
    ],
)  # fmt: skip
def test_a_style_sheet_that_could_fetch_or_end_itself_is_refused(folder, tmp_path, css):
    with pytest.raises(ConversionError, match="cannot be used"):
        themes.load(folder(css), tmp_path)


def test_pictures_and_fonts_within_the_style_sheet_are_fine(folder, tmp_path):
    css = "p { background: url(data:image/png;base64,AA==); fill: url(#x) } a::after { content: '\\2192' }"
    assert themes.load(folder(css), tmp_path).css == css


@pytest.mark.parametrize(
    "toml", ["[tokens", "tokens = 3", '[tokens]\n"a b" = "1"', '[tokens]\na = "red; } p {"', 'extends = "none"']
)
def test_a_theme_that_is_wrong_says_why(folder, tmp_path, toml):
    with pytest.raises(ConversionError, match="cannot be used"):
        themes.load(folder("", toml), tmp_path)


@pytest.mark.parametrize("name", ["nothing", "../report", "", "report.css", "/etc"])
def test_a_theme_that_is_not_there_is_refused_by_naming_those_there_are(name, tmp_path):
    with pytest.raises(ConversionError, match="There is: report"):
        themes.load(name, tmp_path)
