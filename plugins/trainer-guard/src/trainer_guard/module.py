"""The guards without a pipeline: validate, sanitise, escape and look for injections in one text."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field, frozen, validators

from trainer import Finding, Prompt
from trainer.guarding import LIMITS as RATES
from trainer.models import Severity
from trainer_guard.folding import Folded, fold
from trainer_guard.hidden import strip_hidden
from trainer_guard.inspection import inspect, too_long
from trainer_guard.limits import GUARD as LIMITS, RateLimiter, check_values
from trainer_guard.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Level = Literal["permissive", "moderate", "strict"]
STOPS: dict[str, tuple[Severity, ...]] = {
    "permissive": ("high",),
    "moderate": ("high", "medium"),
    "strict": ("high", "medium", "low"),
}
WEIGHTS = {"low": 0.2, "medium": 0.6, "high": 0.95}
INJECTIONS = frozenset(rule.name for rule in RULES)
# What stands for the first character of a mark, so that it is one no longer and reads the same.
BROKEN = {"<": "‹", "[": "("}
MARKS = ("chat-marker", "data-marker")
BRACE = re.compile(r"\{(?:([A-Za-z_]\w*)\})?")


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
    `confidence` in the verdict is 1 where a flag is true by construction. Else it grows from 0.5 with the severity of
    the strongest flag and with its rarity in harmless text. Where nothing was found it is 0.5: not every attack is.
    """

    is_safe: bool
    confidence: float
    flags: list[str]
    risk_score: float
    recommendations: list[str]


@define
class SecurityConfig:
    """Settings of a `SecurityModule`.

    `max_length` is in characters of one text. `level` says from which severity on a text is refused: permissive
    from high, moderate from medium, strict from low; `strict_mode` is short for the level strict. `allowed` maps
    the name of a parameter to its possible values, `blocked` are words no parameter may hold. With `limiter`, each
    user may ask only so often.
    """

    max_length: int = field(default=1_000_000, validator=validators.ge(0))
    strict_mode: bool = False
    level: Level = field(default="moderate", validator=validators.in_(STOPS))
    allowed: Mapping[str, Sequence[str]] = field(factory=dict)
    blocked: Sequence[str] = ()
    limiter: RateLimiter | None = None

    def __attrs_post_init__(self) -> None:
        if self.strict_mode:
            self.level = "strict"


class SecurityModule:
    """Judges texts. `settings` are the fields of `SecurityConfig`, or one as `config`."""

    def __init__(self, config: SecurityConfig | None = None, **settings: Any) -> None:
        if config and settings:
            raise TypeError("give a config or settings, not both")
        self.config = config or SecurityConfig(**settings)

    def validate(self, text: str | Mapping[str, Any], *, user: str = "") -> ValidationResult:
        """Whether `text`, or each parameter of a mapping, is short, shows all it holds and carries no known attack.

        With `user` and a limiter, also whether that user may ask now.
        """
        values = {"text": text} if isinstance(text, str) else text
        findings = check_values(values, self.config.allowed, self.config.blocked)
        for number, value in enumerate(values.values()):
            if isinstance(value, str):
                findings += [*too_long(value, self.config.max_length, number), *inspect(value, segment=number)]
        if self.config.limiter and (wait := self.config.limiter.wait(user)):
            message = f"too many requests; the next may come in {wait:.1f} s"
            findings.append(Finding(LIMITS, "rate-limit", message, "high", deterministic=True))
        return self._result(findings)

    def validate_prompt(self, prompt: Prompt | str) -> ValidationResult:
        """As `validate`, for a whole prompt: an operator's own (system) messages are not searched for attacks, and the
        marks that fence data off in a composed prompt are no forgeries."""
        if isinstance(prompt, str):
            return self.validate({"prompt": prompt})
        findings = []
        for number, message in enumerate(prompt.messages):
            findings += too_long(message.text, self.config.max_length, number)
            findings += inspect(message.text, segment=number, patterns=message.role != "system", fence=prompt.nonce)
        return self._result(findings)

    def validate_and_detect(self, text: str) -> tuple[ValidationResult, DetectionResult]:
        """Both answers about one text."""
        return self.validate(text), self.detect_injection(text)

    def sanitize(self, text: str) -> str:
        """`text` without hidden characters; sanitising twice changes nothing more. Words are never changed."""
        return strip_hidden(text)

    def escape(self, text: str) -> str:
        """`text` to be put into the source of a template (`trainer.instruction.Template`), which then gives it back.

        Marks of chats and of data blocks are broken: their `<` becomes `‹`, and their `[` becomes `(`. Values that fill
        a template need no escaping: they are never read as one.
        """
        folded = Folded(text)
        starts = sorted(
            {folded.span(at, at + 1) for rule in RULES if rule.name in MARKS for at, _ in rule.find(folded.folded)}
        )
        for start, end in reversed(starts):
            text = text[:start] + BROKEN.get(fold(text[start:end]), "") + text[end:]
        return BRACE.sub(lambda brace: f"{{{{{brace[1]}}}}}" if brace[1] else "{{", text)

    def detect_injection(self, text: str) -> DetectionResult:
        """What speaks for an injection in `text`, whatever its length, by the patterns and by the classifier."""
        from trainer_guard.classifier.verdicts import classify

        findings = [*inspect(text), *classify(text, "prompt", rate=RATES[self.config.level])]
        strongest: dict[str, Severity] = {}
        for finding in findings:
            known = strongest.get(finding.category, finding.severity)
            strongest[finding.category] = max(known, finding.severity, key=WEIGHTS.__getitem__)
        weights = [WEIGHTS[severity] for severity in strongest.values()]
        return DetectionResult(
            is_safe=not any(map(self._stops, findings)),
            confidence=max(map(_confidence, findings), default=0.5),
            flags=sorted(strongest),
            risk_score=round(1 - math.prod(1 - weight for weight in weights), 4),
            recommendations=_recommendations(findings),
        )

    def _result(self, findings: list[Finding]) -> ValidationResult:
        errors = [_line(finding) for finding in findings if self._stops(finding)]
        warnings = [_line(finding) for finding in findings if not self._stops(finding)]
        return ValidationResult(not errors, errors, warnings, findings)

    def _stops(self, finding: Finding) -> bool:
        return finding.severity in STOPS[self.config.level]


def _confidence(finding: Finding) -> float:
    if finding.deterministic:
        return 1.0
    return 0.5 + (0.5 - finding.rate / 2) * WEIGHTS[finding.severity] if finding.rate is not None else 0.5


def _line(finding: Finding) -> str:
    place = f" (characters {finding.span[0]} to {finding.span[1]})" if finding.span else ""
    return f"{finding.category}: {finding.message}{place}"


def _recommendations(findings: list[Finding]) -> list[str]:
    advice = [f"Read what stands at {_line(finding)}" for finding in findings if finding.category in INJECTIONS]
    if len(advice) < len(findings):
        advice.append("Remove hidden characters with sanitize().")
    if advice:
        advice.append("Give the text to a model only as data, fenced off from instructions.")
    return advice
