"""What the README and the docs say is true: their code runs, their links lead somewhere, nothing is stale.

How a page is read: a `python` block is run in this process, all blocks of a page in one namespace; each line of a
`console` block is run by a shell and must end with 0, or with N after `# exits with N`. A `text` block right below
either is what it prints: spaces count as one, `…` stands for anything. A block below a line that ends with a file's
name in backticks and a colon is written to that file instead. Nothing is fetched from a registry; a project that
the page installs from a folder is built and installed into an environment of its own.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from trainer import Config, hookspecs
from trainer.catalog import VERBS
from trainer.reach import KEYS

from .conftest import ROOT, Environment

FENCE = re.compile(r"^(?P<mark>`{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=mark)[ ]*$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r"`([\w./-]+\.\w+)`:\n\n?$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = ("make ", "pip ", "uv pip ")
READERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
SHOWN = {"markdown", "text", "mermaid", *READERS}

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", *sorted(ROOT.glob("benchmarks/*.md"))]


class Block(NamedTuple):
    """A fenced block: its language and text, the line it begins in, the file it is for, and if it is output."""

    language: str
    text: str
    line: int
    file: str
    printed: bool


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    last = -2
    for match in FENCE.finditer(page):
        before = page[: match.start()]
        title = TITLE.search(before)
        printed = match["language"] == "text" and not page[last : match.start()].strip() and last > 0
        yield Block(match["language"], match["text"], before.count("\n") + 1, title[1] if title else "", printed)
        last = match.end()


class Reader:
    """Somebody who does what a page says, in a folder."""

    def __init__(self, page: Path, folder: Path, environment: Environment | None, patch: pytest.MonkeyPatch) -> None:
        self.page, self.folder, self.environment, self.patch = page, folder, environment, patch
        self.printed = ""
        self.module = types.ModuleType(f"page_{page.stem.replace('-', '_').lower()}")
        patch.setitem(sys.modules, self.module.__name__, self.module)
        for key in KEYS:
            patch.delenv(key, raising=False)
        patch.setenv("TRAINER_NO_PROBE", "1")
        patch.setenv("PYTHONUNBUFFERED", "1")
        programs = [sysbin() if environment is None else environment.python.parent, sysbin(), os.environ["PATH"]]
        patch.setenv("PATH", os.pathsep.join(map(str, programs)))

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.printed:
            pattern = re.escape(" ".join(block.text.split())).replace("…", ".*?")
            told = " ".join(self.printed.split())
            assert re.fullmatch(pattern, told, re.DOTALL), f"{self.page}:{block.line} is not what is printed:\n{told}"
        elif block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            READERS.get(path.suffix[1:], str)(block.text)
        elif block.language == "console":
            self.printed = "".join(self.type(line) for line in block.text.replace("\\\n", " ").splitlines())
        elif block.language == "python":
            self.python(block)
        else:
            assert block.language in SHOWN, f"{self.page}:{block.line}: nobody runs a {block.language!r} block"
            value = READERS.get(block.language, str)(block.text)
            if block.language == "toml":
                config = Config(values=value)
                assert config.pipeline
                assert config.plugins

    def type(self, line: str) -> str:
        """One line at a prompt; returns what it prints."""
        if line.startswith("cd "):
            self.folder = self.folder / line.removeprefix("cd ").strip()
            self.patch.chdir(self.folder)
            return ""
        if line.startswith(ELSEWHERE):
            return self.install(line)
        expected = re.search(r"# exits with (\d+)", line)
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120
        )  # fmt: skip
        code = int(expected[1]) if expected else 0
        assert done.returncode == code, f"{self.page}: `{line}` ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def install(self, line: str) -> str:
        """A project of the page's own is installed; what comes from a registry is there already."""
        if " -e " in line:
            assert self.environment
            folder = self.folder / line.partition(" -e ")[2].split()[0]
            uv = [str(sysbin() / "uv"), "pip", "install", "--python", self.environment.python, "--quiet", "--reinstall"]
            # Without -e, which hatchling can do only with a package that this environment has no use for.
            subprocess.run([*uv, "--no-deps", "--no-build-isolation", "--offline", folder], check=True)
        return ""

    def python(self, block: Block) -> None:
        """Run a block as a part of the page's one module."""
        self.patch.chdir(self.folder)
        code = compile("\n" * block.line + block.text, str(self.page), "exec", dont_inherit=True)
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            exec(code, self.module.__dict__)
        self.printed = output.getvalue()


def sysbin() -> Path:
    return Path(sys.executable).parent


DOING = [page for page in PAGES if any(block.language != "text" for block in blocks(page.read_text()))]


@pytest.mark.parametrize("page", DOING, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_tells_the_reader_to_do_works_and_prints_what_it_says(
    page: Path, tmp_path: Path, environments: Callable[[], Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text()
    environment = None
    if re.search(r"^(uv )?pip install -e", text, re.MULTILINE):
        environment = environments()
        script = environment.python.with_name("trainer")
        script.write_text(f"#!{environment.python}\nimport sys\nfrom trainer.cli import main\nsys.exit(main())\n")
        script.chmod(0o755)
    if page.name == "README.md":  # it speaks of this repository's own folder, or of one called my-project
        shutil.copytree(ROOT / "information", tmp_path / "information")
        shutil.copy(ROOT / "trainer.toml", tmp_path)
        (tmp_path / "my-project").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    reader = Reader(page, tmp_path, environment, monkeypatch)
    for block in blocks(text):
        reader.follow(block)


def test_the_plugin_tutorial_has_an_example_for_every_verb() -> None:
    shown = "".join(
        block.text
        for block in blocks((ROOT / "docs/tutorial/first-plugin.md").read_text())
        if block.language == "python"
    )
    assert [verb for verb in VERBS if not re.search(rf"@hookimpl\n    def {verb}\(self", shown)] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_hook_is_documented_with_its_signature(verb: str) -> None:
    page = (ROOT / "docs/reference/hooks.md").read_text()
    section = page.partition(f"\n## {verb}\n")[2].partition("\n## ")[0]
    hook = getattr(hookspecs, verb)
    for name, parameter in inspect.signature(hook).parameters.items():
        assert f"{name}: {parameter.annotation}" in section
    assert f"-> {inspect.signature(hook).return_annotation}`" in section
    assert (inspect.getdoc(hook) or "missing") in section


def test_the_hooks_are_the_verbs_of_the_catalog() -> None:
    found = [name for name, item in vars(hookspecs).items() if hasattr(item, "trainer_spec")]
    assert sorted(found) == sorted(VERBS)


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        address, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def anchors(page: Path) -> set[str]:
    """The names that headings of a page are linked to by."""
    headings = re.findall(r"^#{1,6} (.+?)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("script", ["tables.py", "reference.py"])
def test_what_is_written_from_the_code_is_fresh(script: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
