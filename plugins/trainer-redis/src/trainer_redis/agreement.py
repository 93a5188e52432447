"""What all processes have agreed on about the cache, kept in the durable store, and for how long one may rely on it.

The modes follow each other in a circle:

- `off`: nobody uses the cache, and writers do not tell it;
- `opening`: writers tell it under the new epoch, nobody reads it;
- `on`: writers tell it, readers read and fill it;
- `closing`: as `off`, but some may not know yet, so no write is finished before they do.

A process knows the mode by reading it, and relies on it for one lease from when it began to read. From `closing` to
`off` and from `opening` to `on` passes more than a lease, so no two processes ever rely on modes that do not go
together: whoever reads the cache can be sure that every write that was finished meanwhile has told it.
Each opening has an epoch of its own, with which the names of entries begin: what was cached before never comes back.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from functools import partial
from typing import Literal

from attrs import frozen

from trainer.errors import VersionConflict
from trainer.stores import DataStore, StoredData

NAMESPACE = "trainer.hybrid"
KEY = "cache"
DRIFT = 1.1  # how much faster one machine's clock may run than another's
# Where there is one, a clock that goes on while the machine sleeps.
clock = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic

Mode = Literal["off", "opening", "on", "closing"]


@frozen
class Agreement:
    """A mode, the epoch and the server that it is for, and the version of the record that says so."""

    mode: Mode = "off"
    epoch: str = ""
    server: str = ""
    version: int = 0


@frozen
class Lease:
    """An agreement, when it was first seen here, and until when one may rely on it, by `clock`."""

    agreement: Agreement
    seen: float
    until: float


class Agreements:
    """The agreement in a durable store, read at most once in `lease` seconds while it is in use."""

    def __init__(self, durable: DataStore, lease: float) -> None:
        self._records, self._length = durable.within(NAMESPACE), lease
        self._lease = Lease(Agreement(version=-1), 0.0, 0.0)
        self._renew_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_after_fork, weakref.ref(self)))

    def current(self) -> Agreement:
        """What is agreed on: true at some moment of this call, or relied on by a lease."""
        lease = self._lease
        return lease.agreement if clock() < lease.until else self.refresh()

    def holds(self, agreement: Agreement) -> bool:
        """Whether an agreement that one relied on has stood until now. Each change makes another version."""
        return self.current().version == agreement.version

    def age(self) -> float:
        """For how many seconds the last agreement read is known to stand."""
        return clock() - self._lease.seen

    def until_known(self) -> float:
        """In how many seconds nobody relies on what was agreed on before; not above 0 if that is so now."""
        return self._length * DRIFT - self.age()

    def refresh(self) -> Agreement:
        """Read it anew."""
        before = clock()
        found = _agreement(self._records.retrieve(KEY))
        with self._lock:
            lease = self._lease
            if found.version > lease.agreement.version:
                lease = Lease(found, clock(), before + self._length)
            elif found.version == lease.agreement.version:
                lease = Lease(found, lease.seen, max(lease.until, before + self._length))
            self._lease = lease
            return lease.agreement

    def change(self, agreement: Agreement, mode: Mode, *, epoch: str = "", server: str = "") -> Agreement:
        """Go on to another mode, unless somebody changed the agreement first; returns what holds now."""
        try:
            data = {"mode": mode, "epoch": epoch, "server": server}
            self._records.store(KEY, data, source=NAMESPACE, if_version=agreement.version)
        except VersionConflict:
            pass
        return self.refresh()

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


def _after_fork(reference: weakref.ref[Agreements]) -> None:
    """In the child, whose threads are gone: one of them may have held the lock."""
    if agreements := reference():
        agreements._renew_lock()


def _agreement(record: StoredData | None) -> Agreement:
    if record is None:
        return Agreement()
    return Agreement(record.data["mode"], record.data["epoch"], record.data["server"], record.version)
