"""Everything the patterns can say about one text, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer import Finding
from trainer_guard.folding import Folded
from trainer_guard.hidden import Match, find_hidden
from trainer_guard.rules import RULES

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

GUARD = "patterns"
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
    for match in _attacks(Folded(text), extra, fence) if patterns else ():
        found.setdefault(match.category, []).append(match)
    return [finding for matches in found.values() for finding in _told(matches, segment)]


def too_long(text: str, limit: int, segment: int = 0) -> list[Finding]:
    """One finding if `text` has more than `limit` characters."""
    if len(text) <= limit:
        return []
    message = f"{len(text):,} characters, where {limit:,} are allowed"
    return [Finding(GUARD, "length", message, "high", segment, (limit, len(text)), deterministic=True)]


def _attacks(folded: Folded, extra: Sequence[re.Pattern[str]], fence: str) -> Iterator[Match]:
    for rule in RULES:
        for start, end in rule.find(folded.folded):
            if rule.name != "data-marker" or folded.folded[start:end].rpartition("-")[2] != fence:
                yield Match(rule.name, rule.severity, rule.message, *folded.span(start, end))
    for pattern in extra:
        for match in pattern.finditer(folded.folded):
            if match[0]:
                yield Match("custom", "medium", f"matches {pattern.pattern!r}", *folded.span(*match.span()))


def _told(found: list[Match], segment: int) -> Iterator[Finding]:
    kept = found[:MOST]
    if rest := found[MOST:]:
        message = f"{rest[0].message} ({len(rest)} more like this)"
        kept.append(rest[0]._replace(message=message, end=max(match.end for match in rest)))
    for match in kept:
        span = (match.start, match.end)
        yield Finding(
            GUARD, match.category, match.message, match.severity, segment, span, deterministic=match.severity == "high"
        )
