"""A report as a Word document: what was a heading, a table, a list or a note is one there too."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml.ns import qn
from hypothesis import given, settings, strategies as st
from lxml import etree

from trainer import Document
from trainer.errors import ConversionError
from trainer_document.charts import chart
from trainer_document.tree import (
    Blockquote,
    Break,
    Callout,
    Code,
    DefinitionDescription,
    DefinitionList,
    DefinitionTerm,
    Emphasis,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    Html,
    Image,
    InlineCode,
    InlineMath,
    Link,
    List,
    ListItem,
    Mark,
    Math,
    Node,
    Paragraph,
    Root,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
    ThematicBreak,
    to_json,
)  # fmt: skip
from trainer_docx import TreeToDocx

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ROWS = [["Company", "Revenue"], ["Acme & <Sons>", "−1,234.5"], ["Northwind", ""]]


def table(rows: list[list[str]], **more: Any) -> Table:
    made: list[Node] = [TableRow([TableCell([Text(cell)] if cell else []) for cell in row]) for row in rows]
    return Table(made, align=[None, None], numeric=[False, True], **more)


def package(root: Root, /, **settings: Any) -> bytes:
    converted = TreeToDocx(**settings).convert(Document(json.dumps(to_json(root)), "tree", {"run": "1"}))
    assert (converted.format, converted.metadata) == ("docx", {"run": "1"})
    assert isinstance(converted.content, bytes)
    return converted.content


def opened(*children: Node, **about: Any) -> Any:
    return docx.Document(io.BytesIO(package(Root(list(children), **about))))


def part(content: bytes, name: str) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return etree.fromstring(archive.read(name))


def texts(element: Any) -> str:
    return "".join(item.text or "" for item in element.iter(qn("w:t"), qn("m:t")))


def test_title_facts_headings_and_their_levels_are_kept() -> None:
    made = opened(
        Heading([Text("Growth")], 2, "growth"), Paragraph([Text("Up.")]), Heading([Text("Costs")], 3, "costs"),
        title="Acme", subtitle="2024", facts=[("Model", "offline")], origin=[("Run", "r-1")],
    )  # fmt: skip
    styled = [(item.style.name, item.text) for item in made.paragraphs if item.style.name != "Normal"]
    assert styled == [("Title", "Acme"), ("Subtitle", "2024"), ("Heading 2", "Growth"), ("Heading 3", "Costs")]
    assert {"Model: offline", "Run: r-1", "Up."} <= {item.text for item in made.paragraphs}
    assert made.core_properties.title == "Acme"


def test_a_table_keeps_its_cells_repeats_its_head_and_sets_figures_to_the_right() -> None:
    made = opened(table(ROWS, caption=[Text("Table 1. Sales")]))
    (found,) = made.tables
    assert [[cell.text for cell in row.cells] for row in found.rows] == ROWS
    assert [row._tr.find(qn("w:trPr")).find(qn("w:tblHeader")) is not None for row in found.rows] == [
        True,
        False,
        False,
    ]
    assert all(row._tr.find(qn("w:trPr")).find(qn("w:cantSplit")) is not None for row in found.rows)
    assert [str(cell.paragraphs[0].alignment) for cell in found.rows[1].cells] == ["LEFT (0)", "RIGHT (2)"]
    (caption,) = [item for item in made.paragraphs if item.style.name == "Caption"]
    assert caption.text == "Table 1. Sales"
    assert caption.paragraph_format.keep_with_next


def test_lists_are_lists_of_their_levels_and_each_begins_anew() -> None:
    def items(*words: str, ordered: bool = False, start: int | None = None) -> List:
        return List([ListItem([Paragraph([Text(word)])]) for word in words], ordered=ordered, start=start)

    inner = List([ListItem([Paragraph([Text("b")]), items("c", ordered=True)])])
    nested = List([ListItem([Paragraph([Text("a")]), inner])], ordered=True)
    tasks = List(
        [ListItem([Paragraph([Text("done")])], checked=True), ListItem([Paragraph([Text("open")])], checked=False)]
    )
    made = opened(nested, items("x", "y", ordered=True, start=7), tasks)
    numbered = {item.text: item._p.pPr.numPr for item in made.paragraphs if item.text and item._p.pPr.numPr is not None}
    assert {word: numbers.ilvl.val for word, numbers in numbered.items()} == {"a": 0, "b": 1, "c": 2, "x": 0, "y": 0}
    assert numbered["a"].numId.val != numbered["x"].numId.val == numbered["y"].numId.val
    starts = made.part.numbering_part.element.xpath(f"//w:num[@w:numId='{numbered['x'].numId.val}']//w:startOverride")
    assert [start.get(qn("w:val")) for start in starts] == ["7"]
    assert {"☒ done", "☐ open"} <= {item.text for item in made.paragraphs}


def test_links_lead_out_or_to_their_place_and_only_where_links_may() -> None:
    root = Root([
        Heading([Text("There")], 2, "there"),
        Paragraph([Link([Text("web")], "https://example.com/?a=1&b=2"), Link([Text("place")], "#there"),
                   Link([Text("script")], "javascript:alert(1)"), Link([Text("file")], "file:///etc/passwd")]),
    ])  # fmt: skip
    made = docx.Document(io.BytesIO(package(root)))
    links = list(made.element.body.iter(qn("w:hyperlink")))
    assert [texts(link) for link in links] == ["web", "place"]
    targets = [rel.target_ref for rel in made.part.rels.values() if rel.is_external]
    assert targets == ["https://example.com/?a=1&b=2"]
    names = {mark.get(qn("w:name")) for mark in made.element.body.iter(qn("w:bookmarkStart"))}
    assert links[1].get(qn("w:anchor")) in names
    assert "script (javascript:alert(1))file (file:///etc/passwd)" in made.paragraphs[-1].text


def test_figures_lead_to_their_record_and_those_without_one_are_underlined() -> None:
    made = opened(
        Paragraph(
            [Figure([Text("$5")], "found", "k@1", url="#source-1"), Figure([Text("$6")], "not found", url="#check-1")]
        ),
        Table([TableRow([TableCell([Text("Record")])]), TableRow([TableCell([Text("k@1")])], id="source-1")]),
    )
    found, missing = made.element.body.iter(qn("w:hyperlink"))
    assert texts(found) == "$5"
    assert not list(found.iter(qn("w:u")))
    assert [line.get(qn("w:val")) for line in missing.iter(qn("w:u"))] == ["wave"]
    marks = {mark.get(qn("w:name")) for mark in made.tables[0]._tbl.iter(qn("w:bookmarkStart"))}
    assert found.get(qn("w:anchor")) in marks


def test_footnotes_are_footnotes_with_links_of_their_own() -> None:
    content = package(Root([
        Paragraph([Text("a"), FootnoteReference("n"), FootnoteReference("none")]),
        FootnoteDefinition([Paragraph([Link([Text("see")], "https://example.org/")])], "n"),
        FootnoteDefinition([Paragraph([Text("never referred to")])], "m"),
    ]))  # fmt: skip
    notes = part(content, "word/footnotes.xml")
    assert [texts(note).strip() for note in notes] == ["", "", "see", "never referred to"]
    assert "https://example.org/" in str(zipfile.ZipFile(io.BytesIO(content)).read("word/_rels/footnotes.xml.rels"))
    assert "[none]" in texts(part(content, "word/document.xml"))


def test_formulas_are_formulas_and_what_is_none_is_shown_as_written() -> None:
    tex = r"\frac{a}{b} + \sqrt{x_1^2} = \sum_{i=1}^{n} i"
    body = part(package(Root([Math(tex), Paragraph([InlineMath("x"), InlineMath(r"\undefined{"), InlineMath("y" * 9_999)])])),
                "word/document.xml")  # fmt: skip
    assert {"f", "rad", "sSubSup"} <= {item.tag.rpartition("}")[2] for item in body.iter()}
    assert r"\undefined{" in texts(body)
    assert "y" * 9_999 in texts(body)


def test_pictures_and_charts_carry_their_words() -> None:
    drawn = chart(json.dumps({"type": "bar", "title": "Sales", "data": "d", "x": "y", "y": "v"}),
                  {"d": [{"y": "2023", "v": 4}, {"y": "2024", "v": 5}]})  # fmt: skip
    root = Root([Paragraph([Image(f"data:image/png;base64,{PIXEL}", "a dot"), Image("https://x.example/a.png", "far away"),
                            Image("data:image/png;base64,AAAA", "broken"), Image("asset:" + "0" * 64, "lost")]), drawn])  # fmt: skip
    made = docx.Document(io.BytesIO(package(root)))
    assert [item.get("descr") for item in made.element.body.iter(qn("wp:docPr"))] == ["a dot", "Chart: Sales"]
    words = texts(made.element.body)
    assert all(word in words for word in ["Image: far away", "Image: broken", "Image: lost", "2023", "Source: d"])
    assert not [rel for rel in made.part.rels.values() if rel.is_external]


def test_a_chart_that_is_more_than_a_drawing_is_shown_as_its_table() -> None:
    drawn = chart(
        json.dumps({"type": "bar", "title": "Sales", "data": "d", "x": "y", "y": "v"}), {"d": [{"y": "2023", "v": 4}]}
    )
    drawn.svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/hostname" width="9" height="9"/></svg>'
    made = opened(drawn)
    assert not list(made.element.body.iter(qn("wp:docPr")))
    assert made.tables[0].rows[1].cells[1].text == "4"


def test_every_other_kind_of_node_keeps_its_words() -> None:
    words = [
        Blockquote([Paragraph([Text("w1")])]), Callout([Paragraph([Text("w2")])], "warning", [Text("w3")]),
        DefinitionList([DefinitionTerm([Text("w4")]), DefinitionDescription([Paragraph([Text("w5")])])]),
        Code("w6\n  w7", "python"), Html("<script>w8</script>"), ThematicBreak(),
        Paragraph([Emphasis([Text("w9")]), Strong([Text("w10")]), InlineCode("w11"), Break(), Mark([Text("w12")], "sup")]),
    ]  # fmt: skip
    found = texts(opened(*words).element.body)
    assert all(f"w{number}" in found for number in range(1, 13))
    assert "<script>w8</script>" in found


def test_the_same_tree_gives_the_same_bytes() -> None:
    root = Root([Heading([Text("A")], 2, "a"), table(ROWS), List([ListItem([Paragraph([Text("x")])])])], title="T")
    assert package(root) == package(root)


def test_a_template_gives_styles_and_page_and_none_of_its_words(tmp_path: Path) -> None:
    given = docx.Document()
    given.add_paragraph("Words of the template")
    given.sections[0].header.paragraphs[0].text = "House"
    given.sections[0].page_width = 5_000_000
    given.save(str(tmp_path / "house.docx"))
    made = docx.Document(
        io.BytesIO(package(Root([Heading([Text("A")], 1)]), template="house.docx", root=str(tmp_path)))
    )
    assert [item.text for item in made.paragraphs] == ["A"]
    assert made.paragraphs[0].style.name == "Heading 1"
    assert made.sections[0].header.paragraphs[0].text == "House"
    assert made.sections[0].page_width == pytest.approx(5_000_000, rel=1e-3)


@pytest.mark.parametrize("content", [None, b"", b"no package", b"PK\x05\x06" + bytes(18)])
def test_a_template_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "house.docx").write_bytes(content)
    with pytest.raises(ConversionError, match=r"cannot use the template .*house\.docx"):
        package(Root(), template="house.docx", root=str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"type": "paragraph"}', '{"type": "none"}', "[" * 100_000])
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match="no document tree"):
        TreeToDocx().convert(Document(text, "tree"))


WORDS = st.text(max_size=12)
INLINE = st.recursive(
    st.builds(Text, WORDS) | st.builds(InlineCode, WORDS) | st.builds(Html, WORDS) | st.builds(FootnoteReference, WORDS)
    | st.builds(Image, WORDS, WORDS) | st.builds(InlineMath, WORDS),
    lambda inner: st.builds(Link, st.lists(inner, max_size=2), WORDS)
    | st.builds(Strong, st.lists(inner, max_size=2)) | st.builds(Mark, st.lists(inner, max_size=2)),
    max_leaves=4,
)  # fmt: skip
LINES = st.builds(Paragraph, st.lists(INLINE, max_size=3))
CELLS = st.lists(
    st.builds(TableRow, st.lists(st.builds(TableCell, st.lists(INLINE, max_size=2)), max_size=3)), max_size=3
)
BLOCK = st.recursive(
    LINES | st.builds(Code, WORDS) | st.builds(Math, WORDS) | st.builds(Table, CELLS)
    | st.builds(lambda words, name: Heading([Text(words)], 9, name), WORDS, WORDS),
    lambda inner: st.builds(Callout, st.lists(inner, max_size=2), WORDS)
    | st.builds(List, st.lists(st.builds(ListItem, st.lists(inner, max_size=2)), max_size=2), st.booleans())
    | st.builds(FootnoteDefinition, st.lists(inner, max_size=2), WORDS),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCK, max_size=3), WORDS)
def test_any_tree_becomes_a_document_that_can_be_read(nodes: list[Node], title: str) -> None:
    made = docx.Document(io.BytesIO(package(Root(nodes, title=title))))
    for item in made.paragraphs:
        assert isinstance(item.text, str)


def test_a_long_table_takes_time_by_its_length() -> None:
    rows = [["a", "1"]] * 2_000
    made = opened(table(rows))
    assert len(made.tables[0]._tbl.tr_lst) == 2_000


def test_a_tree_of_more_nodes_than_word_opens_well_is_refused_before_the_work() -> None:
    nodes = '{"type":"paragraph"},' * 60_000 + '{"type":"paragraph"}'
    with pytest.raises(ConversionError, match="60,002 nodes as a tree, and 60,000 are allowed"):
        TreeToDocx().convert(Document(f'{{"type":"root","children":[{nodes}]}}', "tree"))
