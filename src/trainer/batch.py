"""Many runs of one instruction: shared by threads and processes, killed at any time, and never paid for twice.

Each run has a record in the store, `trainer.batch:<batch>:<run>`, which is claimed by compare-and-set. So any store
will do, and several processes with the same store, on one machine or many, work at one batch together.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from trainer.errors import InstructionError
from trainer.instruction import Instruction
from trainer.journal import Journal, Task, task_of
from trainer.models import slug
from trainer.stores import canonical_json, content_hash
from trainer.work import Executor, Threads, Work

if TYPE_CHECKING:
    from trainer.config import Config
    from trainer.pipeline import Pipeline

DEATHS = 3  # processes that die at a run, as one process sees it, before that run is believed to be the cause
PATIENCE = 2.0  # seconds between two looks at what other processes are doing
ALIKE = 10  # runs that fail one after the other because of the model's server, before a batch gives up
SERVER = ("Auth", "Overloaded", "RateLimited", "Transport", "UnknownModel")


@frozen
class Summary:
    """How a batch stands: how many runs are in which state, their known cost in USD, and those that failed.

    `before` of them were done when this process began. `stopped` says why it ended before every run was done, if it
    did, and `remedy` what to do about it.
    """

    batch: str
    total: int
    done: int
    failed: Sequence[Task] = ()
    running: int = 0
    before: int = 0
    cost: float = 0.0
    unpriced: int = 0
    stopped: str = ""
    remedy: str = ""


class Batch:
    """Runs an instruction once for each row of parameters, `jobs` at a time.

    Make it again with the same instruction, models and formats and it goes on where it was, in another process too:
    what is done stays done. Equal rows are one run. `max_cost` is a limit for all processes that work at the batch
    together, in USD. `on_change` is called with each task that has ended, here or elsewhere, by the thread in `run`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        instruction: Instruction,
        rows: Sequence[Mapping[str, str]],
        *,
        to: Sequence[str] = (),
        model: Sequence[str] = (),
        name: str = "",
        max_cost: float | None = None,
        on_change: Callable[[Task], None] = lambda _: None,
    ) -> None:
        if name != slug(name):
            raise InstructionError(
                f"a batch cannot be named {name!r}", "Use up to 80 letters, digits, dots, dashes and underscores."
            )
        self.pipeline = pipeline
        self.name = name or batch_name(instruction, to, model, background(pipeline, instruction))
        self.tasks = {task.id: task for task in (task_of(self.name, row) for row in rows)}
        self._journal = Journal(pipeline.open_store(), self.name)
        # Workers read their settings where they are, so that no key goes over a network.
        config = evolve(pipeline.config, values={}) if pipeline.config.path else pipeline.config
        self._work = Work(
            self.name, config, instruction, {"to": tuple(to), "model": tuple(model)}, max_cost,
            self._journal.owner, secrets.token_hex(8),
        )  # fmt: skip
        self._on_change, self._stop, self._why, self._before = on_change, threading.Event(), "", 0
        self._alike, self._deaths, self._at_work = ("", 0), Counter[str](), False
        self.look()

    def look(self) -> Summary:
        """Read what has become of the runs, by whichever process, and say how the batch stands."""
        for task in self._journal.tasks():
            if (known := self.tasks.get(task.id)) is not None:
                self.tasks[task.id] = task
                if self._at_work and task.state != known.state and task.state in ("done", "failed"):
                    self._on_change(task)  # by another process, or by a worker that died before it could say so
        return self.summary()

    def run(self, jobs: int = 8, *, retry_failed: bool = False, on: Executor | None = None) -> Summary:
        """Do what is to be done, by the executor `on` (threads), and say how the batch stands then.

        With `retry_failed`, only what failed before. A run that fails is written down and does not end the others.
        What every run would meet, such as a budget that is used up, does, and leaves the rest for another time. What
        other processes have claimed is waited for, and taken over if they die.
        """
        self._before, self._at_work = self.summary().done, True
        place = on or Threads()
        with self._work.led(self.pipeline, self._journal):
            while not self._stop.is_set():
                open_tasks = self._bearable(self.open(retry_failed=retry_failed))
                wanted = takewhile(lambda _: not self._stop.is_set(), open_tasks)
                ours = [self._ended(task) for task in place.execute(self._work, wanted, min(jobs, len(open_tasks)))]
                if not any(ours) and not retry_failed and self._left():
                    # Others are at work, or their signs of life have not run out yet.
                    self._stop.wait(PATIENCE)
                if not all(ours) or not ours:
                    self.look()
                if retry_failed or not self._left():
                    break
        return self.summary()

    def open(self, *, retry_failed: bool = False) -> list[Task]:
        """The tasks that may be claimed now, as far as it was seen when this process last looked."""
        if retry_failed:
            return [task for task in self.tasks.values() if task.state == "failed"]
        owners = {task.owner for task in self.tasks.values() if task.state == "running"}
        lost = {owner for owner in owners if self._journal.abandoned(owner)}
        return [
            task
            for task in self.tasks.values()
            if task.state == "pending" or (task.state == "running" and task.owner in lost)
        ]

    def stop(self, why: str = "stopped") -> None:
        """Let what is under way come to its end, and begin nothing more. May be called from a signal handler."""
        self._why = self._why or why
        self._stop.set()

    def summary(self) -> Summary:
        """How the batch stands, as far as this process knows."""
        tasks = self.tasks.values()
        done = [task for task in tasks if task.state == "done"]
        stopped, _, remedy = self._why.partition("\n")
        return Summary(
            batch=self.name,
            total=len(tasks),
            done=len(done),
            failed=[task for task in tasks if task.state == "failed"],
            running=sum(task.state == "running" for task in tasks),
            before=self._before,
            cost=sum(task.cost or 0.0 for task in done),
            unpriced=sum(task.cost is None for task in done),
            stopped=stopped,
            remedy=remedy,
        )

    def _bearable(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks without those that seem to end each process that tries them; they are written down as failed."""
        self._deaths.update(task.id for task in tasks if task.state == "running")
        for task in tasks:
            if self._deaths[task.id] > DEATHS:
                self._ended(self._work.fail(task, f"Died: {DEATHS} processes that ran it, one after the other, died"))
        return [task for task in tasks if self._deaths[task.id] <= DEATHS]

    def _left(self) -> bool:
        return any(task.state in ("pending", "running") for task in self.tasks.values())

    def _ended(self, task: Task | None) -> bool:
        """Take account of what an executor yields; false if another process has the task."""
        if task is None:
            return False
        self.tasks[task.id] = task
        if task.state == "pending":
            self.stop(task.error or "stopped")
        elif task.state == "failed":
            kind = task.error.partition(":")[0]
            self._alike = (kind, self._alike[1] + 1 if kind == self._alike[0] else 1)
            if kind in SERVER and self._alike[1] >= ALIKE:
                told = f"{ALIKE} runs after each other ended with {task.error}"
                self.stop(f"{told}\nMend that, then do again what failed.")
        else:
            self._alike = ("", 0)
        self._on_change(task)
        return True


def batch_name(
    instruction: Instruction, to: Sequence[str], model: Sequence[str], background: Sequence[str] = ()
) -> str:
    """The name of the batch of an instruction as it is now, with this background, for these formats and models."""
    told = [instruction.source or instruction.body.text, sorted(to), list(model), *map(content_hash, background)]
    return f"{slug(instruction.name)[:60]}-{content_hash(canonical_json(told))[:8]}"


def background(pipeline: Pipeline, instruction: Instruction) -> list[str]:
    """The texts of the files that all runs of an instruction use, if what composes has a method `background`."""
    plugin = pipeline.plugins.load("compose", instruction.strategy or pipeline.settings.strategy)
    find = getattr(plugin, "background", None)
    return list(find(instruction, (pipeline.folder("context"),))) if find else []


def pinned(config: Config, name: str, address: str) -> Config:
    """Settings in which the executor `name` has another `address`."""
    table = {**config.table(name), "address": address}
    return evolve(config, values={**config.values, name: table})
