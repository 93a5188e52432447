"""`trainer run --each`: a batch, its progress, and how it ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import note, print_json, print_rows

if TYPE_CHECKING:
    from trainer.batch import Batch, Summary
    from trainer.instruction import Instruction
    from trainer.journal import Task

STOPPED = "stopped by the user"
INTERVAL = 30.0  # seconds between two lines of progress where there is no terminal


def run_each(
    instruction: Instruction, file: Path, params: Mapping[str, str], options: Mapping[str, Any], as_json: bool
) -> int:
    """Run the instruction for each row of a file.

    The exit code is 0 if all are done, 130 after Ctrl-C, else 1. `options` are `to`, `model`, `jobs`, `max_cost`,
    `retry_failed`, `name`, `executor` and `address`.
    """
    from trainer.batch import Batch, pinned
    from trainer.config import Config
    from trainer.pipeline import Pipeline
    from trainer.rows import read_rows
    from trainer.work import executor

    rows = read_rows(file, instruction, params)
    where, address = options["executor"], options["address"]
    config = Config.find()
    with Pipeline(config=pinned(config, where, address) if address else config) as pipeline:
        place = executor(pipeline, where)
        bar = Bar()
        batch = Batch(
            pipeline, instruction, rows, to=options["to"], model=options["model"], name=options["name"],
            max_cost=options["max_cost"], on_change=bar.change,
        )  # fmt: skip
        if len(batch.tasks) < len(rows):
            note(f"{len(rows)} rows are {len(batch.tasks)} runs: equal rows are run once.")
        retry = options["retry_failed"]
        with bar.over(len(batch.open(retry_failed=retry))), drained(batch):
            summary = batch.run(options["jobs"], retry_failed=retry, on=place)
    print_json(summary) if as_json else _tell(summary)
    return 0 if summary.done == summary.total else 130 if summary.stopped == STOPPED else 1


@contextmanager
def drained(batch: Batch) -> Iterator[None]:
    """The first Ctrl-C, or SIGTERM, lets the runs under way end; the second ends everything."""

    def stop(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        batch.stop(STOPPED)
        note("Stopping: the runs under way come to their end. Ctrl-C again ends them now.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        note("Ended. What was under way is done again by the next start.")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)  # whatever threads are waiting for
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Bar:
    """What is done, failed and spent, and the time left: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self._cost, self._failed, self._ended, self._total = 0.0, 0, 0, 0
        self._progress: Any = None
        self._told = time.monotonic()

    @contextmanager
    def over(self, total: int) -> Iterator[None]:
        """Show the progress of so many runs."""
        self._total = total
        if not (sys.stderr.isatty() and total):
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as self._progress:
            self._row = self._progress.add_task("", total=total)
            yield

    def change(self, task: Task) -> None:
        """Take account of a task that has ended."""
        if task.state not in ("done", "failed"):
            return
        self._ended += 1
        self._cost += task.cost or 0.0
        self._failed += task.state == "failed"
        if self._progress is not None:
            said = f"{self._cost:.4f} USD" if self._cost else ""
            said += f" [red]{self._failed} failed[/]" if self._failed else ""
            self._progress.update(self._row, advance=1, total=max(self._total, self._ended), description=said)
        elif time.monotonic() - self._told >= INTERVAL:
            self._told = time.monotonic()
            note(f"{self._ended} of {self._total} ended, {self._failed} failed, {self._cost:.4f} USD")


def _tell(summary: Summary) -> None:
    cost = f"{summary.cost:.4f} USD" if summary.done > summary.unpriced else "cost unknown"
    if 0 < summary.unpriced < summary.done:
        cost += f" and {summary.unpriced} runs of unknown cost"
    click.echo(f"{summary.batch}: {summary.done} of {summary.total} done, {len(summary.failed)} failed, {cost}")
    if summary.before == summary.total:
        note("All were done before, so nothing was sent. To do all of it anew, give it another name with --batch.")
    if summary.stopped:
        note(f"Not all was begun: {summary.stopped}.")
        note(f"  {summary.remedy or 'Run the same command again to go on.'}")
    if summary.failed:
        rows = [{"run": task.id, "error": task.error} for task in summary.failed]
        print_rows(rows, ("run", "error"))
        note("Add --retry-failed to do just those again.")
