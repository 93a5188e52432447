"""What the heads find in every reading of a text, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer import Finding
from trainer_guard.classifier.heads import SHA256, shipped
from trainer_guard.readings import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainer_guard.classifier.heads import Head, Hot
    from trainer_guard.readings import Reading

GUARD, CATEGORY, VERSION = "classifier", "injection", f"1+{SHA256[:12]}"
MOST = 20  # findings in one text; what is beyond them is told in one more
LONG, TURNED = 20_000, ("rot13", "reversed")  # a text of so many characters is turned by the patterns alone
MESSAGES = {"prompt": "reads like an attack on the model", "document": "reads like a request to the model"}


def classify(text: str, name: str, *, rate: float, segment: int = 0, head: Head | None = None) -> list[Finding]:
    """The passages of `text` that the head `name` takes for an attack, and harmless text has no more often than `rate`.

    Spans are offsets in `text`. What stands disguised or encoded is read too, and the finding says how.
    """
    found: list[tuple[Reading, Hot, tuple[int, int]]] = []
    for reading in readings(text):
        if len(text) > LONG and reading.how in TURNED:
            continue
        for hot in (head or shipped()[name]).hot(reading.text, rate):
            start, end = reading.place(hot.start, hot.end)
            if not any(start < other[1] and other[0] < end for _, _, other in found):
                found.append((reading, hot, (start, end)))
    return list(_told(found, MESSAGES[name], segment))


def _told(found: list[tuple[Reading, Hot, tuple[int, int]]], message: str, segment: int) -> Iterator[Finding]:
    for reading, hot, span in found[:MOST]:
        how = f", in {reading.how}" if reading.how else ""
        yield Finding(GUARD, CATEGORY, message + how, "medium", segment, span, False, VERSION, hot.rate)
    if rest := found[MOST:]:
        span = min(span[0] for _, _, span in rest), max(span[1] for _, _, span in rest)
        rate = min(hot.rate for _, hot, _ in rest)
        yield Finding(
            GUARD, CATEGORY, f"{message} ({len(rest)} more like this)", "medium", segment, span, False, VERSION, rate
        )
