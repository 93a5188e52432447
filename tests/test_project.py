"""The project keeps its own rules: derived files are fresh, the core is small, every module says what it is."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import trainer
from trainer.catalog import PROVIDERS, VERBS
from trainer.cli import COMMANDS

from .conftest import ROOT

CORE = [path for path in sorted((ROOT / "src/trainer").rglob("*.py")) if "testing" not in path.parts]
MODULES = [*CORE, *sorted(ROOT.glob("plugins/*/src/**/*.py")), *sorted((ROOT / "src/trainer/testing").glob("*.py"))]
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(path: Path) -> int:
    """Lines that hold code: without blank lines, comments and docstrings."""
    text = path.read_text()
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docs)


# What the core consists of, with the lines of code that each part may have: they may only get fewer.
PARTS = {
    "cli": ("cli/*.py", 1190),
    "http": ("http.py pace.py", 352),
    "guards": ("guarding.py auditing.py calibration.py", 476),
    "queries": ("filters.py aggregation.py", 513),
    "batches": ("batch.py work.py journal.py rows.py", 476),
    "formats": ("formats.py", 130),
    "models": ("completing.py spending.py structured.py reach.py", 400),
}


def test_the_core_is_small() -> None:
    sizes = {path: code_lines(path) for path in CORE}
    for name, (patterns, most) in PARTS.items():
        part = {path for pattern in patterns.split() for path in (ROOT / "src/trainer").glob(pattern)}
        assert sum(sizes.pop(path) for path in part) <= most, name
    assert sum(sizes.values()) <= 2834


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_a_sentence_that_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring is not None
    assert docstring.splitlines()[0].endswith((".", ":", "?"))


def test_derived_tables_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_install_hints_name_what_is_really_offered() -> None:
    points = entry_points()
    for name, home in PROVIDERS.items():
        role, _, word = name.partition(".")
        (point,) = points.select(group=f"trainer.{role}", name=word)
        assert point.dist is not None
        assert point.dist.name == home.partition("[")[0]
    # What an extra is named after does not work without it.
    assert PROVIDERS["embed.openai"] == "trainer-openai[embed]"
    assert PROVIDERS["store.postgres"] == "trainer-sql[postgresql]"
    assert PROVIDERS["chart.vega-lite"] == "trainer-vega"


def test_standard_is_every_plugin_that_a_run_on_a_fresh_machine_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {line.partition(">")[0] for line in project["optional-dependencies"]["standard"]}
    assert named == {
        "trainer-files",
        "trainer-guard",
        "trainer-markdown",
        "trainer-offline",
        "trainer-prompts",
        "trainer-sql",
    }


def test_the_version_is_told_once() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == trainer.__version__


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    for name in trainer.__all__:
        value = getattr(trainer, name)
        assert name == "__version__" or value.__doc__
    with pytest.raises(AttributeError, match="no attribute 'Pipelin'"):
        _ = trainer.Pipelin


def test_constraints_hold_versions_and_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    assert lines
    assert all("==" in line and "/" not in line for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_every_hook_says_in_its_docstring_what_it_does(verb: str) -> None:
    from trainer import hookspecs

    assert getattr(hookspecs, verb).__doc__.strip().splitlines()[0].endswith((".", "`."))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_line_in_the_help_is_its_docstrings_first_promise(name: str) -> None:
    from trainer.catalog import Entry

    command = Entry("command", name, COMMANDS[name][0]).load()
    assert command.name == name
    assert command.help
