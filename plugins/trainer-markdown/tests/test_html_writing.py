"""A document tree as a page: figures, key figures, formulas, pictures, themes."""

from __future__ import annotations

import hashlib
import json
import re
import time

import pytest
from attrs import fields_dict
from hypothesis import given, strategies as st

from trainer.errors import ConversionError
from trainer_document import themes
from trainer_document.report import enrich
from trainer_document.tree import (
    KINDS,
    Chart,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    Image,
    InlineMath,
    Math,
    Paragraph,
    Root,
    Table,
    TableCell,
    TableRow,
    Text,
    to_json,
)
from trainer_markdown import FormatConverter
from trainer_markdown.page import page
from trainer_markdown.sanitiser import sanitise

from .conftest import Page

REF = "yahoo:AAPL:20251119@3"
SOURCES = [{"name": "apple", "ref": REF, "hash": "0c69cff18d2e", "url": "https://example.com/AAPL"}]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
ASSET = "asset:" + hashlib.sha256(PNG).hexdigest()


def shown(*nodes, theme="report", assets=None, **metadata) -> Page:
    root = Root(
        [Paragraph([node]) if not hasattr(node, "kind") and type(node).__name__ in INLINE else node for node in nodes]
    )
    root.assets = assets or {}
    return Page(page(enrich(root, {"sources": SOURCES, **metadata}), themes.load(theme)))


INLINE = {"Figure", "Image", "InlineMath", "Text"}


def test_a_figure_leads_to_its_row_and_says_where_it_is_from():
    shown_page = shown(Figure([Text("4.42T")], "found", REF, "quote.marketCap"))
    link = shown_page.article.one("a", class_="traced")
    assert (link.text, link.attrs["href"], link.attrs["data-source"]) == ("4.42T", "#source-1", "1")
    assert link.attrs["title"] == f"{REF} quote.marketCap"
    assert shown_page.body.one("tr", id="source-1").one("a").attrs["href"] == "https://example.com/AAPL"


def test_a_derived_figure_names_its_formula():
    link = shown(Figure([Text("8%")], "derived", REF, "quote.a", "a / b")).article.one("a")
    assert link.attrs["title"].endswith("quote.a = a / b")


def test_a_figure_of_no_record_leads_to_what_is_wrong_with_it():
    shown_page = shown(Figure([Text("31.2")], "not found", reason="nearest: 35.85"))
    link = shown_page.article.one("a", class_="untraced")
    assert link.attrs["title"] == "not found: nearest: 35.85"
    row = shown_page.body.one("tr", id=link.attrs["href"][1:])
    assert row.text == "31.2 not found: nearest: 35.85".replace("31.2 ", "31.2")


def test_a_figure_below_zero_is_set_with_a_minus_and_its_colour():
    link = shown(Figure([Text("-1.47B")], "found", REF, "x")).article.one("a", class_="traced negative")
    assert link.text == "−1.47B"
    assert shown(Figure([Text("(46.2%)")], "found", REF, "x")).article.one("a").classes == {"traced"}


def test_the_grounding_sentence_stands_in_the_title_block():
    assert (
        "Figures 1 of 2 figures trace." in shown(Text("x"), grounding="1 of 2 figures trace.").body.one("header").text
    )


def test_key_figures_stay_a_table_for_those_who_do_not_see_the_strip(convert):
    strip = convert("Key figures:\n\n| What | Figure |\n|---|---|\n| Sales | -4.4B |").article.one(
        "table", class_="kpi"
    )
    assert strip.one("th", role="rowheader").text == "Sales"
    assert strip.one("td", role="cell").text == "−4.4B"
    assert strip.grid() == [["What", "Figure"], ["Sales", "−4.4B"]]


@pytest.mark.parametrize("node", [InlineMath("x^2"), Math(r"\frac{a}{b}")])
def test_a_formula_is_drawn_and_keeps_its_tex(node):
    drawn = shown(node).article.one("math")
    assert drawn.attrs["alttext"] == node.value


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{",
        r"\text{<script>alert(1)</script>}",
        r"\unknown{x}",
        "x" * 5000,
        "{" * 900,
        r"\href{javascript:alert(1)}{x}",
        "]]>",
        "",
    ],
)
def test_a_formula_that_cannot_be_drawn_is_shown_as_it_is_written(tex):
    shown_page = shown(InlineMath(tex), Math(tex))
    assert shown_page.active() == []
    assert tex == "" or tex in shown_page.article.text or "href" in tex


def test_a_picture_of_the_document_is_embedded():
    image = shown(Image(ASSET, "A dot"), assets={ASSET: ("image/png", PNG)}).article.one("img")
    assert image.attrs["src"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize(
    ("url", "assets"),
    [
        (ASSET, {}),
        (ASSET, {ASSET: ("image/svg+xml", b"<svg onload='alert(1)'/>")}),
        (ASSET, {ASSET: ('text/html" onerror="x', b"x")}),
        (ASSET, {ASSET: ("image/png", bytes(2_000_001))}),
        ("data:image/png;base64," + "A" * 3_000_000, {}),
    ],
)
def test_a_picture_that_cannot_be_embedded_is_named_and_declared(url, assets):
    shown_page = shown(Image(url, "A dot"), assets=assets)
    assert shown_page.article.all("img") == []
    assert "Image: A dot" in shown_page.article.text
    assert shown_page.body.one("header").all("p", class_="badge")


def test_many_pictures_end_at_what_one_page_holds():
    big = {f"asset:{number:064x}": ("image/png", bytes(1_500_000) + bytes([number])) for number in range(8)}
    shown_page = shown(*[Image(url, "i") for url in big], assets=big)
    assert len(shown_page.article.all("img")) == 6
    assert len(shown_page.html) < 14_000_000


def test_a_chart_is_drawn_with_its_data_beside_it():
    svg = '<svg viewBox="0 0 10 10" role="img"><title>T</title><path d="M0 0L1 1" fill="currentColor"></path></svg>'
    rows = [TableRow([TableCell([Text(cell)]) for cell in row]) for row in (("a", "b"), ("x", "1"))]
    drawn = shown(Chart("Growth", svg, Table(rows), [Text("Source: SEC")])).article.one("figure", class_="chart")
    assert drawn.one("path").attrs == {"d": "M0 0L1 1", "fill": "currentColor"}
    assert drawn.one("svg").attrs["viewbox"] == "0 0 10 10"
    assert drawn.one("details").one("table").grid() == [["a", "b"], ["x", "1"]]
    assert drawn.text.endswith("Source: SEC")


@pytest.mark.parametrize(
    "svg",
    [
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
        '<svg><image href="https://evil.example/x.png"/><use href="https://evil.example/x.svg#a"/></svg>',
        '<svg><rect fill="url(https://evil.example/x.svg#a)" stroke="u\\72l(//evil.example)" width="1"/></svg>',
        '<svg><style>@import "https://evil.example"</style><foreignObject><iframe src="https://evil.example"></iframe></foreignObject></svg>',
        '<svg><set attributeName="href" to="javascript:alert(1)"/><animate attributeName="href" values="javascript:alert(1)"/></svg>',
        '<svg></p><style><a title="</style><img src onerror=alert(1)>">',
        '<svg><title><img src=x onerror=alert(1)></title><desc><style><!--</style><img src=x onerror=alert(1)>',
    ],
)  # fmt: skip
def test_nothing_of_a_drawing_is_active(svg):
    assert "evil.example" not in sanitise(svg)
    assert Page(f"<body>{sanitise(svg)}</body>").active() == []
    shown_page = shown(Chart("t", svg))
    assert shown_page.active() == []
    assert "evil.example" not in shown_page.html


def test_footnotes_without_a_text_and_references_without_a_footnote_are_shown():
    shown_page = shown(
        Paragraph([Text("x"), FootnoteReference("gone")]), FootnoteDefinition([Paragraph([Text("Alone.")])], "a")
    )
    assert shown_page.article.text == "x[^gone] Alone."


def many(number: int) -> Root:
    """A tree with `number` of each: footnotes, figures, rows, headings."""
    rows = [TableRow([TableCell([Text(cell)]) for cell in ("x", "-1", "2%")]) for _ in range(number)]
    nodes = [Table(rows)]
    for name in map(str, range(number)):
        nodes += [
            Heading([Text("Again")], 2),
            Paragraph([FootnoteReference(name), Figure([Text("1")], "found", REF, name)]),
        ]
        nodes.append(FootnoteDefinition([Paragraph([Text("n"), FootnoteReference(str(int(name) // 2))])], name))
    return Root(nodes)


def test_time_grows_with_the_length_of_a_document():
    def seconds(number: int) -> float:
        root = many(number)
        begun = time.thread_time()
        page(enrich(root, {"sources": SOURCES}), themes.load("report"))
        return time.thread_time() - begun

    seconds(50)
    assert min(seconds(1600) for _ in range(3)) < 8 * min(
        seconds(400) for _ in range(3)
    )  # 16 if it grew with the square


def test_the_tree_written_as_json_makes_the_same_page():
    text = "# T\n\nKey figures:\n\n| a | b |\n|---|---|\n| x | -1 |\n\n$`x^2`$ [^1]\n\n[^1]: n\n\n> [!NOTE]\n> y"
    converter, metadata = FormatConverter(), {"run": "r", "sources": SOURCES, "warnings": ["w"]}
    tree = converter.convert(text, "markdown", "tree", metadata)
    assert converter.convert(tree, "tree", "html") == converter.convert(text, "markdown", "html", metadata)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"type": "paragraph"}', '{"type": "root", "version": 9}', "[" * 100_000]
)
def test_what_is_no_tree_is_refused(text):
    with pytest.raises(ConversionError, match="no document tree"):
        FormatConverter().convert(text, "tree", "html")


@pytest.mark.parametrize("level", [101, 10_000])
def test_a_tree_that_nests_too_deeply_is_refused_before_it_is_written(level):
    text = '{"type":"blockquote","children":[' * level + "]}" * level
    with pytest.raises(ConversionError):
        FormatConverter().convert('{"type":"root","children":[' + text + "]}", "tree", "html")


FIELDS = [(name, field) for name, kind in KINDS.items() for field in fields_dict(kind)]
WRONG = st.sampled_from(
    [3, True, None, "x", 1.5, [], [3], ["x"], [None], [["a", 1]], {}, {"type": "text"}, [{"type": "text"}], 10**30]
)


@given(place=st.sampled_from(FIELDS), value=WRONG)
def test_a_tree_with_a_field_of_another_type_is_written_or_refused(place, value):
    kind, field = place
    tree = (
        {"type": kind, field: value} if kind == "root" else {"type": "root", "children": [{"type": kind, field: value}]}
    )
    try:
        assert Page(FormatConverter().convert(json.dumps(tree), "tree", "html")).active() == []
    except ConversionError as error:
        assert "no document tree" in str(error)


PUBLISHED = """
:root { --paper: #fafafa }
.company-section { border: 1px solid #ddd }
.positive { color: #1e7e34 } .negative { color: #b02a37 }
.insights { background: #eef } .note { font-style: italic }
"""
TEMPLATE = """<!DOCTYPE html>
<html lang="{{ root.lang }}"><head><meta charset="utf-8"><title>{{ title }}</title><style>{{ css }}</style></head>
<body><h1>{{ title }}</h1>{{ text }}{{ appendix }}</body></html>"""


def test_pages_with_their_own_style_sheet_are_made_from_markdown(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "theme.toml").write_text('callouts = ["insights"]\nsection = "company-section"\n')
    (folder / "style.css").write_text(PUBLISHED)
    (folder / "page.html").write_text(TEMPLATE)
    text = (
        "# Stocks\n\n## Apple\n\n| Metric | Growth |\n|---|---|\n| Revenue | +8.0% |\n| Debt | -8.7% |\n\n"
        "> [!INSIGHTS] What we see\n> Growth is *steady*.\n> More.\n\n## Micron\n\n> [!NOTE]\n> As of <today>.\n\n> [!OTHER] quote"
    )
    html = FormatConverter("published", root=tmp_path).convert(text, "markdown", "html")
    made = Page(html)
    sections = made.body.all("section", class_="company-section")
    assert [section.one("h2").text for section in sections] == ["Apple", "Micron"]
    assert [cell.text for cell in sections[0].walk() if "positive" in cell.classes] == ["+8.0%"]
    assert [cell.text for cell in sections[0].walk() if "negative" in cell.classes] == ["−8.7%"]
    assert sections[0].one("div", class_="callout insights").text == "What we see Growth is steady. More."
    assert sections[1].one("div", class_="callout note").text == "Note As of <today>."
    assert sections[1].one("blockquote").text == "[!OTHER] quote"
    assert PUBLISHED.strip() in html
    assert made.active() == []


@pytest.mark.parametrize("template", ["{% if %}", "{{ title.__class__.__mro__ }}", "{% include 'nothing' %}"])
def test_a_page_template_that_is_wrong_or_reaches_out_is_refused(tmp_path, template):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "theme.toml").write_text("")
    (tmp_path / "mine" / "page.html").write_text(template)
    with pytest.raises(ConversionError, match="page template of the theme 'mine'"):
        FormatConverter("mine", root=tmp_path).convert("x", "markdown", "html")


# Ways in which text becomes a script, or an address that is fetched, where somebody forgot.
PAYLOADS = [
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil.example/x.js></SCRIPT>", "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>", "<img src=https://evil.example/x.png>", '<img srcset="https://evil.example/x.png 2x">',
    "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>", "<svg><animate onbegin=alert(1) attributeName=x>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>', "<math><mtext><script>alert(1)</script></mtext></math>",
    '<math href="javascript:alert(1)">x</math>', "<iframe src=javascript:alert(1)>", '<iframe srcdoc="<script>alert(1)</script>">',
    "<object data=https://evil.example>", "<embed src=https://evil.example>", "<applet code=x>", "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>", '<meta http-equiv=refresh content="0;url=https://evil.example">',
    "<style>@import 'https://evil.example/x.css'</style>", "<style>*{background:url(https://evil.example)}</style>",
    '<p style="background:url(https://evil.example)">x</p>', "<body onload=alert(1)>", "<form action=https://evil.example><button>x</form>",
    "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>", "<video src=https://evil.example poster=x>",
    "<audio src=https://evil.example onerror=alert(1)>", "<table background=https://evil.example><td>x", "<marquee onstart=alert(1)>",
    "<template><script>alert(1)</script></template>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><script>alert(1)</script>", "<!--><script>alert(1)</script>-->", "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><script>alert(1)</script>", "<a href=javascript:alert(1)>x</a>", "<b onmouseover=alert(1)>x</b>",
    "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java&#115;cript:alert(1))", "[x](&#x6A;avascript:alert(1))",
    "[x](\x01javascript:alert(1))", "[x](java\tscript:alert(1))", "[x](vbscript:msgbox(1))", "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)", "[x](file:///etc/passwd)", "[x](//evil.example)", "[x](https://a' onmouseover='alert(1))",
    '[x](https://a "t\\" onmouseover=\\"alert(1)")', "![x](javascript:alert(1))", "![x](https://evil.example/x.png)",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)", '![" onerror="alert(1)](data:image/png;base64,AA==)',
    "[x]: javascript:alert(1)\n\n[x]", "<javascript:alert(1)>", "`</code><script>alert(1)</script>`",
    "```\n</code></pre><script>alert(1)</script>\n```", '## x" onclick="alert(1)', "[^1]\n\n[^1]: <script>alert(1)</script>",
    "> [!NOTE] <script>alert(1)</script>\n> x", "$`<script>alert(1)</script>`$",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_is_active_through_text_tree_or_metadata(payload):
    assert len(PAYLOADS) >= 60
    converter = FormatConverter()
    metadata = dict.fromkeys(
        ("title", "subtitle", "kicker", "date", "model", "run", "instruction", "prompt", "cost", "tokens", "grounding"),
        payload,
    )
    metadata |= {
        "params": {payload: payload},
        "warnings": [payload],
        "sources": [dict.fromkeys(("name", "ref", "source", "subject", "url", "hash", "retrieved", "stale"), payload)],
        "findings": [dict.fromkeys(("guard", "category", "severity", "message"), payload)],
        "quotes": [{"status": "not found", "text": payload}],
    }
    assert Page(converter.convert(payload, "markdown", "html", metadata)).active() == []
    assert Page(converter.convert(every_node(payload), "tree", "html")).active() == []
    assert Page(converter.convert(converter.convert(payload, "html", "tree"), "tree", "html")).active() == []


def every_node(payload: str) -> str:
    """A tree in which every field of every node that may be any text is `payload`."""
    words = [{"type": "text", "value": payload}, {"type": "html", "value": payload}]
    inline = [
        *words,
        *({"type": kind, "children": words} for kind in ("emphasis", "strong", "delete")),
        *({"type": kind, "value": payload} for kind in ("inlineCode", "inlineMath")),
        {"type": "break"},
        {"type": "link", "url": payload, "title": payload, "children": words},
        {"type": "link", "url": f"#source-{payload}", "title": payload, "children": words},
        {"type": "image", "url": payload, "alt": payload, "title": payload},
        {"type": "footnoteReference", "identifier": payload},
        {"type": "mark", "name": payload, "children": words},
        {"type": "figure", "status": payload, "ref": payload, "path": payload, "url": payload, "children": words},
        {"type": "figure", "status": "found", "ref": payload, "path": payload, "url": f"#{payload}", "children": words},
    ]
    rows = [{"type": "tableRow", "id": payload, "children": [{"type": "tableCell", "children": inline}] * 2}] * 2
    table = {
        "type": "table",
        "children": rows,
        "caption": inline,
        "label": payload,
        "id": payload,
        "align": [payload],
        "kind": payload,
    }
    blocks = [
        {"type": "heading", "depth": 2, "id": payload, "children": inline},
        {"type": "paragraph", "children": inline},
        {"type": "callout", "kind": payload, "title": inline, "children": [table]},
        {"type": "code", "value": payload, "lang": payload, "meta": payload},
        {"type": "math", "value": payload},
        {"type": "html", "value": payload},
        {"type": "chart", "title": payload, "svg": payload, "table": table, "source": inline},
        {"type": "footnoteDefinition", "identifier": payload, "children": [{"type": "paragraph", "children": inline}]},
        {**table, "kind": "kpi"},
    ]
    root = {
        "type": "root",
        "title": payload,
        "subtitle": payload,
        "kicker": payload,
        "lang": payload,
        "children": blocks,
    }
    return json.dumps({**root, "facts": [[payload, payload]], "origin": [[payload, payload]]})


def test_every_kind_of_node_is_written(convert):
    written = every_node("word")
    kinds = set(re.findall(r'"type": "(\w+)"', written))
    html = FormatConverter().convert(written, "tree", "html")
    assert len(kinds) >= 22
    assert html.count("word") > 200


def test_a_tree_and_its_json_are_the_same_to_the_writer():
    root = enrich(Root([Paragraph([Figure([Text("1")], "found", REF, "p")])]), {"sources": SOURCES})
    html = FormatConverter().convert(json.dumps(to_json(root)), "tree", "html")
    assert html == page(root, themes.load("report"))
