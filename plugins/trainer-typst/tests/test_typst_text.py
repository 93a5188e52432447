"""Whatever a text says, the PDF says it too, and nothing of it is obeyed."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer import Document
from trainer_document import tree
from trainer_document.tree import Node, Root, Text, to_json
from trainer_typst import TreeToPDF, TreeToTypst
from trainer_typst.literals import string, writable

HOSTILE = [
    '#eval("1+1")', '#read("/etc/passwd")', "#include \"/etc/passwd\"", '#import "@preview/mitex:0.2.5": *', "@preview",
    "$ x^2 $", "$x$", r"\u{41}", r"\"", '"', '")', '"]#panic()', "]", "[", "}", "{", "#let x = 1", "#(", "*bold*", "_it_",
    "= heading", "- item", "+ item", "/ term: x", "`raw`", "```raw```", "<label>", "@label", "// comment", "/* comment */",
    "https://example.com", "~", "--", "---", "...", "'single'", "\\", "\\\\", "\\\n", "#", "##", "#sys.inputs",
    "#context here()", "#set page(width: 1cm)", "#show: none", "#while true {}", "\\#eval", "a \\ b", "#image(\"/etc/hosts\")",
]  # fmt: skip


@pytest.fixture(scope="module")
def pdf() -> Iterator[TreeToPDF]:
    made = TreeToPDF(seconds=30)
    yield made
    made.close()


def printed(plugin: TreeToPDF, *nodes: Node, **about: object) -> str:
    """The text of the pages, without spaces: a line may end anywhere."""
    root = Root(list(nodes), title=str(about.pop("title", "T")))
    document = plugin.convert(Document(json.dumps(to_json(root)), "tree", about))
    reader = pypdf.PdfReader(io.BytesIO(document.content))  # type: ignore[arg-type]  # a PDF is bytes
    return bare("".join(page.extract_text() for page in reader.pages))


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def everywhere(text: str) -> list[Node]:
    """A text in every place of a document that holds words."""
    words: list[Node] = [Text(text)]
    cell = tree.TableCell(words)
    return [
        tree.Paragraph(words), tree.Paragraph([tree.Strong([tree.Emphasis([tree.Delete(words)])])]),
        tree.Paragraph([tree.InlineCode(text), tree.Html(text), tree.Mark(words, "kbd"), tree.Mark(words, "nonsense")]),
        tree.Paragraph([tree.Link(words, "https://example.com/\"#\\"), tree.Link(words, "#nowhere"), tree.Figure(words, "not found")]),
        tree.Paragraph([tree.Image("javascript:", text, text), tree.FootnoteReference(text), tree.InlineMath(text)]),
        tree.FootnoteDefinition([tree.Paragraph(words)], text),
        tree.Code(text, lang=text), tree.Html(text), tree.Math(text),
        tree.Blockquote([tree.Paragraph(words)]), tree.Callout([tree.Paragraph(words)], text, words),
        tree.List([tree.ListItem([tree.Paragraph(words)])]), tree.DefinitionList([tree.DefinitionTerm(words), tree.DefinitionDescription([tree.Paragraph(words)])]),
        tree.Table([tree.TableRow([cell, cell], text), tree.TableRow([cell, cell], text)], caption=words, label=text, id=text),
        tree.Table([tree.TableRow([cell, cell]), tree.TableRow([cell, cell])], kind="kpi"),
        tree.Heading([Text(f"h{text}")], 3, text),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["\n".join(HOSTILE[:16]), "\n".join(HOSTILE[16:32]), "\n".join(HOSTILE[32:])])
def test_commands_stand_in_the_pdf_as_they_are_written_and_nothing_is_read(pdf: TreeToPDF, text: str) -> None:
    said = printed(pdf, *everywhere(text), title=text)
    lines = [bare(line) for line in text.splitlines()]
    assert all(said.count(line) >= 10 for line in lines if line)
    assert "root:x" not in said
    assert "localhost" not in said


ANY = st.text(st.characters(codec="utf-8"), max_size=40)
LETTERS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=("Cc", "Cf")), min_size=1, max_size=60
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LETTERS)
def test_any_latin_text_is_found_in_the_pdf_again(pdf: TreeToPDF, text: str) -> None:
    assert bare(text) in printed(pdf, tree.Paragraph([Text(text)]), tree.Code(text))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY)
def test_any_text_at_all_makes_a_pdf_in_every_place(pdf: TreeToPDF, text: str) -> None:
    assert "end." in printed(pdf, *everywhere(text), tree.Paragraph([Text("end.")]), title=text, kicker=text)


@given(text=st.text(st.characters(codec=None, exclude_categories=())))
def test_a_string_ends_where_it_was_meant_to(text: str) -> None:
    literal = string(text)
    inside = literal[1:-1]
    assert literal[0] == literal[-1] == '"'
    assert re.fullmatch(r'(?:[^"\\]|\\["\\])*', inside, re.DOTALL)
    assert re.sub(r'\\(["\\])', r"\1", inside) == writable(text)
    inside.encode()


def test_half_a_character_makes_a_pdf_in_every_place_and_in_what_is_attached(pdf: TreeToPDF) -> None:
    for half in ("\ud800", "\udfff\0"):
        nodes = [*everywhere(half), tree.Paragraph([tree.Link([Text("x")], f"https://example.com/{half}")])]
        content = json.dumps(to_json(Root(nodes, title=half)), ensure_ascii=False)
        made = pdf.convert(Document(content, "tree", {"snapshot": half, "records": {half: half}, "date": half}))
        assert bytes(made.content).startswith(b"%PDF")  # type: ignore[arg-type]  # a PDF is bytes


def test_a_character_that_no_font_has_is_written_out_and_told(pdf: TreeToPDF) -> None:
    root = Root([tree.Paragraph([Text("before \U00012000 \U0001d2e0 after")])], title="T")
    made = pdf.convert(Document(json.dumps(to_json(root)), "tree", {"warnings": ["earlier"]}))
    words = pypdf.PdfReader(io.BytesIO(made.content)).pages[0].extract_text()  # type: ignore[arg-type]  # a PDF is bytes
    assert "before [U+12000]" in words
    assert made.metadata["warnings"][0] == "earlier"
    assert "U+12000" in made.metadata["warnings"][1]


def test_emoji_and_other_scripts_are_drawn_with_fonts_that_are_always_there(pdf: TreeToPDF) -> None:
    text = "🚀 📈 ✅ Привет Ελλάδα"
    root = Root([tree.Paragraph([Text(text)])], title="T")
    made = pdf.convert(Document(json.dumps(to_json(root)), "tree"))
    assert "warnings" not in made.metadata
    assert bare(text) in printed(pdf, tree.Paragraph([Text(text)]))


def test_the_source_of_a_text_has_no_word_outside_of_strings(pdf: TreeToPDF) -> None:
    root = Root(everywhere("#zebra"), title="#zebra")
    source = TreeToTypst().convert(Document(json.dumps(to_json(root)), "tree")).content
    assert isinstance(source, str)
    assert "zebra" in source
    assert "zebra" not in re.sub(r'"(?:[^"\\]|\\.)*"', '""', source)
