"""What executors are tested with: a batch without its runs, which leaves a trace of all it does in a folder."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from trainer.config import Config
from trainer.errors import StoreError
from trainer.instruction import Instruction
from trainer.journal import Task
from trainer.work import Work

COST = 0.125
ODD = "é ½ 🙂 \u2028 \\ \" ' <b> {X} \t\n"
PAUSE = 0.005  # seconds that a task takes, so that others may meet it


@frozen
class Errand(Work):
    """Work whose tasks say themselves, by their parameter `how`, what becomes of them. It can be pickled.

    `folder` is where every process that works at it writes what it did; `home` is the process that gives out tasks.
    """

    folder: Path
    home: int

    @classmethod
    def into(cls, folder: Path) -> Errand:
        """Work that writes into `folder`."""
        name = secrets.token_hex(4)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            name, Config(folder), Instruction.parse("# A task", "task.md"), {}, None, "here", name, folder, os.getpid()
        )

    def tasks(self, *hows: str) -> list[Task]:
        """A task for each word of what is to become of it."""
        return [
            Task(self.batch, f"{self.batch}-{number}", {"how": how, "odd": ODD, "number": str(number)})
            for number, how in enumerate(hows)
        ]

    def do(self, task: Task) -> Task | None:
        """As `Work.do`: the task, done; or what its parameter `how` says.

        `fails`: it comes back as failed. `taken`: another process has it. `breaks`: nothing can be written down.
        `dies`: the process dies, the first time, unless it is the one that gives out the tasks.
        """
        mark = self.folder / f"busy-{secrets.token_hex(8)}"
        mark.touch()
        try:
            self._note("began", task, under_way=len([*self.folder.glob("busy-*")]))
            time.sleep(PAUSE)
            match task.params["how"]:
                case "fails":
                    return evolve(task, state="failed", error=f"RetrievalError: {ODD}", version=2)
                case "taken":
                    return None
                case "breaks":
                    raise StoreError(f"nothing can be written down: {ODD}", "Make room.")
                case "dies" if os.getpid() != self.home and self._first(task):
                    mark.unlink()
                    os.kill(os.getpid(), signal.SIGKILL)
            return self.done(task)
        finally:
            mark.unlink(missing_ok=True)
            self._note("ended", task)

    def done(self, task: Task) -> Task:
        """A task as it comes back when all went well."""
        return evolve(task, state="done", owner=ODD, cost=COST, version=2)

    def fail(self, task: Task, error: str) -> Task | None:
        """As `Work.fail`."""
        return evolve(task, state="failed", error=error, version=2)

    def close(self) -> None:
        """As `Work.close`: nothing to do but in a process of its own."""
        if os.getpid() != self.home:
            self._note("closed")

    def noted(self, what: str) -> list[dict[str, Any]]:
        """What all processes wrote down, of one kind: `began`, `ended` or `closed`."""
        return [json.loads(path.read_text("utf-8")) for path in self.folder.glob(f"{what}-*")]

    def _note(self, what: str, task: Task | None = None, **more: Any) -> None:
        note = {"task": task.id if task else "", "process": os.getpid(), **more}
        path = self.folder / f"{what}-{secrets.token_hex(8)}"
        path.with_name(f"new-{path.name}").write_text(json.dumps(note), "utf-8")
        path.with_name(f"new-{path.name}").rename(path)

    def _first(self, task: Task) -> bool:
        return [note["task"] for note in self.noted("began")].count(task.id) == 1


class Given:
    """Tasks that are given out one by one, and what was seen of how they were taken.

    `most` is the largest number of tasks that were taken and had not ended; after `stop`, there are no more.
    """

    def __init__(self, work: Errand, tasks: Sequence[Task]) -> None:
        self.work, self.tasks, self.taken, self.most, self.stopped = work, iter(tasks), 0, 0, False

    def __iter__(self) -> Iterator[Task]:
        return self

    def __next__(self) -> Task:
        if self.stopped:
            raise StopIteration
        task = next(self.tasks)
        self.taken += 1
        self.most = max(self.most, self.taken - self._ended())
        return task

    def stop(self) -> int:
        """Give out no more, and say how many tasks have ended so far."""
        self.stopped = True
        return self._ended()

    def _ended(self) -> int:
        return len([*self.work.folder.glob("ended-*")])
