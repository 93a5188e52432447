"""The pipeline for asyncio hosts: every method in a thread of its own, the loop never blocked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from trainer.models import Report
from trainer.pipeline import Pipeline

P = ParamSpec("P")
T = TypeVar("T")
_END: Any = object()


def _threaded(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    async def call(pipeline: AsyncPipeline, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await pipeline._in_thread(partial(method, pipeline._pipeline, *args, **kwargs))

    call.__doc__ = method.__doc__
    return call


class AsyncPipeline:
    """Awaitable `Pipeline` methods. Each call has a thread while it lasts, so slow calls never queue.

    They are the verbs, `open_store`, `run`, `generate_report`, `plan` and `close`, with the arguments, answers and
    errors that they have in `Pipeline`.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._starter, self._process = ThreadPoolExecutor(1, thread_name_prefix="trainer-aio-start"), os.getpid()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        # The loop's own pool has few threads (6 on 2 cores), and a host may need them for itself. Starting a thread
        # waits until it runs, which takes its time among a hundred others: the loop lets another thread wait.
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)

        if self._process != os.getpid():  # a fork takes no threads along
            self.__init__(self._pipeline)  # type: ignore[misc]  # as new
        self._starter.submit(threading.Thread(target=copy_context().run, args=(work,), name="trainer-aio").start)
        return await asyncio.wrap_future(future)

    def stop(self) -> None:
        """Start no more threads; those that have begun come to their end."""
        self._starter.shutdown(wait=False)

    retrieve = _threaded(Pipeline.retrieve)
    open_store = _threaded(Pipeline.open_store)
    secure = _threaded(Pipeline.secure)
    compose = _threaded(Pipeline.compose)
    complete = _threaded(Pipeline.complete)
    convert = _threaded(Pipeline.convert)
    embed = _threaded(Pipeline.embed)
    analyze = _threaded(Pipeline.analyze)
    run = _threaded(Pipeline.run)
    generate_report = _threaded(Pipeline.generate_report)
    plan = _threaded(Pipeline.plan)
    close = _threaded(Pipeline.close)

    async def stream(self, *args: Any, **options: Any) -> AsyncGenerator[str | Report, None]:
        """As `Pipeline.stream`, for `async for`."""
        pieces = self._pipeline.stream(*args, **options)
        try:
            while (piece := await self._in_thread(partial(next, pieces, _END))) is not _END:
                yield piece
        finally:
            pieces.close()
