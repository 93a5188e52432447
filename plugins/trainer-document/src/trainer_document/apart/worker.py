"""The process that works: reads calls from its input, and makes each in a child with limits of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

from trainer_document.apart.wire import receive, send

Answer = tuple[str, bytes]
Function = Callable[..., bytes]


def main() -> None:
    """Work until the input ends. The one argument names the function."""
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between two answers
    function, trouble = _load(sys.argv[1])
    while True:
        try:
            head, content = json.loads(receive(calls)), receive(calls)
        except EOFError:
            return
        kind, answer = trouble or _apart(function, content, **head)
        send(answers, kind.encode(), answer)


def _load(name: str) -> tuple[Function, Answer | None]:
    module, _, function = name.partition(":")
    try:
        found: Function = getattr(import_module(module), function)  # each child has it loaded
    except OSError as error:  # cffi finds no library of that name
        return bytes, ("missing", str(error).encode())
    return found, None


def _apart(function: Function, content: bytes, options: dict[str, Any], seconds: int, memory: int) -> Answer:
    if not hasattr(os, "fork"):
        return _work(function, content, options)
    back, forth = os.pipe()
    child = os.fork()
    if not child:
        os.close(back)
        status = 1
        try:
            _limit(seconds, memory)
            with os.fdopen(forth, "wb") as pipe:
                kind, answer = _work(function, content, options)
                send(pipe, kind.encode(), answer)
            status = 0
        finally:
            os._exit(status)
    os.close(forth)
    with os.fdopen(back, "rb") as pipe:
        told = _read(pipe)
    _, status = os.waitpid(child, 0)
    return told or ("limit", f"ended with {status}".encode())


def _read(pipe: IO[bytes]) -> Answer | None:
    try:
        return receive(pipe).decode(), receive(pipe)
    except EOFError:
        return None


def _work(function: Function, content: bytes, options: dict[str, Any]) -> Answer:
    try:
        return "done", function(content, **options)
    except (MemoryError, RecursionError) as error:
        return "limit", type(error).__name__.encode()
    except Exception as error:  # a text from anywhere meets every corner of a library that lays it out
        return "error", f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace")


def _limit(seconds: int, memory: int) -> None:
    import resource

    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory * 1_000_000, memory * 1_000_000))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
