"""The documentation as a site: it builds without a warning, holds what it should, and fetches nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml
from markdown_it import MarkdownIt

import trainer
from trainer import testing
from trainer.catalog import VERBS
from trainer.cli import COMMANDS

from .conftest import ROOT

ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//|^https?:", re.IGNORECASE)
LOADING = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "link": "href", "video": "src", "object": "data"}  # fmt: skip


class Page(HTMLParser):
    """What a page of the site has: places to link to, links, what a browser loads, pictures without words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.silent: list[str] = []
        self.kinds: set[str] = set()
        self.style = ""
        self.blocks: Counter[str] = Counter()
        self.depth = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.style += given.get("style", "")
        self.depth += tag == "article"
        self.blocks[tag] += self.depth
        self.places |= {given[name] for name in ("id", "name") if name in given}
        self.kinds |= set(given.get("class", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in LOADING and given.get("rel") not in ("canonical", "prev", "next") and given.get(LOADING[tag]):
            self.loads.append(given[LOADING[tag]])
        if tag == "img" and not given.get("alt"):
            self.silent.append(given.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "article"

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.style += data


class Site:
    """A built site: its folder, and its pages by their paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.html = folder / "html"
        self.pages = {path.relative_to(self.html).as_posix(): Page(path) for path in self.html.rglob("*.html")}

    def places(self) -> set[str]:
        """All places that can be linked to, on any page."""
        return {place for page in self.pages.values() for place in page.places}

    def target(self, page: str, link: str) -> Path:
        """The file that a relative address on a page leads to."""
        start = self.html if link.startswith("/") else (self.html / page).parent
        path = start / unquote(link.lstrip("/")) if link else self.html / page
        return path / "index.html" if path.is_dir() else path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, built as `make docs` builds it."""
    if missing := [name for name in ("zensical", "mkdocstrings") if not find_spec(name)]:
        reason = f"{', '.join(missing)} is not installed: it is in the dependency group `docs`"
        assert not os.environ.get("TRAINER_REQUIRE_SERVICES"), reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "scripts/website.py", "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return Site(folder)


def leaves(nav: object) -> Iterator[str]:
    """The pages in a navigation."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict | list):
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(item)


def test_every_page_of_the_repository_is_on_the_site_and_in_its_navigation_once(site: Site) -> None:
    settings = (site.folder / "mkdocs.yml").read_text(encoding="utf-8")
    named = list(leaves(yaml.safe_load(settings.partition("\nnav:")[2])))
    wanted = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    wanted |= {f"plugins/{path.parent.name}.md" for path in ROOT.glob("plugins/*/README.md")}
    assert sorted(named) == sorted({*wanted, "changes.md", "measuring.md", "plugins/index.md"})
    assert [name for name in named if f"{name.removesuffix('.md')}.html" not in site.pages] == []


def test_no_page_of_the_site_loads_anything_from_elsewhere(site: Site) -> None:
    outside = {(name, load) for name, page in site.pages.items() for load in page.loads if ELSEWHERE.search(load)}
    assert outside == set()
    lost = [
        (name, load)
        for name, page in site.pages.items()
        for load in page.loads
        if not load.startswith("data:") and not site.target(name, load.partition("?")[0]).is_file()
    ]
    assert lost == []


def test_no_style_sheet_of_the_site_loads_anything_from_elsewhere(site: Site) -> None:
    sheets = {path: path.read_text(encoding="utf-8") for path in site.html.rglob("*.css")}
    assert len(sheets) > 1
    styles = {name: page.style for name, page in site.pages.items()}
    outside = re.compile(r"@import|url\(\s*['\"]?(?:https?:)?//")
    assert [name for name, text in {**sheets, **styles}.items() if outside.search(text)] == []


def test_no_page_has_what_the_theme_would_fetch_a_program_for(site: Site) -> None:
    assert {name for name, page in site.pages.items() if page.kinds & {"mermaid", "glightbox", "pyodide"}} == set()


def test_every_link_of_the_site_leads_to_a_page_and_a_place_on_it(site: Site) -> None:
    lost, followed = [], 0
    for name, page in site.pages.items():
        for link in page.links:
            address, place = urldefrag(link)
            if ELSEWHERE.search(link) or link.startswith(("mailto:", "data:")):
                continue
            target = site.target(name, address)
            followed += 1
            known = site.pages.get(os.path.relpath(target, site.html))
            if not target.is_file() or (place and known and unquote(place) not in known.places):
                lost.append((name, link))
    assert lost == []
    assert followed > 1000


def test_every_public_name_is_described_on_the_site(site: Site) -> None:
    wanted = {f"trainer.{name}" for name in trainer.__all__ if name != "__version__"}
    wanted |= {f"trainer.testing.{name}" for name in testing._WHERE}
    for path in ROOT.glob("plugins/*/src/*/__init__.py"):
        package = import_module(path.parent.name)
        wanted |= {f"{package.__name__}.{name}" for name in getattr(package, "__all__", ())}
    described = {place.replace("trainer.errors.", "trainer.") for place in site.places()}
    assert sorted(wanted - described) == [], "these belong on a page of docs/api"


def test_every_hook_setting_and_command_is_described_on_the_site(site: Site) -> None:
    hooks, settings, commands = (site.pages[f"reference/{name}.html"] for name in ("hooks", "configuration", "cli"))
    assert [verb for verb in VERBS if verb not in hooks.places] == []
    points = [
        (group.removeprefix("trainer."), name)
        for path in ROOT.glob("plugins/*/pyproject.toml")
        for group, found in tomllib.loads(path.read_text())["project"].get("entry-points", {}).items()
        for name in found
    ]
    tables = {"use", "pipeline", "plugins", *(f"{name}-{role}" for role, name in points if role in VERBS)}
    assert [name for name in tables if not any(place.startswith(name) for place in settings.places)] == []
    named = {*COMMANDS, *(name for role, name in points if role == "command")}
    assert [name for name in sorted(named) if f"trainer-{name}" not in commands.places] == []


def test_every_page_reads_on_the_site_as_it_does_in_the_repository(site: Site) -> None:
    reader, tags = (
        MarkdownIt("commonmark").enable("table"),
        ("blockquote", "h2", "h3", "h4", "li", "pre", "table", "td"),
    )
    other = []
    for path in sorted((site.folder / "docs").rglob("*.md")):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(site.folder / "docs").as_posix()
        if not name.startswith(("api/", "source/")):
            here = Counter(re.findall(r"<(\w+)", reader.render(text)))
            there = site.pages[f"{name.removesuffix('.md')}.html"].blocks
            other += [(name, tag, here[tag], there[tag]) for tag in tags if here[tag] != there[tag]]
    assert other == []


def test_every_picture_of_the_site_has_words_for_those_who_do_not_see_it(site: Site) -> None:
    assert [(name, page.silent) for name, page in site.pages.items() if page.silent] == []


def test_the_search_knows_every_page_without_a_server_elsewhere(site: Site) -> None:
    index = json.loads((site.html / "search.json").read_text(encoding="utf-8"))
    found = {urldefrag(item["location"])[0] for item in index["items"]}
    assert {name for name in site.pages if not name.startswith(("404", "assets/"))} - found - {"index.html"} == set()
