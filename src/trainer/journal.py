"""What is written down of a batch while it runs: who works at which run, and how each ended."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

from attrs import evolve, frozen

from trainer.errors import VersionConflict
from trainer.models import slug
from trainer.paths import is_alive
from trainer.stores import DataStore, StoredData, canonical_json, content_hash

log = logging.getLogger("trainer.batch")
BATCHES, WORKERS = "trainer.batch", "trainer.worker"
LIFE = 45.0  # seconds for which a sign of life holds; after that, what a process had claimed is free again
State = Literal["pending", "running", "done", "failed"]


@frozen
class Task:
    """One run of a batch. `id` is also the id of its run record; `cost` is in USD, `None` if it is not known.

    `version` is that of its record, 0 as long as nobody has claimed it.
    """

    batch: str
    id: str
    params: Mapping[str, str]
    state: State = "pending"
    owner: str = ""
    cost: float | None = None
    error: str = ""
    version: int = 0

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{BATCHES}:{self.batch}:{self.id}"

    @property
    def data(self) -> dict[str, Any]:
        """What is stored of it."""
        return {
            "batch": self.batch, "id": self.id, "params": dict(self.params), "state": self.state, "owner": self.owner,
            "cost": self.cost, "error": self.error,
        }  # fmt: skip

    @classmethod
    def of(cls, record: StoredData) -> Task:
        """The task that a record holds."""
        return cls(**record.data, version=record.version)


def task_of(batch: str, params: Mapping[str, str]) -> Task:
    """The task of one row. Equal rows are one task."""
    digest = content_hash(canonical_json(dict(params)))[:10]
    return Task(batch, f"{batch}-{slug('-'.join(params.values()))[:40]}-{digest}", dict(params))


class Journal:
    """The tasks of one batch in a store, and this process's sign of life while it works at them.

    A task gets its record when it is first claimed. Use the journal in a `with` for claiming; outside of one it can be
    read.
    """

    def __init__(self, store: DataStore, batch: str) -> None:
        self.store, self.batch = store, batch
        self.owner = f"{socket.gethostname()}:{_place()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._over = threading.Event()

    def tasks(self) -> list[Task]:
        """The tasks that were claimed so far, in the order of their ids."""
        found = self.store.query(source=BATCHES, prefix=f"{BATCHES}:{self.batch}:")
        return sorted(map(Task.of, found), key=lambda task: task.id)

    def claim(self, task: Task) -> Task | None:
        """The task, claimed by this process; `None` if another was faster."""
        return self._write(evolve(task, state="running", owner=self.owner, error=""))

    def finish(self, task: Task, state: State, *, cost: float | None = None, error: str = "") -> Task:
        """Write down how a claimed task ended. One that was taken over meanwhile stays as it is."""
        done = evolve(task, state=state, cost=cost, error=error)
        return self._write(done) or done

    def abandoned(self, owner: str) -> bool:
        """Whether a process that claimed tasks has died."""
        if owner == self.owner:
            return False
        place, pid, _ = owner.rsplit(":", 2)
        here = self.owner.rsplit(":", 2)[0]
        return (place == here and not is_alive(int(pid))) or not self.met(owner)

    def met(self, owner: str) -> bool:
        """Whether a process's sign of life can be seen: then it is alive, and uses the same store."""
        return self.store.exists(_sign(owner))

    def _write(self, task: Task) -> Task | None:
        try:
            record = self.store.store(task.key, task.data, source=BATCHES, if_version=task.version)
        except VersionConflict:
            return None
        return evolve(task, version=record.version)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._sign()
        threading.Thread(target=self._live, args=(self._over,), name="trainer-batch-sign", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.store.delete(_sign(self.owner))

    def _sign(self) -> None:
        # The same content makes no version, so signs of life cost no history.
        self.store.store(_sign(self.owner), {"batch": self.batch}, source=WORKERS, ttl=LIFE)

    def _live(self, over: threading.Event) -> None:
        while not over.wait(LIFE / 3):
            try:
                self._sign()
            except Exception:
                log.warning("no sign of life could be given", exc_info=True)


def _place() -> str:
    """Where process ids mean the same: this machine since its start, and in it one space of ids (a container's)."""
    known = [socket.gethostname()]
    with suppress(OSError):  # elsewhere than on Linux, machines with one name cannot be told apart
        known += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:8]


def _sign(owner: str) -> str:
    return f"{WORKERS}:{owner}"
