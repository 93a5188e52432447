"""HTTP/1.1 of the least kind, over asyncio: requests are read whole, answers are sent the way a fault wants."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple, Protocol

from attrs import frozen

from trainer.testing.fake_llm.faults import Ending

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Site Overloaded"}
SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[^\r]*")


class Arrived(NamedTuple):
    """A request as it was read, and how many bytes it took."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    taken: int


@frozen
class Delivery:
    """What to send, and how. `length` is what is announced, None for chunks; without a status no head is sent."""

    status: int = 0
    headers: Mapping[str, str] = {}
    chunks: Sequence[bytes] = ()
    length: int | None = None
    ending: Ending = "end"
    delay: float = 0.0
    pace: float = 0.0


class Host(Protocol):
    """Whom a connection serves."""

    def opened(self, connection: Connection) -> int:
        """Note a connection; returns its number, from 1."""

    def gone(self, connection: Connection) -> None:
        """Forget a connection."""

    def arrived(self, arrived: Arrived, connection: int) -> Delivery:
        """What to answer."""

    def answered(self) -> None:
        """An answer is over, in one way or another."""


def parse(buffer: bytearray) -> Arrived | None:
    """The request at the beginning of `buffer`; None if it is not whole. Raises ValueError if it is no HTTP."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > 1 << 17:
            raise ValueError("the head of the request is too long")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    start = end + 4
    if "chunked" in headers.get("transfer-encoding", ""):
        return _chunked(buffer, start, (method, path, headers))
    stop = start + int(headers.get("content-length") or 0)
    return Arrived(method, path, headers, bytes(buffer[start:stop]), stop) if len(buffer) >= stop else None


def _chunked(buffer: bytearray, at: int, head: tuple[str, str, Mapping[str, str]]) -> Arrived | None:
    body = bytearray()
    while (end := buffer.find(b"\r\n", at)) >= 0:
        found = SIZE.fullmatch(buffer[at:end])
        if not found:
            raise ValueError("a chunk has no size")
        size, at = int(found[1], 16), end + 2
        if len(buffer) < at + size + 2:
            return None
        if not size:
            return Arrived(*head, bytes(body), at + 2)
        body += buffer[at : at + size]
        at += size + 2
    return None


class Connection(asyncio.Protocol):
    """One connection: a request at a time, kept open between them."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.buffer = bytearray()
        self.number = 0
        self.task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio's own promise
        self.transport = transport
        # Accepted sockets say no protocol, so asyncio does not set this; without it a late answer is 40 ms later still.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.host.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self.task:
            self.task.cancel()
        self.host.gone(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.task:
            self._read()

    def _read(self) -> None:
        """Answer what is whole; the next request waits for its turn."""
        while not self.task and not self.transport.is_closing():
            try:
                arrived = parse(self.buffer)
            except ValueError as error:
                told = str(error).encode()
                self.transport.write(_head(Delivery(400, {"connection": "close"}, length=len(told))) + told)
                self.transport.close()
                return
            if arrived is None:
                return
            del self.buffer[: arrived.taken]
            delivery = self.host.arrived(arrived, self.number)
            keep = arrived.headers.get("connection", "").lower() != "close"
            if arrived.method == "HEAD":
                delivery = Delivery(delivery.status, delivery.headers, (), delivery.length or 0)
            if delivery.ending == "end" and not delivery.delay and not delivery.pace:
                self.transport.write(_head(delivery) + b"".join(_framed(delivery)) + _last(delivery))
                self._over(keep=keep)
            else:
                self.task = asyncio.get_running_loop().create_task(self._deliver(delivery, keep=keep))

    def _over(self, *, keep: bool) -> None:
        self.host.answered()
        if not keep:
            self.transport.close()

    async def _deliver(self, delivery: Delivery, *, keep: bool) -> None:
        kept = False
        try:
            await self._send(delivery)
            kept = keep and delivery.ending == "end"
        finally:
            self.task = None
            self._over(keep=kept)
        self._read()

    async def _send(self, delivery: Delivery) -> None:
        await asyncio.sleep(delivery.delay)
        if delivery.status:
            self.transport.write(_head(delivery))
        frames = _framed(delivery)
        if delivery.pace:
            for frame in frames:
                self.transport.write(frame)
                await asyncio.sleep(delivery.pace)
        else:
            self.transport.write(b"".join(frames))
        match delivery.ending:
            case "end":
                self.transport.write(_last(delivery))
            case "hang":
                await asyncio.get_running_loop().create_future()
            case "reset":
                while self.transport.get_write_buffer_size():  # what was sent arrives before the reset does
                    await asyncio.sleep(0.001)
                self.reset()

    def reset(self) -> None:
        """Hang up so that the other side is told of a reset connection."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _head(delivery: Delivery) -> bytes:
    lines = [f"HTTP/1.1 {delivery.status} {PHRASES.get(delivery.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in delivery.headers.items()]
    lines.append("transfer-encoding: chunked" if delivery.length is None else f"content-length: {delivery.length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _framed(delivery: Delivery) -> list[bytes]:
    if delivery.length is not None:
        return list(delivery.chunks)
    return [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in delivery.chunks if chunk]


def _last(delivery: Delivery) -> bytes:
    return b"0\r\n\r\n" if delivery.length is None else b""
