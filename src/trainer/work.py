"""The runs of a batch where they happen: in threads here, or in processes that an executor reaches."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import frozen

from trainer.errors import AmbiguousPlugin, BrokenPlugin, Budget, ConfigError, Quota, UnknownPlugin
from trainer.instruction import Instruction
from trainer.journal import Journal, Task
from trainer.spending import SPENDING, StoreAllowance

if TYPE_CHECKING:
    from trainer.config import Config
    from trainer.pipeline import Pipeline

# Every other run would fail of these as well, so they are no fault of the run that met them first.
GENERAL = (Budget, Quota, ConfigError, UnknownPlugin, AmbiguousPlugin, BrokenPlugin)


@frozen
class Work:
    """What a process has to know to do runs of a batch. It can be pickled, and opens what it needs where it is.

    `driver` is the process that gives out the tasks; `limit` is in USD.
    """

    batch: str
    config: Config
    instruction: Instruction
    options: Mapping[str, Any]
    limit: float | None
    driver: str
    id: str

    def do(self, task: Task) -> Task | None:
        """Claim a task, run it and write down how it ended. `None` if another process has it.

        A task that comes back as `pending` met what every other would meet too: `error` says what, and its second line
        what to do. Raises `StoreError` if nothing can be written down, and `ConfigError` where the project is not.
        """
        return self._session().do(task)

    def fail(self, task: Task, error: str) -> Task | None:
        """Write down a task as failed that cannot be run at all. `None` if another process has it."""
        journal = self._session().journal
        claimed = journal.claim(task)
        return claimed and journal.finish(claimed, "failed", error=error)

    def close(self) -> None:
        """Close what this process has opened for the work, unless it is the one that gives out the tasks."""
        with _opening:
            session = _sessions.get(self.id)
            if session is None or not session.own:
                return
            del _sessions[self.id]
        session.close()

    @contextmanager
    def led(self, pipeline: Pipeline, journal: Journal) -> Iterator[None]:
        """While this lasts, this process gives out the tasks; what it does itself, it does with what it has open."""
        session = _sessions[self.id] = Session(self, pipeline, journal, own=False)
        try:
            yield
        finally:
            del _sessions[self.id]
            session.close()

    def _session(self) -> Session:
        with _opening:
            session = _sessions.get(self.id)
            if session is None:
                session = _sessions[self.id] = self._open()
                orphans = [one for one in _sessions.values() if one.own and not one.journal.met(one.work.driver)]
                for orphan in orphans:  # of a driver that was killed, so that nobody else will close them
                    del _sessions[orphan.work.id]
                    orphan.close()
            return session

    def _open(self) -> Session:
        from trainer.config import Config
        from trainer.pipeline import Pipeline

        if not self.config.root.is_dir():
            raise ConfigError(
                f"a worker has no folder {self.config.root}",
                "The project's folder has to be there under the same path on every worker.",
            )
        pipeline = Pipeline(config=Config.load(self.config.path) if self.config.path else self.config)
        journal = Journal(pipeline.open_store(), self.batch)
        if not journal.met(self.driver):
            pipeline.close()
            raise ConfigError(
                "a worker's store is not the one that the batch is written down in",
                "Workers on other machines need a store on a server, such as PostgreSQL; SQLite is for one machine.",
            )
        return Session(self, pipeline, journal, own=True)


_sessions: dict[str, Session] = {}
_opening = threading.Lock()


class Session:
    """A process at work: its pipeline, its sign of life and its share of the money."""

    def __init__(self, work: Work, pipeline: Pipeline, journal: Journal, *, own: bool) -> None:
        self.work, self.pipeline, self.journal, self.own = work, pipeline, journal, own
        key = f"{SPENDING}:batch:{work.batch}"
        self._purse = None if work.limit is None else StoreAllowance(journal.store, key, work.limit)
        self._users, self._counting = 1, threading.Lock()
        journal.__enter__()

    def do(self, task: Task) -> Task | None:
        """As `Work.do`."""
        with self._counting:
            self._users += 1
        try:
            return self._do(task)
        finally:
            self._leave()

    def close(self) -> None:
        """Give back what is not spent, take back the sign of life, and close the pipeline if it is this one's own.

        While runs are under way, that is done when the last of them has ended.
        """
        self._leave()

    def _leave(self) -> None:
        with self._counting:
            self._users -= 1
            if self._users:
                return
        if self._purse is not None:
            self._purse.close()
        self.journal.__exit__()
        if self.own:
            self.pipeline.close()

    def _do(self, task: Task) -> Task | None:
        claimed = self.journal.claim(task)
        if claimed is None:
            return None
        try:
            cost = self._run(task)
        except GENERAL as error:
            return self.journal.finish(claimed, "pending", error=_storable(str(error)))
        except Exception as error:
            from trainer.plugins import told

            problem = f"{type(error).__name__}: {told(error).problem}"
            return self.journal.finish(claimed, "failed", error=_storable(problem))
        except BaseException:
            with suppress(Exception):
                self.journal.finish(claimed, "pending")
            raise
        return self.journal.finish(claimed, "done", cost=cost)

    def _run(self, task: Task) -> float | None:
        # Whoever had it before may have died after its report was recorded and paid for.
        record = self.pipeline.find_run(task.id) if task.version else None
        if record is not None:
            cost: float | None = record.data["cost"]
            return cost
        purses = [self._purse] if self._purse else []
        options = {**self.work.options, "run_id": task.id, "purses": purses}
        return self.pipeline.run(self.work.instruction, task.params, **options).cost


@runtime_checkable
class Executor(Protocol):
    """Where the runs of a batch happen; a plugin in the group `trainer.execute`."""

    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Iterator[Task | None]:
        """Call `work.do` with each task, with at most `jobs` under way, and yield what it returned, in any order.

        A task is taken from `tasks` only when there is room for it; when there are no more, those under way come to
        their end. What `work.do` raises is raised. What is opened elsewhere is closed there with `work.close`.
        """


class Threads:
    """The executor that is built in: threads of this process."""

    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Iterator[Task | None]:
        """As `Executor.execute`."""
        ended: queue.SimpleQueue[Task | BaseException | type[Threads] | None] = queue.SimpleQueue()
        taking, over = threading.Lock(), threading.Event()

        def labour() -> None:
            try:
                while not over.is_set():
                    with taking:
                        task = next(tasks, None)
                    if task is None:
                        break
                    ended.put(work.do(task))
            except BaseException as error:
                over.set()
                ended.put(error)
            ended.put(Threads)

        # Not a pool: Python waits for the threads of one before it ends, and a second Ctrl-C means now.
        for number in range(jobs):
            threading.Thread(target=labour, name=f"trainer-batch-{number}", daemon=True).start()
        failure: BaseException | None = None
        try:
            while jobs:
                match ended.get():
                    case BaseException() as error:
                        failure = failure or error
                    case Task() | None as task:
                        yield task
                    case _:
                        jobs -= 1
        finally:
            over.set()
        if failure is not None:
            raise failure


def executor(pipeline: Pipeline, name: str = "") -> Executor:
    """The executor of a name; without one, threads. Raises `UnknownPlugin`, `BrokenPlugin`, `WrongSetting`."""
    if name in ("", "threads"):
        return Threads()
    found = pipeline.plugins.load("execute", name)
    if not isinstance(found, Executor):
        entry = pipeline.plugins.entry("execute", name)
        raise BrokenPlugin(f"{entry} has no method 'execute'", f"Tell the author of {entry.origin}.")
    return found


def _storable(text: str) -> str:
    """A text that every database takes, whatever a plugin put into its message."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
