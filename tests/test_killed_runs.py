"""A run that is killed leaves the store readable, no half file, and nothing in the way of the next run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer import Pipeline
from trainer.instruction import split_front_matter

INSTRUCTION = "information/instructions/figures.md"
STEPS = ["secure", "retrieve", "store", "compose", "complete", "convert", "write", "record"]
KILLED_AT = """
import os, signal, sys
from trainer import Pipeline

def kill(event):
    if (event.step, event.state) == (sys.argv[1], sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Pipeline(observers=[kill]).run("information/instructions/figures.md", {"TICKER": "ACME"}, to=["html"])
"""
# Dies between the files of one report: after the first of them has its name, before the last one has.
KILLED_AMONG_FILES = """
import os, pathlib, signal
from trainer import Pipeline

replace = pathlib.Path.replace
def dying(self, target):
    replace(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = dying
Pipeline().run("information/instructions/figures.md", {"TICKER": "ACME"}, to=["html"])
"""


def whole(folder: Path) -> list[str]:
    """The names of the files below output, each checked to be whole; what is hidden is half written."""
    names = []
    for path in (folder / "output").rglob("*"):
        if not path.is_file() or path.name.startswith("."):
            continue
        text = path.read_text()
        match path.suffix:
            case ".json":
                assert json.loads(text)["records"]
            case ".html":
                assert text.rstrip().endswith("</html>")
            case ".md":
                assert split_front_matter(text)[0]["run"]
        names.append(path.suffix)
    return sorted(names)


def run_again(folder: Path) -> None:
    """The next run succeeds, the store holds it, and nothing half written is left."""
    with Pipeline() as pipeline:
        report = pipeline.run(INSTRUCTION, {"TICKER": "ACME"}, to=["html"])
        record = pipeline.find_run(report.id)
        assert record is not None
        assert pipeline.open_store().history(report.sources[0].ref.partition("@")[0])
    assert whole(folder) == [".html", ".json", ".md"]
    assert not list((folder / "output").rglob("*.part"))


@pytest.mark.parametrize("state", ["begin", "end"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_leaves_nothing_broken(project: Path, step: str, state: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_AT, step, state], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = (step, state) in {("write", "end"), ("record", "begin"), ("record", "end")}
    assert whole(project) == ([".html", ".json", ".md"] if finished else [])
    run_again(project)


def test_a_run_killed_among_its_files_leaves_only_whole_ones(project: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_AMONG_FILES], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(whole(project)) == 1
    run_again(project)


def test_runs_killed_at_random_moments_leave_nothing_broken(project: Path) -> None:
    command = [sys.executable, "-m", "trainer", "run", INSTRUCTION, "-p", "TICKER=ACME", "--to", "html"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    duration = time.perf_counter() - begun
    dice = random.Random(20251122)
    for _ in range(int(os.environ.get("TRAINER_KILLS", "8"))):
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.3, 1.0) * duration)
        victim.kill()
        victim.wait()
        whole(project)
    run_again(project)
