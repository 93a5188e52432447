"""A program that embeds pipelines: they share nothing with each other, and leave the process as it was."""

from __future__ import annotations

import decimal
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from trainer import (
    CompletionRequest,
    CompletionResult,
    Config,
    Event,
    Finding,
    Pipeline,
    Query,
    RetrievalResult,
    RunInfo,
    Segment,
    Stage,
    hookimpl,
)
from trainer.errors import RetrievalError
from trainer.logs import RunFilter
from trainer.models import Report
from trainer.pipeline import RUNS
from trainer.testing import FakeLLM

from .conftest import ROOT
from .surroundings import SCENES

TEXT = """---
input: {COMPANY: {description: a company}}
data:
  facts: {source: toy, company: "{COMPANY}"}
  more: {source: toy, company: "{COMPANY}", broken: "yes", optional: true}
---
# {COMPANY}
"""
log = logging.getLogger("trainer.toy")


@frozen(eq=False)
class Toys:
    """Plugins that tell whose they are in everything that they return, raise and log."""

    whose: str
    severity: Any

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        company = query.params["company"]
        log.info("%s retrieves %s", self.whose, company)
        if "broken" in query.params:
            raise RetrievalError(f"{self.whose} has no more of {company}", "")
        return RetrievalResult({"of": [self.whose, company]}, "toy", company)

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
        log.info("%s guards %s", self.whose, run.id.removeprefix("run-"))
        told = f"{self.whose} {run.level} {run.id}"
        return [Finding("toy", "any", told, self.severity)] if stage is Stage.OUTPUT else []

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        company = request.prompt.params["COMPANY"]
        log.info("%s completes %s", self.whose, company)
        return CompletionResult(f"{self.whose} says {company}", request.model, self.whose)


@frozen(eq=False)
class Host:
    """One pipeline of a program, and what the program heard of it."""

    whose: str
    level: str
    root: Path
    pipeline: Pipeline
    events: list[Event] = field(factory=list)


def host(whose: str, level: str, severity: str, root: Path) -> Host:
    root.mkdir()
    (root / "note.md").write_text(TEXT)
    toys = Toys(whose, severity)
    plugins = {
        "retrieve.toy": toys,
        "secure.toy": toys,
        "complete.toy": toys,
        "store.sqlite": "trainer_sql:SQLite",
        "compose.sequential": "trainer_prompts:Sequential",
    }
    settings = {
        "pipeline": {"level": level, "model": "toy/any", "output": f"out-{whose}", "store": f"sqlite:///{whose}.db"}
    }
    events: list[Event] = []
    pipeline = Pipeline(plugins, Config(root=root, values=settings), observers=[events.append])
    return Host(whose, level, root, pipeline, events)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What is logged, with the run that it is of."""
    found: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    keep, trainers = Keep(), logging.getLogger("trainer")
    keep.addFilter(RunFilter())
    trainers.addHandler(keep)
    trainers.setLevel(logging.DEBUG)
    yield found
    trainers.removeHandler(keep)
    trainers.setLevel(logging.NOTSET)


def test_two_pipelines_with_plugins_of_the_same_names_share_nothing_in_sixteen_threads(
    tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    hosts = [host("ann", "strict", "low", tmp_path / "a"), host("bob", "permissive", "medium", tmp_path / "b")]

    def run(task: tuple[Host, str]) -> Report:
        one, company = task
        report = one.pipeline.run(one.root / "note.md", {"COMPANY": company}, run_id=f"run-{company}")
        assert report.text == f"{one.whose} says {company}"
        return report

    tasks = [(one, f"{one.whose}{number}") for number in range(100) for one in hosts]
    with ThreadPoolExecutor(16) as pool:
        reports = list(pool.map(run, tasks))

    for (one, company), report in zip(tasks, reports, strict=True):
        assert [finding.message for finding in report.findings] == [f"{one.whose} {one.level} run-{company}"]
        assert report.warnings == (f"more is left out: {one.whose} has no more of {company}",)
        assert report.files["markdown"].is_relative_to(one.root / f"out-{one.whose}")
        assert f"{one.whose} says {company}" in report.files["markdown"].read_text()
        assert json.loads(report.files["json"].read_text())["records"][0]["data"] == {"of": [one.whose, company]}
    for one in hosts:
        own = {f"run-{company}" for other, company in tasks if other is one}
        with one.pipeline:
            assert {record.data["run"] for record in one.pipeline.open_store().query(source=RUNS)} == own
            assert one.pipeline.open_store().count(source="toy") == 100
        assert {event.run for event in one.events} == own
        audited = [json.loads(line) for line in (one.root / ".trainer/audit.jsonl").read_text().splitlines()]
        assert {entry["run"] for entry in audited if "run" in entry} == own
        assert len(list((one.root / f"out-{one.whose}" / "report").iterdir())) == 100
    told = [record for record in records if record.name == "trainer.toy"]
    assert len(told) == len(tasks) * 7  # two needs, a model, and guards at input, data, prompt and output
    assert all(vars(record)["run"] == f"run-{record.getMessage().split()[-1]}" for record in told)


# What the process of a host is like before and after. See surroundings.py.


@pytest.fixture
def model() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        llm.say("# Figures\n\nRevenue was 1,200 USD.\n")
        yield llm


def differences(scene: str, folder: Path, url: str = "") -> dict[str, Any]:
    """What a scene leaves behind in a process of its own."""
    key = "sk-test-0123456789abcdef0123"
    done = subprocess.run(
        [sys.executable, ROOT / "tests/surroundings.py", scene, url],
        cwd=folder, capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "OPENAI_API_KEY": key, "DEEPSEEK_API_KEY": key, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("scene", sorted(SCENES.keys() - {"libraries", "litellm"}))
def test_a_host_sees_nothing_in_its_process_that_it_did_not_ask_for(scene: str, project: Path, model: FakeLLM) -> None:
    assert differences(scene, project, model.url) == {}


def test_what_libraries_do_to_a_process_when_they_are_imported_is_what_the_docs_say(project: Path) -> None:
    found = differences("libraries", project)
    assert found.keys() == {"loggers", "warning filters", "random", "at exit", "import hooks"}
    assert found["loggers"].keys() == {"sqlalchemy", "openai._base_client"}
    assert found["warning filters"]["went"] == []
    page = (ROOT / "docs/how-to/embed.md").read_text()
    assert all(f"`{name}`" in page for name in ("numpy", "sqlalchemy", "urllib3", "botocore", "httpx"))


def test_litellm_leaves_its_own_things_behind_and_no_others(project: Path, model: FakeLLM) -> None:
    found = differences("litellm", project, model.url)
    assert found.pop("loggers").keys() == {"LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "httpx"}
    assert all(name.startswith("litellm-logging") for name in found.pop("threads", {"came": []})["came"])
    assert all(name.startswith("socket:") for name in found.pop("descriptors", {"came": []})["came"])
    assert found.keys() <= {"at exit", "at exit, in all", "import hooks"}


def test_a_hosts_seed_and_decimal_context_neither_change_nor_matter(project: Path) -> None:
    with Pipeline() as pipeline:
        expected = pipeline.run("information/instructions/figures.md", {"TICKER": "ACME"}, to=["html"])
        random.seed(7)
        before = random.getstate()
        narrow = decimal.Context(prec=2, rounding=decimal.ROUND_UP, traps=[decimal.Inexact, decimal.Rounded])
        with decimal.localcontext(narrow) as context:
            report = pipeline.run("information/instructions/figures.md", {"TICKER": "ACME"}, to=["html"])
            assert not any(context.flags.values())
    assert report.text == expected.text
    assert report.findings == expected.findings
    assert random.getstate() == before
