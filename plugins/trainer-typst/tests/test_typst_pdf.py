"""A document tree as a PDF that keeps: its structure, its standards, its records, the same bytes each time."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pypdf.generic import ArrayObject, DictionaryObject

from trainer import Document
from trainer.errors import ConversionError
from trainer_document.report import enrich
from trainer_document.tree import (
    Callout,
    Chart,
    Code,
    DefinitionDescription,
    DefinitionList,
    DefinitionTerm,
    Figure,
    FootnoteDefinition,
    FootnoteReference,
    Heading,
    Image,
    InlineMath,
    Link,
    List,
    ListItem,
    Math,
    Node,
    Paragraph,
    Root,
    Strong,
    Table,
    TableCell,
    TableRow,
    Text,
    to_json,
)
from trainer_typst import TreeToPDF, TreeToTypst

ABOUT: dict[str, Any] = {
    "title": "Acme, “the” company",
    "date": "2025-11-19T13:48:00Z",
    "run": "20251119T134800Z-1",
    "sources": [{"ref": "acme@1", "name": "facts", "source": "file", "url": "https://example.com/acme", "hash": "0123456789abcdef"}],
    "records": {"facts": {"revenue": 3, "név": "Ω"}},
    "snapshot": '{"prompt": "as it was"}',
}  # fmt: skip


def cell(*nodes: Node | str) -> TableCell:
    return TableCell([Text(node) if isinstance(node, str) else node for node in nodes])


def row(*cells: str | Node) -> TableRow:
    return TableRow([cell(part) for part in cells])


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + b"\x20\x60\xc0" * width for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def report() -> Root:
    found = Figure([Text("-12.5%")], "found", "acme@1", "revenue")
    root = Root(
        [
            Heading([Text("Summary")], 1),
            Paragraph([Text("Revenue "), Strong([Text("fell")]), Text(" by "), found, Text(", not "), Figure([Text("99")], "not found")]),
            Paragraph([Text("Table: Days")]),
            Table([row("Day", "Change"), *(row(f"day {n}", f"{n}.5") for n in range(90))]),
            Heading([Text("Deep "), Strong([Text("down")])], 3),
            Paragraph([Link([Text("the filing")], "https://example.com/filing?a=1&b=ü"), Text(" and "), Link([Text("above")], "#summary")]),
            Heading([Text("End")], 1),
            Paragraph([Text("noted"), FootnoteReference("n"), InlineMath("x^2")]),
            FootnoteDefinition([Paragraph([Text("the note")])], "n"),
            Callout([Paragraph([Text("careful")])], "warning", [Text("Look")]),
            DefinitionList([DefinitionTerm([Text("term")]), DefinitionDescription([Paragraph([Text("meaning")])])]),
            List([ListItem([Paragraph([Text("open")])], False), ListItem([Paragraph([Text("done")])], True)]),
            Code("def f():\n    return 1"),
            Math(r"\frac{1}{2}"),
        ]
    )  # fmt: skip
    return enrich(root, ABOUT)


@pytest.fixture(scope="module")
def pdf() -> Iterator[TreeToPDF]:
    made = TreeToPDF(seconds=30)
    yield made
    made.close()


def given(root: Root, **about: object) -> Document:
    return Document(json.dumps(to_json(root)), "tree", about)


def read(plugin: TreeToPDF, root: Root, **about: object) -> pypdf.PdfReader:
    made = plugin.convert(given(root, **about))
    assert made.format == "pdf"
    assert "warnings" not in made.metadata
    return pypdf.PdfReader(io.BytesIO(made.content))  # type: ignore[arg-type]  # a PDF is bytes


def words(reader: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def outline(items: list[Any]) -> list[Any]:
    return [outline(item) if isinstance(item, list) else item["/Title"] for item in items]


def tagged(reader: pypdf.PdfReader, kind: str) -> list[DictionaryObject]:
    """The structure elements of a kind, in order."""
    found: list[DictionaryObject] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, ArrayObject):
            for below in node:
                walk(below)
        elif isinstance(node, DictionaryObject):
            if node.get("/S") == kind:
                found.append(node)
            if "/K" in node:
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"])
    return found


def addresses(reader: pypdf.PdfReader) -> list[str]:
    notes = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    return [note["/A"]["/URI"] for note in notes if "/URI" in note.get("/A", {})]


def test_a_report_is_pdf_a_and_pdf_ua_in_one_file(pdf: TreeToPDF) -> None:
    reader = read(pdf, report(), **ABOUT)
    meta = (
        zlib.decompress(reader.trailer["/Root"]["/Metadata"]._data)
        if "/Filter" in reader.trailer["/Root"]["/Metadata"]
        else reader.trailer["/Root"]["/Metadata"].get_data()
    )
    assert b"<pdfaid:part>3</pdfaid:part>" in meta
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in meta
    assert b"<pdfuaid:part>1</pdfuaid:part>" in meta
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.metadata is not None
    assert reader.metadata.title == ABOUT["title"]
    assert str(reader.metadata.creation_date).startswith("2025-11-19")


def test_headings_tables_and_links_are_read_back_as_they_were(pdf: TreeToPDF) -> None:
    root = report()
    reader = read(pdf, root, **ABOUT)
    assert outline(reader.outline) == ["Summary", ["Deep down"], "End", "Data sources", ["Figures without a record"]]
    assert [len(tagged(reader, kind)) for kind in ("/H1", "/H2", "/Table", "/Caption")] == [3, 2, 3, 1]
    rows = tagged(reader, "/TR")
    assert len(rows) == 91 + 2 + 2
    text = words(reader)
    assert re.findall(r"day \d+ \d+\.5", text) == [f"day {n} {n}.5" for n in range(90)]
    assert addresses(reader) == ["https://example.com/filing?a=1&b=%C3%BC", "https://example.com/acme"]
    assert all(word in text for word in ["−12.5%", "the note", "careful", "meaning", "return 1", "day 89"])


def test_a_table_head_is_on_every_page_and_its_caption_once(pdf: TreeToPDF) -> None:
    pages = [page.extract_text() for page in read(pdf, report(), **ABOUT).pages]
    with_rows = [page for page in pages if re.search(r"day \d+ \d", page)]
    assert len(with_rows) > 1
    assert all("Day Change" in page for page in with_rows)
    assert sum("Table 1. Days" in page for page in pages) == 1


def test_a_head_with_links_may_be_repeated(pdf: TreeToPDF) -> None:
    head = TableRow([cell("Day"), cell(Link([Text("Acme")], "https://example.com/x"), FootnoteReference("n"))])
    table = Table([head, *(row(f"day {n}", "1.5") for n in range(120))], numeric=[False, True])
    note = FootnoteDefinition([Paragraph([Text("the note")])], "n")
    reader = read(pdf, Root([table, note], title="T"))
    assert addresses(reader) == ["https://example.com/x"]
    assert words(reader).count("the note") == 1
    assert sum("Acme" in page.extract_text() for page in reader.pages) == len(reader.pages) > 2


def test_a_heading_stays_with_its_table(pdf: TreeToPDF) -> None:
    table = Table([row("a", "b"), *(row("c", "d") for _ in range(8))])
    for lines in range(30, 60, 3):
        root = Root(
            [
                *(Paragraph([Text("line")]) for _ in range(lines)),
                Heading([Text("Figures")], 1),
                Paragraph([Text("These:")]),
                table,
            ],
            title="T",
        )
        pages = [page.extract_text() for page in read(pdf, root).pages]
        (page,) = [page for page in pages if "Figures" in page]
        assert re.search(r"Figures\s+These:\s+a b\s+c d", page)


def test_a_table_wider_than_the_page_is_set_in_parts_with_the_same_first_column(pdf: TreeToPDF) -> None:
    table = Table(
        [row("name", *(f"h{n}" for n in range(40))), row("first", *(f"{n},234,567" for n in range(40)))],
        numeric=[False, *[True] * 40],
    )
    text = words(read(pdf, Root([table], title="T")))
    assert all(f"{n},234,567" in text for n in range(40))
    assert text.count("first") == text.count("name") > 1


def test_the_records_of_the_run_are_attached(pdf: TreeToPDF) -> None:
    root = report()
    reader = read(pdf, root, **ABOUT)
    attached = {name: contents[0] for name, contents in reader.attachments.items()}
    assert sorted(attached) == ["document.json", "records.json", "snapshot.json", "sources.json"]
    assert attached["document.json"].decode() == json.dumps(to_json(root))
    assert json.loads(attached["records.json"]) == ABOUT["records"]
    assert attached["snapshot.json"].decode() == ABOUT["snapshot"]


def test_the_same_document_gives_the_same_bytes_in_another_process_too(pdf: TreeToPDF) -> None:
    other = TreeToPDF()
    first, again, elsewhere = (plugin.convert(given(report(), **ABOUT)).content for plugin in (pdf, pdf, other))
    other.close()
    assert first == again == elsewhere


def test_a_document_without_a_date_has_a_fixed_one(pdf: TreeToPDF) -> None:
    reader = read(pdf, Root([Paragraph([Text("x")])]))
    assert reader.metadata is not None
    assert reader.metadata.title == "Report"
    assert str(reader.metadata.creation_date).startswith("1970-01-01")


def test_pictures_and_charts_have_an_alternative_text(pdf: TreeToPDF) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><title>t</title><desc>Bars that rise.</desc><rect width="9" height="9"/></svg>'
    asset = "asset:" + "0" * 64
    root = Root(
        [
            Paragraph([Image(data_url(png(40, 20)), "A house"), Image(data_url(png(40, 20)), ""), Image(asset, "An asset")]),
            Chart("Growth", svg, Table([row("Year", "x"), row("2024", "1")]), [Text("Source: facts")]),
            Math(r"\sqrt{2}"),
        ],
        title="T", assets={asset: ("image/png", png(30, 30))},
    )  # fmt: skip
    reader = read(pdf, root)
    told = [str(element.get("/Alt")) for kind in ("/Figure", "/Formula") for element in tagged(reader, kind)]
    assert told == ["A house", "Image", "An asset", "Growth. Bars that rise.", r"\sqrt{2}"]
    assert "2024 1" in words(reader)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x.png",
        "file:///etc/passwd",
        "javascript:x",
        "data:image/svg+xml;base64,AAAA",
        "asset:" + "1" * 64,
    ],
)
def test_a_picture_from_elsewhere_is_named_and_not_fetched(pdf: TreeToPDF, url: str) -> None:
    assert "Image: A house" in words(read(pdf, Root([Paragraph([Image(url, "A house")])], title="T")))


def test_a_picture_that_cannot_be_read_is_left_out_and_told(pdf: TreeToPDF) -> None:
    broken = data_url(png(40, 20)[:-30])
    root = Root(
        [Paragraph([Text("before"), Image(broken, "bad"), Image(data_url(png(50, 20)), "good"), Text("after")])],
        title="T",
    )
    made = pdf.convert(given(root))
    reader = pypdf.PdfReader(io.BytesIO(made.content))  # type: ignore[arg-type]  # a PDF is bytes
    assert "cannot be read" in made.metadata["warnings"][0]
    assert [image.image.size if image.image else None for image in reader.pages[0].images] == [(50, 20)]
    assert "after" in words(reader)


def test_a_theme_gives_the_colours_and_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "house/theme.toml").write_text('extends = "report"\n[tokens]\naccent = "#123456"\nink = "var(--no)"\n')
    (tmp_path / "house/preamble.typ").write_text('#set page(paper: "a5")\n')
    source = TreeToTypst(theme="house", root=str(tmp_path)).convert(given(report(), **ABOUT)).content
    assert isinstance(source, str)
    assert 'rgb("#123456")' in source
    assert "var(--no)" not in source
    plugin = TreeToPDF(theme="house", root=str(tmp_path))
    box = read(plugin, report(), **ABOUT).pages[0].mediabox
    plugin.close()
    assert round(box.width) == 420


def test_a_wrong_preamble_of_a_theme_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "theme.toml").write_text("")
    (tmp_path / "preamble.typ").write_text('#import "@preview/mitex:0.2.5": *')
    plugin = TreeToPDF(theme=str(tmp_path))
    with pytest.raises(ConversionError, match="cannot set the document") as caught:
        plugin.convert(given(report()))
    plugin.close()
    assert "preamble.typ" in caught.value.remedy


def test_languages_are_told(pdf: TreeToPDF) -> None:
    said = {
        lang: read(pdf, Root([Paragraph([Text("x")])], title="T", lang=lang)).trailer["/Root"]["/Lang"]
        for lang in ("de", "pt-BR", "zh-Hant-TW", "nonsense!")
    }
    assert said == {"de": "de", "pt-BR": "pt-BR", "zh-Hant-TW": "zh-TW", "nonsense!": "en"}
