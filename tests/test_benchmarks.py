"""The benchmarks run, say what they measured in one form, and are all told of."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import ROOT

FOLDER = ROOT / "benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


@pytest.fixture(scope="module")
def measured() -> Mapping[str, Any]:
    words = [sys.executable, str(FOLDER / "dispatch.py"), "--rounds", "1", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts: Mapping[str, Any] = json.loads(done.stdout)
    return facts


def test_a_benchmark_tells_its_figures_its_target_and_what_they_were_measured_on(measured: Mapping[str, Any]) -> None:
    (table,) = measured["tables"]
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    assert all(isinstance(cell, float) and cell > 0 for row in table["rows"] for cell in row[1:4])
    assert [target["limit"] for target in measured["targets"]] == [10]
    assert "cores" in measured["machine"]
    assert "pluggy" in measured["notes"][-1]


def test_the_page_of_benchmarks_shows_each_figure_with_three_digits_that_count(
    measured: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    page = runpy.run_path(str(FOLDER / "__main__.py"), run_name="page")
    facts = {
        **measured,
        "date": "2026-01-02",
        "tables": [{"columns": ["a", "b"], "rows": [["x|y", 1234.5], ["z", None]], "title": ""}],
    }
    told = page["section"]("dispatch", facts)
    assert "| x\\|y | 1,234 |" in told
    assert "| z | – |" in told
    assert told.startswith(f"## {measured['title']}\n")
    assert "`python benchmarks/dispatch.py`, 2026-01-02, Python" in told
    assert [page["written"](value) for value in (0.0, 0.00123, 0.1, 9.87, 56.78)] == [
        "0.00",
        "0.00123",
        "0.100",
        "9.87",
        "56.8",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_is_described_and_its_last_figures_are_published(name: str) -> None:
    command = f"`python benchmarks/{name}.py`"
    assert f"| {command} |" in (FOLDER / "README.md").read_text()
    assert re.search(rf"^{re.escape(command)}, \d{{4}}-", (ROOT / "docs/benchmarks.md").read_text(), re.MULTILINE)
