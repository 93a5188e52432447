"""What comes in: bytes or text, front matter, and what had to be given up to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from attrs import frozen

from trainer.frontmatter import split_front_matter
from trainer_markdown.limits import SIGNS, SIZE, too_much

# Where a report comes from is the run's to say. Text that came out of a run cannot claim it.
PROVENANCE = frozenset(
    {"run", "model", "writer", "cost", "tokens", "prompt", "sources", "warnings", "findings", "params", "instruction"}
    | {"theme"}
)
WORDS = frozenset({"title", "subtitle", "kicker", "date"})

FRONT = 64_000  # characters of front matter: YAML takes its time with each
_FRONT_MATTER = re.compile(r"---[ \t\r]*\n(.*?)^---[ \t\r]*$", re.DOTALL | re.MULTILINE)
_UNWRITABLE = re.compile("[\0\ud800-\udfff\ufdd0-\ufdef]")


@frozen
class Source:
    """Markdown without its front matter, the metadata of both, and notes on what was given up.

    `details` are the values of the front matter that have no place of their own on the page.
    """

    text: str
    metadata: Mapping[str, Any]
    details: Mapping[str, Any]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, content: str | bytes, metadata: Mapping[str, Any]) -> Source:
        """Read a document. Raises `ConversionError` if it is larger than the limits allow."""
        size = len(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        if size > SIZE:
            raise too_much(f"it has {size:,} bytes, and {SIZE:,} are allowed")
        text, notes = _decode(content)
        for sign, allowed in SIGNS.items():
            if (found := text.count(sign)) > allowed:
                raise too_much(f"it has the sign {sign!r} {found:,} times, and {allowed:,} are allowed")
        head, body = _split(text.removeprefix("\ufeff"))
        ignored = PROVENANCE if "run" in metadata else frozenset()
        known = {key: value for key, value in head.items() if key in (WORDS | PROVENANCE) - ignored}
        return cls(
            text=body,
            metadata={**known, **{key: value for key, value in metadata.items() if value not in (None, "")}},
            details={key: value for key, value in head.items() if key not in known},
            notes=notes,
        )


def front_matter(content: str | bytes) -> dict[str, Any]:
    """What a document says of itself, above its text; nothing if that cannot be read."""
    return _split(_decode(content)[0].removeprefix("\ufeff"))[0]


def writable(text: str) -> str:
    """`text` with what no UTF-8 file can hold, NUL, and the noncharacters that mark figures replaced by U+FFFD."""
    return _UNWRITABLE.sub("\ufffd", text)


def _decode(content: str | bytes) -> tuple[str, tuple[str, ...]]:
    text = content if isinstance(content, str) else content.decode("utf-8", "surrogateescape")
    clean = writable(text)
    notes = () if clean == text else ("The text is not clean UTF-8. What cannot be read is shown as \ufffd.",)
    return clean, notes


def _split(text: str) -> tuple[dict[str, Any], str]:
    front = _FRONT_MATTER.match(text)
    if not front or len(front[1]) > FRONT or _nesting(front[1]) > 50:  # YAML's time grows with the square of that
        return {}, text
    try:
        head, body, _ = split_front_matter(text)
    except Exception:  # whatever YAML makes of it: what is no front matter is text between two rules
        return {}, text
    if not head and front[1].strip():  # comments alone: two rules with headings between them
        return {}, text
    return head, body


def _nesting(head: str) -> int:
    return max(accumulate((char in "[{") - (char in "]}") for char in head), default=0)
