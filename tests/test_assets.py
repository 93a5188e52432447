"""What a document shows and does not hold is written beside it: by its contents, once, and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pypdf import PdfReader

from trainer import Document, Pipeline
from trainer.cli import main
from trainer.errors import ConversionError, WrongAnswer
from trainer.lineage import beside, placed, sha256, to_bytes

from .test_formats import convert
from .test_pipeline import Make, Numbers, make, written  # noqa: F401  # a fixture

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc000000301"
    "0100c9fe92ef0000000049454e44ae426082"
)
DOT = b"\x89PNG\r\n\x1a\n a dot"
NAME = f"assets/{sha256(DOT)}.png"
WRONG = [
    "../x.png", "/etc/x.png", f"../{NAME}", f"/{NAME}", f"assets/../{NAME}", f"{NAME}/..", f"{NAME}\n", NAME.upper(),
    f"assets\\{sha256(DOT)}.png", f"assets/{sha256(b'')}.png", f"assets/{sha256(DOT)}", "", "assets/", f"C:{NAME}",
]  # fmt: skip


def page(files: Mapping[str, bytes]) -> type:
    """A conversion to a page that shows these files."""
    from trainer import hookimpl, plugin

    @plugin
    class Page:
        @hookimpl
        def convert(self, document: Document, to: str) -> Document:
            return Document("".join(f'<img src="{name}">' for name in files), to, document.metadata, files)

    return Page


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_another_name_is_refused(name: str) -> None:
    with pytest.raises(WrongAnswer, match="beside it"):
        Document("", "html", {}, {name: DOT})


@given(st.text(max_size=90), st.binary(max_size=9))
def test_no_document_puts_a_file_outside_its_folder(name: str, content: bytes) -> None:
    for tried in (name, f"assets/{sha256(content)}.{name}"):
        try:
            document = Document("", "html", {}, {tried: content})
        except WrongAnswer:
            continue
        assert next(iter(placed(document, Path("a/b.html")))) == Path("a") / tried
        assert Path(tried).parts[0] == "assets"
        assert len(Path(tried).parts) == 2


def test_a_plugin_that_names_another_place_is_told_by_its_name_and_nothing_is_written(
    make: Make, tmp_path: Path,  # noqa: F811
) -> None:  # fmt: skip
    pipeline = make(convert__markdown_to_html=page({"../../x.png": DOT}))
    with pytest.raises(WrongAnswer) as caught:
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert any("markdown-to-html" in note for note in caught.value.__notes__)
    assert written(tmp_path) == []


def test_reports_share_what_they_show(make: Make, tmp_path: Path) -> None:  # noqa: F811
    pipeline = make(convert__markdown_to_html=page({NAME: DOT}))
    shown = tmp_path / "output/html" / NAME
    first = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert shown.read_bytes() == DOT
    before = shown.stat()
    second = pipeline.run(tmp_path / "figures.md", {"TICKER": "B"}, to=["html"])
    assert (shown.stat().st_ino, shown.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert first.files["html"].parent == second.files["html"].parent == shown.parent.parent
    assert len(written(tmp_path)) == 7


def test_what_a_page_shows_is_written_before_it(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert list(placed(Document("<p>", "html", {}, {NAME: DOT}), target)) == [tmp_path / NAME, target]


def test_bytes_reach_neither_front_matter_nor_run_record_and_lineage_finds_them_by_hash(
    make: Make, tmp_path: Path,  # noqa: F811
) -> None:  # fmt: skip
    pipeline = make(convert__markdown_to_html=page({NAME: DOT}))
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    record = pipeline.find_run(report.id)
    assert record is not None
    assert record.data["outputs"]["html"]["assets"] == [sha256(DOT)]
    assert "assets" not in record.data["outputs"]["markdown"]
    stored, front = json.dumps(record.data), report.files["markdown"].read_text()
    assert not any(b64encode(DOT).decode() in text or "a dot" in text for text in (stored, front))
    assert pipeline.find_run(str(tmp_path / "output/html" / NAME)) == record
    markdown = Document("x", "markdown", {"title": "T"}, {NAME: DOT})
    assert to_bytes(markdown) == to_bytes(Document("x", "markdown", {"title": "T"}))


def test_a_page_is_read_with_what_lies_beside_it_and_says_what_it_is(tmp_path: Path) -> None:
    other, gone = (f"assets/{sha256(content)}.png" for content in (b"other", b"gone"))
    (tmp_path / "assets").mkdir()
    (tmp_path / NAME).write_bytes(DOT)
    (tmp_path / other).write_bytes(b"changed")
    text = f'<img src="{NAME}"><img src="{NAME}"><img src="{other}"><img src="{gone}"><img src="../{NAME}">'
    assert beside(text.encode(), tmp_path / "page.html") == {NAME: DOT}


def trainer(*words: str) -> int:
    return main(words)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose pages have their pictures beside them, and a text with one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINER_NO_PROBE", "1")
    (tmp_path / "trainer.toml").write_text('["markdown-to-html"]\nassets = "beside"\n')
    picture = f"![dot](data:image/png;base64,{b64encode(DOT).decode()})"
    (tmp_path / "in.md").write_text(f"# T\n\n{picture} and {picture}\n")
    return tmp_path


def test_a_converted_page_has_its_pictures_beside_it_once_and_moves_with_them(pictures: Path) -> None:
    assert trainer("convert", "in.md", "out/page.html") == 0
    assert (pictures / "out" / NAME).read_bytes() == DOT
    assert (pictures / "out/page.html").read_text().count(f'src="{NAME}"') == 2
    assert trainer("convert", "out/page.html", "elsewhere/page.html") == 0
    assert (pictures / "elsewhere" / NAME).read_bytes() == DOT


def test_a_page_that_cannot_be_written_is_told_in_two_lines(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "out").mkdir()
    (pictures / "out/assets").write_text("a file")
    assert trainer("convert", "in.md", "out/page.html") == 1
    assert "cannot write out/page.html" in capsys.readouterr().err
    assert [path.name for path in (pictures / "out").iterdir()] == ["assets"]


def test_a_word_that_is_none_of_the_settings_is_told_with_the_nearest(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "trainer.toml").write_text('["markdown-to-html"]\nassets = "besides"\n')
    assert trainer("convert", "in.md", "out.html") == 2
    told = capsys.readouterr().err
    assert "assets must be one of embedded, beside, not 'besides' (did you mean 'beside'?)" in told


@pytest.fixture
def ways(make: Make) -> Callable[..., Pipeline]:  # noqa: F811
    """A pipeline with two engines for PDFs."""

    def build(**plugins: Any) -> Pipeline:
        return make(
            convert__html_to_pdf=convert("weasyprint", cost=40, engine="weasyprint"),
            convert__markdown_to_pdf=convert("typst", engine="typst"),
            **plugins,
        )

    return build


def test_a_run_goes_by_the_way_that_it_is_given_where_one_leads(ways: Callable[..., Pipeline], tmp_path: Path) -> None:
    report = ways().run(tmp_path / "figures.md", {"TICKER": "A"}, to=["html", "pdf"], via="weasyprint", write=False)
    assert report.documents["pdf"].text.endswith(" weasyprint")
    assert report.documents["html"].text.startswith("<h1>A: figures</h1>")
    report = ways().run(tmp_path / "figures.md", {"TICKER": "A"}, to=["pdf"], write=False)
    assert report.documents["pdf"].text.endswith(" typst")


@pytest.mark.parametrize("method", ["run", "plan"])
def test_a_way_that_leads_to_no_format_is_told_before_any_work(
    ways: Callable[..., Pipeline], tmp_path: Path, method: str
) -> None:
    with pytest.raises(ConversionError, match="no format of this run uses weasy"):
        getattr(ways(), method)(tmp_path / "figures.md", {"TICKER": "A"}, to=["html"], via="weasy")


def test_a_theme_that_is_not_there_is_told_before_a_model_is_asked(make: Make, tmp_path: Path) -> None:  # noqa: F811
    from trainer import hookimpl, plugin

    @plugin
    class Themed:
        @hookimpl
        def convert(self, document: Document, to: str) -> Document:
            if document.metadata["theme"] != "house":
                raise ConversionError("there is no theme", "Name one.")
            return Document("x", to, document.metadata)

    source, text = Numbers(), (tmp_path / "figures.md").read_text()
    pipeline = make(convert__markdown_to_html=Themed, retrieve__numbers=source)

    def run(theme: str) -> None:
        (tmp_path / "figures.md").write_text(text.replace("data:", f"output: {{theme: {theme}}}\ndata:"))
        pipeline.run(tmp_path / "figures.md", {"TICKER": "A"}, to=["html", "markdown"])

    run("house")
    with pytest.raises(ConversionError, match="there is no theme"):
        run("hous")
    assert source.asked == 1


def test_the_command_line_names_theme_and_way_of_one_run(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "house").mkdir()
    (pictures / "house/theme.toml").write_text('extends = "report"\n[tokens]\naccent = "#123456"\n')
    (pictures / "i.md").write_text("# Nothing\n\n## Part\n")
    assert trainer("run", "i.md", "--to", "html", "--theme", "house", "--via", "markdown-to-html") == 0
    (made,) = (pictures / "output/html").glob("*.html")
    assert "#123456" in made.read_text()
    (report,) = (pictures / "output/report").glob("*.md")
    for words, themed in (((), True), (("--theme", "report"), False)):
        assert trainer("convert", str(report), "again.html", *words) == 0
        assert ("#123456" in (pictures / "again.html").read_text()) is themed
    (pictures / "rows.csv").write_text("A\n1\n")
    for words in (("--theme", "house"), ("--via", "typst")):
        assert trainer("run", "i.md", "--each", "rows.csv", *words) == 2
    assert "nor with --via and --theme" in capsys.readouterr().err
    assert trainer("run", "i.md", "--to", "html", "--theme", "hous") == 1
    assert "there is no theme 'hous'" in capsys.readouterr().err


SHOWN = """
from hashlib import sha256

from trainer import Document, hookimpl, plugin


@plugin
class Page:
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return Document("page", to, document.metadata, {f"assets/{sha256(b'dot').hexdigest()}.png": b"dot"})
"""


def test_lineage_leads_from_a_picture_to_its_run(pictures: Path) -> None:
    (pictures / "shown_page.py").write_text(SHOWN)
    (pictures / "trainer.toml").write_text('[plugins.local]\n"convert.markdown-to-page" = "shown_page:Page"\n')
    (pictures / "i.md").write_text("# Nothing\n\n## Part\n")

    def told(*words: str) -> str:
        command = [sys.executable, "-m", "trainer", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    run = json.loads(told("run", "i.md", "--to", "page", "--json"))
    record = json.loads(told("lineage", f"output/page/assets/{sha256(b'dot')}.png", "--json"))
    assert (record["run"], record["changed"]) == (run["id"], False)


@pytest.mark.skipif(find_library("pango-1.0") is None, reason="Pango is not installed")
def test_a_pdf_by_way_of_a_page_has_the_pictures_beside_it(pictures: Path) -> None:
    (pictures / "trainer.toml").write_text(
        '["markdown-to-html"]\nassets = "beside"\n["tree-to-html"]\nassets = "beside"\n'
    )
    (pictures / "in.md").write_text(f"# T\n\n![dot](data:image/png;base64,{b64encode(PIXEL).decode()})\n")
    assert trainer("convert", "in.md", "page.html") == 0
    for source in ("in.md", "page.html"):
        assert trainer("convert", source, f"{source}.pdf", "--via", "weasyprint") == 0
        assert len(PdfReader(f"{source}.pdf").pages[0].images) == 1
