"""Two executors that keep every promise, in this thread and in a process of its own, and others that break one each."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

from attrs import evolve

from trainer import plugin
from trainer.errors import StoreError
from trainer.journal import Task
from trainer.work import Threads, Work

from .plugins import Shared

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", __name__])
OPEN: list[Any] = []
Ended = Iterator[Task | None]


@plugin
class OneByOne:
    """In this thread."""

    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        for task in tasks:
            yield from self.handed(work, task)

    def handed(self, work: Work, task: Task) -> Ended:
        yield work.do(task)


class Forgets(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        if not task.id.endswith("-7"):
            yield work.do(task)


class Repeats(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        if not task.id.endswith("-7"):
            work.do(task)
        yield work.do(task)


class Bends(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        ended = work.do(task)
        yield ended and evolve(ended, params={name: value.strip() for name, value in ended.params.items()})


class HidesFailures(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        ended = work.do(task)
        if ended is None or ended.state != "failed":
            yield ended


class Shortens(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        ended = work.do(task)
        yield ended and evolve(ended, error=ended.error[:10])


class HidesTaken(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        if (ended := work.do(task)) is not None:
            yield ended


class Wraps(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        try:
            yield work.do(task)
        except StoreError as error:
            raise RuntimeError(str(error)) from error


class Carries(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        try:
            yield work.do(task)
        except StoreError:
            yield work.fail(task, "it did not work")


@plugin
class Crowds:
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        return Threads().execute(work, tasks, 4 if jobs == 2 else jobs)


class Greedy(OneByOne):
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        return super().execute(work, iter([*tasks]), jobs)


class DropsWhatIsUnderWay(OneByOne):
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        while pair := [work.do(task) for task in islice(tasks, 2)]:
            yield pair.pop(0)
            if getattr(tasks, "stopped", False):
                return
            yield from pair


class NeedsTasks(OneByOne):
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        yield work.do(next(tasks))
        yield from super().execute(work, tasks, jobs)


class SharesWork(OneByOne):
    def handed(self, work: Work, task: Task) -> Ended:
        yield Shared.passed(work).do(task)


class LeavesThreads(OneByOne):
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return super().execute(work, tasks, jobs)


class LeavesFiles(OneByOne):
    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        OPEN.append(PROCESSES.Pipe())
        return super().execute(work, tasks, jobs)


@plugin
class Apart:
    """In a process of its own, and another one when that dies."""

    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Ended:
        worker = None
        try:
            for task in tasks:
                worker = worker or Worker(work)
                worker.end.send(task)
                try:
                    ended = worker.end.recv()
                except EOFError:
                    worker = worker.close()
                    yield from self.lost(task)
                    continue
                if isinstance(ended, Exception):
                    raise ended
                yield ended
        finally:
            if worker is not None:
                self.dismiss(worker.end)
                worker.close()

    def lost(self, task: Task) -> Ended:
        yield None

    def dismiss(self, end: Connection) -> None:
        end.send(None)


class Worker:
    """A process that does one task after the other."""

    def __init__(self, work: Work) -> None:
        self.end, theirs = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=labour, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def close(self) -> None:
        self.end.close()
        self.process.join()
        self.process.close()


class GivesUp(Apart):
    def lost(self, task: Task) -> Ended:
        raise EOFError(task.id)
        yield None


class Pretends(Apart):
    def lost(self, task: Task) -> Ended:
        yield evolve(task, state="done")


class Waits(Apart):
    def lost(self, task: Task) -> Ended:
        threading.Event().wait()
        yield None


class NeverCloses(Apart):
    def dismiss(self, end: Connection) -> None:
        end.send("at once")


def labour(work: Work, end: Connection) -> None:
    """Do one task after the other, and close what was opened for them."""
    with end:
        while (task := end.recv()) is not None:
            if task == "at once":
                return
            try:
                end.send(work.do(task))
            except Exception as error:
                end.send(error)
        work.close()
