"""Start-up imports nothing that was not named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Environment, write_distribution

HEAVY = {
    "attrs",
    "cattrs",
    "click",
    "httpx",
    "litellm",
    "numpy",
    "pluggy",
    "rich",
    "sqlalchemy",
    "yaml",
    "mistune",
    "nh3",
}


def modules_after(python: Path | str, *words: str) -> set[str]:
    """The modules that a command line has imported when it ends."""
    code = f"import sys; from trainer.cli import main; main({list(words)!r}); print('|', *sys.modules, file=sys.stderr)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.rpartition("|")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_and_version_import_no_plugin_and_no_library(words: list[str]) -> None:
    loaded = {name.partition(".")[0] for name in modules_after(sys.executable, *words)}
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("trainer")} == {"trainer"}


def test_importing_the_package_imports_no_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import trainer, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert not {name.partition(".")[0] for name in done.stdout.split()} & HEAVY


def test_help_imports_no_plugin_with_thirty_of_them_installed(
    environments: Callable[[], Environment], tmp_path: Path
) -> None:
    code = "raise RuntimeError('imported')\n"
    toys = []
    for number in range(30):
        groups = {
            "trainer.retrieve": {f"toy{number}": f"toy_{number}:Toy"},
            "trainer.command": {f"do{number}": f"toy_{number}:do"},
        }
        toys.append(write_distribution(tmp_path / str(number), f"toy-{number}", code, groups))
    environment = environments()
    environment.install(*toys)
    for words in (["--help"], ["--version"]):
        loaded = modules_after(environment.python, *words)
        assert not {name.partition(".")[0] for name in loaded} & HEAVY
        assert not [name for name in loaded if name.startswith("toy")]
    listed = environment.trainer("--help", cwd=tmp_path)
    assert listed.returncode == 0
    assert "do29" in listed.stdout
    assert "A toy called toy-29" in listed.stdout
    table = environment.trainer("plugins", "retrieve", cwd=tmp_path)
    assert table.returncode == 0
    assert table.stdout.count("\ttoy-") == 30


def test_a_run_imports_only_what_it_names(project: Path) -> None:
    loaded = modules_after(sys.executable, "validate", "information/instructions/figures.md")
    assert not loaded & {
        "trainer_markdown",
        "trainer_sql",
        "trainer_offline",
        "sqlalchemy",
        "mistune",
        "cattrs",
        "httpx",
        "numpy",
    }
