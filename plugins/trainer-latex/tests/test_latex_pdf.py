"""LaTeX becomes a PDF with the words of the text, and opens, starts and tells nothing, whoever wrote it."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pypdf
import pytest

from trainer import Document
from trainer.errors import ConversionError
from trainer_document import tree
from trainer_document.tree import Paragraph, Root, TableCell, TableRow, Text, to_json
from trainer_latex import LatexToPDF, TreeToLatex

needs_xelatex = pytest.mark.skipif(shutil.which("xelatex") is None, reason="xelatex is not installed")
PAGE = "\\documentclass{article}\\begin{document}%s\\end{document}\n"


def printed(root: Root) -> pypdf.PdfReader:
    document = TreeToLatex().convert(Document(json.dumps(to_json(root)), "tree", {"date": "2026-01-02"}))
    made = LatexToPDF().convert(document)
    assert made.format == "pdf"
    return pypdf.PdfReader(io.BytesIO(bytes(made.content)))  # type: ignore[arg-type]  # a PDF is bytes


def said(reader: pypdf.PdfReader) -> str:
    return "".join("".join(page.extract_text() for page in reader.pages).split())


HOSTILE = [
    r"\input{/etc/passwd}", r"\write18{touch here}", r"\csname input\endcsname", "^^5cinput", "100% sure", r"\end{document}",
    r"\catcode`\%=12", r"{}$&#^_~<>|", "`` '' -- --- ?` !` << >> ,,", r"\special{pdf:image (/etc/x.pdf)}", "[x]*", "\\\\[9cm]",
]  # fmt: skip


@needs_xelatex
def test_hostile_texts_are_read_back_as_they_were_written() -> None:
    reader = printed(
        Root(
            [
                *(Paragraph([Text(text), tree.Break(), Text(text)]) for text in HOSTILE),
                tree.Table([TableRow([TableCell([Text("Head")])]), *(TableRow([TableCell([Text(text)])]) for text in HOSTILE)]),
                tree.Heading([Text(HOSTILE[0])], 2, "a"), tree.Math(HOSTILE[0]), tree.Code("\n".join(HOSTILE)),
                Paragraph([Text("x" * 2_000)]),
            ],
            HOSTILE[5],
        )
    )  # fmt: skip
    text = said(reader)
    assert all(text.count("".join(words.split())) >= 4 for words in HOSTILE)
    assert "x" * 2_000 in text.replace("\n", "") or text.count("x") >= 2_000
    assert "root:" not in text


@needs_xelatex
def test_links_bookmarks_title_and_every_row_are_in_the_pdf() -> None:
    rows = [TableRow([TableCell([Text("Year")]), TableCell([Text("Value")])])]
    rows += [
        TableRow([TableCell([Text(f"row-{number}")]), TableCell([Text(f"−{number}.5")])], f"row-{number}")
        for number in range(150)
    ]
    reader = printed(
        Root(
            [
                tree.Heading([Text("Growth & 中 more")], 2, "growth"),
                Paragraph(
                    [
                        tree.Link([Text("web")], "https://example.com/a_b?x=%20&y=1#z"),
                        tree.Figure([Text("5")], "found", url="#row-149"),
                    ]
                ),
                tree.Table(list(rows), numeric=[False, True]),
            ],
            "Acme 100 %",
        )
    )
    text = said(reader)
    assert all(f"row-{number}−{number}.5" in text for number in range(150))
    assert text.count("YearValue") == len(reader.pages) >= 3
    assert reader.metadata is not None
    assert reader.metadata.title == "Acme 100 %"
    assert [str(item["/Title"]) for item in reader.outline if isinstance(item, dict)] == ["Growth & 中 more"]
    notes = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    assert [note["/A"]["/URI"] for note in notes if "/URI" in note.get("/A", {})] == [
        "https://example.com/a_b?x=%20&y=1#z"
    ]
    assert len(notes) == 2


@needs_xelatex
def test_characters_that_no_face_has_are_told_by_their_numbers() -> None:
    text = said(printed(Root([Paragraph([Text("a \U0001fae8 b Ω ж \ue000 c")])])))
    assert "\U0001fae8" in text or "[U+1FAE8]" in text
    assert text.startswith("a")
    assert "c" in text


@needs_xelatex
def test_columns_of_a_wide_table_stay_on_the_page() -> None:
    head = TableRow([TableCell([Text(f"Heading-{number}")]) for number in range(8)])
    row = TableRow([TableCell([Text("−1,234,567,890,123.89")]) for _ in range(8)])
    page = printed(Root([tree.Table([head, row], numeric=[True] * 8)])).pages[0]
    places: list[float] = []
    page.extract_text(visitor_text=lambda text, cm, tm, *_: places.append(tm[4] + cm[4]) if text.strip() else None)
    assert max(places) < float(page.mediabox.width) - 40


@needs_xelatex
def test_the_same_file_gives_the_same_bytes() -> None:
    given = Document(PAGE % "Words", "latex", {"date": "2026-01-02"})
    assert LatexToPDF().convert(given).content == LatexToPDF().convert(given).content


@needs_xelatex
def test_a_file_from_anywhere_opens_and_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    shutil.copy(secret, tmp_path / "secret.pdf")
    monkeypatch.setenv("API_KEY", "SECRET")
    touch = f"touch {tmp_path}/made"
    for body in [
        rf"x\input{{{secret}}}", rf"x\newread\f\openin\f={secret} \ifeof\f\else\read\f to\x\x\fi", rf"x\immediate\write18{{{touch}}}",
        rf'x\input{{|"{touch}"}}', rf"x\immediate\openout15={tmp_path}/made \immediate\write15{{x}}",
        rf"x\special{{pdf:image ({tmp_path}/secret.pdf)}}", rf"x\special{{pdf:fstream @x ({secret})}}",
        rf'x\special{{dvipdfmx:config D "{touch}"}}\special{{pdf:image (x.eps)}}', rf"x\special{{ psfile={tmp_path}/secret.eps}}",
        r"x\directlua{os.getenv('API_KEY')}", rf'x\XeTeXpicfile "{tmp_path}/secret.pdf" ',
    ]:  # fmt: skip
        try:
            made = bytes(LatexToPDF().convert(Document(PAGE % body, "latex")).content)  # type: ignore[arg-type]  # bytes
        except ConversionError:
            continue
        reader = pypdf.PdfReader(io.BytesIO(made))
        assert "SECRET" not in said(reader)
        assert b"SECRET" not in made
    assert not (tmp_path / "made").exists()


@needs_xelatex
def test_an_error_names_the_line_and_an_endless_file_is_ended() -> None:
    with pytest.raises(ConversionError, match=r"Undefined control sequence.* \(line 1\)"):
        LatexToPDF().convert(Document(PAGE % r"\nothing", "latex"))
    with pytest.raises(ConversionError, match="more than 1 s"):
        LatexToPDF(seconds=1).convert(Document(PAGE % r"\loop\iftrue\repeat", "latex"))
    with pytest.raises(ConversionError, match="no page"):
        LatexToPDF().convert(Document(PAGE % "", "latex"))


def test_without_an_engine_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConversionError) as caught:
        LatexToPDF().convert(Document(PAGE % "x", "latex"))
    assert "neither xelatex nor tectonic" in caught.value.problem
    assert "apt install texlive-xetex" in caught.value.remedy


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConversionError, match="20,000,000 are allowed"):
        LatexToPDF().convert(Document("x" * 20_000_001, "latex"))
