"""Reports as tasks of Celery over RabbitMQ: delivered at least once, made and paid for once.

In the folder of a project (`trainer init host; cd host`), with `pip install celery`:

    export PYTHONPATH=../examples
    celery -A celery_app worker
    celery -A celery_app call celery_app.make --args '["first-report", {"COMPANY": "Northwind"}]'

A message is acknowledged when its report is written. The worker that is killed before has it delivered to another, and
that one sees in the store how far the first one came: a run that was recorded is not done again.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from celery import Celery  # type: ignore[import-untyped]

from trainer import Instruction, Pipeline, StoredData
from trainer.batch import Batch
from trainer.journal import Journal
from trainer.paths import confine

app = Celery("reports", broker=os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"))
app.conf.update(
    task_acks_late=True, task_reject_on_worker_lost=True, task_ignore_result=True, worker_prefetch_multiplier=1
)


@cache
def pipeline() -> Pipeline:
    """One for each process."""
    return Pipeline()


@app.task(bind=True)  # type: ignore[untyped-decorator]  # Celery has no types
def make(self: Any, instruction: str, params: dict[str, str]) -> None:
    """Make a report. The task's id is the name of a batch of one run, which is done when it has been done once."""
    project = pipeline()
    chosen = Instruction.load(confine(project.config.root / "information/instructions", f"{instruction}.md"))
    summary = Batch(project, chosen, [chosen.resolve(params)], name=self.request.id).run(jobs=1)
    if not summary.done:
        raise RuntimeError(summary.stopped or summary.failed[0].error)


def record(order: str) -> StoredData | None:
    """The run record of the task with the id `order`, once there is one."""
    tasks = Journal(pipeline().open_store(), order).tasks()
    return pipeline().find_run(tasks[0].id) if tasks else None
