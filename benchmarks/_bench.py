"""What the benchmarks share: throw-away environments, children's CPU time, interleaved rounds, one report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


Case = Callable[[], Sample]


def arguments(text: str, rounds: int) -> argparse.Namespace:
    """The options every benchmark has: `rounds` and `json`."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each case is measured")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


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

    def __init__(self, title: str, cases: Mapping[str, Case], rounds: int) -> None:
        self.title = title
        self.rounds = rounds
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

    def report(self, args: argparse.Namespace, base: str, unit: str, targets: Sequence[Target], *versions: str) -> None:
        """Print the table, or JSON: times in `unit` (`ms` or `µs`), ratios of the least CPU time to `base`'s."""
        scale = {"ms": 1e3, "µs": 1e6}[unit]
        rows = [self._row(name, base, scale) for name in self.samples]
        spread = statistics.median(row["spread"] for row in rows)
        loads = f"load {self.load:.1f} before and {os.getloadavg()[0]:.1f} after"
        advice = "noisy, so trust the minimum" if spread > 0.1 else "quiet enough"
        noise = f"{self.rounds} rounds, spread {spread:.0%}, {loads}: {advice}"
        system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        machine = ", ".join([f"Python {platform.python_version()}", system, *versions])
        if args.json:
            facts: dict[str, Any] = {
                "title": self.title,
                "unit": unit,
                "base": base,
                "machine": machine,
                "noise": noise,
            }
            facts |= {"rows": rows, "targets": [target._asdict() for target in targets]}
            print(json.dumps(facts, ensure_ascii=False, indent=2))
            return
        print(f"{self.title}\n\n{'':36} CPU {unit:<3}   median  spread  × base   wall {unit}")
        for row in rows:
            figures = "{cpu_min:8.2f} {cpu_median:8.2f} {spread:7.0%} {ratio:7.2f} {wall_median:9.2f}".format(**row)
            print(f"{row['name']:35} {figures}")
        print(f"\nbase: {base}\nmachine: {machine}\nnoise: {noise}")
        for target in targets:
            verdict = "held" if target.measured <= target.limit else "MISSED"
            print(f"target: {target.text} ≤ {target.limit:g}: {target.measured:.3g}, {verdict}")

    def _row(self, name: str, base: str, scale: float) -> dict[str, Any]:
        cpu = [sample.cpu for sample in self.samples[name]]
        low, median, high = statistics.quantiles(cpu, n=4) if len(cpu) > 1 else cpu * 3
        return {
            "name": name,
            "cpu_min": min(cpu) * scale,
            "cpu_median": median * scale,
            "spread": (high - low) / median,
            "ratio": min(cpu) / self.best(base),
            "wall_median": statistics.median(sample.wall for sample in self.samples[name]) * scale,
        }
