"""A style sheet that was written for other pages finds its classes on ours: a theme of a folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from trainer_markdown import FormatConverter

THEME = 'callouts = ["insights"]\nsection = "company-section"\n'
STYLE = """
body { font-family: Arial, sans-serif; }
.company-section { border-bottom: 1px solid #ddd; }
.positive { color: green; }
.negative { color: red; }
.insights { background: #f0f7ff; }
.note { font-style: italic; }
"""
TEXT = """
# Three companies

Before any company.

## Acme

Revenue rose by +12.5% and profit fell by -3.1%.

| Figure | Change |
|---|---|
| Revenue | +12.5% |
| Profit | -3.1% |

> [!INSIGHTS]
> Growth is **steady**.

> [!NOTE]
> Quotes are two days old.

## Northwind

Nothing new.
"""
FIGURES = [
    {"start": TEXT.index(sign), "end": TEXT.index(sign) + len(sign), "status": "found", "ref": "f@1", "path": "x"}
    for sign in ("+12.5%", "-3.1%")
]


@pytest.fixture
def page(tmp_path: Path) -> etree._Element:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "theme.toml").write_text(THEME)
    (folder / "style.css").write_text(STYLE)
    about = {"figures": FIGURES, "sources": [{"ref": "f@1", "name": "facts"}]}
    html = FormatConverter(theme=str(folder)).convert(TEXT, "markdown", "html", about)
    return etree.fromstring(html.encode(), etree.HTMLParser(encoding="utf-8"))


def classed(page: etree._Element, name: str) -> list[str]:
    found = page.xpath(f"//article//*[contains(concat(' ', @class, ' '), ' {name} ')]")
    return [" ".join("".join(element.itertext()).split()) for element in found]


def test_each_chapter_is_a_section_of_the_class_that_the_theme_names(page):
    acme, northwind = classed(page, "company-section")
    assert (acme.split()[0], northwind) == ("Acme", "Northwind Nothing new.")


def test_figures_with_a_sign_have_the_class_of_it_in_sentences_and_in_cells(page):
    assert classed(page, "positive") == ["+12.5%", "+12.5%"]
    assert classed(page, "negative") == ["−3.1%", "−3.1%"]


def test_callouts_have_the_class_of_their_kind(page):
    assert classed(page, "insights") == ["Insights Growth is steady."]
    assert classed(page, "note") == ["Note Quotes are two days old."]


def test_the_page_has_the_theme_s_rules_and_no_others(page):
    style = page.findtext("head/style")
    assert all(rule in style for rule in STYLE.strip().splitlines())
    assert "var(--" not in style
