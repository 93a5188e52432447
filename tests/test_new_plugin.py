"""`trainer new plugin` writes a distribution that is green at once: built, put beside the core alone, and tested."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from trainer.catalog import ROLES
from trainer.cli.new import new

from .conftest import ROOT
from .test_project import code_lines

NAMES = {role: "markdown-to-plain" if role == "convert" else f"fred-{role}" for role in ROLES}


def written(folder: Path, role: str, name: str) -> Path:
    done = CliRunner().invoke(new, ["plugin", role, name, "--dir", str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder


def borrowed(site: Path, name: str, seen: set[str]) -> None:
    """Link a distribution of this environment, and those that it needs, into another one."""
    if name in seen:
        return
    seen.add(name)
    found = distribution(name)
    if not name.startswith("trainer-"):
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (site / top).symlink_to(Path(str(found.locate_file(top))))
    for requirement in map(Requirement, found.requires or ()):
        extra = "testing" if name == "trainer-core" else ""
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            borrowed(site, requirement.name, seen)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is written for each role, and an environment with their wheels and the core's."""
    folder = tmp_path_factory.mktemp("new")
    made = [written(folder / role, role, name) for role, name in NAMES.items()]
    python, wheels = folder / "venv/bin/python", folder / "wheels"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    borrowed(next((folder / "venv").glob("lib/python3*/site-packages")), "trainer-core", set())
    for project in (ROOT, *made):
        words = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
        subprocess.run([sys.executable, *words], cwd=project, check=True, capture_output=True)
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--offline", "--quiet", "--no-deps"]
    subprocess.run([*uv, "--python", str(python), *map(str, wheels.glob("*.whl"))], check=True)
    return folder


@pytest.mark.parametrize("role", ROLES)
def test_what_is_written_is_green_beside_the_core_alone(projects: Path, role: str) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [projects / "venv/bin/python", *words], cwd=projects / role, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout


def test_what_is_written_is_listed_and_works(projects: Path, tmp_path: Path) -> None:
    def trainer(*words: str) -> str:
        command = [str(projects / "venv/bin/python"), "-m", "trainer", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    listed = trainer("plugins", "--check")
    assert all(name in listed for name in NAMES.values())
    assert trainer("fred-command", "Ada") == "Hello, Ada!\n"
    trainer("new", "plugin", "retrieve", "other")
    assert (tmp_path / "trainer-other/src/trainer_other/__init__.py").exists()
    assert (tmp_path / "trainer-other/.github/workflows/tests.yml").exists()
    answer = json.loads(trainer("retrieve", "fred-retrieve", "series=alpha", "--no-store", "--json"))
    assert "1.5" in json.dumps(answer)


@pytest.mark.parametrize("role", ["retrieve", "complete", "convert"])
def test_a_plugin_takes_fewer_than_25_lines(tmp_path: Path, role: str) -> None:
    (module,) = written(tmp_path / "project", role, NAMES[role]).glob("src/*/__init__.py")
    assert code_lines(module) < 25


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_left_to_fill_in(tmp_path: Path, role: str) -> None:
    for path in written(tmp_path / "project", role, NAMES[role]).rglob("*"):
        if path.is_file():
            assert not re.findall(r"@[a-z]+@", f"{path} {path.read_text()}")
        if path.suffix == ".py" and path.read_text():
            ast.parse(path.read_text())


@pytest.mark.parametrize(
    "words", [["retrieve", "Fred"], ["retrieve", "a--b"], ["convert", "fred"], ["retrieved", "fred"]]
)
def test_a_name_that_cannot_be_is_wrong_usage(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(new, ["plugin", *words, "--dir", str(tmp_path / "new")])
    assert done.exit_code == 2
    assert not (tmp_path / "new").exists()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = CliRunner().invoke(new, ["plugin", "retrieve", "fred", "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
