"""Fixtures of the whole: a project in a folder, and environments with real distributions in them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class Environment:
    """A throw-away virtual environment that sees this one's packages and has distributions of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        site = next(folder.glob("lib/python3*/site-packages"))
        ours = sysconfig.get_path("purelib")
        # addsitedir and not a plain path, so that editable installs are seen too.
        (site / "parent.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    def install(self, *projects: Path) -> None:
        """Build and install real distributions, without asking a registry."""
        uv = Path(sys.executable).with_name("uv")
        command = [
            uv,
            "pip",
            "install",
            "--python",
            self.python,
            "--no-deps",
            "--no-build-isolation",
            "--offline",
            "--quiet",
        ]
        subprocess.run([*map(str, command), *map(str, projects)], check=True, env={**os.environ, "PYTHONPATH": ""})

    def trainer(self, *words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `trainer` in this environment."""
        return subprocess.run(
            [self.python, "-m", "trainer", *words],
            cwd=cwd,
            env={**os.environ, "TRAINER_NO_PROBE": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def write_distribution(
    folder: Path, name: str, code: str, points: dict[str, dict[str, str]], version: str = "0.1.0"
) -> Path:
    """A plugin project of one module, ready to be installed; `points` are its entry points by group."""
    module = name.replace("-", "_")
    (folder / "src" / module).mkdir(parents=True)
    (folder / "src" / module / "__init__.py").write_text(code)
    groups = "\n".join(
        f'[project.entry-points."{group}"]\n' + "\n".join(f'"{key}" = "{value}"' for key, value in entries.items())
        for group, entries in points.items()
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\ndescription = "A toy called {name}"\n'
        f'requires-python = ">=3.11"\ndependencies = ["trainer-core"]\n{groups}\n'
        f'[tool.hatch.build.targets.wheel]\npackages = ["src/{module}"]\n'
    )
    return folder


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """Makes environments."""
    return lambda: Environment(tmp_path_factory.mktemp("env") / "venv")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project folder that is the current one: trainer.toml, an instruction, a context, data."""
    (tmp_path / "information" / "instructions").mkdir(parents=True)
    (tmp_path / "information" / "context").mkdir()
    (tmp_path / "information" / "data").mkdir()
    (tmp_path / "trainer.toml").write_text("[pipeline]\n")
    (tmp_path / "information/context/background.md").write_text("# Background\n\nRevenue is what customers paid.\n")
    (tmp_path / "information/data/ACME.json").write_text(
        '{"entity": "Acme", "facts": [{"metric": "revenue", "label": "Revenue", "unit": "USD",'
        ' "start": "2024-01-01", "end": "2024-12-31", "value": 1200}]}'
    )
    (tmp_path / "information/instructions/figures.md").write_text(
        '---\ntitle: "{TICKER}: figures"\ninput: {TICKER: {description: stock symbol}}\n'
        'contexts: [background.md]\ndata:\n  facts: {source: file, path: "information/data/{TICKER}.json"}\n---\n'
        "# {TICKER}\n\n## Revenue\n\nHow `revenue` moved.\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINER_NO_PROBE", "1")
    return tmp_path
