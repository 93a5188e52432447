"""The server: finds out what is asked, decides what to answer, and keeps the books."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from attrs import evolve

from trainer.testing.fake_llm.anthropic import Anthropic
from trainer.testing.fake_llm.asking import Ask, Reply, Request
from trainer.testing.fake_llm.bedrock import Bedrock
from trainer.testing.fake_llm.dialect import JSON, Dialect, Refusal, Said, dumps
from trainer.testing.fake_llm.eventstream import CONTENT_TYPE as EVENTSTREAM
from trainer.testing.fake_llm.faults import Fault, Problem
from trainer.testing.fake_llm.limits import Limits, Meter
from trainer.testing.fake_llm.ollama import Ollama
from trainer.testing.fake_llm.openai import OpenAI
from trainer.testing.fake_llm.sagemaker import SageMaker
from trainer.testing.fake_llm.tokens import PrefixCache, pieces, vector, words
from trainer.testing.fake_llm.transport import Arrived, Connection, Delivery

Told = str | Reply | Fault
Answer = Told | Callable[[Request], Told]
T = TypeVar("T")

TEXT = "No model wrote this answer – it comes from a fake server."
DIALECTS: Sequence[Dialect] = (Anthropic(), OpenAI(), Ollama(), Bedrock(), SageMaker())
ASKING = {"complete", "embed"}
WELL = Fault("")


class FakeLLM:
    """An HTTP server on 127.0.0.1 that speaks as OpenAI, Azure, Anthropic, Ollama, Bedrock and SageMaker do.

    It serves for as long as its `with` lasts. The path of a request decides which protocol is spoken, so one server
    stands for all. `say` sets what is answered, `script` what the next requests get instead, faults among them.

    `latency` is in seconds before the first byte of an answer, `pace` in seconds between the pieces of a stream.
    `count` counts the tokens of a text (words, unless it is given). Beginnings of prompts of at least `cache_minimum`
    tokens are read from the cache when they come again. With `key`, a request without that key is refused; with
    `limits`, one that comes too soon. `models` are listed; any other is answered too. `port` 0 takes a free one.

    `requests` holds what arrived, `connections` says how many connections were made, `in_flight` how many requests are
    being answered, `peak` how many were at once. What a function given to `say` or `script` raises is raised again at
    the end of the `with`; such a function runs in the server's thread and must not wait.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        pace: float = 0.0,
        models: Sequence[str] = ("fake-large", "fake-small", "fake-embed"),
        key: str = "",
        limits: Limits | None = None,
        count: Callable[[str], int] = words,
        cache_minimum: int = 1024,
        dimensions: int = 64,
        port: int = 0,
    ) -> None:
        self.latency, self.pace, self.models, self.key, self.dimensions = latency, pace, tuple(models), key, dimensions
        self.requests: list[Request] = []
        self.connections = self.in_flight = self.peak = 0
        self.failures: list[Exception] = []
        self._port, self._count = port, count
        self._meter = Meter(limits or Limits())
        self._prefixes = PrefixCache(count, cache_minimum)
        self._default: Answer = TEXT
        self._script: list[tuple[str, Answer]] = []
        self._open: set[Connection] = set()
        self._changed = threading.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def scripted(self) -> int:
        """How many answers of the script nobody has asked for yet."""
        return len(self._script)

    def say(self, answer: Answer) -> None:
        """What to answer from now on: a text, a `Reply`, a `Fault`, or a function from `Request` to one of them."""
        self._default = answer

    def script(self, *answers: Answer, path: str = "") -> None:
        """What the next requests get, one each in the order of their arrival; then it is the default again.

        Without `path`, only those that want text or vectors count; with it, all whose path begins so.
        """
        with self._changed:
            self._script += [(path, answer) for answer in answers]

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Request]:
        """Wait until so many requests have arrived, and return all; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise TimeoutError(f"{len(self.requests)} of {count} requests arrived within {timeout:g} s")
            return list(self.requests)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While this lasts, nobody listens: open connections are reset, new ones are refused."""
        self._run(self._stop_listening())
        held = _bound(self._port)  # a port that is bound and not listened at is refused, and nobody else gets it
        try:
            yield
        finally:
            self._run(self._listen(held))

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-llm", daemon=True)
        self._thread.start()
        try:
            self._run(self._listen(_bound(self._port)))
        except OSError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop_listening())
        self._end()
        if self.failures and error is None:
            raise self.failures[0]

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self, held: socket.socket) -> None:
        self._port = held.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=held, backlog=1024)

    async def _stop_listening(self) -> None:
        if self._server is None:
            return
        # A connection that is on its way in would be left open for ever if the server were closed under it.
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        while self._open or len(asyncio.all_tasks()) > 1:
            for connection in list(self._open):
                connection.reset()
            await asyncio.sleep(0)
        self._server.close()

    def opened(self, connection: Connection) -> int:
        """A connection was made."""
        self._open.add(connection)
        self.connections += 1
        return self.connections

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self._open.discard(connection)

    def answered(self) -> None:
        """An answer is over."""
        self.in_flight -= 1

    def arrived(self, arrived: Arrived, connection: int) -> Delivery:
        """Note a request and find its answer."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        head = (arrived.method, arrived.path, arrived.headers, arrived.body)
        request = Request(*head, time.monotonic(), connection, len(self.requests) + 1)
        dialect, request, problem = self._read(request)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        try:
            return self._answer(dialect, request, problem)
        except Exception as error:
            self.failures.append(error)
            return self._problem(dialect, request, Problem("server_error", "The fake server failed."), WELL)

    def _read(self, request: Request) -> tuple[Dialect, Request, Problem | None]:
        """Whose request it is, the request with what it asks for, and why it is refused, if it is."""
        for dialect in DIALECTS:
            try:
                ask = dialect.read(request)
            except Refusal as refusal:
                return dialect, evolve(request, protocol=dialect.name), refusal.problem
            except (AttributeError, KeyError, TypeError, ValueError):
                problem = Problem("bad_request", "The body is not of the form that this address takes.")
                return dialect, evolve(request, protocol=dialect.name), problem
            if ask:
                return dialect, evolve(request, protocol=dialect.name, ask=ask), self._refused(request)
        return OpenAI(), request, Problem("unknown_model", f"Invalid URL ({request.method} {request.path})")

    def _refused(self, request: Request) -> Problem | None:
        said = not self.key or any(self.key in value for value in request.headers.values())
        return None if said else Problem("unauthorized")

    def _answer(self, dialect: Dialect, request: Request, problem: Problem | None) -> Delivery:
        ask = request.ask
        if problem is None and ask.operation in ASKING:
            problem = self._metered(ask)
        if problem:
            return self._problem(dialect, request, problem, WELL)
        told = self._next(request)
        fault = told if isinstance(told, Fault) else WELL
        if fault.stop and fault.stop.share < 0:
            return Delivery(ending=fault.stop.ending, delay=self._delay(ask, fault))
        problem = fault.problem or (fault.stop.problem if fault.stop and not ask.stream else None)
        if problem:
            return self._problem(dialect, request, problem, evolve(fault, stop=None))
        if fault.raw:
            return self._whole(request, fault, fault.raw.body, fault.raw.content_type, fault.raw.status, {})
        reply = self._reply(request, told)
        headers = {**dialect.headers(request), **self._limits(dialect), **reply.headers}
        if ask.operation == "complete":
            said = self._said(dialect, request, reply, fault)
            if ask.stream:
                return self._stream(dialect, request, said, fault, headers)
            return self._json(request, fault, dialect.plain(ask, said), headers)
        return self._json(request, fault, self._looked_up(dialect, ask, reply), headers)

    def _next(self, request: Request) -> Told:
        chosen = self._default if request.ask.operation in ASKING else WELL
        with self._changed:
            for index, (path, _) in enumerate(self._script):
                if request.path.startswith(path) if path else request.ask.operation in ASKING:
                    chosen = self._script.pop(index)[1]
                    break
        return chosen(request) if callable(chosen) else chosen

    def _reply(self, request: Request, told: Told) -> Reply:
        if isinstance(told, Reply):
            return told
        if isinstance(told, str):
            return Reply(told)
        told_finish = told.finish or "stop"
        if told.text is not None:
            return Reply(told.text, told_finish)
        default = self._default(request) if callable(self._default) else self._default
        if isinstance(default, Fault):
            return Reply(default.text or TEXT, told_finish)
        reply = Reply(default) if isinstance(default, str) else default
        return evolve(reply, finish=told.finish or reply.finish)

    def _said(self, dialect: Dialect, request: Request, reply: Reply, fault: Fault) -> Said:
        ask, most = request.ask, request.ask.max_tokens
        parts = pieces(reply.text)
        finish = reply.finish
        if most is not None and self._count(reply.text) > most:
            parts, finish = parts[:most], "length"
            reply = evolve(reply, text="".join(parts))
        used = reply.usage
        if used == "counted":
            used = self._prefixes.usage(dialect.name, ask, reply, marked=dialect.marks_cache)
        shown = parts if fault.shape == "whole" else []
        return Said(request.number, reply.model or ask.model, shown, finish, used, fault.shape, int(time.time()))

    def _looked_up(self, dialect: Dialect, ask: Ask, reply: Reply) -> Any:
        if ask.operation != "embed":
            return dialect.looked_up(ask, self.models, sum(self._count(part.text) for part in ask.parts))
        used = self._prefixes.usage(dialect.name, ask, evolve(reply, text=""), marked=True)
        return dialect.embedded(ask, [vector(text, ask.dimensions or self.dimensions) for text in ask.texts], used)

    def _metered(self, ask: Ask) -> Problem | None:
        tokens = sum(self._count(part.text) for part in ask.parts) + (ask.max_tokens or 0)
        wait = self._meter.take(tokens, time.monotonic())
        told = {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
        return Problem("rate_limited", also=told) if wait else None

    def _limits(self, dialect: Dialect) -> dict[str, str]:
        told: dict[str, str] = {}
        for name, bucket in self._meter.buckets.items():
            told |= dialect.limit_headers(name, bucket.limit, int(bucket.level), bucket.reset())
        return told

    def _problem(self, dialect: Dialect, request: Request, problem: Problem, fault: Fault) -> Delivery:
        failure = dialect.failure(problem, request.ask)
        headers = {**dialect.headers(request), **self._limits(dialect)}
        if problem.kind == "rate_limited" and not self._meter.buckets:
            headers |= dialect.limit_headers("requests", 60, 0, 1.0)
        return self._json(request, fault, failure.body, {**headers, **failure.headers}, failure.status)

    def _json(self, request: Request, fault: Fault, value: Any, headers: dict[str, str], status: int = 200) -> Delivery:
        kind, told = ("text/plain; charset=utf-8", value) if isinstance(value, str) else (JSON, dumps(value))
        return self._whole(request, fault, told.encode(), kind, status, headers)

    def _whole(
        self, request: Request, fault: Fault, body: bytes, content_type: str, status: int, headers: dict[str, str]
    ) -> Delivery:
        head = {"content-type": fault.content_type or content_type, **headers}
        stop = fault.stop
        sent = body if stop is None else body[: round(len(body) * stop.share)]
        ending = stop.ending if stop else "end"
        length = len(sent) if ending == "end" else len(body)
        chunks = _regrouped([sent], fault.size)
        return Delivery(status, head, chunks, length, ending, self._delay(request.ask, fault), fault.pace)

    def _stream(
        self, dialect: Dialect, request: Request, said: Said, fault: Fault, headers: dict[str, str]
    ) -> Delivery:
        head, deltas, tail = dialect.stream(request.ask, said)
        stop = fault.stop
        if stop:
            deltas = deltas[: round(len(deltas) * stop.share)]
            tail = [dialect.error_frame(stop.problem, request.ask)] if stop.problem else []
        frames = [*head, *deltas, *tail]
        if fault.manner == "odd":
            frames = [dialect.odd(frame) for frame in frames]
        if fault.manner == "crlf" and dialect.stream_type != EVENTSTREAM:
            frames = [frame.replace(b"\n", b"\r\n") for frame in frames]
        lines = {"content-type": fault.content_type or dialect.stream_type, "cache-control": "no-cache", **headers}
        ending = stop.ending if stop else "end"
        delay, pace = self._delay(request.ask, fault), fault.pace or self.pace
        return Delivery(200, lines, _regrouped(frames, fault.size), None, ending, delay, pace)

    def _delay(self, ask: Ask, fault: Fault) -> float:
        return fault.delay + (self.latency if ask.operation in ASKING else 0.0)


def _bound(port: int) -> socket.socket:
    """A socket with this port, or a free one for 0. Raises OSError if it is taken."""
    held = socket.socket()
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    return held


def _regrouped(chunks: list[bytes], size: int) -> list[bytes]:
    """The same bytes, so many at a time."""
    if not size:
        return chunks
    whole = b"".join(chunks)
    return [whole[at : at + size] for at in range(0, len(whole), size)]
