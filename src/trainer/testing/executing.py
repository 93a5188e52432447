"""The contract of an executor of batches, as tests: subclass `ExecuteContract` and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from trainer.errors import StoreError
from trainer.guarding import within
from trainer.journal import Task
from trainer.pipeline import Pipeline
from trainer.testing.contract import HEAVY, Make, PluginContract, together
from trainer.testing.errand import ODD, Errand, Given
from trainer.work import executor

T = TypeVar("T")

LOOKS = 4  # how often a batch looks at what is left, where workers die
Ended = list[Task | None]


class ExecuteContract(PluginContract):
    """What every executor promises. A subclass has `plugin`; the fixture `settings` names the workers, if any.

    Where the workers are processes, they have to see the folder for temporary files.
    """

    role = "execute"
    heavy: ClassVar[Sequence[str]] = (*HEAVY, "celery", "dask", "distributed", "ray")
    patience: ClassVar[float] = 60.0
    """Seconds after which a batch counts as one that never ends."""
    jobs: ClassVar[int] = 3
    """How many tasks may be under way; workers should have room for as many."""

    @pytest.fixture
    def work(self, tmp_path: Path) -> Errand:
        """The work of a batch, which leaves a trace of all it does in a folder."""
        return Errand.into(tmp_path / "errand")

    def run(self, pipeline: Pipeline, work: Errand, tasks: Sequence[Task], jobs: int | None = None) -> Ended:
        """What the executor yields, in its order."""
        return self.lasts(lambda: [*self.each(pipeline, work, Given(work, tasks), jobs)])

    def each(self, pipeline: Pipeline, work: Errand, tasks: Iterator[Task], jobs: int | None = None) -> Iterator[Any]:
        """What the executor yields, one by one."""
        return executor(pipeline, self.name).execute(work, tasks, self.jobs if jobs is None else jobs)

    def lasts(self, call: Callable[[], T]) -> T:
        """What a call returns, if it ends at all."""
        try:
            return within(self.patience, call)
        except TimeoutError:
            raise AssertionError(f"the batch does not come to an end within {self.patience:g} seconds") from None

    def answers(self, pipeline: Pipeline) -> Any:
        """What becomes of a few tasks."""
        with tempfile.TemporaryDirectory() as folder:
            work = Errand.into(Path(folder) / "errand")
            ended = self.run(pipeline, work, work.tasks("runs", "fails", "taken"))
            return sorted((task.params["number"], task.state, task.cost) if task else ("", "", None) for task in ended)

    def test_every_task_is_done_and_what_became_of_it_is_handed_on_once(self, make: Make, work: Errand) -> None:
        tasks = work.tasks(*["runs"] * 12)
        ended = self.run(make(), work, tasks)
        begun = Counter(note["task"] for note in work.noted("began"))
        never = [task.id for task in tasks if not begun[task.id]]
        assert not never, f"{len(never)} of {len(tasks)} tasks were never done"
        handed = Counter(task.id for task in ended if task)
        assert handed == Counter(task.id for task in tasks), "what became of each task is not handed on exactly once"
        assert max(begun.values()) == 1, "a task was done twice, though no worker died"

    def test_a_task_comes_back_as_it_was_left(self, make: Make, work: Errand) -> None:
        (task,) = work.tasks("runs")
        ended = self.run(make(), work, [task])
        assert ended == [work.done(task)], "on its way to the worker and back, a task has changed"

    def test_a_run_that_fails_is_handed_on_as_failed_and_no_other_is_lost(self, make: Make, work: Errand) -> None:
        ended = self.run(make(), work, work.tasks("runs", "fails", "runs", "fails", "runs"))
        states = Counter(task.state for task in ended if task)
        assert states == {"done": 3, "failed": 2}, f"of 3 runs that work and 2 that fail, there are {dict(states)}"
        told = {task.error for task in ended if task and task.state == "failed"}
        assert told == {f"RetrievalError: {ODD}"}, "what a failed run says of its error is lost"

    def test_a_task_that_another_process_has_is_handed_on_as_none(self, make: Make, work: Errand) -> None:
        ended = self.run(make(), work, work.tasks("runs", "taken", "runs"))
        assert ended.count(None) == 1, "a batch cannot see that another process has a task: hand on None"
        assert len(ended) == 3, "beside a task that another process has, one is lost"

    def test_what_work_raises_comes_out_as_it_was_raised(self, make: Make, work: Errand) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is looked at below
            self.run(make(), work, work.tasks(*["runs"] * 2, "breaks", *["runs"] * 40))
        error = caught.value
        assert isinstance(error, StoreError), f"what work.do raised comes out as {error!r}"
        assert (error.problem, error.remedy) == (f"nothing can be written down: {ODD}", "Make room."), "it has changed"
        assert len(work.noted("began")) < 40, "after work.do has raised, the executor goes on giving out tasks"

    def test_no_more_tasks_are_under_way_than_jobs(self, make: Make, work: Errand) -> None:
        self.run(make(), work, work.tasks(*["runs"] * 12), jobs=2)
        most = max(note["under_way"] for note in work.noted("began"))
        assert most <= 2, f"of jobs=2, {most} tasks were under way at a time"

    def test_a_task_is_taken_only_when_there_is_room_for_it(self, make: Make, work: Errand) -> None:
        given = Given(work, work.tasks(*["runs"] * 12))
        self.lasts(lambda: [*self.each(make(), work, given, 2)])
        assert given.most <= 2, f"with jobs=2, {given.most} tasks were taken before they could be begun"

    def test_when_it_is_stopped_what_is_under_way_comes_to_its_end_and_no_more_begins(
        self, make: Make, work: Errand
    ) -> None:
        given = Given(work, work.tasks(*["runs"] * 60))

        def stopped() -> tuple[int, Ended]:
            running = self.each(make(), work, given)
            first = next(running)
            return given.stop(), [first, *running]

        before, ended = self.lasts(stopped)
        begun = {note["task"] for note in work.noted("began")}
        assert {task.id for task in ended if task} == begun, "stopped, it loses what was under way"
        more = len(begun) - before
        assert more <= self.jobs, f"stopped with at most {self.jobs} tasks under way, it has done {more} more of 60"

    def test_without_tasks_it_ends_at_once(self, make: Make, work: Errand) -> None:
        ended = self.run(make(), work, [], jobs=0)
        assert ended == [], "where there is nothing to do, something is handed on"

    def test_a_task_whose_worker_dies_is_not_lost(self, make: Make, work: Errand) -> None:
        pipeline, tasks = make(), work.tasks("runs", "dies", "runs", "runs")
        left = {task.id: task for task in tasks}
        for _ in range(LOOKS):  # as a batch does: what is not told of is given out again
            for task in self.run(pipeline, work, [*left.values()]) if left else ():
                if task is not None:
                    left.pop(task.id, None)
        ended = {note["task"] for note in work.noted("ended")}
        assert not left, f"of {len(tasks)} tasks, {len(left)} are lost with the worker that died"
        assert ended == {task.id for task in tasks}, "a task whose worker died is told as ended, and was not"

    def test_batches_of_many_threads_are_not_mixed_up(self, make: Make, tmp_path: Path) -> None:
        pipeline = make()

        def one() -> bool:
            work = Errand.into(Path(tempfile.mkdtemp(dir=tmp_path)))
            tasks = work.tasks(*["runs"] * 3)
            ended = {task.id for task in self.run(pipeline, work, tasks) if task}
            return ended == {note["task"] for note in work.noted("began")} == {task.id for task in tasks}

        for row in together([one] * 3, rounds=2):
            assert all(row), "asked by many threads, one batch gets what belongs to another"

    def test_what_it_opens_is_closed(self, make: Make, work: Errand) -> None:
        pipeline = make()

        def once() -> None:
            self.run(pipeline, work, work.tasks(*["runs"] * 4))

        for _ in range(2):
            once()
        before = opened()
        for _ in range(3):
            once()
        still = settled(lambda: opened() - before)
        assert not still, f"three batches leave open: {', '.join(map(str, still.elements()))}"
        others = {note["process"] for note in work.noted("began")} - {os.getpid()}
        closed = {note["process"] for note in work.noted("closed")}
        assert others <= closed, "a process that did tasks was not told to close what it had opened: call work.close"


def opened() -> Counter[str]:
    """The threads and files that this process has open, by kind."""
    gc.collect()
    known = Counter({"thread": threading.active_count()})
    for folder in map(Path, ("/proc/self/fd", "/dev/fd")):
        if folder.is_dir():
            return known + Counter({"file": len([*folder.iterdir()])})
    return known


def settled(left: Callable[[], Counter[str]], patience: float = 10.0) -> Counter[str]:
    """What is still left after a while in which things may come to their end."""
    end = time.monotonic() + patience
    while (found := left()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
