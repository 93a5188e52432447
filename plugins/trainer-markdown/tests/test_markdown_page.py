"""The page around the text: title, contents, sources, and looks that can be read by everyone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from itertools import product
from pathlib import Path

import pytest

from trainer import Document
from trainer.errors import ConversionError
from trainer_document import themes
from trainer_markdown import FormatConverter, MarkdownToHTML

TEXT = "# Apple: annual figures\n\n## Summary\n\nRevenue rose.\n\n### Detail\n\n## Risks\n\nSome.\n"
RUN = {
    "title": "Apple: annual figures",
    "subtitle": "Five years",
    "run": "run-1",
    "date": "2025-11-19T13:48:00+00:00",
    "model": "anthropic/claude",
    "instruction": "annual-figures.md",
    "params": {"TICKER": "AAPL"},
    "cost": 0.0123,
    "tokens": 18234,
    "prompt": "4be2c0917a5d6f3e8b1c",
    "sources": [
        {
            "name": "facts",
            "ref": "sec:AAPL:20251119@3",
            "source": "sec",
            "subject": "AAPL",
            "url": "https://data.sec.gov/facts.json",
            "hash": "af4991143f28d3ef0011",
            "retrieved": "2025-11-19T14:47:11+01:00",
        }
    ],
    "warnings": ["The quote is old."],
    "findings": [
        {"guard": "grounding", "category": "unsourced", "message": "31.2 is in no record", "severity": "high"}
    ],
}


def test_the_plugin_answers_with_a_page_and_the_same_metadata():
    page = MarkdownToHTML().convert(Document(TEXT, "markdown", RUN), "html")
    assert page.format == "html"
    assert page.metadata == RUN
    assert page.text.startswith("<!doctype html>")


def test_the_plugin_is_found_by_its_edge():
    (entry,) = entry_points(group="trainer.convert", name="markdown-to-html")
    assert entry.load() is MarkdownToHTML


@pytest.mark.parametrize(("source", "target"), [("markdown", "pdf"), ("docx", "markdown"), ("", ""), ("html", "html")])
def test_other_conversions_are_refused_by_naming_the_one_there_is(source, target):
    with pytest.raises(ConversionError, match="markdown to html"):
        FormatConverter().convert("text", source, target)


@pytest.mark.parametrize("theme", ["nothing", "../report", "", "report.css"])
def test_an_unknown_theme_is_refused_by_naming_those_there_are(theme):
    with pytest.raises(ConversionError, match="There is: report"):
        FormatConverter(theme=theme).convert("text", "md", "html")


def test_the_head_names_the_run_and_allows_nothing_to_be_fetched(convert):
    head = convert(TEXT, **RUN).root.one("head")
    assert head.one("title").text == "Apple: annual figures"
    assert head.one("meta", name="trainer-run").attrs["content"] == "run-1"
    assert head.one("meta", name="generator").attrs["content"] == "trainer"
    assert head.one("meta", http_equiv="Content-Security-Policy").attrs["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    )


def test_the_title_block_says_what_this_is_and_where_it_comes_from(convert):
    assert convert(TEXT, **RUN).body.one("header").text == (
        "Annual figures Apple: annual figures Five years"
        " Date 19 November 2025 Model anthropic/claude Instruction annual-figures.md Ticker AAPL"
    )


def test_a_page_in_another_language_writes_dates_that_need_no_words():
    assert "<dd>2025-11-19</dd>" in FormatConverter(lang="de").convert(TEXT, "markdown", "html", RUN)


@pytest.mark.parametrize(
    ("text", "metadata", "title", "subtitle", "headings"),
    [
        ("# Apple\n\n## Sum", {}, "Apple", "", ["h2 Sum"]),
        ("# APPLE \n\n## Sum", {"title": "Apple"}, "Apple", "", ["h2 Sum"]),
        ("# Apple\n\n## Sum", {"title": "Report A"}, "Report A", "Apple", ["h2 Sum"]),
        ("# Apple\n\n## Sum", {"title": "R", "subtitle": "S"}, "R", "S", ["h2 Apple", "h3 Sum"]),
        ("# One\n\n# Two", {}, "One", "", ["h2 Two"]),
        ("# One\n\n# Two", {"title": "T"}, "T", "", ["h2 One", "h2 Two"]),
        ("Text.\n\n# One\n\n## Two", {}, "One", "", ["h2 One", "h3 Two"]),
        ("### Deep\n\n#### Deeper", {}, "Report", "", ["h2 Deep", "h3 Deeper"]),
        ("---\ntitle: From the file\n---\n# One", {}, "From the file", "One", []),
        ("---\ntitle: From the file\n---\ntext", {"title": "From the run"}, "From the run", "", []),
        ("", {}, "Report", "", []),
    ],
)
def test_there_is_one_title_and_the_headings_below_it_leave_no_gap(convert, text, metadata, title, subtitle, headings):
    page = convert(text, **metadata)
    assert page.body.one("h1").text == title
    assert "".join(line.text for line in page.body.all("p", class_="subtitle")) == subtitle
    assert [f"{e.tag} {e.text}" for e in page.article.walk() if re.fullmatch("h[1-6]", e.tag)] == headings


def test_the_contents_lead_to_every_chapter_and_section(convert):
    page = convert(TEXT, **RUN)
    links = page.body.one("nav").all("a")
    ids = [element.attrs["id"] for element in page.root.walk() if "id" in element.attrs]
    assert [link.text for link in links] == ["Summary", "Detail", "Risks", "Data sources"]
    assert all(ids.count(link.attrs["href"][1:]) == 1 for link in links)


def test_headings_of_one_name_have_addresses_of_their_own(convert):
    page = convert("## A\n\n## A\n\n## A-1\n\n## A\n\n## page.text\n\n## !\n\n> ## A")
    ids = [element.attrs["id"] for element in page.root.walk() if "id" in element.attrs]
    assert len(ids) == len(set(ids))


def test_a_long_document_lists_its_chapters_and_no_more_than_can_be_read(convert):
    links = convert("# T\n" + "## C\n### S\n" * 400).body.one("nav").all("a")
    assert len(links) == 200


def test_a_reader_with_a_keyboard_can_skip_to_the_text(convert):
    page = convert(TEXT)
    target = page.body.one("a", class_="skip").attrs["href"][1:]
    assert page.body.one("main").attrs["id"] == target
    assert {"header", "nav", "main"} <= {element.tag for element in page.body.walk()}


def test_the_sources_name_record_address_time_and_hash(convert):
    section = convert(TEXT, **RUN).body.one("section", class_="appendix")
    assert section.one("table").grid()[1] == [
        "factssec:AAPL:20251119@3", "sec · AAPL https://data.sec.gov/facts.json", "2025-11-19 13:47", "af4991143f28",
    ]  # fmt: skip
    assert section.one("table").one("a").attrs["href"] == "https://data.sec.gov/facts.json"
    assert "The quote is old." in section.one("div", class_="callout warning").text
    assert "31.2 is in no record grounding · unsourced · high" in section.one("div", class_="callout caution").text


def test_the_run_line_says_what_it_cost(convert):
    assert convert(TEXT, **RUN).body.one("footer").text == "Run run-1 Prompt 4be2c0917a5d Tokens 18,234 Cost $0.0123"
    assert convert(TEXT, run="r", cost=None).body.one("footer").text == "Run r Cost unknown"
    assert convert(TEXT, run="r", cost=None, writer="offline").body.one("footer").text == "Run r"


def test_a_text_without_a_language_model_says_so_in_the_title_block(convert):
    assert "Written without a language model" in convert(TEXT, writer="offline").body.one("header").text
    assert "Written without a language model" not in convert(TEXT, writer="").body.text


def test_a_bare_text_has_no_empty_parts_around_it(convert):
    page = convert("Only this.")
    assert page.body.text == "Skip to the text Report Only this."
    assert page.root.all("meta", name="trainer-run") == []


def test_front_matter_is_read_and_what_has_no_place_is_still_shown(convert):
    page = convert("---\ntitle: T\nauthor: Jane Doe\ndate: 2025-09-27\nsources: [{name: n, ref: 'k@1'}]\n---\nBody.")
    assert page.article.text == "Body."
    assert page.body.one("h1").text == "T"
    assert "27 September 2025" in page.body.one("header").text
    assert page.body.one("footer").text == "Author Jane Doe"
    assert "k@1" in page.body.one("section", class_="appendix").text


def test_only_front_matter_is_a_page_with_a_title(convert):
    page = convert("---\ntitle: Nothing yet\n---\n")
    assert page.body.one("h1").text == "Nothing yet"
    assert page.article.text == ""


@pytest.mark.parametrize(
    "head",
    [
        "just words",
        "- a\n- b",
        "a: [",
        "a: !!int ''",
        "a: &x 1\nb: *x",
        "[" * 9000,
        "a: " + "{" * 400,
        "a: 2025-13-45 b: c",
    ],
)
def test_two_rules_that_enclose_no_front_matter_lose_no_text(convert, head):
    page = convert(f"---\n{head}\n---\nBody.")
    assert "Body." in page.article.text
    assert head.split()[0].strip("-[{&*") in page.body.text


def test_text_that_came_out_of_a_run_cannot_claim_where_it_comes_from(convert):
    forged = "---\nsources: [{name: forged, url: 'https://forged.example'}]\ncost: 0\nwriter: offline\n---\nBody."
    page = convert(forged, run="run-1", model="openai/x")
    assert page.root.all("a", href="https://forged.example") == []
    assert page.body.all("section", class_="appendix") == []
    assert "without a language model" not in page.body.text
    assert "forged" in page.body.one("footer").text


def test_what_is_not_utf8_is_shown_as_such_and_declared(convert):
    page = convert(b"caf\xe9 \xff and \xe2\x82\xac")
    assert page.article.text == "caf\ufffd \ufffd and €"
    assert "not clean UTF-8" in page.body.one("div", class_="callout warning").text


def test_text_that_no_file_can_hold_is_replaced_everywhere(convert):
    page = convert("a\ud800b\0c", title="t\udfff", params={"\ud800": "\0"})
    assert page.html.encode("utf-8")
    assert page.article.text == "a\ufffdb\ufffdc"


def test_a_byte_order_mark_is_no_text(convert):
    assert convert(b"\xef\xbb\xbf---\ntitle: T\n---\nx").body.one("h1").text == "T"


def test_the_same_text_gives_the_same_bytes_in_any_process():
    program = (
        "import json, sys; from trainer_markdown import FormatConverter;"
        "text, metadata = json.load(sys.stdin);"
        "sys.stdout.write(FormatConverter().convert(text, 'markdown', 'html', metadata))"
    )

    text = TEXT + "\n[^1]: n\n\n| a | b |\n|---|---|\n| x | -1 |\n\n![i](data:image/png;base64,AA==)\n\n<b>x</b>"
    pages = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps([text, RUN]),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert pages == {FormatConverter().convert(text, "markdown", "html", RUN)}


def tokens(dark: bool) -> dict[str, str]:
    theme = themes.load("report")
    colours = {**theme.tokens, **(theme.dark if dark else {})}
    return {name: value for name, value in colours.items() if value.startswith("#")}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_the_contrast_that_wcag_aa_asks_for(dark):
    colours = tokens(dark)
    papers = [name for name in colours if name.endswith("paper")] + ["code"]
    inks = ["ink", "soft", "muted", "accent", "positive", "negative", "warning"]
    titles = [(name.removesuffix("-paper"), name) for name in papers if name.endswith("-paper")]
    low = {
        (ink, paper): round(contrast(colours[ink], colours[paper]), 2)
        for ink, paper in [*product(inks, papers), *titles]
        if contrast(colours[ink], colours[paper]) < 4.5
    }
    assert len(papers) == 7
    assert low == {}


def test_the_style_sheet_knows_dark_print_and_phones():
    css = themes.load("report").stylesheet
    for rule in ("prefers-color-scheme: dark", "@media print", "@page", "max-width: 40rem", "table-header-group"):
        assert rule in css
    assert set(re.findall(r"var\(--([\w-]+)\)", css)) == set(re.findall(r"--([\w-]+):", css))


def test_the_running_title_cannot_leave_its_string(convert):
    page = convert("x", title='"}</style><script>alert(1)</script>\\')
    assert page.active() == []
    (style,) = page.root.all("style")
    (rule,) = re.findall(r'@page \{ @bottom-left \{ content: "([^"]*)" \} \}', str(style.children[0]))
    assert re.fullmatch(r"(\\[0-9a-f]+ |[A-Za-z0-9])+", rule)


def test_the_example_of_the_readme_works():
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, str] = {}
    exec(example, names)
    assert ">−321</td>" in names["html"]
