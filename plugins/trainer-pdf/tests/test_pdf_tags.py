"""Who cannot see a printed page is told what is a list, a head of a table and a formula on it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pypdf
import pytest

from trainer import Document
from trainer_pdf import HTMLToPDF

VERAPDF = os.environ.get("VERAPDF") or shutil.which("verapdf")
PAGE = """<!doctype html><html lang="en"><head><title>Acme</title><style>ol { columns: 2 } dl { display: flex }</style></head>
<body><h1>Acme</h1><ol><li>one</li><li>two</li></ol>
<dl><div><dt>Date</dt> <dd>today</dd></div> <div><dt>Model</dt> <dd>none</dd></div></dl>
<table><thead><tr><th>Year</th><th>Sales</th></tr></thead><tbody><tr><th>2024</th><td>5</td></tr></tbody></table>
<p>It is <math alttext="\\frac{1}{2}"><mfrac><mn>1</mn><mn>2</mn></mfrac></math> of it.</p></body></html>"""

pytestmark = pytest.mark.skipif(
    not (find_library("pango-1.0") or os.environ.get("TRAINER_REQUIRE_SERVICES")), reason="Pango is not installed"
)


@pytest.fixture(scope="module")
def content() -> bytes:
    plugin = HTMLToPDF()
    made = plugin.convert(Document(PAGE, "html")).content
    plugin.close()
    assert isinstance(made, bytes)
    return made


@pytest.fixture(scope="module")
def tags(content: bytes) -> list[tuple[str, Any]]:
    """The structure elements of the page, each with the kind of the one that holds it."""

    def below(node: Any, holder: str) -> Iterator[tuple[str, Any]]:
        node = node.get_object()
        for item in node if isinstance(node, list) else []:
            yield from below(item, holder)
        if isinstance(node, dict) and "/S" in node:
            yield holder, node
            yield from below(node["/K"], node["/S"])

    return list(below(pypdf.PdfReader(io.BytesIO(content)).trailer["/Root"]["/StructTreeRoot"]["/K"], ""))


def test_items_stand_in_lists_and_nothing_else_does(tags: list[tuple[str, Any]]) -> None:
    assert [holder for holder, node in tags if node["/S"] == "/LI"] == ["/L"] * 6
    assert {node["/S"] for holder, node in tags if holder == "/L"} == {"/L", "/LI"}
    assert {node["/S"] for holder, node in tags if holder == "/LI"} <= {"/Lbl", "/LBody"}
    assert all(node["/P"]["/S"] == holder for holder, node in tags if node["/S"] == "/LI")


def test_the_heads_of_a_table_tell_what_they_are_of(tags: list[tuple[str, Any]]) -> None:
    assert [node["/A"]["/Scope"] for _, node in tags if node["/S"] == "/TH"] == ["/Column", "/Column", "/Row"]


def test_a_formula_stands_in_print_as_it_was_written_and_not_without_its_signs(content: bytes) -> None:
    text = pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert r"It is \frac{1}{2} of it." in " ".join(text.split())


@pytest.mark.skipif(not VERAPDF, reason="needs veraPDF (https://verapdf.org) on the PATH, or VERAPDF=its path")
def test_verapdf_finds_nothing_in_a_printed_page(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_bytes(content)
    command = [str(VERAPDF), "--flavour", "ua1", "--format", "text", "--verbose", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout.partition(" ")[0]) == (0, "PASS"), done.stdout + done.stderr
