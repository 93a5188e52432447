"""The binary framing of AWS (`application/vnd.amazon.eventstream`).

Source: "Amazon event stream encoding" in the Smithy specification: lengths of the whole and of the headers, their
CRC-32, headers, payload, CRC-32 of all that.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "application/vnd.amazon.eventstream"
TEXT = 7  # the type of a header's value


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with headers of type string."""
    head = b"".join(
        struct.pack("!B", len(name)) + name + struct.pack("!BH", TEXT, len(value)) + value
        for name, value in ((name.encode(), value.encode()) for name, value in headers.items())
    )
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack("!I", zlib.crc32(body))


def event(kind: str, payload: Any) -> bytes:
    """An event; a payload that is not bytes is sent as JSON."""
    raw = isinstance(payload, bytes)
    content_type = "application/octet-stream" if raw else "application/json"
    headers = {":event-type": kind, ":content-type": content_type, ":message-type": "event"}
    return message(headers, payload if raw else json.dumps(payload, ensure_ascii=False).encode())


def exception(kind: str, payload: Any) -> bytes:
    """An exception in the middle of a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps(payload).encode())
