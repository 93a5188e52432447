"""A batch on the workers of a real cluster, which are killed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer import Instruction, Pipeline
from trainer.batch import Batch, pinned
from trainer.cli import main
from trainer.errors import ConfigError
from trainer.testing.fake_llm import FakeLLM
from trainer.work import executor
from trainer_dask import Dask

KILLS = int(os.environ.get("TRAINER_TEST_KILLS", "1"))
COUNT, JOBS = (500, 32) if KILLS > 1 else (30, 8)
INSTRUCTION = Instruction.parse("---\nparams: {max_tokens: 100}\n---\n# {TICKER}\n\nWrite of {TICKER} here.", "note.md")
ROWS = [{"TICKER": f"T{number}"} for number in range(COUNT)]


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TRAINER_NO_PROBE": "1", "XDG_STATE_HOME": str(folder)}
        file = folder / "scheduler.json"
        place = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self.start("dask_scheduler", *place, "--no-show", "--scheduler-file", str(file))
        while not (file.exists() and file.read_text().rstrip().endswith("}")):
            assert self.scheduler.poll() is None
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self.worker() for _ in range(2)]

    def start(self, module: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"distributed.cli.{module}", *words],
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def worker(self) -> subprocess.Popen[str]:
        return self.start("dask_worker", self.address, "--no-nanny", "--nthreads", str(JOBS // 2), "--no-dashboard")

    def kill(self, which: int) -> None:
        self.workers[which].send_signal(signal.SIGKILL)
        self.workers[which].wait()

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.close()


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM(latency=0.2) as llm:
        yield llm


@pytest.fixture
def pipeline(tmp_path: Path, llm: FakeLLM, cluster: Cluster) -> Iterator[Pipeline]:
    (tmp_path / "trainer.toml").write_text(
        f'[pipeline]\nmodel = "openai/fake-large"\n[dask]\naddress = "{cluster.address}"\ntimeout = 60\n'
        f'[openai]\nbase_url = "{llm.url}/v1"\napi_key = "sk-test"\n'
        '[completion.prices]\n"openai/fake-large" = {input = 1.0, output = 2.0}\n'
    )
    with Pipeline(config=tmp_path) as pipeline:
        yield pipeline


def sent(llm: FakeLLM) -> list[str]:
    return [re.findall(r"of (T\d+) here", request.prompt)[0] for request in list(llm.requests)]


def test_runs_of_killed_workers_are_taken_over_and_each_is_recorded_once(
    pipeline: Pipeline, llm: FakeLLM, cluster: Cluster
) -> None:
    chance, ended = random.Random(3), 0
    at = sorted(chance.sample(range(1, COUNT - JOBS), KILLS))

    def change(_: Any) -> None:
        nonlocal ended
        ended += 1
        while at and ended >= at[0]:
            at.pop(0)
            which = chance.randrange(2)
            cluster.kill(which)
            if KILLS > 1:
                cluster.workers[which] = cluster.worker()

    place = executor(pipeline, "dask")
    summary = Batch(pipeline, INSTRUCTION, ROWS, on_change=change, max_cost=1.0).run(JOBS, on=place)
    asked = sent(llm)
    print(f"{KILLS - len(at)} kills, {len(asked)} requests for {COUNT} runs, {len(asked) - COUNT} paid twice")
    assert (summary.done, list(summary.failed), summary.stopped, at) == (COUNT, [], "", [])
    assert len({*asked}) == COUNT
    assert len(asked) <= COUNT + KILLS * JOBS // 2
    records = pipeline.open_store().query(source="trainer.run")
    assert Counter(record.data["params"]["TICKER"] for record in records) == {row["TICKER"]: 1 for row in ROWS}
    assert {record.version for record in records} == {1}
    assert Batch(pipeline, INSTRUCTION, ROWS).run(JOBS, on=place).before == COUNT
    assert len(sent(llm)) == len(asked)
    # What a killed worker had drawn of the limit stays drawn; the others gave back what they had not spent.
    [drawn] = pipeline.open_store().query(source="trainer.spending")
    assert summary.cost < drawn.data["drawn"] <= summary.cost + KILLS * 0.06


def test_the_command_line_reaches_a_cluster_by_its_address(
    pipeline: Pipeline,
    llm: FakeLLM,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = pipeline.config.root
    (root / "note.md").write_text("# {TICKER}\n\nWrite of {TICKER} here.")
    (root / "rows.csv").write_text("TICKER\nT1\nT2\n")
    settings = (root / "trainer.toml").read_text()
    (root / "trainer.toml").write_text(settings.replace(cluster.address, "tcp://127.0.0.1:1"))
    monkeypatch.chdir(root)
    command = ["run", "note.md", "--each", "rows.csv", "--executor", "dask", "--address", cluster.address, "--json"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert (json.loads(out[out.index("{") :])["done"], sorted(sent(llm))) == (2, ["T1", "T2"])


def test_a_worker_that_does_not_share_the_store_or_the_folder_says_so(pipeline: Pipeline, tmp_path: Path) -> None:
    batch = Batch(Pipeline(config={"pipeline": {"store": "sqlite://", "output": "here"}}), INSTRUCTION, ROWS[:1])
    with pytest.raises(ConfigError, match="worker's store is not the one"):
        batch.run(on=executor(pipeline, "dask"))
    assert [task.state for task in batch.tasks.values()] == ["pending"]
    batch.pipeline.close()


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("", "no Dask cluster is named"),
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at"),
        ("nonsense://x", "no Dask scheduler"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_before_anything_is_sent(
    address: str, fault: str, tmp_path: Path, pipeline: Pipeline, llm: FakeLLM
) -> None:
    with pytest.raises(ConfigError, match=fault):
        Batch(pipeline, INSTRUCTION, ROWS[:1]).run(on=Dask(address, timeout=1.0))
    assert llm.requests == []


def test_an_address_on_the_command_line_goes_before_that_of_the_settings(pipeline: Pipeline) -> None:
    with Pipeline(config=pinned(pipeline.config, "dask", "tcp://other:1")) as other:
        assert (other.plugins.load("execute", "dask").address, other.plugins.load("execute", "dask").timeout) == (
            "tcp://other:1",
            60,
        )
