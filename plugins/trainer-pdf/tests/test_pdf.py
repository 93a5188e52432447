"""A page becomes a PDF that opens nothing, within limits, whoever wrote the page."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pypdf
import pytest
from pypdf.generic import StreamObject

from trainer import Document
from trainer.errors import ConversionError
from trainer_pdf import SIZE, HTMLToPDF

pytestmark = pytest.mark.skipif(
    not (find_library("pango-1.0") or os.environ.get("TRAINER_REQUIRE_SERVICES")), reason="Pango is not installed"
)

PAGE = """<!doctype html><html lang="en"><head><title>Acme</title></head><body><h1>Acme</h1><h2 id="a">Growth</h2>
<p>Revenue rose. <a href="#a">Growth</a> <a href="https://example.com/x">more</a></p>
<table><thead><tr><th>Year</th></tr></thead><tbody><tr><td>2024 🙂</td></tr></tbody></table></body></html>"""

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc000000301"
    "0100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
def pdf() -> Iterator[HTMLToPDF]:
    made = HTMLToPDF()
    yield made
    made.close()


def printed(plugin: HTMLToPDF, html: str) -> pypdf.PdfReader:
    document = plugin.convert(Document(html, "html", {"run": "1"}))
    assert document.format == "pdf"
    assert document.metadata == {"run": "1"}
    return pypdf.PdfReader(io.BytesIO(bytes(document.content)))  # type: ignore[arg-type]  # a PDF is bytes


def test_a_page_keeps_its_words_links_headings_and_tags(pdf: HTMLToPDF) -> None:
    reader = printed(pdf, PAGE)
    text = " ".join(page.extract_text().replace("\0", "") for page in reader.pages)  # pypdf reads two bytes as two
    assert all(word in text for word in ["Acme", "Revenue rose.", "2024"])
    assert [item["/Title"] for item in reader.outline if isinstance(item, dict)] == ["Acme"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Acme"
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    links = [note.get_object()["/A"]["/URI"] for note in reader.pages[0]["/Annots"] if "/A" in note.get_object()]
    assert "https://example.com/x" in links


def test_the_same_page_gives_the_same_bytes_at_another_moment(pdf: HTMLToPDF) -> None:
    first = pdf.convert(Document(PAGE, "html")).content
    time.sleep(1.1)  # dates in a PDF are of whole seconds
    assert pdf.convert(Document(PAGE, "html")).content == first


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


CHANNELS = [
    '<img src="{u}">', '<img srcset="{u} 2x">', '<picture><source srcset="{u}"><img src="{u}"></picture>',
    '<link rel="stylesheet" href="{u}">', '<link rel="attachment" href="{u}">', '<a rel="attachment" href="{u}">x</a>',
    '<link rel="icon" href="{u}">', '<object data="{u}"></object>', '<embed src="{u}">', '<iframe src="{u}"></iframe>',
    '<video poster="{u}" src="{u}"></video>', '<audio src="{u}"></audio>', '<input type="image" src="{u}">',
    '<body background="{u}">', '<base href="{u}/"><img src="x.png">', '<meta http-equiv="refresh" content="0;url={u}">',
    '<script src="{u}"></script>', '<style>@import "{u}";</style>', '<style>@import url({u});</style>',
    '<style>p{{background:url({u})}}</style><p>x', '<style>p{{list-style:url({u});display:list-item}}</style><p>x',
    '<style>p::before{{content:url({u})}}</style><p>x', '<style>@font-face{{font-family:f;src:url({u})}}p{{font:1em f}}</style><p>x',
    '<style>p{{border-image:url({u}) 1}}</style><p>x', '<style>p{{mask-image:url({u})}}</style><p>x',
    '<style>@page{{background:url({u})}}</style>', '<p style="background:url({u})">x', '<p style="cursor:url({u})">x',
    '<style>@color-profile c{{src:url({u})}}</style>', '<svg><image href="{u}" width="9" height="9"/></svg>',
    '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="{u}" width="9" height="9"/></svg>',
    '<svg><use href="{u}#a"/></svg>', '<svg><style>@import url({u});</style><rect width="9" height="9"/></svg>',
    '<svg><rect fill="url({u}#a)" width="9" height="9"/></svg>',
]  # fmt: skip


def test_no_way_of_naming_an_address_fetches_it(pdf: HTMLToPDF, canary: tuple[str, list[str]]) -> None:
    address, asked = canary
    for number, channel in enumerate(CHANNELS):
        both = [channel.format(u=f"{start}/{number}") for start in (address, address.removeprefix("http:"))]
        printed(pdf, f"<title>t</title>{''.join(both)}")
    assert asked == []


def test_no_way_of_naming_a_file_puts_it_into_the_pdf(pdf: HTMLToPDF, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"SECRET-" * 40)
    for channel in CHANNELS:
        reader = printed(pdf, "<title>t</title>" + "".join(channel.format(u=u) for u in (secret.as_uri(), str(secret))))
        assert not reader.attachments
        things = map(reader.get_object, range(1, len(reader.xref[0]) + 1))
        assert not any(b"SECRET" in thing.get_data() for thing in things if isinstance(thing, StreamObject))


def test_images_and_fonts_come_from_the_assets_folder_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "house/dot.png").write_bytes(PIXEL)
    (tmp_path / "outside.png").write_bytes(PIXEL)
    (tmp_path / "house/way-out.png").symlink_to(tmp_path / "outside.png")
    made = HTMLToPDF(assets="house", root=str(tmp_path))
    page = '<title>t</title><img src="{}">'
    shown = {
        name: len(printed(made, page.format(name)).pages[0].images)
        for name in ("dot.png", "./dot.png", "way-out.png", "../outside.png", "%2e%2e/outside.png")
    }
    made.close()
    assert shown == {"dot.png": 1, "./dot.png": 1, "way-out.png": 0, "../outside.png": 0, "%2e%2e/outside.png": 0}


def test_pictures_beside_the_page_are_printed_and_count_as_its_bytes(pdf: HTMLToPDF) -> None:
    names = {content: f"assets/{hashlib.sha256(content).hexdigest()}.png" for content in (PIXEL, bytes(SIZE))}
    page = '<title>t</title><img src="{0}"><img src="./{0}"><img src="../{0}x"><img src="assets/other.png">'
    document = Document(page.format(names[PIXEL]), "html", {}, {names[PIXEL]: PIXEL})
    made = pdf.convert(document)
    assert len(pypdf.PdfReader(io.BytesIO(bytes(made.content))).pages[0].images) == 1  # type: ignore[arg-type]  # bytes
    assert made.files == {}
    with pytest.raises(ConversionError, match="bytes, and 20,000,000 can be printed"):
        pdf.convert(Document("x", "html", {}, {names[bytes(SIZE)]: bytes(SIZE)}))


def test_the_projects_style_sheets_come_last(tmp_path: Path) -> None:
    (tmp_path / "wide.css").write_text("@page { size: A5 landscape }")
    made = HTMLToPDF(styles=["wide.css"], root=str(tmp_path))
    box = printed(made, "<title>t</title><style>@page{size:A4}</style>x").pages[0].mediabox
    made.close()
    assert (round(box.width), round(box.height)) == (595, 420)
    with pytest.raises(ConversionError, match=r"cannot read the style sheet none\.css"):
        HTMLToPDF(styles=["none.css"], root=str(tmp_path)).convert(Document("x", "html"))


@pytest.mark.parametrize(
    "page", ["<div>" * 3_900, "<ul><li>" * 1_900, "<table><td colspan=65534>" * 3, "<p>" + "<br>" * 3_900],
    ids=["divs", "lists", "columns", "breaks"],
)  # fmt: skip
def test_a_page_over_the_limits_is_refused_and_the_next_one_is_printed(page: str) -> None:
    made = HTMLToPDF(seconds=2)
    with pytest.raises(ConversionError, match=r"needs more than 2 s|cannot print"):
        made.convert(Document(page, "html"))
    assert len(printed(made, PAGE).pages) == 1
    made.close()


def test_memory_is_limited() -> None:
    made = HTMLToPDF(memory=300)
    with pytest.raises(ConversionError, match="or 300 MB"):
        made.convert(Document("<p>" + "<span>x</span> <br>" * 30_000, "html"))
    made.close()


@pytest.mark.parametrize("page", ["", " ", "\0", "<", "\ud800", "<title>"])
def test_a_page_of_nothing_is_an_empty_pdf(pdf: HTMLToPDF, page: str) -> None:
    assert len(printed(pdf, page).pages) == 1


def test_a_page_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConversionError, match="can be printed"):
        HTMLToPDF().convert(Document("x" * 20_000_001, "html"))


def test_threads_print_at_the_same_time_and_get_their_own_page(pdf: HTMLToPDF) -> None:
    def words(number: int) -> str:
        return printed(pdf, f"<title>t</title><p>page-{number}").pages[0].extract_text().replace("\0", "").strip()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(words, range(12))) == [f"page-{number}" for number in range(12)]


def test_a_printer_that_is_killed_is_an_error_and_the_next_page_gets_another(pdf: HTMLToPDF) -> None:
    printed(pdf, PAGE)
    os.kill(pdf._press._idle[0].pid, signal.SIGKILL)
    with pytest.raises(ConversionError, match="the process that does it has ended"):
        pdf.convert(Document(PAGE, "html"))
    assert len(printed(pdf, PAGE).pages) == 1


def test_a_missing_library_is_named_with_the_packages_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What cffi raises while WeasyPrint is imported on a machine without Pango.
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = HTMLToPDF()
    with pytest.raises(ConversionError) as caught:
        made.convert(Document(PAGE, "html"))
    made.close()
    assert "Pango" in caught.value.problem
    assert "apt install libpango" in caught.value.remedy


def test_a_page_of_more_tags_than_its_seconds_allow_is_refused_before_the_work() -> None:
    with pytest.raises(ConversionError, match="2,001 tags, and no more than 2,000 can be printed in 1 s") as caught:
        HTMLToPDF(seconds=1).convert(Document("<br>" * 2_001, "html"))
    assert '["html-to-pdf"] seconds' in caught.value.remedy
