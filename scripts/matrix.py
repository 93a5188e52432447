"""Install the wheels of `dist/` as users do, each combination into an environment of its own, and use them.

The rows: the core alone, the core with each plugin, and the extras `standard` and `all`. The environments hold Python,
what pip installs, and nothing of this repository but wheels; no distribution of ours is asked of an index.

    python scripts/matrix.py                         every row
    python scripts/matrix.py --only trainer-sql      one row; may be repeated
    python scripts/matrix.py --tests all             each plugin's whole tests, not only those of its contract; or none
    python scripts/matrix.py --lowest                the lowest versions that are allowed, not those of constraints.txt
    python scripts/matrix.py --pip --json            with pip where uv is there too; JSON in place of the table
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from email.parser import BytesParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement

from trainer.catalog import ROLES

ROOT = Path(__file__).parents[1]
CORE = "trainer-core"
# Every command, those of groups too, with a word for each argument that it must be given: the first choice, a file
# that exists, or the name of the argument itself.
COMMANDS = """
import json, click
from trainer.cli.group import trainer
def words(argument):
    if isinstance(argument.type, click.Choice):
        return argument.type.choices[0]
    return FILE if isinstance(argument.type, (click.Path, click.File)) else argument.name
def walk(command, path, context):
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), [*path, name], context)
    yield path, [words(one) for one in command.params if isinstance(one, click.Argument) and one.required]
FILE = "information/instructions/first-report.md"
print(json.dumps(list(walk(trainer, [], click.Context(trainer)))))
"""


class Failed(Exception):
    """A promise that an environment does not keep."""


class Wheels:
    """The wheels of a folder, and what they need of one another."""

    def __init__(self, folder: Path, *, lowest: bool) -> None:
        self.lowest = lowest
        self.paths: dict[str, Path] = {}
        self.needs: dict[str, list[Requirement]] = {}
        self.extras: dict[str, list[str]] = {}
        for path in sorted(folder.glob("*.whl")):
            with ZipFile(path) as archive:
                name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
                told = BytesParser().parsebytes(archive.read(name))
            self.paths[told["Name"]] = path
            self.needs[told["Name"]] = list(map(Requirement, told.get_all("Requires-Dist", [])))
            self.extras[told["Name"]] = told.get_all("Provides-Extra", [])

    def words(self, name: str, *extras: str) -> list[str]:
        """What to tell an installer: this distribution and those of ours that it needs, all as files."""
        wanted: dict[str, set[str]] = {}
        self._gather(name, set(extras), wanted)
        return [
            f"{one}[{','.join(sorted(extra))}] @ {self.paths[one].as_uri()}" if extra else str(self.paths[one])
            for one, extra in wanted.items()
        ] + (sorted(self._others(wanted)) if self.lowest else [])

    def _others(self, wanted: Mapping[str, set[str]]) -> set[str]:
        """The third-party requirements: uv takes the lowest version of what it is told, not of what that needs."""
        return {
            str(need).partition(";")[0]
            for name, extras in wanted.items()
            for need in self.needs[name]
            if need.name not in self.paths and applies(need, extras)
        }

    def _gather(self, name: str, extras: set[str], wanted: dict[str, set[str]]) -> None:
        if name in wanted and extras <= wanted[name]:
            return
        wanted.setdefault(name, set()).update(extras)
        for need in self.needs[name]:
            if need.name in self.paths and applies(need, extras):
                self._gather(need.name, need.extras, wanted)


def applies(need: Requirement, extras: set[str]) -> bool:
    """Whether a requirement counts where a distribution is installed with some extras."""
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))


class Environment:
    """A fresh virtual environment."""

    def __init__(self, folder: Path, uv: str | None, *, lowest: bool) -> None:
        self.python, self.uv, self.lowest = folder / "bin/python", uv, lowest
        if uv:
            run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], folder.parent)
        else:
            run([sys.executable, "-m", "venv", str(folder)], folder.parent)
        self.folder = folder

    def install(self, words: list[str]) -> None:
        """Install, third-party packages in the versions of constraints.txt or in the lowest ones that are allowed."""
        pip = [self.uv, "pip"] if self.uv else [str(self.python), "-m", "pip"]
        where = ["--python", str(self.python)] if self.uv else ["--disable-pip-version-check"]
        chosen = ["--resolution", "lowest-direct"] if self.lowest else ["--constraint", str(ROOT / "constraints.txt")]
        run([*pip, "install", "--quiet", *where, *chosen, *words], self.folder)

    def trainer(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command; any exit code is an answer, a traceback is none."""
        done = run([str(self.python.with_name("trainer")), *words], cwd, check=False)
        if "Traceback" in done.stdout + done.stderr:
            raise Failed(f"trainer {' '.join(words)}: {done.stderr[-2000:]}")
        return done


Use = Callable[[Environment, Path], str]


def run(words: list[str], cwd: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program that sees no environment but the one it is of, and no settings of ours."""
    hidden = ("PYTHON", "TRAINER_", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, timeout=900, stdin=subprocess.DEVNULL,
        env={**environment, "TRAINER_NO_PROBE": "1", "NO_COLOR": "1"},
    )  # fmt: skip
    if check and done.returncode:
        told = done.stdout[-3000:] + done.stderr[-2000:]
        raise Failed(f"{' '.join(words)[:300]} ended with {done.returncode}:\n{told}")
    return done


def alone(environment: Environment, folder: Path) -> str:
    """The core alone: every command helps, and answers or says in two lines what it lacks."""
    run([str(environment.python.with_name("trainer")), "init", "."], folder)
    found = json.loads(run([str(environment.python), "-c", COMMANDS], folder).stdout)
    for path, arguments in found:
        shown = environment.trainer(*path, "--help", cwd=folder)
        if shown.returncode or shown.stderr or "Usage:" not in shown.stdout:
            raise Failed(f"trainer {' '.join(path)} --help ended with {shown.returncode}: {shown.stderr}")
        done = environment.trainer(*path, *arguments, cwd=folder)
        said = f"trainer {' '.join([*path, *arguments])} ended with {done.returncode}: {done.stderr}"
        if done.returncode not in (0, 1, 2, 3):
            raise Failed(said)
        told = done.stderr.partition("Error: ")[2].splitlines()
        usage = done.stderr.startswith("Usage: ")  # of a group, or of words that do not fit one another
        if done.returncode and not (done.stdout or usage or 1 <= len(told) <= 2):
            raise Failed(f"not told in two lines: {said}")
        if "nothing installed" in done.stderr and "pip install" not in done.stderr:
            raise Failed(f"not told what to install: {said}")
    return f"{len(found)} commands"


def plugin(name: str, wheels: Wheels, tests: str) -> Use:
    """The core and a plugin: it is listed, it can be imported, and its tests pass."""

    def use(environment: Environment, folder: Path) -> str:
        listed = json.loads(environment.trainer("plugins", "--check", "--json", cwd=folder).stdout)
        broken = [f"{row['name']}: {row['state']}" for row in listed if row["state"] != "ok"]
        points = declared(wheels.paths[name])
        missing = points - {(row["verb"], row["name"]) for row in listed if row["distribution"] == name}
        if broken or missing:
            raise Failed(f"broken: {broken}; not listed: {sorted(missing)}")
        if tests == "none":
            return f"{len(listed)} names"
        unpacked = sources(wheels.paths[name], folder)
        chosen = sorted(unpacked.glob("tests/test_*contract*.py")) if tests == "contract" else []
        environment.install(wheels.words(name, "test"))
        words = ["-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-W", "error", "--tb=short"]
        words += ["--show-capture=no"]
        done = run([str(environment.python), *words, *map(str, chosen or [unpacked / "tests"])], unpacked)
        return f"{len(listed)} names, {done.stdout.strip().splitlines()[-1]}"

    return use


def declared(wheel: Path) -> set[tuple[str, str]]:
    """Verb and name of the entry points of a wheel that `trainer plugins` lists."""
    points = ConfigParser(delimiters=("=",))
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/entry_points.txt"):
                points.read_string(archive.read(name).decode())
    return {(role, name) for role in ROLES if points.has_section(group := f"trainer.{role}") for name in points[group]}


def sources(wheel: Path, folder: Path) -> Path:
    """The source distribution beside a wheel, unpacked."""
    stem = "-".join(wheel.name.split("-")[:2])
    with tarfile.open(wheel.with_name(f"{stem}.tar.gz")) as archive:
        archive.extractall(folder, filter="data")
    return folder / stem


def reports(*formats: str) -> Use:
    """What a new project prints as the next command works, in these formats, and the report can be traced."""

    def use(environment: Environment, folder: Path) -> str:
        begun = run([str(environment.python.with_name("trainer")), "init", "."], folder).stdout
        words = begun.rpartition("trainer run ")[2].split()
        checked = environment.trainer("plugins", "--check", cwd=folder)
        if checked.returncode:
            raise Failed(checked.stdout)
        more = [word for name in formats if name != "html" for word in ("--to", name)]
        done = environment.trainer("run", *words, *more, cwd=folder)
        made = {name: list((folder / "output" / name).glob("*")) for name in formats}
        if done.returncode or not all(made.values()):
            raise Failed(f"trainer run made {made}: {done.stderr}")
        traced = environment.trainer("lineage", str(made["html"][0]), cwd=folder)
        if traced.returncode or "file:" not in traced.stdout:
            raise Failed(f"trainer lineage: {traced.stdout}{traced.stderr}")
        return f"{len(checked.stdout.splitlines()) - 1} names, a report in {', '.join(formats)}"

    return use


def rows(wheels: Wheels, tests: str) -> dict[str, tuple[list[str], Use]]:
    """What is installed and what is then asked of it, by name."""
    plugins = [name for name in wheels.paths if name != CORE]
    return {
        CORE: (wheels.words(CORE), alone),
        **{name: (wheels.words(name), plugin(name, wheels, tests)) for name in plugins},
        f"{CORE}[standard]": (wheels.words(CORE, "standard"), reports("html")),
        f"{CORE}[all]": (wheels.words(CORE, "all"), reports("html", "docx", "latex", "typst", "pdf")),
    }


def measured(name: str, row: tuple[list[str], Use], uv: str | None, *, lowest: bool) -> dict[str, Any]:
    """One row: what was found, and how many seconds it took."""
    begin, result = time.monotonic(), {"name": name, "ok": True}
    with TemporaryDirectory(prefix="trainer-matrix-") as temporary:
        folder = Path(temporary) / "project"
        folder.mkdir()
        try:
            environment = Environment(Path(temporary) / "venv", uv, lowest=lowest)
            environment.install(row[0])
            result["install"] = round(time.monotonic() - begin, 1)
            result["found"] = row[1](environment, folder)
        except (Failed, subprocess.TimeoutExpired) as error:
            result |= {"ok": False, "found": str(error)}
    return {**result, "seconds": round(time.monotonic() - begin, 1)}


def told(results: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Print each row as it is done."""
    print(f"{'installed':26} {'':6} {'install':>8} {'all':>7}  found", flush=True)
    for row in results:
        state = "ok" if row["ok"] else "FAILED"
        times = f"{row.get('install', 0):>6} s {row['seconds']:>5} s"
        print(f"{row['name']:26} {state:6} {times}  {row['found']}", flush=True)
        yield row


def main() -> int:
    """Run the rows side by side, as many as there are processors; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="the folder with wheels and sources")
    parser.add_argument("--only", action="append", metavar="NAME", help="one row")
    parser.add_argument("--tests", choices=("none", "contract", "all"), default="contract")
    parser.add_argument("--lowest", action="store_true", help="the lowest versions that are allowed; needs uv")
    parser.add_argument("--pip", action="store_true", help="never uv")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    wheels = Wheels(chosen.dist.absolute(), lowest=chosen.lowest)
    if not wheels.paths:
        parser.error(f"there are no wheels in {chosen.dist}: run `make dist`")
    known = rows(wheels, chosen.tests)
    if unknown := set(chosen.only or ()) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(known)}")
    uv = None if chosen.pip else shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if chosen.lowest and not uv:
        parser.error("--lowest needs uv")
    begin = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        names = chosen.only or list(known)
        results = pool.map(lambda name: measured(name, known[name], uv, lowest=chosen.lowest), names)
        found = list(results if chosen.json else told(results))
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        bad = sum(not row["ok"] for row in found)
        print(f"{len(found)} rows, {bad} failed, {time.monotonic() - begin:.0f} s with {'uv' if uv else 'pip'}")
    return int(not all(row["ok"] for row in found))


if __name__ == "__main__":
    sys.exit(main())
