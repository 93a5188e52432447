"""The converter works alone: between formats, for data and templates, and on what a model left half done."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer import Document
from trainer.errors import ConversionError
from trainer_document.tree import Code, Root, blocks, from_json
from trainer_markdown import FormatConverter, JSONToMarkdown, MarkdownToJSON
from trainer_markdown.reader import parse
from trainer_markdown.source import writable

DATA = {"ticker": "AAPL", "price": 191.25, "rows": [{"year": 2024, "note": "a|b <b>"}, {"year": 2023}]}
CONVERTER = FormatConverter()


@pytest.mark.parametrize("target", ["html", "tree", "markdown"])
def test_json_becomes_any_format(target: str) -> None:
    text = CONVERTER.convert(json.dumps(DATA), "json", target)
    assert "AAPL" in text
    assert "<b>" not in text.replace(r"\<b>", "") or target == "tree"


def test_json_comes_back_from_markdown_and_from_a_tree_of_it() -> None:
    text = CONVERTER.convert(json.dumps(DATA), "json", "markdown")
    assert json.loads(CONVERTER.convert(text, "markdown", "json")) == DATA
    assert CONVERTER.markdown_to_json(CONVERTER.json_to_markdown(DATA)) == DATA


def test_a_schema_travels_with_the_document() -> None:
    schema = {"title": "Apple", "properties": {"price": {"title": "Price", "x-unit": "USD"}}}
    document = JSONToMarkdown().convert(Document(json.dumps(DATA), "json", {"schema": schema}), "markdown")
    assert "# Apple\n\n- **Price:** 191.25 USD\n" in document.text
    back = MarkdownToJSON().convert(document, "json")
    assert (json.loads(back.text), back.format) == (DATA, "json")


def test_what_is_surely_of_a_format_is_converted_without_its_name() -> None:
    assert CONVERTER.convert(json.dumps(DATA), "auto", "markdown") == CONVERTER.json_to_markdown(DATA)
    assert "<h1" in CONVERTER.convert("# Apple\n\n**Good.**\n", "auto", "html")


@pytest.mark.parametrize("content", ["Just words.", "42", "", '{"half": '])
def test_what_could_be_anything_is_refused_with_the_formats_to_name(content: str) -> None:
    with pytest.raises(ConversionError, match="markdown, tree, html, json"):
        CONVERTER.convert(content, "auto", "html")


def test_a_file_of_a_known_format_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ConversionError, match="no conversion from pdf to html"):
        CONVERTER.convert(b"%PDF-1.7", "auto", "html")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('{"ticker": "AAPL", "rows": [{"year": 2024', "no valid JSON: it breaks off"),
        ("Sure! {'ticker': 'AAPL'} Anything else?", "no valid JSON: "),
        (f"Here: {json.dumps(DATA)}", "Other words stood around this JSON"),
        ("I cannot do that.", "could not be read as JSON"),
        ('{"a": 1, "a": 2}', "no valid JSON: 'a' stands twice in one object"),
        ('{"a": ' * 2000, "could not be read as JSON"),
        ("```json\n{\n```` x\n```\n", "could not be read as JSON"),
    ],
)
def test_json_that_a_model_broke_is_shown_with_a_warning_and_as_it_was(text: str, warning: str) -> None:
    shown = CONVERTER.convert(text, "json", "markdown")
    assert shown.startswith("> [!WARNING]\n")
    assert warning in " ".join(shown.split())
    last = parse(shown)[0].children[-1]
    assert isinstance(last, Code)
    assert last.value == text.strip("\n")


def test_what_was_not_read_of_an_answer_is_said_where_nothing_had_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_markdown.extraction.WORK", 0)
    monkeypatch.setattr("trainer_markdown.extraction.LEAST", 1)
    shown = " ".join(CONVERTER.convert('{"a": 1} and {"b": 2}', "json", "markdown").split())
    assert "Other words stood around this JSON; the text from character 13 on was not read." in shown


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text()), min_size=1), st.data())
def test_no_cut_of_an_answer_loses_a_character(value: dict[str, Any], data: st.DataObject) -> None:
    text = writable(json.dumps(value, ensure_ascii=False))
    text = text[: data.draw(st.integers(1, len(text) - 1))].replace("\r", " ")
    tree = from_json(json.loads(CONVERTER.convert(text, "json", "tree")))
    assert isinstance(tree, Root)
    kept = [block.value for block in blocks(tree) if isinstance(block, Code)]
    assert text.removeprefix("\ufeff").strip("\n") in kept


TEMPLATE = """# {{ ticker | upper }}
{% for row in rows if row.year > 2000 %}
- {{ row.year }}: {{ row.note | default("none") }}{{ "." if loop.last }}
{% endfor %}
{{ data | length }} members, {{ rows | length + 1 }}; {{ {"items": 1}.items }}
"""


def test_a_template_makes_markdown_of_data() -> None:
    assert CONVERTER.json_to_markdown(DATA, template=TEMPLATE) == (
        "# AAPL\n- 2024: a|b <b>\n- 2023: none.\n3 members, 3; 1"
    )
    assert CONVERTER.apply_template("{{ data | join(', ') }}", ["a", 1]) == "a, 1"
    assert CONVERTER.apply_template("{% for key, value in data | items %}{{ key }}={{ value | tojson }} {% endfor %}", {"a": [1], "b": "<"}) == 'a=[1] b="<" '  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        "{{ missing }}", "{{ ticker.upper() }}", "{{ ''.__class__ }}", "{{ data['__class__'] }}", "{{ rows.__len__ }}", "{{ rows }}",
        "{% include 'x' %}", "{% import 'x' as x %}", "{% extends 'x' %}", "{% macro m() %}{% endmacro %}", "{{ range(10) }}",
        "{{ 'a' * 1000000000 }}", "{{ 10 ** 10 ** 10 }}", "{{ '%999999999d' % 1 }}", "{{ 'a' | center(1000000000) }}",
        "{{ ticker | attr('upper') }}", "{{ 1.5 | round(1000000000) }}", "{{ [[1]] | sum }}", "{% if %}", "{{ 1 / 0 }}", "{" * 200_000,
        "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40, "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | length }}",
        "{% for a in big %}{% for b in big %}{% for c in big %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in big %}{{ ticker ~ big | join }}{% endfor %}", "{{ big | join('x' * 3) }}", "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    ],
)  # fmt: skip
def test_a_template_that_is_wrong_or_takes_too_long_is_refused(template: str) -> None:
    with pytest.raises(ConversionError, match="the template fails"):
        CONVERTER.apply_template(template, {**DATA, "big": [1] * 1000})


def test_a_style_sheet_comes_after_those_of_the_page() -> None:
    page = CONVERTER.convert("# Apple\n\nWords.\n", "markdown", "html")
    styled = CONVERTER.apply_styles(page, "h1 { color: teal }")
    assert styled.index("h1 { color: teal }") > styled.index("</style>")
    assert styled.index("h1 { color: teal }") < styled.index("</head>")
    assert styled.replace("<style>\nh1 { color: teal }\n</style>\n", "") == page


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("<!-- </head> --><html><head><title></head></title></head><body>", "<html><head><title></head></title>"),
        ("<body class=x><p>x</p>", ""),
        ("<p>x</p>", ""),
        ("<script>'</head>'</script><body>", "</script>"),
    ],
)
def test_a_style_sheet_stands_in_the_head_or_before_the_body(page: str, place: str) -> None:
    styled = CONVERTER.apply_styles(page, "p{}")
    assert styled.partition("<style>\np{}\n</style>\n")[0].endswith(place)
    assert styled.replace("<style>\np{}\n</style>\n", "") == page


def test_a_theme_can_be_put_on_a_page() -> None:
    assert "--accent" in CONVERTER.apply_styles("<p>x</p>", theme="report")
    with pytest.raises(ConversionError, match="there is no theme 'none'"):
        CONVERTER.apply_styles("<p>x</p>", theme="none")


@pytest.mark.parametrize(
    "css",
    [
        "@import 'x.css'", "p { background: url(https://x.org/a.png) }", "p { background: url('//x.org/a') }", r"@\69mport 'x'",
        "p{}</style><script>x</script>", "@im/**/port url(x)", "p { background: image-set('x.png' 1x) }", r"p { background: u\72l(x) }",
    ],
)  # fmt: skip
def test_a_style_sheet_that_could_fetch_is_refused(css: str) -> None:
    with pytest.raises(ConversionError, match="may fetch"):
        CONVERTER.apply_styles("<p>x</p>", css)


def test_json_in_a_text_is_found_and_said_to_be_mended() -> None:
    found = CONVERTER.extract_json_from_text("So: {'a': 1}")
    assert (found.value, found.repaired) == ({"a": 1}, True)


def test_converting_imports_no_library_to_mend_json_with() -> None:
    code = (
        "import sys; from trainer_markdown import FormatConverter as F; F().convert('{\"a\": 1}', 'json', 'markdown'); "
        "assert not {'json_repair', 'weasyprint', 'docx', 'typst'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
