"""The patterns without a pipeline: validate, sanitise and look for injections in one text."""

from __future__ import annotations

import math
from typing import Literal

from attrs import field, frozen, validators

from trainer import Finding
from trainer_guard.hidden import strip_hidden
from trainer_guard.inspection import inspect, too_long
from trainer_guard.rules import RULES

Level = Literal["permissive", "moderate", "strict"]
STOPS: dict[str, tuple[str, ...]] = {
    "permissive": ("high",),
    "moderate": ("high", "medium"),
    "strict": ("high", "medium", "low"),
}
WEIGHTS = {"low": 0.2, "medium": 0.6, "high": 0.95}
INJECTIONS = frozenset(rule.name for rule in RULES)


@frozen
class ValidationResult:
    """Whether a text may be used. `errors` say why not; `warnings` are what the level lets through."""

    is_valid: bool
    errors: list[str]
    warnings: list[str]
    findings: list[Finding]


@frozen
class DetectionResult:
    """What speaks for an injection.

    `flags` are the categories found. `risk_score` is 0 without any, and grows with each towards 1.
    `confidence` in the verdict is 1 where the strongest flag is true by construction, and 0.5 where nothing was
    found: patterns know the known attacks only.
    """

    is_safe: bool
    confidence: float
    flags: list[str]
    risk_score: float
    recommendations: list[str]


@frozen
class SecurityModule:
    """Judges texts of at most `max_length` characters. `level` says from which severity on a text is refused:
    permissive from high, moderate from medium, strict from low.
    """

    max_length: int = 1_000_000
    level: Level = field(default="moderate", validator=validators.in_(STOPS))

    def validate(self, text: str) -> ValidationResult:
        """Whether `text` is short enough, shows all it holds, and carries no known attack."""
        findings = [*too_long(text, self.max_length), *inspect(text)]
        errors = [_line(finding) for finding in findings if self._stops(finding)]
        warnings = [_line(finding) for finding in findings if not self._stops(finding)]
        return ValidationResult(not errors, errors, warnings, findings)

    def sanitize(self, text: str) -> str:
        """`text` without hidden characters; sanitising twice changes nothing more. Words are never changed."""
        return strip_hidden(text)

    def detect_injection(self, text: str) -> DetectionResult:
        """What speaks for an injection in `text`, whatever its length."""
        findings = inspect(text)
        strongest = {finding.category: finding.severity for finding in findings}
        weights = [WEIGHTS[severity] for severity in strongest.values()]
        return DetectionResult(
            is_safe=not any(map(self._stops, findings)),
            confidence=max((1.0 if weight == WEIGHTS["high"] else 0.5 + weight / 2 for weight in weights), default=0.5),
            flags=sorted(strongest),
            risk_score=round(1 - math.prod(1 - weight for weight in weights), 4),
            recommendations=_recommendations(findings),
        )

    def _stops(self, finding: Finding) -> bool:
        return finding.severity in STOPS[self.level]


def _line(finding: Finding) -> str:
    start, end = finding.span or (0, 0)
    return f"{finding.category}: {finding.message} (characters {start} to {end})"


def _recommendations(findings: list[Finding]) -> list[str]:
    advice = [f"Read what stands at {_line(finding)}" for finding in findings if finding.category in INJECTIONS]
    if len(advice) < len(findings):
        advice.append("Remove hidden characters with sanitize().")
    if advice:
        advice.append("Give the text to a model only as data, fenced off from instructions.")
    return advice
