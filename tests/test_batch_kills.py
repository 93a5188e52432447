"""A batch whose processes are killed at random: what is paid twice, and what is recorded.

`TRAINER_TEST_KILLS=20` does what is promised at its full size: 500 runs, 32 in flight.
"""

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
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from trainer import Instruction, Pipeline
from trainer.batch import Batch, Summary
from trainer.rows import read_rows
from trainer.stores import create_store
from trainer.testing.fake_llm import FakeLLM

KILLS = int(os.environ.get("TRAINER_TEST_KILLS", "1"))
COUNT, JOBS = (500, 32) if KILLS > 1 else (40, 8)
SERVER = "postgresql://127.0.0.1/test"


class Project:
    """A folder with a batch of requests to a fake server, and what is started there."""

    def __init__(self, folder: Path, llm: FakeLLM, store: str, count: int = COUNT) -> None:
        self.folder, self.llm, self.store, self.count = folder, llm, store, count
        self.started: list[subprocess.Popen[str]] = []
        (folder / "trainer.toml").write_text(
            f'[pipeline]\nmodel = "openai/fake-large"\nstore = "{store}"\n'
            f'[openai]\nbase_url = "{llm.url}/v1"\napi_key = "sk-test"\n'
            '[completion.prices]\n"openai/fake-large" = {input = 1.0, output = 2.0}\n'
        )
        (folder / "note.md").write_text("# {TICKER}\n\nWrite of {TICKER} here.\n")
        (folder / "rows.csv").write_text("TICKER\n" + "".join(f"T{number}\n" for number in range(count)))

    def start(self, *words: str, jobs: int = JOBS) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "trainer", "run", "note.md", "--each", "rows.csv", "--jobs", str(jobs)]
        environment = {**os.environ, "TRAINER_NO_PROBE": "1", "XDG_STATE_HOME": str(self.folder)}
        process = subprocess.Popen(
            [*command, "--json", *words], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(process)
        return process

    def here(self, **options: Any) -> Summary:
        """Do the batch in this process."""
        instruction = Instruction.load(self.folder / "note.md")
        with Pipeline(config=self.folder) as pipeline:
            rows = read_rows(self.folder / "rows.csv", instruction, {})
            return Batch(pipeline, instruction, rows, **options).run(jobs=8)

    def end(self, process: subprocess.Popen[str], *, code: int = 0) -> dict[str, object]:
        out, said = process.communicate(timeout=300)
        assert process.returncode == code, said
        return json.loads(out)

    def sent(self) -> list[str]:
        """The row of each request that has arrived."""
        return [re.findall(r"of (T\d+) here", request.prompt)[0] for request in list(self.llm.requests)]

    def wait(self, more: int, *processes: subprocess.Popen[str]) -> None:
        """Wait until so many more requests have arrived, or a process has ended."""
        wanted = len(self.llm.requests) + more
        while len(self.llm.requests) < wanted and all(process.poll() is None for process in processes):
            time.sleep(0.002)

    def recorded(self) -> Counter[str]:
        """How many run records there are of each row; each is written once."""
        with create_store(f"sqlite:///{self.folder}/store.db" if "sqlite" in self.store else self.store) as store:
            records = store.query(source="trainer.run")
            assert all(record.version == 1 for record in records)
            return Counter(record.data["params"]["TICKER"] for record in records)


@contextmanager
def project(
    folder: Path, store: str = "sqlite:///store.db", *, latency: float, count: int = COUNT
) -> Iterator[Project]:
    with FakeLLM(latency=latency) as llm:
        found = Project(folder, llm, store, count)
        try:
            yield found
        finally:
            for process in found.started:
                process.kill()
                process.communicate()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty schema."""
    psycopg = pytest.importorskip("psycopg")
    schema = f"trainer_{uuid4().hex}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        if os.environ.get("TRAINER_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no PostgreSQL server at {SERVER}")
    with connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{SERVER}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_batch_that_is_killed_pays_twice_for_what_was_in_flight_at_most(tmp_path: Path) -> None:
    chance = random.Random(5)
    with project(tmp_path, latency=0.1) as batch:
        kills = 0
        for _ in range(KILLS):
            process = batch.start()
            batch.wait(chance.randint(1, COUNT // (KILLS + 1)), process)
            kills += process.poll() is None
            kill(process)
        summary = batch.end(batch.start())
        sent = batch.sent()
        print(f"{kills} kills, {len(sent)} requests for {COUNT} runs, {len(sent) - COUNT} paid twice")
        assert (kills, summary["done"], summary["failed"]) == (KILLS, COUNT, [])
        assert len({*sent}) == COUNT
        assert len(sent) <= COUNT + kills * JOBS
        assert batch.recorded() == {f"T{number}": 1 for number in range(COUNT)}
        assert (batch.here().before, len(batch.sent())) == (COUNT, len(sent))


def test_of_two_processes_with_one_postgresql_the_other_takes_over(tmp_path: Path, postgresql: str) -> None:
    chance = random.Random(7)
    with project(tmp_path, postgresql, latency=0.2) as batch:
        pair = [batch.start(jobs=JOBS // 2) for _ in range(2)]
        done = 0
        for number in range(KILLS):
            batch.wait(chance.randint(1, COUNT // (KILLS + 1)), *pair)
            which = chance.randrange(2)
            done += pair[which].poll() is None
            kill(pair[which])
            if number < KILLS - 1:
                pair[which] = batch.start(jobs=JOBS // 2)
        summary = batch.end(pair[1 - which])
        sent = batch.sent()
        print(f"{done} kills, {len(sent)} requests for {COUNT} runs, {len(sent) - COUNT} paid twice")
        assert (done, summary["done"], summary["failed"]) == (KILLS, COUNT, [])
        assert len({*sent}) == COUNT
        assert len(sent) <= COUNT + done * JOBS // 2
        assert batch.recorded() == {f"T{number}": 1 for number in range(COUNT)}
        assert batch.here().done == COUNT
        assert len(batch.sent()) == len(sent)


def test_ctrl_c_lets_what_is_under_way_end_and_a_second_one_ends_at_once(tmp_path: Path) -> None:
    with project(tmp_path, latency=0.3, count=40) as batch:
        process = batch.start(jobs=4)
        batch.wait(6, process)
        process.send_signal(signal.SIGINT)
        summary = batch.end(process, code=130)
        assert summary["stopped"] == "stopped by the user"
        assert summary["done"] == len(batch.sent()) == sum(batch.recorded().values()) < 40
        batch.llm.latency = 600.0
        process = batch.start(jobs=4)
        batch.wait(4, process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Ctrl-C again" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)  # none of the requests under way has an answer by then
        assert (process.returncode, said.splitlines()[0][:6]) == (130, "Ended.")
        batch.llm.latency, sent = 0.0, len(batch.sent())
        assert batch.here().done == 40
        assert len(batch.sent()) == sent + 40 - int(str(summary["done"]))
        assert {*batch.recorded().values()} == {1}


def test_a_limit_of_cost_holds_for_what_eight_threads_really_spend(tmp_path: Path) -> None:
    with project(tmp_path, latency=0.02, count=20) as batch:
        (tmp_path / "note.md").write_text("---\nparams: {max_tokens: 60}\n---\n# {TICKER}\n\nWrite of {TICKER} here.\n")
        batch.llm.say("word " * 50)
        summary = batch.here(max_cost=0.001)
        assert "may cost 0.001 USD" in summary.stopped
        assert 0 < summary.cost <= 0.001
        spent = [50 * 2e-6 + len(request.prompt.split()) * 1e-6 for request in batch.llm.requests]
        assert (len(spent), summary.cost) == (summary.done, pytest.approx(sum(spent)))
        assert (batch.here(max_cost=1.0).done, len(batch.sent())) == (20, 20)
