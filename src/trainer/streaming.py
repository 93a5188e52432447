"""A run as an iterator: its text piece by piece, then its report."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Self

from trainer.models import Report


class _Stopped(BaseException):
    """Raised inside a run whose reader has gone; no plugin's `except Exception` swallows it."""


class Stream(Iterator["str | Report"]):
    """Calls `run(on_text)` in a thread and yields what it passes on, then the report it returns.

    Closing it, or dropping it, stops the run at its next piece of text.
    """

    def __init__(self, run: Callable[[Callable[[str], None]], Report]) -> None:
        # Bounded, so that a slow reader slows the run down instead of filling memory.
        self._pieces: queue.Queue[str | Report | BaseException] = queue.Queue(maxsize=64)
        self._gone = threading.Event()
        self._over = False
        given = (_work, run, self._pieces, self._gone)
        threading.Thread(target=copy_context().run, args=given, name="trainer-stream", daemon=True).start()

    def __next__(self) -> str | Report:
        while not (self._over or self._gone.is_set()):
            try:
                item = self._pieces.get(timeout=0.5)
            except queue.Empty:
                continue
            self._over = isinstance(item, Report | BaseException)
            if isinstance(item, BaseException):
                raise item
            return item
        raise StopIteration

    def close(self) -> None:
        """Stop the run at its next piece of text. May be called from any thread, any number of times."""
        self._gone.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    __del__ = close


def _work(
    run: Callable[[Callable[[str], None]], Report],
    pieces: queue.Queue[str | Report | BaseException],
    gone: threading.Event,
) -> None:
    def put(item: str | Report | BaseException) -> None:
        while not gone.is_set():
            try:
                return pieces.put(item, timeout=0.1)
            except queue.Full:
                continue
        raise _Stopped

    try:
        try:
            item: Report | BaseException = run(put)
        except _Stopped:
            return
        except BaseException as error:
            item = error
        put(item)
    except _Stopped:
        return
