"""Pieces of bytes through a pipe, each behind its length."""

from __future__ import annotations

import struct
from typing import IO

HEAD = struct.Struct(">I")


def send(pipe: IO[bytes], *pieces: bytes) -> None:
    """Write pieces, each below 4 GB."""
    for piece in pieces:
        pipe.write(HEAD.pack(len(piece)))
        pipe.write(piece)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Read one piece. Raises `EOFError` if the other side has ended."""
    return _exactly(pipe, HEAD.unpack(_exactly(pipe, HEAD.size))[0])


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
