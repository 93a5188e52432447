"""A batch is done once: by threads, by processes, and whatever is killed on the way."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trainer import CompletionRequest, CompletionResult, Instruction, Pipeline, hookimpl, plugin
from trainer.batch import Batch, batch_name
from trainer.cli import main
from trainer.errors import Auth, BrokenPlugin, InstructionError, StoreError
from trainer.journal import BATCHES, WORKERS, Journal, Task, task_of
from trainer.models import Usage
from trainer.rows import read_rows
from trainer.testing.memory import MemoryStore
from trainer.work import Threads, _sessions, executor

INSTRUCTION = Instruction.parse("# {TICKER}\n\nWrite of {TICKER}.", "note.md")
ROWS = [{"TICKER": f"T{number}"} for number in range(12)]


@plugin
class Provider:
    """A model that writes down what it was asked for, and fails for some."""

    asked: list[str]
    fails: set[str]
    seconds: float = 0.0

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        ticker = request.prompt.params["TICKER"]
        self.asked.append(ticker)
        time.sleep(self.seconds)
        if ticker in self.fails:
            raise Auth(f"no access to {ticker}", "Ask for it.")
        return CompletionResult(f"Of {ticker}.", request.model, "test", usage=Usage(10, 10))


@plugin
class Kept:
    """One store for all pipelines of a test."""

    kept: Any = None

    @hookimpl
    def store(self, url: str) -> Any:
        return self.kept


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def provider() -> Provider:
    return Provider(asked=[], fails=set())


@pytest.fixture
def pipeline(store: MemoryStore, provider: Provider, tmp_path: Path) -> Iterator[Pipeline]:
    plugins = {
        "store.memory": Kept(store), "complete.test": provider, "compose.sequential": "trainer_prompts:Sequential",
    }  # fmt: skip
    config = {"pipeline": {"store": "memory:", "output": str(tmp_path / "output"), "model": "test/one"},
              "completion": {"prices": {"test/one": {"input": 100.0, "output": 1000.0}}}}  # fmt: skip
    with Pipeline(plugins, config) as pipeline:
        yield pipeline


def runs(store: MemoryStore) -> list[str]:
    return sorted(record.data["params"]["TICKER"] for record in store.query(source="trainer.run"))


def test_each_row_becomes_one_report_and_a_second_start_sends_nothing(pipeline: Any, store: Any, provider: Any) -> None:
    for _ in range(2):
        summary = Batch(pipeline, INSTRUCTION, [*ROWS, ROWS[0]]).run(jobs=4)
        assert (summary.total, summary.done, summary.failed) == (12, 12, [])
        assert summary.cost == pytest.approx(12 * 0.011)
    assert sorted(provider.asked) == runs(store) == sorted(row["TICKER"] for row in ROWS)
    assert len({*(record.key for record in store.query(source="trainer.run"))}) == 12


def test_a_new_row_or_a_new_name_is_new_work(pipeline: Any, provider: Any) -> None:
    Batch(pipeline, INSTRUCTION, ROWS[:2]).run()
    assert Batch(pipeline, INSTRUCTION, ROWS[:3]).run().total == 3
    assert len(provider.asked) == 3
    Batch(pipeline, INSTRUCTION, ROWS[:3], name="again").run()
    assert len(provider.asked) == 6
    other = Instruction.parse(INSTRUCTION.body.text + " Briefly.", "note.md")
    assert batch_name(other, (), ()) != batch_name(INSTRUCTION, (), ())


def test_what_failed_is_listed_and_done_again_only_when_asked(pipeline: Any, provider: Any) -> None:
    provider.fails = {"T1", "T3"}
    summary = Batch(pipeline, INSTRUCTION, ROWS[:5]).run()
    assert [task.error.rpartition(": ")[2] for task in summary.failed] == ["no access to T1", "no access to T3"]
    assert summary.failed[0].error.startswith("Auth: ")
    provider.asked.clear()
    provider.fails = {"T3"}
    assert len(Batch(pipeline, INSTRUCTION, ROWS[:6]).run().failed) == 2
    assert provider.asked == ["T5"]
    provider.asked.clear()
    summary = Batch(pipeline, INSTRUCTION, ROWS[:6]).run(retry_failed=True)
    assert sorted(provider.asked) == ["T1", "T3"]
    assert (summary.done, [task.params for task in summary.failed]) == (5, [{"TICKER": "T3"}])


def test_a_batch_can_be_run_twice_and_gives_signs_of_life_both_times(
    pipeline: Any, store: Any, provider: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("trainer.journal.LIFE", 0.03)
    provider.fails, provider.seconds, signs = {"T1"}, 0.2, Counter[str]()
    write = store.store

    def seen(key: str, data: Any, **options: Any) -> Any:
        signs[key.partition(":")[0]] += 1
        return write(key, data, **options)

    store.store = seen
    batch = Batch(pipeline, INSTRUCTION, ROWS[:2])
    assert (batch.run().done, signs[WORKERS] > 1) == (1, True)
    provider.fails = set()
    signs.clear()
    assert (batch.run(retry_failed=True).done, signs[WORKERS] > 1) == (2, True)


def test_a_budget_that_is_used_up_stops_the_batch_and_loses_nothing(pipeline: Any, store: Any, provider: Any) -> None:
    provider.seconds = 0.002
    instruction = Instruction.parse("---\nparams: {max_tokens: 10}\n---\n# {TICKER}\n\nWrite.", "note.md")
    summary = Batch(pipeline, instruction, ROWS, max_cost=0.06).run(jobs=8)
    assert "may cost 0.06 USD" in summary.stopped
    assert summary.remedy.startswith("Nothing was sent.")
    assert 0 < summary.cost <= 0.06
    assert (summary.failed, summary.running) == ([], 0)
    more = Batch(pipeline, instruction, ROWS, max_cost=1.0).run()
    assert (more.done, more.total, more.before) == (12, 12, summary.done)
    assert Counter(provider.asked).most_common(1)[0][1] == 1


def test_what_every_run_would_meet_stops_the_batch_and_is_no_runs_fault(pipeline: Any, provider: Any) -> None:
    summary = Batch(pipeline, INSTRUCTION, ROWS, model=["nobody/one"]).run(jobs=1)
    assert (summary.done, summary.failed, provider.asked) == (0, [], [])
    assert "nothing installed answers to complete 'nobody'" in summary.stopped
    assert "pip install" in summary.remedy or "Installed for complete" in summary.remedy


def test_a_server_that_refuses_everyone_is_not_asked_for_every_row(pipeline: Any, provider: Any) -> None:
    rows = [{"TICKER": f"T{number}"} for number in range(40)]
    provider.fails = {row["TICKER"] for row in rows[5:]}
    summary = Batch(pipeline, INSTRUCTION, rows).run(jobs=1)
    assert summary.done == 5
    assert summary.stopped.startswith("10 runs after each other ended with Auth: ")
    assert 10 <= len(summary.failed) == len(provider.asked) - 5 < 20


def test_stopping_lets_what_is_under_way_come_to_its_end(pipeline: Any, store: Any, provider: Any) -> None:
    provider.seconds = 0.05
    batch = Batch(pipeline, INSTRUCTION, ROWS)
    threading.Timer(0.02, batch.stop).start()
    summary = batch.run(jobs=2)
    assert 0 < summary.done < 12
    assert (summary.running, summary.stopped, len(provider.asked)) == (0, "stopped", summary.done)
    assert Batch(pipeline, INSTRUCTION, ROWS).run().done == 12


def test_two_processes_share_a_batch(pipeline: Any, store: Any, provider: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("trainer.batch.PATIENCE", 0.02)
    provider.seconds = 0.005
    batches = [Batch(pipeline, INSTRUCTION, ROWS) for _ in range(3)]
    threads = [threading.Thread(target=batch.run, args=(2,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(provider.asked) == sorted(row["TICKER"] for row in ROWS)
    assert not store.query(source=WORKERS)


def test_what_a_dead_process_had_claimed_is_free_at_once_on_this_machine_and_later_elsewhere(store: Any) -> None:
    journal = Journal(store, "b")
    here = journal.owner.rsplit(":", 2)[0]
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    store.store(f"{WORKERS}:{here}:{dead.stdout.strip()}:aa", {})
    store.store(f"{WORKERS}:elsewhere:00:{dead.stdout.strip()}:aa", {})
    assert journal.abandoned(f"{here}:{dead.stdout.strip()}:aa")
    assert not journal.abandoned(f"elsewhere:00:{dead.stdout.strip()}:aa")
    assert journal.abandoned("elsewhere:00:1:bb")
    mine = task_of("b", ROWS[0])
    with Journal(store, "b") as alive:
        claimed = alive.claim(mine)
        assert claimed is not None
        assert journal.claim(mine) is None
        assert not journal.abandoned(claimed.owner)
    assert journal.abandoned(claimed.owner)
    taken = journal.claim(claimed)
    assert taken is not None
    assert alive.finish(claimed, "done", cost=1.0).version == claimed.version
    assert [task.state for task in journal.tasks()] == ["running"]


def test_a_run_that_was_recorded_before_its_process_died_is_not_paid_for_again(pipeline: Any, provider: Any) -> None:
    first = Journal(pipeline.open_store(), batch_name(INSTRUCTION, (), ()))
    claimed = first.claim(task_of(first.batch, ROWS[0]))
    pipeline.run(INSTRUCTION, claimed.params, run_id=claimed.id)
    summary = Batch(pipeline, INSTRUCTION, ROWS[:1]).run()
    assert (summary.done, provider.asked) == (1, ["T0"])
    assert summary.cost == pytest.approx(0.011)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.csv", "", "no row"),
        ("a.csv", "TICKER\n", "no row"),
        ("a.csv", "NAME\nx\n", "does not fit note.md: line 2: NAME is not a variable of note.md; TICKER is missing"),
        ("a.csv", "TICKER\na,b\n", "line 2 has not as many fields"),
        ("a.csv", "TICKER,TICKER\na,b\n", "header has 'TICKER' twice"),
        ("a.csv", "TICKER\na\0b\n", "line 2: the value of TICKER .* is not text that databases take"),
        ("a.csv", 'TICKER\n"a\n', "cannot be read: unexpected end of data"),
        ("a.csv", "TICKER\n" + "x" * 200_000 + "\n", "field larger than field limit"),
        ("a.csv", "TICKER\n" + "a,b\n", "Nothing was run"),
        ("a.jsonl", '{"TICKER": "a"}\n[1]\n', "line 2 is not an object"),
        ("a.jsonl", '{"TICKER": "a"}\n{\n', "line 2 is not JSON"),
        ("a.jsonl", '{"TICKER": "\\ud800"}\n', "line 1: the value of TICKER .* is not text that databases take"),
        (
            "a.csv",
            "NAME\n" + "x\n" * 3000,
            r"line 2 and 2999 others: NAME is not a variable of note.md; TICKER is missing",
        ),
        ("a.csv", 'TICKER\na\n""\n', "line 3: TICKER is missing"),
        ("a.jsonl", '{"TICKER": null}\n', "line 1: TICKER is missing"),
        ("a.jsonl", '{"TICKER": ' + "[" * 100_000 + "\n", "cannot be read"),
        ("a.csv", "TICKER\n" + "".join(f"x{n}\n" for n in range(3)) + "\udcff\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_before_anything_is(tmp_path: Path, name: str, text: str, fault: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InstructionError, match=fault):
        read_rows(path, INSTRUCTION, {})


def test_rows_are_read_with_byte_order_marks_quotes_and_common_parameters(tmp_path: Path) -> None:
    two = Instruction.parse("{A} {B}", "two.md")
    (tmp_path / "a.csv").write_bytes('\ufeffA\r\n"x, ""y"""\r\n'.encode())
    assert read_rows(tmp_path / "a.csv", two, {"B": "z"}) == [{"A": 'x, "y"', "B": "z"}]
    (tmp_path / "a.jsonl").write_text('{"A": 1}\n\n{"A": "x", "B": "own"}\n{"A": true, "B": null}\n')
    assert read_rows(tmp_path / "a.jsonl", two, {"B": "z"}) == [
        {"A": "1", "B": "z"}, {"A": "x", "B": "own"}, {"A": "true", "B": "z"},
    ]  # fmt: skip
    assert task_of("b", {"A": "1"}).id != task_of("b", {"A": "2"}).id


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstructionError, match=r"rows.csv cannot be read: No such file or directory"):
        read_rows(tmp_path / "rows.csv", INSTRUCTION, {})


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), mark=st.booleans())
def test_what_is_written_as_csv_is_read_as_it_was(
    rows: list[tuple[str, str]], mark: bool, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    with path.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as file:
        csv.writer(file).writerows([("A", "B"), *rows])
    assert read_rows(path, Instruction.parse("{A} {B}", "two.md"), {}) == [{"A": a, "B": b} for a, b in rows]


@pytest.mark.parametrize("name", ["a:b", "a b", "../x", "x" * 81])
def test_the_name_of_a_batch_is_a_word(name: str, pipeline: Any) -> None:
    with pytest.raises(InstructionError, match="a batch cannot be named"):
        Batch(pipeline, INSTRUCTION, ROWS, name=name)


FLAKY = """
from pathlib import Path
from trainer import CompletionResult, hookimpl, plugin
from trainer.errors import Filtered

@plugin
class Flaky:
    \"\"\"Fails for one, as long as there is no file called mended.\"\"\"

    @hookimpl
    def complete(self, request):
        if request.prompt.params["TICKER"] == "T1" and not Path("mended").exists():
            raise Filtered("the filter held its answer back", "Nothing was written.")
        return CompletionResult("Of it.", request.model, "flaky", cost=0.25)
"""


def test_the_command_line_lists_what_failed_and_does_just_that_again(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flaky_batch.py").write_text(FLAKY)
    (tmp_path / "trainer.toml").write_text(
        '[pipeline]\nmodel = "flaky/one"\n[plugins.local]\n"complete.flaky" = "flaky_batch:Flaky"\n'
    )
    (tmp_path / "note.md").write_text(INSTRUCTION.body.text)
    (tmp_path / "rows.csv").write_text("TICKER\nT1\nT2\nT2\n")
    monkeypatch.setattr("trainer.cli.each.INTERVAL", -1.0)
    command = ["run", "note.md", "--each", "rows.csv", "--batch", "b"]
    assert main(command) == 1
    out, said = capsys.readouterr()
    lines = out.splitlines()
    assert lines[:2] == ["b: 1 of 2 done, 1 failed, 0.2500 USD", "run\terror"]
    assert lines[2].startswith("b-T1-")
    assert "Filtered: " in lines[2]
    assert "3 rows are 2 runs" in said
    assert "2 of 2 ended, 1 failed, 0.2500 USD" in said
    assert "Add --retry-failed" in said
    (tmp_path / "mended").touch()
    assert main(command) == 1
    assert main([*command, "--retry-failed", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :]) == {
        "batch": "b", "total": 2, "done": 2, "failed": [], "running": 0, "before": 1, "cost": 0.5, "unpriced": 0,
        "stopped": "", "remedy": "",
    }  # fmt: skip
    assert main([*command, "--address", "tcp://x"]) == 2
    assert main([*command, "--executor", "nope"]) == 2
    assert main(["run", "note.md", "-p", "TICKER=T1", "--executor", "dask"]) == 2


class Dying:
    """An executor whose processes die at one row, as others see it: claimed, and never heard of again."""

    def execute(self, work: Any, tasks: Iterator[Task], jobs: int) -> Iterator[Task | None]:
        for task in tasks:
            if task.params["TICKER"] != "T1":
                yield work.do(task)
                continue
            gone = Journal(_sessions[work.id].journal.store, work.batch)
            assert gone.claim(task)
            yield None


def test_a_run_that_ends_every_process_that_tries_it_is_given_up(
    pipeline: Any, provider: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("trainer.batch.PATIENCE", 0.0)
    summary = Batch(pipeline, INSTRUCTION, ROWS[:3]).run(on=Dying())
    assert summary.done == 2
    assert [task.error for task in summary.failed] == ["Died: 3 processes that ran it, one after the other, died"]
    assert Batch(pipeline, INSTRUCTION, ROWS[:3]).run(retry_failed=True).done == 3


def test_a_store_that_cannot_be_written_to_ends_the_batch(pipeline: Any, store: Any, provider: Any) -> None:
    batch = Batch(pipeline, INSTRUCTION, ROWS)
    write = store.store

    def broken(key: str, data: Any, **options: Any) -> Any:
        if key.startswith(BATCHES) and data["state"] == "done" and len(runs(store)) > 2:
            raise StoreError("the disk is full", "Free some space.")
        return write(key, data, **options)

    store.store = broken
    with pytest.raises(StoreError, match="disk is full"):
        batch.run(jobs=2)
    store.store = write
    asked = len(provider.asked)
    assert asked < 12
    assert Batch(pipeline, INSTRUCTION, ROWS).run().done == 12
    assert len(provider.asked) == 12


def test_what_others_have_done_is_told_too(pipeline: Any, store: Any, provider: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("trainer.batch.PATIENCE", 0.01)
    provider.seconds, told = 0.01, []
    batches = [Batch(pipeline, INSTRUCTION, ROWS, on_change=lambda task: told.append(task.id)) for _ in range(2)]
    threads = [threading.Thread(target=batch.run, args=(1,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(told) == {task.id: 2 for task in batches[0].tasks.values()}


def test_an_executor_is_known_by_its_method(tmp_path: Path) -> None:
    with Pipeline({"execute.odd": Provider(asked=[], fails=set()), "execute.good": Dying()}) as pipeline:
        assert isinstance(executor(pipeline, ""), Threads)
        assert isinstance(executor(pipeline, "good"), Dying)
        with pytest.raises(BrokenPlugin, match=r"execute 'odd'.* has no method 'execute'"):
            executor(pipeline, "odd")


def test_the_journal_of_a_batch_is_in_the_store_for_everyone_to_see(pipeline: Any, store: Any) -> None:
    Batch(pipeline, INSTRUCTION, ROWS[:1]).run()
    [record] = store.query(source=BATCHES)
    assert (record.data["state"], record.data["params"]) == ("done", {"TICKER": "T0"})
    assert [old.data["state"] for old in store.history(record.key)] == ["done", "running"]
