"""The contract of a guard, as tests: subclass `SecureContract`, say what it finds, and run pytest."""

# ruff: noqa: S101 - a contract is made of assertions

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from hypothesis import example, given, settings as rules, strategies as st

from trainer.guarding import FAILED, check
from trainer.models import Finding, RunInfo, Segment, Stage, from_json, to_json
from trainer.pipeline import Pipeline
from trainer.testing.contract import UNHURT, Make, PluginContract, kept, together

LETTERS = st.characters() | st.sampled_from("\0\u200b\u202e\u0301\ufeff\ud800 \n<>&`'\"{}[]()\\/%=:;")
TEXTS = st.text(LETTERS, max_size=60)
SEGMENTS = st.builds(
    Segment,
    TEXTS,
    st.sampled_from(["user", "system", "data", "assistant"]),
    st.sampled_from(["operator", "user", "untrusted"]),
)
# Texts that searching may take for ever on: runs of what a pattern repeats, and then what it does not.
HOSTILE: tuple[str, ...] = (
    "a", " ", "\n", "0", "a ", "a1", "A.", "(", "<", "<a ", "\"'", "`", "../", "\u200b", "e\u0301", "\u202e", "&#",
)  # fmt: skip
SHORT = range(8, 41, 4)
ENOUGH = 0.03  # seconds of processor time that are long enough to compare
LONGEST = 1 << 16


class SecureContract(PluginContract):
    """What every guard promises. A subclass has `plugin`, `finds` and `passes`."""

    role = "secure"
    finds: ClassVar[Sequence[str]]
    """Texts in which it finds something."""
    passes: ClassVar[Sequence[str]]
    """Texts in which it finds nothing."""
    stage: ClassVar[Stage] = Stage.DATA
    """Where in a run it looks at these texts."""
    hostile: ClassVar[Sequence[str]] = ()
    """More pieces of text that, repeated, are hard on its patterns."""

    def run(self) -> RunInfo:
        """The run that is looked at; a guard that compares texts with a run's records gives it some."""
        return RunInfo("")

    def ask(self, pipeline: Pipeline, *texts: str) -> list[Finding]:
        """What the guard finds in texts that nobody vouches for."""
        return self.put(pipeline, [Segment(text, "data", "untrusted") for text in texts])

    def put(self, pipeline: Pipeline, segments: Sequence[Segment], stage: Stage | None = None) -> list[Finding]:
        """What the guard finds in `segments`."""
        return pipeline.secure(stage or self.stage, segments, self.run())

    def answers(self, pipeline: Pipeline) -> Any:
        """What it finds in all texts."""
        return [to_json(self.ask(pipeline, text)) for text in (*self.finds, *self.passes)]

    def test_it_finds_what_it_says_and_says_in_which_segment(self, make: Make) -> None:
        pipeline, harmless = make(), [*self.passes][:1]
        assert self.finds, "give at least one text in which the guard finds something"
        for text in self.finds:
            found = self.ask(pipeline, *harmless, text)
            assert found, f"nothing is found in {text[:60]!r}"
            assert {one.segment for one in found} == {len(harmless)}, "a finding names another segment than the one"

    def test_harmless_text_passes(self, make: Make) -> None:
        pipeline = make()
        assert self.passes, "give at least one text in which the guard finds nothing"
        for text in self.passes:
            assert not self.ask(pipeline, text), f"something is found in the harmless {text[:60]!r}"

    @example(segments=[Segment("\ud800\0\u202e"), Segment("")], stage=Stage.INPUT)
    @given(segments=st.lists(SEGMENTS, max_size=3), stage=st.sampled_from(Stage))
    @rules(max_examples=60, deadline=None, suppress_health_check=UNHURT)
    def test_no_text_makes_it_fail(self, make: Make, segments: list[Segment], stage: Stage) -> None:
        found = self.put(make(), segments, stage)
        failed = [one.message for one in found if one.category == FAILED]
        assert not failed, f"the guard fails on {segments}: {failed[0]}"

    def test_findings_lie_in_the_text(self, make: Make) -> None:
        plugin = make().plugins.load(self.role, self.name)
        for text in self.finds:
            segments = [Segment(text, "data", "untrusted")]
            check(_called(plugin, self.stage, segments, self.run()), segments)

    def test_findings_survive_json(self, make: Make) -> None:
        for found in map(partial(self.ask, make()), self.finds):
            try:
                told = [from_json(one, Finding) for one in json.loads(json.dumps(to_json(found)))]
            except (TypeError, ValueError) as error:
                raise AssertionError(f"the findings do not survive JSON: {error}") from error
            assert told == found, "the findings do not survive JSON"

    def test_the_same_text_has_the_same_findings(self, make: Make) -> None:
        pipeline = make()
        first = self.answers(pipeline)
        assert self.answers(pipeline) == first, "asked again, the guard finds something else"
        assert self.answers(make()) == first, "a second guard of the same settings finds something else"

    def test_texts_of_many_threads_are_not_mixed_up(self, make: Make) -> None:
        pipeline = make()
        texts = [*self.finds, *self.passes]
        alone = [self.ask(pipeline, text) for text in texts]
        for row in together([partial(self.ask, pipeline, text) for text in texts]):
            assert row == alone, "asked by many threads, the guard tells one what it found in another's text"

    def test_a_text_is_not_kept(self, make: Make) -> None:
        pipeline = make()
        for text in self.finds:
            segment = Segment(text, "data", "untrusted")
            held = kept(segment, lambda one: self.put(pipeline, [one]))
            assert not held, "the guard keeps the text it was shown"

    def test_the_time_it_takes_grows_no_faster_than_the_text(self, make: Make) -> None:
        pipeline = make()
        for piece in (*HOSTILE, *self.hostile, *(text[:-1] for text in self.finds)):
            fault = _superlinear(lambda text: self.ask(pipeline, text), piece)
            assert not fault, f"the guard does not end in linear time on {piece[:30]!r} repeated: {fault}"


def _called(plugin: Any, stage: Stage, segments: list[Segment], run: RunInfo) -> list[Finding]:
    """The guard's own answer, whichever of the arguments it takes."""
    import inspect

    given = {"stage": stage, "segments": segments, "run": run}
    return [*plugin.secure(**{name: given[name] for name in inspect.signature(plugin.secure).parameters})]


def _superlinear(call: Callable[[str], object], piece: str) -> str:
    """How much longer a longer run of `piece` takes, if that is out of proportion; empty if it is not."""

    def cost(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length] + "!"
        return _seconds(lambda: call(text))

    before = cost(SHORT[0])
    for length in SHORT:  # what doubles with each character never ends on a long text
        took = cost(length)
        if took > 6 * before + ENOUGH:
            return f"{length} characters take {took / max(before, 1e-4):.0f} times as long as {length - SHORT.step}"
        before = took
    length = 512
    while cost(length) < ENOUGH and length < LONGEST:
        length *= 2
    for _ in range(4):  # another process may take the caches away while one is measured
        ratio = cost(length) / max(cost(length // 4), 1e-4)
        if ratio <= 9:
            return ""
    return f"{length} characters take {ratio:.0f} times as long as {length // 4}"


def _seconds(call: Callable[[], object]) -> float:
    """The processor time of a call; guards are asked in a thread of their own, so it is that of the process."""
    start = time.process_time()
    call()
    return time.process_time() - start
