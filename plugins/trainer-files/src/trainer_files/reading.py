"""Bytes that are counted and hashed as they are read, and the text in them."""

from __future__ import annotations

import codecs
import hashlib
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from io import FileIO

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TooLarge(Exception):
    """A file has more bytes than may be read of it."""


class Hashed(io.RawIOBase):
    """A file read from its beginning; `size` bytes so far, of at most `most`, have the SHA-256 in `digest`."""

    def __init__(self, file: FileIO, most: int | None = None) -> None:
        self._file, self._most = file, most
        self.digest, self.size = hashlib.sha256(), 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes. Raises `TooLarge`."""
        count = self._file.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:count])
        self.size += count
        if self._most is not None and self.size > self._most:
            raise TooLarge
        return count

    def finish(self) -> None:
        """Read what is left of the file, for `size` and `digest`. Raises `TooLarge`."""
        block = bytearray(1 << 20)
        while self.readinto(block):
            pass


def open_text(raw: io.BufferedReader, encoding: str) -> io.TextIOWrapper:
    """The text of a file: in `encoding`, or in the one that a byte order mark tells, or in UTF-8.

    Raises `UnicodeError` where mark and `encoding` disagree, and for what looks like UTF-16 without a mark;
    `LookupError` for an encoding that is none.
    """
    head = raw.peek(64)[:64]
    mark = next((name for mark, name in MARKS if head.startswith(mark)), "")
    if mark and encoding and not codecs.lookup(encoding).name.startswith(mark):
        raise UnicodeError(f"it begins with the byte order mark of {mark}")
    if not mark and not encoding and b"\0" in head:
        raise UnicodeError("it holds NUL characters, as UTF-16 without a byte order mark does")
    codec = {"utf-8": "utf-8-sig"}.get(mark, mark) or encoding or "utf-8"
    return io.TextIOWrapper(raw, encoding=codec, newline="")


def told(error: UnicodeError | LookupError) -> str:
    """What a codec could not read, without a position: that is one in a piece of the file."""
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    before, wrong = error.object[max(0, error.start - 16) : error.start], error.object[error.start : error.end]
    return f"{error.reason} {wrong[:4]!r} after {before!r}"
