"""From findings to a decision: guards state facts, one table says what follows from them."""

from __future__ import annotations

import contextvars
import queue
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from attrs import frozen

from trainer.errors import GuardFailed
from trainer.models import Edit, Finding, Segment, Stage

T = TypeVar("T")
Level = Literal["permissive", "moderate", "strict"]
LEVELS: tuple[Level, ...] = get_args(Level)


class Action(IntEnum):
    """What follows from a finding, from the mildest to the hardest.

    It is passed over; noted in the report; cut out of the text; left for a person to look at; the run stops.
    """

    ALLOW = 0
    NOTE = 1
    REDACT = 2
    REVIEW = 3
    BLOCK = 4


# Up to which rate of false alarms a level acts on a finding; beyond it, the finding is noted.
LIMITS: dict[Level, float] = {"permissive": 0.0005, "moderate": 0.005, "strict": 0.01}
FAILED = "guard-failed"
# Kinds of category that are facts of policy and no signs of an attack. All others are signs.
KINDS = {
    FAILED: "failure",
    **dict.fromkeys(("length", "type", "block-list", "allow-list", "rate-limit", "canary", "path"), "limit"),
    **dict.fromkeys(("secret", "fence", "address", "image"), "leak"),
}
# What a level does with a finding that it acts on: permissive, moderate, strict.
_A, _N, _D, _V, _B = Action
OWN = (_B, _B, _B)  # also for limits
LEAK = (_D, _D, _B)
FAILURE = (_N, _V, _B)  # nobody knows what is in the text
SIGNS: dict[Stage, tuple[Action, Action, Action]] = {
    Stage.INPUT: OWN,
    Stage.DATA: (_N, _N, _D),
    Stage.PROMPT: (_N, _N, _B),
    Stage.OUTPUT: (_N, _V, _B),
    Stage.RENDER: (_N, _V, _B),
}
# Texts that may be changed on their way. A parameter, a prompt, or a finished page is used as it is or not at all.
EDITABLE = (Stage.DATA, Stage.OUTPUT)


def decide(finding: Finding, segment: Segment, level: Level, stage: Stage | None = None) -> Action:
    """What follows from one finding in one segment.

    Without `stage`, the text is taken for one that cannot be changed any more, as at the stage `prompt`.
    """
    action = _action(finding, segment, level, stage or Stage.PROMPT)
    if action is Action.REDACT and not (stage in EDITABLE and edits_of(finding)):
        return Action.BLOCK
    return action


def _action(finding: Finding, segment: Segment, level: Level, stage: Stage) -> Action:
    column = LEVELS.index(level)
    kind = KINDS.get(finding.category, "sign") if finding.deterministic else "sign"
    if kind == "limit":
        return OWN[column]
    if kind == "leak":
        return Action.REDACT if stage is Stage.DATA else LEAK[column]
    if kind == "failure":
        return FAILURE[column]
    if finding.severity == "low":
        return Action.NOTE if level == "strict" else Action.ALLOW
    signs = SIGNS[stage] if segment.trust == "untrusted" else OWN
    return max(signs[column], Action.NOTE) if _acts(finding, level) else Action.NOTE


def _acts(finding: Finding, level: Level) -> bool:
    if finding.deterministic:
        return True
    return level == "strict" if finding.rate is None else finding.rate <= LIMITS[level]


def edits_of(finding: Finding) -> Sequence[Edit]:
    """What the guard proposes to change, or else that its span is cut out."""
    if finding.edits or finding.span is None:
        return finding.edits
    return (Edit(*finding.span),)


def merged(*findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of several guards as one set, in an order that does not depend on who was asked first."""
    return tuple(sorted({finding for some in findings for finding in some}, key=_place))


def _place(finding: Finding) -> tuple[Any, ...]:
    return (finding.segment, finding.span or (-1, -1), repr(finding))


@frozen
class Verdict:
    """What follows from all findings at a stage: each with its action, the hardest, and the texts that may go on.

    `texts` are those of the segments, with what is to be redacted taken out; `edits` says what that was, by segment.
    """

    action: Action
    decisions: Sequence[tuple[Finding, Action]]
    texts: Sequence[str]
    edits: Mapping[int, Sequence[Edit]]

    def at_least(self, action: Action) -> list[Finding]:
        """The findings from which that action or a harder one follows."""
        return [finding for finding, taken in self.decisions if taken >= action]


def judge(stage: Stage, segments: Sequence[Segment], findings: Iterable[Finding], level: Level) -> Verdict:
    """The verdict on `segments`. Raises `ValueError` for a finding that lies outside of them."""
    found = merged(findings)
    check(found, segments)
    decisions = tuple((finding, decide(finding, segments[finding.segment], level, stage)) for finding in found)
    edits: dict[int, set[Edit]] = {}
    for finding, action in decisions:
        if action in {Action.REDACT, Action.BLOCK} and stage in EDITABLE:
            edits.setdefault(finding.segment, set()).update(edits_of(finding))
    texts = tuple(redacted(segment.text, edits.get(number, ())) for number, segment in enumerate(segments))
    hardest = max((action for _, action in decisions), default=Action.ALLOW)
    return Verdict(hardest, decisions, texts, {number: tuple(sorted(some, key=_at)) for number, some in edits.items()})


def check(findings: Iterable[Finding], segments: Sequence[Segment]) -> None:
    """Raise `ValueError` for the first finding that lies outside of `segments`, naming its guard."""
    for finding in findings:
        if not isinstance(finding, Finding):
            raise TypeError(f"a guard answered with a {type(finding).__name__} among its findings")
        _check(finding, segments)


def failure(guard: str, error: Exception) -> Finding:
    """That a guard could not look at a text. What the error says is left out, since that may quote the text."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in place)
    message = f"it could not look at the text: {type(error).__name__}{where}"
    return Finding(guard, FAILED, message, "high", deterministic=True)


def _check(finding: Finding, segments: Sequence[Segment]) -> None:
    if not 0 <= finding.segment < len(segments):
        raise ValueError(f"guard '{finding.guard}' found something in segment {finding.segment} of {len(segments)}")
    size = len(segments[finding.segment].text)
    places = [(edit.start, edit.end) for edit in finding.edits] + ([finding.span] if finding.span else [])
    for start, end in places:
        if not 0 <= start <= end <= size:
            raise ValueError(f"guard '{finding.guard}' names the place {start} to {end} in a text of {size} characters")


def verdict(findings: Iterable[Finding], segments: Sequence[Segment], level: Level) -> Action:
    """The hardest action over all findings, in texts that cannot be changed any more."""
    return max((decide(finding, segments[finding.segment], level) for finding in findings), default=Action.ALLOW)


def _at(edit: Edit) -> tuple[int, int, str]:
    return (edit.start, edit.end, edit.text)


def redacted(text: str, edits: Iterable[Edit]) -> str:
    """`text` after all edits, whose places are those of `text` itself: their order makes no difference.

    Edits that overlap become one, from the first start to the last end; it puts in the text of an edit that
    covers all of that, and else `[…]`.
    """
    pieces, at = [], 0
    for edit in _joined(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def clean(text: str, verdict: Verdict) -> str:
    """The text of the first segment of a verdict without its leaks, and with all else that was found in it."""
    facts = [finding for finding, _ in verdict.decisions if finding.segment == 0 and finding.category in KINDS]
    return redacted(text, (edit for finding in facts for edit in edits_of(finding)))


def moved(marks: Iterable[Mapping[str, Any]], edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """Marks of a text, from `start` to `end`, as they stand after edits; one that an edit cuts is left out."""
    joined = _joined(edits)
    found = []
    for mark in marks:
        before = [edit for edit in joined if edit.end <= mark["start"]]
        if not any(edit.start < mark["end"] for edit in joined[len(before) :]):
            by = sum(len(edit.text) - (edit.end - edit.start) for edit in before)
            found.append({**mark, "start": mark["start"] + by, "end": mark["end"] + by})
    return found


def _joined(edits: Iterable[Edit]) -> list[Edit]:
    joined: list[list[Edit]] = []
    reach = -1
    for edit in sorted(set(edits), key=_at):
        if edit.start < reach or (joined and edit.start == joined[-1][0].start):
            joined[-1].append(edit)
        else:
            joined.append([edit])
        reach = max(reach, edit.end)
    return [_one(group) for group in joined]


def _one(group: Sequence[Edit]) -> Edit:
    start, end = group[0].start, max(edit.end for edit in group)
    whole = {edit.text for edit in group if (edit.start, edit.end) == (start, end)}
    return Edit(start, end, whole.pop()) if len(whole) == 1 else Edit(start, end)


def texts(value: Any) -> Iterator[str]:
    """Every text in JSON-like data, keys too, in order."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield str(key)
                yield from texts(item)
        case list() | tuple():
            for item in value:
                yield from texts(item)


def edited(value: Any, edits: Sequence[Edit]) -> Any:
    """JSON-like data after edits whose places are those of its `texts`, joined by new lines."""
    places = iter(_joined(edits))
    return _edited(value, [0], [next(places, None), places]) if edits else value


def _edited(value: Any, at: list[int], ahead: list[Any]) -> Any:
    match value:
        case str():
            start = at[0]
            at[0] += len(value) + 1
            return _cut(value, start, ahead)
        case Mapping():
            return {
                _edited(key, at, ahead) if isinstance(key, str) else _pass(key, at): _edited(item, at, ahead)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_edited(item, at, ahead) for item in value]
    return value


def _pass(key: Any, at: list[int]) -> Any:
    at[0] += len(str(key)) + 1
    return key


def _cut(text: str, start: int, ahead: list[Any]) -> str:
    """`text`, which begins at `start` of all, after those of the edits ahead that reach into it."""
    own, size = [], len(text)
    while ahead[0] is not None and ahead[0].start < start + size:
        edit = ahead[0]
        if edit.end > start or edit.start >= start:
            own.append(Edit(max(edit.start - start, 0), max(min(edit.end - start, size), 0), edit.text))
        if edit.end > start + size:
            break
        ahead[0] = next(ahead[1], None)
    return redacted(text, own)


def within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises; `TimeoutError` if it takes longer than `seconds`.

    Nothing can end a thread that hangs: it is left behind, and does not keep the process from ending.
    """
    done: queue.Queue[tuple[bool, Any]] = queue.Queue(1)

    def work() -> None:
        try:
            done.put((True, call()))
        except BaseException as error:
            done.put((False, error))

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), daemon=True, name="trainer-secure").start()
    try:
        fine, answer = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if fine:
        return answer  # type: ignore[no-any-return]
    raise answer


class Shown:
    """What is shown of an answer as it arrives: each piece goes through what holds back leaks, and then to `on_text`.

    `make` gives the holders (`feed(piece)` and `close()` return what may be shown), new ones for each answer.
    """

    def __init__(
        self, make: Callable[[], Sequence[Any]], on_text: Callable[[str], None], on_restart: Callable[[], None] | None
    ) -> None:
        self._make, self._on_text, self._on_restart = make, on_text, on_restart
        self._holders = _holding(make)

    def text(self, piece: str) -> None:
        """One more piece of the answer. Raises `GuardFailed` if what holds back leaks fails: nothing is shown then."""
        for holder in self._holders:
            piece = _holding(holder.feed, piece)
        if piece:
            self._on_text(piece)

    def restart(self) -> None:
        """All pieces so far are void."""
        self._holders = _holding(self._make)
        if self._on_restart:
            self._on_restart()

    def close(self) -> None:
        """The answer is whole: what was held back is shown."""
        rest = ""
        for holder in self._holders:
            rest = _holding(holder.feed, rest) + _holding(holder.close)
        self._holders = ()
        if rest:
            self._on_text(rest)


def _holding(call: Callable[..., T], *arguments: str) -> T:
    try:
        return call(*arguments)
    except Exception as error:
        raise GuardFailed(
            f"what holds back leaks from an answer failed: {type(error).__name__}", "Mend that guard, or show no text."
        ) from None


ROWS = (
    ("a limit or a canary", Finding("", "length", "", span=(0, 1), deterministic=True)),
    ("a leak", Finding("", "secret", "", span=(0, 1), deterministic=True)),
    ("a sign, certain", Finding("", "any", "", span=(0, 1), deterministic=True)),
    *(
        (f"a sign, false alarms up to {rate:.2%}", Finding("", "any", "", span=(0, 1), rate=rate))
        for rate in LIMITS.values()
    ),
    ("a sign, false alarms beyond that", Finding("", "any", "", span=(0, 1), rate=1.0)),
    ("a sign, not calibrated", Finding("", "any", "", span=(0, 1))),
    ("a sign of low severity", Finding("", "any", "", "low", span=(0, 1))),
    ("a guard that failed", Finding("", FAILED, "", deterministic=True)),
)


def explain(stages: Iterable[Stage] = tuple(Stage)) -> list[dict[str, str]]:
    """The whole table as rows for people: what each level does, by stage, trust and kind of finding."""
    return [
        {"stage": stage, "trust": trust, "finding": told}
        | {level: decide(finding, Segment("x", trust=trust), level, stage).name.lower() for level in LEVELS}
        for stage in stages
        for trust in (("user", "untrusted") if stage is not Stage.DATA else ("untrusted",))
        for told, finding in ROWS
    ]
