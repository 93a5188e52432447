"""A server on this machine that replays recorded answers, and misbehaves the way servers do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from attrs import define, field, frozen

# What belongs to the connection that was recorded, and not to the answer.
OF_CONNECTION = {"connection", "content-encoding", "content-length", "date", "keep-alive", "transfer-encoding", "vary"}


@frozen
class Answer:
    """What to answer. `body` is bytes, text, or anything else as JSON; a header may have several values in a list.

    Faults: `delay` waits so many seconds first; `hang` never answers; `cut` sends only so many bytes of the body and
    closes the connection; `raw` sends these bytes in place of HTTP.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str | Sequence[str]] = field(factory=dict)
    delay: float = 0.0
    hang: bool = False
    cut: int | None = None
    raw: bytes | None = None

    @classmethod
    def recorded(cls, file: Path) -> Answer:
        """A recorded body, with status and headers from `NAME.headers.json` beside it where that exists."""
        head = _recording(file)
        lines = {
            name: value for name, value in head.get("response_headers", {}).items() if name.lower() not in OF_CONNECTION
        }
        return cls(file.read_bytes(), head.get("status", 200), lines)

    @property
    def payload(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@frozen
class Request:
    """A request that arrived: `path` with its query, `headers` by lower-case name, and when by the server's clock."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@define
class Ban:
    """A server's patience: more than `limit` requests within `window` seconds, and `answer` is all that anyone gets.

    It lasts for `seconds`; each request meanwhile makes it last so long again. `count` is how often it began.
    """

    answer: Answer
    limit: int = 10
    window: float = 1.0
    seconds: float = 600.0
    count: int = 0
    _arrivals: deque[float] = field(factory=deque, init=False)
    _until: float = field(default=float("-inf"), init=False)

    def asked(self, now: float) -> bool:
        """Note a request; whether it is refused."""
        self._arrivals.append(now)
        while self._arrivals[0] <= now - self.window:
            self._arrivals.popleft()
        refused = now < self._until
        if not refused and len(self._arrivals) > self.limit:
            self.count += 1
            refused = True
        if refused:
            self._until = now + self.seconds
        return refused


@define
class SimulatedClock:
    """A clock that only sleeping moves, for `trainer.http.Client`; its `monotonic` is one for a `ReplayServer`."""

    now: float = 1_700_000_000.0
    slept: list[float] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """The same."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


class ReplayServer:
    """An HTTP server on a free port of 127.0.0.1, for as long as its `with` lasts.

    `requests` holds what arrived; `ban`, if it is given, watches over the pace; `clock` gives the time to both.
    What nobody put there with `add` or `replay` is answered with `missing`.
    """

    def __init__(self, *, ban: Ban | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.ban, self.clock = ban, clock
        self.missing = Answer(b"nothing here", 404)
        self.requests: list[Request] = []
        self._answers: dict[str, deque[Answer | Callable[[Request], Answer]]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, path: str, *answers: Any) -> str:
        """Answer `path` with each of `answers` in turn and then with the last for ever; returns the whole address.

        An answer is an `Answer`, the body of one, or a function from `Request` to `Answer`. A path without a query
        stands for any query.
        """
        with self._lock:
            self._answers[path] = deque(
                item if isinstance(item, Answer) or callable(item) else Answer(item) for item in answers
            )
        return self.url + path

    def replay(self, file: Path, path: str = "") -> str:
        """Answer with a recorded file, at `path` or where it was recorded; returns the whole address."""
        where = urlsplit(_recording(file).get("uri", ""))
        return self.add(path or where.path + (f"?{where.query}" if where.query else ""), Answer.recorded(file))

    def count(self, path: str = "") -> int:
        """How many requests arrived for paths that begin so."""
        return sum(request.path.startswith(path) for request in list(self.requests))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Answer:
        """Note a request and find its answer."""
        with self._lock:
            self.requests.append(request)
            if self.ban and self.ban.asked(request.at):
                return self.ban.answer
            found = self._answers.get(request.path) or self._answers.get(request.path.partition("?")[0])
            if not found:
                return self.missing
            chosen = found.popleft() if len(found) > 1 else found[0]
        return chosen if isinstance(chosen, Answer) else chosen(request)

    def rest(self, seconds: float | None = None) -> None:
        """Wait so long, or until the server is closed."""
        self._over.wait(seconds)


@pytest.fixture
def replay_server() -> Iterator[ReplayServer]:
    """A `ReplayServer` for one test; import this name in a conftest.py to have it."""
    with ReplayServer() as server:
        yield server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, replay: ReplayServer) -> None:
        self.replay = replay
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def hang_up(self) -> None:
        """End what clients keep open, so that the threads behind it end too."""
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        replay = self.server.replay
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = replay.answer(Request(self.command, self.path, headers, body, replay.clock()))
        if answer.delay:
            replay.rest(answer.delay)
        if answer.hang:
            replay.rest()
        elif answer.raw is not None:
            self.wfile.write(answer.raw)
        else:
            self._send(answer, headers)
        self.close_connection = self.close_connection or answer.hang or answer.raw is not None or answer.cut is not None

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815  # the base class's own names

    def _send(self, answer: Answer, asked: Mapping[str, str]) -> None:
        headers = {name.lower(): [value] if isinstance(value, str) else value for name, value in answer.headers.items()}
        known = answer.status == 200 and any(
            question in asked and asked[question] in headers.get(name, ())
            for name, question in (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
        )
        payload = b"" if known else answer.payload
        self.send_response(304 if known else answer.status)
        for name, values in headers.items():
            for value in values:
                self.send_header(name, value)
        if "content-length" not in headers and not known:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload[: answer.cut])

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `requests` instead."""


def _recording(file: Path) -> dict[str, Any]:
    """What was noted beside a recorded file: `uri`, `status` and `response_headers`; empty without a note."""
    note = file.with_name(f"{file.name}.headers.json")
    if not note.exists():
        return {}
    head: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    return head
