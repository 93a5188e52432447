"""What is published: the files and the metadata of every source distribution and wheel, built as for an index."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from email.message import Message
from email.parser import BytesParser
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .conftest import ROOT

FOLDERS = {
    tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]: folder
    for folder in (ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")))
}
PROJECTS = {name: tomllib.loads((folder / "pyproject.toml").read_text())["project"] for name, folder in FOLDERS.items()}
PLUGINS = [name for name in PROJECTS if name != "trainer-core"]
DEVELOPMENT = {"test", "testing"}  # extras for those who work on a distribution, not with it
HOMES = {module: {canonicalize_name(one) for one in found} for module, found in packages_distributions().items()}
# Words that install something of ours, in messages and on pages: the name, and its extras.
HINT = re.compile(r"pip install (?:-U )?[\"']?(trainer-[a-z]+)(?:\[([a-z,]+)\])?")
each = pytest.mark.parametrize("name", PROJECTS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all source distributions and wheels."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, str(ROOT / "scripts/dist.py"), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def stem(name: str) -> str:
    return f"{name.replace('-', '_')}-{PROJECTS[name]['version']}"


def wheel(built: Path, name: str) -> ZipFile:
    return ZipFile(built / f"{stem(name)}-py3-none-any.whl")


def metadata(built: Path, name: str) -> Message:
    with wheel(built, name) as archive:
        return BytesParser().parsebytes(archive.read(f"{stem(name)}.dist-info/METADATA"))


def package(name: str) -> str:
    return "trainer" if name == "trainer-core" else name.replace("-", "_")


def files(folder: Path) -> set[str]:
    """The files below a folder as they would be published."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def requirements(name: str) -> list[Requirement]:
    """What a distribution says it needs, in its extras too."""
    optional = PROJECTS[name].get("optional-dependencies", {}).values()
    return [Requirement(line) for line in chain(PROJECTS[name]["dependencies"], *optional)]


def declared(name: str) -> set[str]:
    """The distributions that one names, itself or by an extra of another one of ours."""
    direct = requirements(name)
    extras = [
        PROJECTS[one.name]["optional-dependencies"][extra]
        for one in direct
        if one.name in PROJECTS
        for extra in one.extras
    ]
    return {canonicalize_name(one.name) for one in (*direct, *map(Requirement, chain(*extras)))}


def imports(paths: list[Path]) -> Iterator[str]:
    """The modules, outside the standard library, that the first words of imports name."""
    for node in chain.from_iterable(ast.walk(ast.parse(path.read_text())) for path in paths):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        yield from {one.partition(".")[0] for one in named} - sys.stdlib_module_names


def test_an_index_would_take_all_of_them(built: Path) -> None:
    words = [sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(built.iterdir()))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(built.iterdir())) == 2 * len(PROJECTS)


@each
def test_a_wheel_is_its_package_whole_and_nothing_else(built: Path, name: str) -> None:
    with wheel(built, name) as archive:
        held = {path for path in archive.namelist() if ".dist-info/" not in path}
        licence = archive.read(f"{stem(name)}.dist-info/licenses/LICENSE")
    source = FOLDERS[name] / "src" / package(name)
    assert held == {f"{package(name)}/{path}" for path in files(source)}
    assert f"{package(name)}/py.typed" in held
    assert licence == (ROOT / "LICENSE").read_bytes()


@each
def test_a_source_distribution_holds_code_tests_readme_and_licence(built: Path, name: str) -> None:
    with tarfile.open(built / f"{stem(name)}.tar.gz") as archive:
        held = {path.removeprefix(f"{stem(name)}/") for path in archive.getnames()}
    wanted = {f"{part}/{path}" for part in ("src", "tests") for path in files(FOLDERS[name] / part)}
    assert wanted | {"README.md", "LICENSE", "pyproject.toml"} <= held
    assert any(path.startswith("tests/test_") for path in held)


@each
def test_an_index_can_show_what_it_is_for_whom_and_under_which_terms(built: Path, name: str) -> None:
    told = metadata(built, name)
    assert (told["Name"], told["Version"]) == (name, PROJECTS[name]["version"])
    assert (told["License-Expression"], told["License-File"]) == ("MIT", "LICENSE")
    assert told["Requires-Python"] == PROJECTS["trainer-core"]["requires-python"]
    assert told["Author"] == "The trainer developers"
    assert told["Description-Content-Type"] == "text/markdown"
    text = told.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert text.decode() == (FOLDERS[name] / "README.md").read_text()
    assert 20 < len(told["Summary"]) < 120
    assert len(told["Keywords"].split(",")) > 1
    classifiers = told.get_all("Classifier", [])
    assert "Typing :: Typed" in classifiers
    assert any(line.startswith("Topic :: ") for line in classifiers)
    assert "Programming Language :: Python :: 3.11" in classifiers


@each
def test_what_an_entry_point_names_is_in_the_wheel(built: Path, name: str) -> None:
    with wheel(built, name) as archive:
        declared = f"{stem(name)}.dist-info/entry_points.txt"
        points = ConfigParser(delimiters=("=",))
        points.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        if declared in archive.namelist():
            points.read_string(archive.read(declared).decode())
        assert {group: dict(points[group]) for group in points.sections()} == declared_points(name)
        for target in chain.from_iterable(points[group].values() for group in points.sections()):
            module, _, attribute = target.partition(":")
            path = module.replace(".", "/")
            (home,) = {f"{path}.py", f"{path}/__init__.py"} & set(archive.namelist())
            assert attribute in bound(archive.read(home).decode()), target


def declared_points(name: str) -> dict[str, dict[str, str]]:
    scripts = PROJECTS[name].get("scripts")
    return {**({"console_scripts": scripts} if scripts else {}), **PROJECTS[name].get("entry-points", {})}


def bound(text: str) -> set[str]:
    """The names that a module binds."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@each
def test_requirements_say_from_which_version_and_ours_up_to_which(name: str) -> None:
    for requirement in requirements(name):
        if requirement.name == name:
            continue  # its own extras
        bounds = {one.operator for one in requirement.specifier}
        assert ">=" in bounds, requirement
        assert "<" in bounds or requirement.name not in PROJECTS, requirement


@each
def test_what_is_imported_is_declared(name: str) -> None:
    said = declared(name)
    code, tests = (list((FOLDERS[name] / part).rglob("*.py")) for part in ("src", "tests"))
    # The core's tests are those of the whole and need the group `dev`.
    for module in set(imports(code if name == "trainer-core" else code + tests)) - {package(name)}:
        ours = {other for other in PROJECTS if package(other) == module}
        assert said & (ours or HOMES.get(module, set())), f"{name} imports {module} and does not declare it"


def test_the_core_needs_none_of_the_plugins() -> None:
    assert not {Requirement(line).name for line in PROJECTS["trainer-core"]["dependencies"]} & set(PLUGINS)


def test_all_is_every_plugin_with_everything_it_can_use() -> None:
    optional = PROJECTS["trainer-core"]["optional-dependencies"]
    wanted = {name: set(PROJECTS[name].get("optional-dependencies", {})) - DEVELOPMENT for name in PROJECTS}
    wanted["trainer-core"] -= {"all"}
    found: dict[str, set[str]] = {}
    for line in optional["standard"] + optional["all"]:
        requirement = Requirement(line)
        found.setdefault(requirement.name, set()).update(requirement.extras)
    assert found == wanted


def test_every_hint_to_install_something_of_ours_names_what_there_is() -> None:
    texts = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", *ROOT.glob("plugins/*/README.md")]
    texts += [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    hints = [(path, *found) for path in texts for found in HINT.findall(path.read_text())]
    assert len(hints) > len(PLUGINS)
    for path, name, extras in hints:
        assert name in PROJECTS, path
        assert {*filter(None, extras.split(","))} <= set(PROJECTS[name].get("optional-dependencies", {})), path
