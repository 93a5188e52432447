"""From findings to a decision: guards state facts, this table says what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Literal, get_args

from trainer.models import Finding, Segment, Severity, Stage, Trust

Level = Literal["strict", "moderate", "permissive"]


class Action(IntEnum):
    """What happens to a finding, from the mildest to the hardest; merging findings takes the hardest."""

    ALLOW = 0
    NOTE = 1
    BLOCK = 2


# Per level: the mildest severity that blocks in trusted text (a user's or operator's own words) and in
# untrusted text (data, and what a model made of it), which is isolated and annotated rather than stopped.
BLOCKS: dict[Level, dict[str, tuple[str, ...]]] = {
    "permissive": {"trusted": (), "untrusted": ()},
    "moderate": {"trusted": ("high",), "untrusted": ()},
    "strict": {"trusted": ("high", "medium"), "untrusted": ("high", "medium")},
}


def decide(finding: Finding, segment: Segment, level: Level) -> Action:
    """What follows from one finding. A text that is too long is stopped at every level."""
    if finding.category == "length" and finding.deterministic:
        return Action.BLOCK
    trust = "untrusted" if segment.trust == "untrusted" else "trusted"
    if finding.severity in BLOCKS[level][trust]:
        return Action.BLOCK
    return Action.ALLOW if finding.severity == "low" and level != "strict" else Action.NOTE


def verdict(findings: Iterable[Finding], segments: Sequence[Segment], level: Level) -> Action:
    """The hardest action over all findings."""
    return max((decide(finding, segments[finding.segment], level) for finding in findings), default=Action.ALLOW)


def explain(stage: Stage, level: Level) -> list[dict[str, str]]:
    """The table for one level as rows, for people."""
    rows = []
    for trust in get_args(Trust)[1:]:
        for severity in get_args(Severity):
            finding = Finding("any", "any", "", severity=severity)
            action = decide(finding, Segment("", trust=trust), level)
            rows.append(
                {"stage": stage, "level": level, "trust": trust, "severity": severity, "action": action.name.lower()}
            )
    return rows
