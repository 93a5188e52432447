"""Server-sent events, as the HTML standard has them (section 9.2.6, "Interpreting an event stream")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(rb"\r\n|\r|\n")
BOM = b"\xef\xbb\xbf"


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event, whatever the chunks it comes in; what is no whole event at the end is dropped.

    Names of events, ids and times to wait are of no use here and are passed over.
    """
    data: list[bytes] = []
    for line in lines(chunks):
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value[1:] if value.startswith(b" ") else value)
        elif data:
            yield b"\n".join(data).decode("utf-8", "replace")
            data = []


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends (CR LF, LF or CR) and without a mark of byte order at the beginning."""
    parts: list[bytes] = []
    after_cr, begun = False, False
    for chunk in chunks:
        if not chunk:
            continue
        block = chunk.removeprefix(b"\n") if after_cr else chunk
        after_cr = block.endswith(b"\r")
        first, *others = LINE_END.split(block)
        parts.append(first)
        for other in others:
            line = b"".join(parts)
            yield line if begun else line.removeprefix(BOM)
            begun, parts = True, [other]
