"""Pictures beside the page: one file each, shown from a disk and from a server, and the way back; themes of documents."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
import zlib
from base64 import b64encode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given, strategies as st

from trainer import Document
from trainer.errors import ConversionError, PathRefused
from trainer_document.tree import Image, Paragraph, Root, Text, from_json, to_json, walk
from trainer_markdown import HTMLToTree, MarkdownToHTML, MarkdownToTree, TreeToHTML
from trainer_markdown.assets import EACH, TOTAL, Assets
from trainer_markdown.sanitiser import sanitise

from .conftest import Page
from .test_html_browser import BROWSER, FLAGS


def png(width: int, height: int) -> bytes:
    """A picture of this size, in red."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head, rows = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), (b"\0" + b"\xc8\x0a\x0a" * width) * height
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PNG = png(7, 5)
DIGEST = hashlib.sha256(PNG).hexdigest()
NAME = f"assets/{DIGEST}.png"
DATA = f"data:image/png;base64,{b64encode(PNG).decode()}"
OTHER = png(3, 2)


def beside(*urls: str, **assets: tuple[str, bytes]) -> Document:
    """A page of pictures, beside it."""
    root = Root([Paragraph([Image(url, f"picture {number}")]) for number, url in enumerate(urls)])
    root.assets = {name.replace("_", ":"): value for name, value in assets.items()}
    tree = Document(json.dumps(to_json(root)), "tree")
    return TreeToHTML(assets="beside").convert(tree, "html")


def sources(page: Document) -> list[str]:
    return [image.attrs["src"] for image in Page(page.text).article.all("img")]


def test_a_picture_beside_the_page_is_one_file_however_it_is_named_and_how_often() -> None:
    page = beside(DATA, f"asset:{DIGEST}", DATA, DATA.replace("=", "%3D"), **{f"asset_{DIGEST}": ("image/png", PNG)})
    assert page.files == {NAME: PNG}
    assert sources(page) == [NAME] * 4
    assert "data:image" not in page.text


@pytest.mark.parametrize("plugin", [MarkdownToHTML, TreeToHTML])
def test_without_the_setting_a_page_stands_alone(plugin: type) -> None:
    tree = json.dumps(to_json(Root([Paragraph([Image(DATA, "a dot")])])))
    document = Document(f"![a dot]({DATA})", "markdown") if plugin is MarkdownToHTML else Document(tree, "tree")
    page = plugin().convert(document, "html")
    assert page.files == {}
    assert sources(page) == [DATA]


def policy(page: Document) -> str:
    return Page(page.text).root.one("meta", http_equiv="Content-Security-Policy").attrs["content"]


def test_a_page_allows_itself_files_only_if_it_has_some() -> None:
    alone = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    assert policy(beside(DATA)) == alone.replace("img-src", "img-src 'self'")
    assert policy(beside()) == policy(beside("https://a.example/x.png")) == alone


@pytest.mark.parametrize(
    ("url", "kind", "content"),
    [
        ("asset:" + "0" * 64, "image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("asset:" + "0" * 64, "text/html", b"<script>"),
        ("asset:" + "0" * 64, "image/png", bytes(EACH + 1)),
        ("asset:" + "1" * 64, "image/png", PNG),
        ("data:image/png;base64,A", "", b""),
        ("data:image/png;base64,%00%00", "", b""),
    ],
)
def test_what_is_no_picture_of_the_document_is_not_written_and_declared(url: str, kind: str, content: bytes) -> None:
    page = beside(url, **{"asset_" + "0" * 64: (kind, content)})
    assert page.files == {}
    assert "Image: picture 0" in Page(page.text).article.text
    assert Page(page.text).body.one("header").all("p", class_="badge")


@pytest.mark.parametrize(
    "url",
    [
        NAME, f"./{NAME}", f"/{NAME}", "../x.png", "file:///etc/passwd", "/etc/passwd", "https://a.example/x.png",
        "//a.example/x.png", "data:image/svg+xml;base64,AAAA", "data:text/html;base64,AAAA", f"asset:{DIGEST}/../x",
    ],
)  # fmt: skip
def test_a_document_names_no_file_itself(url: str) -> None:
    page = beside(url, **{f"asset_{DIGEST}": ("image/png", PNG)})
    assert sources(page) == []
    assert page.files == {}


def test_files_beside_a_page_end_at_what_one_page_holds() -> None:
    big = {f"asset_{number:064x}": ("image/png", bytes(EACH - 9) + bytes([number])) for number in range(7)}
    page = beside(*[name.replace("_", ":") for name in big] * 2, **big)
    assert len(page.files) == TOTAL // (EACH - 8) == 5
    assert len(sources(page)) == 10


def test_a_page_holds_what_it_repeats_as_often_as_it_repeats_it() -> None:
    assets = Assets({f"asset:{DIGEST}": ("image/png", bytes(EACH))})
    assert [bool(assets.address(f"asset:{DIGEST}")) for _ in range(7)] == [True] * 5 + [False] * 2


@given(st.text(max_size=120) | st.from_regex(r"assets/[0-9a-f]{62,66}\.\w{1,5}", fullmatch=True))
def test_the_last_gate_lets_through_no_file_but_a_picture_named_by_its_contents(url: str) -> None:
    quoted = url.replace("&", "&amp;").replace('"', "&quot;")
    let = re.findall(r'src="([^"]*)"', sanitise(f'<img src="{quoted}">'))
    assert all(
        re.fullmatch(r"(assets/[0-9a-f]{64}\.(png|jpeg|gif|webp)|data:image/.*|asset:\w{64})", one) for one in let
    )


def test_a_page_reads_back_as_the_tree_it_was_made_of() -> None:
    page = beside(DATA, f"data:image/gif;base64,{b64encode(OTHER).decode()}")
    words = page.text.replace("</article>", f'<p>src="{NAME}"</p></article>')
    tree = from_json(json.loads(HTMLToTree().convert(Document(words, "html", {}, page.files), "tree").text))
    assert isinstance(tree, Root)
    images = [node for node in walk(tree) if isinstance(node, Image)]
    assert [tree.assets[image.url] for image in images] == [("image/png", PNG), ("image/gif", OTHER)]
    again = TreeToHTML(assets="beside").convert(Document(json.dumps(to_json(tree)), "tree"), "html")
    assert again.files == page.files


def test_a_page_without_its_files_says_what_it_showed() -> None:
    tree = from_json(json.loads(HTMLToTree().convert(Document(beside(DATA).text, "html"), "tree").text))
    assert not [node for node in walk(tree) if isinstance(node, Image)]
    assert any("Image: picture 0" in node.value for node in walk(tree) if isinstance(node, Text))


def looked_at(url: str, page: Path, folder: Path) -> str:
    """The widths of the pictures that the browser shows, and of what a hostile text would have it fetch."""
    html = page.read_text("utf-8").replace("default-src 'none'", "default-src 'none'; script-src 'nonce-t'")
    script = "addEventListener('load', () => document.title = [...document.images].map(one => one.naturalWidth))"
    page.write_text(html.replace("</body>", f'<script nonce="t">{script}</script></body>'), "utf-8")
    command = [
        str(BROWSER),
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, url], capture_output=True, check=True, timeout=120)
    found = re.search("<title>(.*?)</title>", done.stdout.decode())
    assert found
    return found[1]


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    """A page with two pictures beside it, and one that its text asks for from elsewhere."""
    page = beside(DATA, f"data:image/png;base64,{b64encode(OTHER).decode()}")
    (tmp_path / "site/assets").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(png(9, 9))
    for name, content in page.files.items():
        (tmp_path / "site" / name).write_bytes(content)
    file = tmp_path / "site/page.html"
    elsewhere = '<img src="http://127.0.0.1:9/x.png"><img src="https://a.example/x.png">'
    file.write_text(page.text.replace("</article>", f"{elsewhere}</article>"), "utf-8")
    return file


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_a_browser_shows_the_pictures_of_a_file(placed: Path, tmp_path: Path) -> None:
    assert looked_at(placed.as_uri(), placed, tmp_path) == "7,3,0,0"


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_a_browser_shows_the_pictures_of_a_server_and_asks_for_nothing_else(placed: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, form: str, *told: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=placed.parent))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    text = placed.read_text("utf-8").replace(
        "http://127.0.0.1:9/x.png", f"{address.replace('127.0.0.1', 'localhost')}/x.png"
    )
    placed.write_text(text, "utf-8")
    try:
        assert looked_at(f"{address}/page.html", placed, tmp_path) == "7,3,0,0"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    other = f"/assets/{hashlib.sha256(OTHER).hexdigest()}.png"
    assert sorted({path for path in asked if path != "/favicon.ico"}) == sorted(["/page.html", f"/{NAME}", other])


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A project with a theme, beside another one outside of it."""
    for folder in ("project/house", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "theme.toml").write_text(
            'extends = "report"\npdf = "weasyprint"\n[tokens]\naccent = "#123456"\n'
        )
    return tmp_path / "project"


def html_of(text: str, root: Path, **metadata: str) -> str:
    return MarkdownToHTML(root=str(root)).convert(Document(text, "markdown", metadata), "html").text


def test_a_file_looks_as_its_front_matter_says(house: Path) -> None:
    text = "---\ntheme: house\n---\n# A\n"
    assert "#123456" in html_of(text, house)
    assert "#123456" not in html_of(text, house, theme="report")
    assert "theme" not in Page(html_of(text, house)).body.text.lower()
    assert "#123456" not in html_of("# A\n", house)


def test_the_tree_of_a_file_carries_its_theme_on_to_every_format(house: Path) -> None:
    learnt = MarkdownToTree(root=str(house)).convert(Document("---\ntheme: house\n---\n# A\n", "markdown"))
    assert (learnt.metadata["theme"], learnt.metadata["via"]) == ("house", "weasyprint")
    assert "#123456" in TreeToHTML(root=str(house)).convert(learnt, "html").text


def test_an_answer_of_a_run_does_not_choose_its_looks(house: Path) -> None:
    assert "#123456" not in html_of("---\ntheme: house\n---\n# A\n", house, run="r", theme="")


@pytest.mark.parametrize("theme", ["../outside", "{tmp}/outside", "~/x", "house/../../outside"])
def test_a_file_names_no_theme_outside_of_the_project(house: Path, theme: str) -> None:
    with pytest.raises(PathRefused):
        html_of(f"---\ntheme: {theme.format(tmp=house.parent)}\n---\n# A\n", house)
    with pytest.raises(ConversionError, match="there is no theme 'hous'"):
        html_of("---\ntheme: hous\n---\n# A\n", house)
