"""What the benchmarks share: throw-away environments, children's CPU time, interleaved rounds, one way to report."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".bench"
BIN = Path(sys.executable).parent
# Peers send no telemetry, keep their files in the cache, and see none of the caller's modules.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LLM_USER_PATH": str(CACHE / "llm-user"),
    "TRAINER_NO_PROBE": "1",
}


class Sample(NamedTuple):
    """What one call took, in seconds."""

    cpu: float
    wall: float


class Target(NamedTuple):
    """A figure that should not be exceeded, and what was measured."""

    text: str
    measured: float
    limit: float

    @property
    def verdict(self) -> str:
        return "held" if self.measured <= self.limit else "MISSED"


Case = Callable[[], Sample]


class Table(NamedTuple):
    """Measured figures: the first column says what a row is about, `None` is what was not measured."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    title: str = ""


def options(text: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options every benchmark has, `rounds` and `json`, and what its module says of it."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each case is measured ({rounds})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def publish(
    args: argparse.Namespace, title: str, tables: Sequence[Table], targets: Sequence[Target] = (), *notes: str
) -> None:
    """Print what was measured: tables, notes and targets, as text or as JSON."""
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if args.json:
        facts = {"title": title, "machine": machine, "notes": notes}
        facts |= {
            name: [part._asdict() for part in parts] for name, parts in (("tables", tables), ("targets", targets))
        }
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    print(title)
    for table in tables:
        lines = [[*table.columns], *([written(cell) for cell in row] for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{table.title}" if table.title else "")
        for first, *rest in lines:
            cells = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
            print(f"{first:{widths[0]}}", *cells, sep="  ")
    print("", *(f"note: {note}" for note in notes), f"machine: {machine}", sep="\n")
    for target in targets:
        print(f"target: {target.text} ≤ {target.limit:g}: {target.measured:.3g}, {target.verdict}")


def written(cell: str | float | None) -> str:
    """A cell as text: whole numbers as they are, others with three digits that count."""
    if cell is None:
        return "–"
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell if isinstance(cell, str) else f"{cell:,.{max(0, 2 - math.floor(math.log10(abs(cell) or 1)))}f}"


def environment(name: str, *packages: str | Path) -> Path | None:
    """The `bin` folder of a throw-away environment with these packages, made on first use.

    `None`, after a word on standard error, when they cannot be installed: that peer is then left out.
    """
    folder, wanted = CACHE / name, "\n".join(map(str, packages))
    made = folder / "packages.txt"
    if not (made.is_file() and made.read_text() == wanted):
        print(f"making an environment for {name} …", file=sys.stderr)
        try:
            _uv("venv", "--clear", "--python", sys.executable, folder)
            _uv("pip", "install", "--python", folder / "bin" / "python", *packages)
        except subprocess.CalledProcessError as error:
            print(f"{name} is left out: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return None
        made.write_text(wanted)
    return folder / "bin"


def _uv(*words: str | Path) -> None:
    subprocess.run([BIN / "uv", "--quiet", *words], env=ENVIRONMENT, check=True, capture_output=True, text=True)


def version(place: Path, name: str) -> str:
    """`name version` of a distribution in the environment whose `bin` folder is `place`."""
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([place / "python", "-c", code], env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return f"{name} {done.stdout.strip()}"


def command(*words: str | Path, cwd: Path) -> Case:
    """A case that runs a command to its end; its CPU time is that of the child and of its children."""

    def run() -> Sample:
        began = time.perf_counter()
        child = subprocess.Popen(words, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"`{' '.join(map(str, words))}` ended with {child.returncode}")
        return Sample(usage.ru_utime + usage.ru_stime, wall)

    return run


def loop(call: Callable[[], object], times: int) -> Sample:
    """One call's mean over `times` calls; CPU time is that of the whole process, system time included."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        call()
    return Sample((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


class Bench:
    """Cases measured in turn, A B C A B C …, so that a busy moment of the machine hits all of them alike."""

    def __init__(self, cases: Mapping[str, Case], rounds: int) -> None:
        self.load = os.getloadavg()[0]
        self.samples: dict[str, list[Sample]] = {name: [] for name in cases}
        for case in cases.values():
            case()  # compiles modules, fills caches, and shows at once what does not work
        for _ in range(rounds):
            for name, case in cases.items():
                self.samples[name].append(case())

    def best(self, name: str) -> float:
        """The least CPU time of a case: what it costs when nothing disturbs it."""
        return min(sample.cpu for sample in self.samples[name])

    def table(self, base: str, unit: str) -> Table:
        """CPU and wall times in `unit` (`ms` or `µs`), and the ratios of the least CPU times to `base`'s."""
        scale = {"ms": 1e3, "µs": 1e6}[unit]
        columns = [f"base: {base}", f"CPU {unit}, least", "× base", "median", "spread", f"wall {unit}, median"]
        return Table(columns, [self._row(name, base, scale) for name in self.samples])

    def _row(self, name: str, base: str, scale: float) -> list[str | float]:
        cpu = [sample.cpu * scale for sample in self.samples[name]]
        wall = statistics.median(sample.wall * scale for sample in self.samples[name])
        ratio, spread = self.best(name) / self.best(base), f"{self._spread(name):.0%}"
        return [name, min(cpu), ratio, statistics.median(cpu), spread, wall]

    def _spread(self, name: str) -> float:
        """The distance between the quartiles, as a share of the median."""
        cpu = [sample.cpu for sample in self.samples[name]]
        low, median, high = statistics.quantiles(cpu, n=4) if len(cpu) > 1 else cpu * 3
        return (high - low) / median

    @property
    def noise(self) -> str:
        """How far the figures can be trusted."""
        spread = statistics.median(map(self._spread, self.samples))
        rounds = max(map(len, self.samples.values()))
        advice = "noisy, so trust the least" if spread > 0.1 else "quiet enough"
        loads = f"load {self.load:.1f} before and {os.getloadavg()[0]:.1f} after"
        return f"{rounds} rounds, spread {spread:.0%}, {loads}: {advice}"
