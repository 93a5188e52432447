"""A Redis server for these tests: a key space of each test's own on one that runs, or a server of the test's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

URL = os.environ.get("TRAINER_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
REQUIRED = os.environ.get("TRAINER_REQUIRE_SERVICES") == "1"


def absent(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def redis_url() -> str:
    client = redis.Redis.from_url(URL, socket_connect_timeout=1, retry=None)
    try:
        client.ping()
    except redis.RedisError:
        absent("no Redis server runs at 127.0.0.1:6379, nor at TRAINER_TEST_REDIS_URL")
    finally:
        client.close()
    return URL


@pytest.fixture
def prefix(redis_url: str) -> Iterator[str]:
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    with redis.Redis.from_url(redis_url) as client:
        while keys := list(client.scan_iter(match=f"*{{{prefix}}}*", count=1000)):
            client.delete(*keys)


class OwnServer:
    """A Redis server that a test starts, stops and kills."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(500):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(1) and not connection.recv(100).startswith(b"LOADING"):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError("the Redis server of the test did not start")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[OwnServer]]:
    """Call it with redis-server options."""
    if shutil.which("redis-server") is None:
        absent("the program redis-server is not installed")
    started: list[OwnServer] = []

    class Kept(OwnServer):
        def __init__(self, *options: str) -> None:
            started.append(self)
            self.process = None
            super().__init__(tmp_path_factory.mktemp("redis"), *options)

    yield Kept  # type: ignore[misc]
    for server in started:
        server.kill()
