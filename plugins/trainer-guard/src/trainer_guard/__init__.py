"""Deterministic guards: lengths, hidden characters, known attacks and leaks, stated as facts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import field

from trainer import Finding, Stage, hookimpl, plugin
from trainer.errors import WrongSetting
from trainer_guard.inspection import inspect, too_long
from trainer_guard.leaks import Held, Leaks, new_canary
from trainer_guard.limits import Limits, RateLimiter
from trainer_guard.module import DetectionResult, SecurityConfig, SecurityModule, ValidationResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer import Segment

__all__ = [
    "DetectionResult", "Held", "Leaks", "Limits", "Patterns", "RateLimiter", "SecurityConfig", "SecurityModule",
    "ValidationResult", "new_canary",
]  # fmt: skip

FENCE = re.compile(r"<data-([0-9a-f]{32}) ")
# Data of any size may be kept and a page may carry its images; what a model is told or tells is limited.
LIMITED = (Stage.INPUT, Stage.PROMPT, Stage.OUTPUT)


@plugin
class Patterns:
    """The guard `patterns`.

    `max_length` is in characters of one text to or from a model, `max_parameter` of one parameter of a run.
    `patterns` are regular expressions of one's own, matched on lower-case text without accents and disguises.
    """

    max_length: int = 1_000_000
    max_parameter: int = 2_000
    patterns: list[str] = field(factory=list)
    _extra: list[re.Pattern[str]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        for pattern in self.patterns:
            try:
                self._extra.append(re.compile(pattern, re.IGNORECASE))
            except re.error as error:
                raise WrongSetting(
                    f"the pattern {pattern!r} of the guard 'patterns' is no regular expression: {error}",
                    "Mend it in trainer.toml.",
                ) from error

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment]) -> list[Finding]:
        """Facts about `segments`. An operator's text is instruction by right: it is not searched for attacks."""
        fence = _fence(segments) if stage == Stage.PROMPT else ""
        found: list[Finding] = []
        for number, segment in enumerate(segments):
            trusted = segment.trust == "operator"
            limit = self.max_parameter if stage == Stage.INPUT and not trusted else self.max_length
            if stage in LIMITED:
                found += too_long(segment.text, limit, number)
            found += inspect(segment.text, segment=number, patterns=not trusted, extra=self._extra, fence=fence)
        return found


def _fence(segments: Sequence[Segment]) -> str:
    """The word of a prompt's own fences: the first in it, since all that is not the operator's stands inside."""
    marks = (FENCE.search(segment.text) for segment in segments if segment.trust != "operator")
    return next((mark[1] for mark in marks if mark), "")
