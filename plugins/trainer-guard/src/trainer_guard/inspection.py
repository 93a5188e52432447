"""Everything the patterns can say about one text, as findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer import Finding
from trainer_guard.hidden import Match, find_hidden
from trainer_guard.readings import Reading, readings
from trainer_guard.rules import RULES, TURNED, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainer.models import Severity

GUARD, VERSION = "patterns", "2"
# How often harmless text gives such a finding: one more than was counted on 3,584 rows, of one row more. The rows
# were known when the patterns were written. `trainer secure calibrate` measures on texts of one's own.
RATE = 1 / 3_585
RATES = {"new-instructions": 2 / 3_585, "role-line": 2 / 3_585, "secret-request": 2 / 3_585, "control": 4 / 3_585}
MOST = 20  # findings of one category in one text; what is beyond them is told in one more


def inspect(
    text: str, *, segment: int = 0, patterns: bool = True, extra: Sequence[re.Pattern[str]] = (), fence: str = ""
) -> list[Finding]:
    """Hidden characters and, if `patterns` is true, known attacks and matches of `extra` (on folded text).

    Spans are offsets in `text`. `fence` is the word of the prompt's own data marks, which are not forged.
    """
    found: dict[str, list[Match]] = {}
    for match in find_hidden(text):
        found.setdefault(match.category, []).append(match)
    for match in _attacks(text, extra, fence) if patterns else ():
        found.setdefault(match.category, []).append(match)
    return [finding for matches in found.values() for finding in _told(matches, segment)]


def too_long(text: str, limit: int, segment: int = 0) -> list[Finding]:
    """One finding if `text` has more than `limit` characters."""
    if len(text) <= limit:
        return []
    message = f"{len(text):,} characters, where {limit:,} are allowed"
    return [Finding(GUARD, "length", message, "high", segment, (limit, len(text)), True, VERSION)]


def _attacks(text: str, extra: Sequence[re.Pattern[str]], fence: str) -> Iterator[Match]:
    seen: dict[str, list[tuple[int, int]]] = {}
    for reading in readings(text):
        how = f", in {reading.how}" if reading.how else ""
        for name, severity, message, *found in _matches(reading, extra):
            start, end = reading.place(*found)
            if name == "data-marker" and fence and fence in text[start : end + len(fence)]:
                continue
            known = seen.setdefault(name, [])
            if not how or all(end <= other[0] or other[1] <= start for other in known):
                known.append((start, end))
                yield Match(name, severity, message + how + _veil(text, start), start, end)


# Of what a page does not show; what a comment or an element begins, the same text ends.
UNSEEN = re.compile(
    r"<(?=[^<>]{0,400}(?:display\s{0,2}:\s{0,2}none|visibility\s{0,2}:\s{0,2}hidden|font-size\s{0,2}:\s{0,2}0(?![.\d])"
    r"|opacity\s{0,2}:\s{0,2}0(?![.\d])|\shidden[\s=>]))[a-z][^<>]{0,400}>[^<]{0,2000}\Z",
    re.IGNORECASE,
)


def _veil(text: str, at: int) -> str:
    """How a page would keep from its reader what stands at a place of it."""
    begin = max(at - 20_000, 0)
    if text.rfind("<!--", begin, at) > text.rfind("-->", begin, at):
        return ", in a comment of the page"
    tag = text.rfind("<", max(at - 2_500, 0), at)
    return ", in an element that the page hides" if tag >= 0 and UNSEEN.match(text[tag:at]) else ""


def _matches(reading: Reading, extra: Sequence[re.Pattern[str]]) -> Iterator[tuple[str, Severity, str, int, int]]:
    known = vocabulary(reading.text)
    for rule in TURNED if reading.how.endswith(("rot13", "reversed")) else RULES:
        for start, end in rule.find(reading.text, known):
            yield rule.name, rule.severity, rule.message, start, end
    for pattern in extra:
        for match in pattern.finditer(reading.text):
            if match[0]:
                yield "custom", "medium", f"matches {pattern.pattern!r}", *match.span()


def _told(found: list[Match], segment: int) -> Iterator[Finding]:
    kept = found[:MOST]
    if rest := found[MOST:]:
        message = f"{rest[0].message} ({len(rest)} more like this)"
        kept.append(rest[0]._replace(message=message, end=max(match.end for match in rest)))
    for match in kept:
        certain = match.severity == "high"
        yield Finding(
            GUARD, match.category, match.message, match.severity, segment, (match.start, match.end), certain, VERSION,
            None if certain or match.category == "custom" else RATES.get(match.category, RATE),
        )  # fmt: skip
