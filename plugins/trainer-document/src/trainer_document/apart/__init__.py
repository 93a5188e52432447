"""Work on documents from anywhere, done in processes of its own: with limits, and with a library loaded once."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any, cast

from trainer_document.apart.wire import receive, send

__all__ = ["Apart"]


class Apart:
    """Calls one function in processes of its own, started when they are needed and kept for the next call.

    `function` is its name, `module:name`. It takes bytes and options that JSON can write, and returns bytes. Safe to
    share between threads: as many processes are at work as threads call at the same time.
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._idle: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def call(self, content: bytes, options: Mapping[str, Any], seconds: int, memory: int) -> tuple[str, bytes]:
        """What became of a call: `done` and what was returned, or `missing`, `limit`, `error` and words.

        It may use `seconds` of processor time and `memory` megabytes of address space (where the system can limit
        them), or it is ended: `limit`. `missing`: a library of the system that its module needs is not there.
        """
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        worker = worker or _start(self._function)
        head = json.dumps({"options": dict(options), "seconds": seconds, "memory": memory})
        try:
            send(cast(IO[bytes], worker.stdin), head.encode(), content)
            kind, answer = receive(cast(IO[bytes], worker.stdout)).decode(), receive(cast(IO[bytes], worker.stdout))
        except (EOFError, OSError):
            _end(worker)
            return "error", b"the process that does it has ended"
        except BaseException:  # half an answer is in the pipe
            _end(worker)
            raise
        with self._lock:
            self._idle.append(worker)
        return kind, answer

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            _end(worker)

    def __del__(self) -> None:
        self.close()


def _start(function: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trainer_document.apart.worker", function]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # this Python


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    for pipe in (worker.stdin, worker.stdout):
        with contextlib.suppress(OSError):
            cast(IO[bytes], pipe).close()
    worker.wait()
