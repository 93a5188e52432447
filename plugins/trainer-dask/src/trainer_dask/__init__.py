"""Batches on a Dask cluster: each run is a task of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import field

from trainer import plugin
from trainer.errors import ConfigError, TrainerError

if TYPE_CHECKING:
    from trainer.journal import Task
    from trainer.work import Work

__all__ = ["Dask"]


@plugin
class Dask:
    """Gives the runs of a batch to the workers of a Dask cluster.

    `address` is that of its scheduler, such as `tcp://10.0.0.1:8786`; `timeout` is how many seconds to wait for it and
    for a first worker. For `tls://`, `ca`, `cert` and `key` name files in PEM.
    """

    address: str = ""
    timeout: float = 10.0
    ca: str = ""
    cert: str = ""
    key: str = field(default="", repr=False)

    def execute(self, work: Work, tasks: Iterator[Task], jobs: int) -> Iterator[Task | None]:
        """As `trainer.work.Executor.execute`.

        A run whose worker dies is given to another by the scheduler, finds itself claimed there, and is taken over
        when the batch looks for what is left. Raises `ConfigError` if there is no cluster, or if its workers lack the
        project or its packages, and `TrainerError` if the scheduler goes away.
        """
        if jobs == 0:
            return
        client = self._client()
        given: dict[Any, Task] = {}

        def give(count: int) -> list[Any]:
            new = {client.submit(work.do, task, pure=False, key=f"{task.id}-{work.id}-{task.version}"): task
                   for task in islice(tasks, count)}  # fmt: skip
            given.update(new)
            return [*new]

        try:
            ended = _dask().as_completed(give(jobs), loop=client.loop)
            for future in ended:
                yield self._result(future, work, given.pop(future))
                ended.update(give(1))
        finally:
            with suppress(OSError, RuntimeError, TimeoutError):  # a cluster that has gone has nothing to close
                client.run(work.close, on_error="ignore")
            client.close()

    def _client(self) -> Any:
        if not self.address:
            raise ConfigError(
                "no Dask cluster is named",
                "Give --address tcp://HOST:8786, or write address into [dask] in trainer.toml; `dask scheduler` and"
                " `dask worker ADDRESS` start one.",
            )
        files = {"tls_ca_file": self.ca, "tls_client_cert": self.cert, "tls_client_key": self.key}
        security = _dask().Security(**{name: file for name, file in files.items() if file}) if self.ca else None
        try:
            client = _dask().Client(self.address, timeout=self.timeout, security=security, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {self.address}: {type(error).__name__}",
                "Start one with `dask scheduler`, or correct the address.",
            ) from error
        try:
            client.wait_for_workers(1, timeout=self.timeout)
        except TimeoutError as error:
            client.close()
            raise ConfigError(
                f"the Dask cluster at {self.address} has no worker", f"Start one: `dask worker {self.address}`."
            ) from error
        return client

    def _result(self, future: Any, work: Work, task: Task) -> Task | None:
        try:
            result: Task | None = future.result()
        except _dask().KilledWorker:
            return work.fail(task, "Died: each worker that was to run it died")
        except ImportError as error:
            raise ConfigError(
                f"a worker of {self.address} cannot import {error.name}",
                "Install trainer and its plugins on every worker, in the versions that are installed here.",
            ) from error
        except TrainerError:
            raise
        except Exception as error:
            if not future.cancelled() and future.status != "lost":
                raise
            raise TrainerError(
                f"the Dask scheduler at {self.address} went away", "Start it, and run the same command again to go on."
            ) from error
        return result


def _dask() -> Any:
    """The package, which is slow to import and has types for half of its functions."""
    return import_module("distributed")
