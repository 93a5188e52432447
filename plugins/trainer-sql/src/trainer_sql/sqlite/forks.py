"""Telling objects that the process is about to be forked, and that it has been.

The hooks that Python offers for this are the process's own and can never be taken back, so they are set
once, here, and keep no object alive.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

NO_FORK = threading.Lock()  # no fork happens while it is held


class Forked(Protocol):
    """What cannot be shared with a forked process as it is."""

    def before_fork(self) -> None:
        """Called in the thread that forks. May not raise."""

    def after_fork(self, *, child: bool) -> None:
        """Called after `before_fork`, in the old process and in the new one."""


def watch(thing: Forked) -> None:
    """Tell `thing` of every fork, for as long as it lives and until its `__del__` has ended."""
    _watched.add(weakref.ref(thing, _watched.discard))


_watched: set[weakref.ref[Forked]] = set()
_told: list[Forked] = []


def _before() -> None:
    NO_FORK.acquire()
    # A list of a set is made in one step, which no other thread can get into.
    for reference in list(_watched):
        if thing := reference():
            _told.append(thing)
            thing.before_fork()


def _after(*, child: bool) -> None:
    while _told:
        _told.pop().after_fork(child=child)
    NO_FORK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True)
    )
