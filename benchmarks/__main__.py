"""Runs the benchmarks one after the other, and writes what they measured to docs/benchmarks.md.

`python benchmarks` runs all, `python benchmarks dispatch store` these; of the others the page shows what was measured
here before. Results are kept in `.bench/results`.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _bench import CACHE, ROOT, Target, written

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("[!_]*.py"))
RESULTS = CACHE / "results"
PAGE = ROOT / "docs/benchmarks.md"
HEAD = """\
# What we measured

Written by `make bench`. Each section is one command, which runs ours and what it is compared with in turns within one
run, so that a busy moment of the machine falls on all alike: trust the ratios, not the times. Peers live in
environments of their own, with their telemetry switched off.
[How to read the figures](../benchmarks/README.md#how-to-read-it).
"""


def measure(name: str) -> str:
    """Run a benchmark and keep its result; returns what went wrong, or ""."""
    words = [sys.executable, HERE / f"{name}.py", "--json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{name} ended with {done.returncode}: {done.stderr.strip().rpartition(chr(10))[2] or 'it says nothing'}"
    facts = {**json.loads(done.stdout), "date": datetime.now(UTC).date().isoformat()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, ensure_ascii=False))
    return ""


def section(name: str, facts: Mapping[str, Any]) -> str:
    """The section of a benchmark."""
    about = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or ""
    parts = [f"## {facts['title']}", about, f"`python benchmarks/{name}.py`, {facts['date']}, {facts['machine']}."]
    for table in facts["tables"]:
        grid = rows(table["columns"], ([written(cell) for cell in row] for row in table["rows"]))
        parts.append(f"{table['title']}:\n\n{grid}" if table["title"] else grid)
    if targets := [Target(**target) for target in facts["targets"]]:
        cells = ([one.text, f"{one.limit:g}", written(one.measured), one.verdict] for one in targets)
        parts.append(rows(["target", "at most", "measured", ""], cells))
    parts.append("\n".join(f"- {note}" for note in facts["notes"]))
    return "\n\n".join(filter(None, parts))


def rows(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its figures to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *cells]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (all)")
    wanted = parser.parse_args().names or NAMES
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    failed = []
    for name in wanted:
        print(f"{name} …", flush=True)
        failed += filter(None, [measure(name)])
    kept = {name: RESULTS / f"{name}.json" for name in NAMES}
    sections = [section(name, json.loads(path.read_text())) for name, path in kept.items() if path.exists()]
    PAGE.write_text("\n\n".join([HEAD.strip(), *sections]) + "\n")
    print(PAGE.relative_to(ROOT))
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
