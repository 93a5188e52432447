"""Markdown is read as CommonMark and GitHub read it."""

from __future__ import annotations

import pytest

BASICS = [
    ("plain *em* and **strong**", "<p>plain <em>em</em> and <strong>strong</strong></p>"),
    (
        "_em_ and __strong__ but not snake_case_word",
        "<p><em>em</em> and <strong>strong</strong> but not snake_case_word</p>",
    ),
    ("***both***", "<p><em><strong>both</strong></em></p>"),
    ("~~gone~~", "<p><del>gone</del></p>"),
    ("`a < b && c`", "<p><code>a &lt; b &amp;&amp; c</code></p>"),
    (r"\*not em\* and \# no heading", "<p>*not em* and # no heading</p>"),
    ("AT&amp;T &copy; &#8364; &mdash;", "<p>AT&amp;T © € —</p>"),
    (r"\&amp; stays", "<p>&amp;amp; stays</p>"),
    ("one  \ntwo\\\nthree\nfour", "<p>one<br>two<br>three\nfour</p>"),
    ("## A heading ##", '<h2 id="a-heading">A heading</h2>'),
    ("## C#", '<h2 id="c">C#</h2>'),
    ("Underlined\n----------", '<h2 id="underlined">Underlined</h2>'),
    ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
    ("- a\n\n- b", "<ul>\n<li><p>a</p>\n</li>\n<li><p>b</p>\n</li>\n</ul>"),
    ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>'),
    ("- a\n  - b", "<ul>\n<li>a<ul>\n<li>b</li>\n</ul>\n</li>\n</ul>"),
    ("> quoted\n> still", "<blockquote>\n<p>quoted\nstill</p>\n</blockquote>"),
    ("a\n\n---\n\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
    ("```python\nx = 1 < 2\n```", '<pre tabindex="0"><code>x = 1 &lt; 2</code></pre>'),
    ("    indented\n    code", '<pre tabindex="0"><code>indented\ncode</code></pre>'),
    ("Term\n: What it means", "<dl>\n<dt>Term</dt>\n<dd>What it means</dd>\n</dl>"),
    ("H<sub>2</sub>O<br>and x<sup>2</sup>", "<p>H<sub>2</sub>O<br>and x<sup>2</sup></p>"),
    ("an <b>open tag", "<p>an &lt;b&gt;open tag</p>"),
    ("<div align=left>\nraw\n</div>", '<pre tabindex="0"><code>&lt;div align=left&gt;\nraw\n&lt;/div&gt;</code></pre>'),
    ("$5 to $10, or $1,234.56 and $x$", "<p>$5 to $10, or $1,234.56 and $x$</p>"),
    ("$$\\frac{a}{b}$$", "<p>$$\\frac{a}{b}$$</p>"),
]

LINKS = [
    ('[a](https://example.com "t")', "https://example.com", "a"),
    ("[a][ref]\n\n[ref]: https://example.com/x", "https://example.com/x", "a"),
    ("<https://example.com/y>", "https://example.com/y", "https://example.com/y"),
    ("<me@example.com>", "mailto:me@example.com", "me@example.com"),
    ("[mail](mailto:me@example.com)", "mailto:me@example.com", "mail"),
    ("[below](#part-two)", "#part-two", "below"),
    ("see https://example.com/a.", "https://example.com/a", "https://example.com/a"),
    ("**https://example.com**", "https://example.com", "https://example.com"),
    ("(https://example.com/x_(y))", "https://example.com/x_(y)", "https://example.com/x_(y)"),
    ("www.example.com, that", "http://www.example.com", "www.example.com"),
    ("[https://one.example](https://two.example)", "https://two.example", "https://one.example"),
]


@pytest.mark.parametrize(("markdown", "html"), BASICS, ids=[markdown[:24] for markdown, _ in BASICS])
def test_markdown_becomes_this_html(convert, markdown, html):
    page = convert(markdown, title="T")
    assert html in page.html


@pytest.mark.parametrize(("markdown", "href", "text"), LINKS)
def test_links_lead_where_they_say(convert, markdown, href, text):
    link = convert(markdown).article.one("a")
    assert (link.attrs["href"], link.text) == (href, text)


def test_a_word_before_an_address_does_not_become_part_of_a_link(convert):
    assert convert("xhttps://example.com").article.all("a") == []


def test_a_link_to_nowhere_keeps_its_text_and_shows_its_address(convert):
    article = convert("[the notes](notes/apple.md)").article
    assert article.text == "the notes (notes/apple.md)"
    assert article.all("a") == []


def test_tasks_are_marked_without_a_form(convert):
    article = convert("- [x] one\n- [ ] two").article
    assert [box.attrs["aria-label"] for box in article.all("span", role="img")] == ["done", "open"]
    assert [item.text for item in article.all("li", class_="task")] == ["one", "two"]


@pytest.mark.parametrize("kind", ["note", "tip", "important", "warning", "caution"])
def test_an_alert_becomes_a_callout_that_says_its_kind(convert, kind):
    callout = convert(f"> [!{kind.upper()}]\n> Take *care*.\n>\n> - twice").article.one("div", class_=f"callout {kind}")
    assert callout.text == f"{kind.capitalize()} Take care. twice"


def test_an_alert_may_have_a_title(convert):
    assert convert("> [!NOTE] About **this**\n> Text.").article.one("p", class_="callout-title").text == "About this"


def test_other_quotes_stay_quotes(convert):
    assert convert("> [!UNKNOWN]\n> Text.").article.one("blockquote").text == "[!UNKNOWN] Text."


def test_footnotes_lead_there_and_back(convert):
    article = convert("One[^a] and again[^a], two[^b].\n\n[^a]: First.\n[^b]: Second.").article
    ids = {element.attrs["id"] for element in article.walk() if "id" in element.attrs}
    targets = [link.attrs["href"][1:] for link in article.all("a")]
    assert set(targets) <= ids
    assert len([target for target in targets if target == "fn.1"]) == 2
    assert [item.text for item in article.one("section", class_="footnotes").all("li")] == ["First. ↩ ↩", "Second. ↩"]


def test_no_footnote_is_lost(convert):
    article = convert("One[^a].\n\n[^a]: See[^b].\n[^b]: Nested.\n[^c]: Never referred to.").article
    notes = [item.text.removesuffix(" ↩") for item in article.one("section", class_="footnotes").all("li")]
    assert notes == ["See2.", "Nested.", "Never referred to."]


def test_an_image_that_is_its_own_content_is_shown(convert):
    image = convert("![A dot](data:image/png;base64,iVBORw0KGgo=)").article.one("img")
    assert image.attrs == {"src": "data:image/png;base64,iVBORw0KGgo=", "alt": "A dot"}


def test_an_image_from_elsewhere_becomes_a_link_that_is_fetched_only_on_request(convert):
    article = convert("![Chart](https://example.com/c.png)").article
    assert article.all("img") == []
    assert (article.one("a").attrs["href"], article.text) == ("https://example.com/c.png", "Image: Chart")


def test_an_image_within_a_link_does_not_break_the_link(convert):
    link = convert("[![Badge](https://a.example/b.svg)](https://b.example)").article.one("a")
    assert (link.attrs["href"], link.text) == ("https://b.example", "Image: Badge")
