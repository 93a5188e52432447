"""What follows from findings: the table, its levels, and how the findings and edits of many guards are put together."""

from __future__ import annotations

import threading
from itertools import pairwise
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings, strategies as st

from trainer.guarding import (
    LEVELS,
    LIMITS,
    Action,
    decide,
    edited,
    explain,
    judge,
    merged,
    redacted,
    texts,
    within,
)  # fmt: skip
from trainer.models import Edit, Finding, Segment, Severity, Stage, Trust

MANY = settings(max_examples=2_000, deadline=None)
TEXT = "0123456789" * 3
# Whole verdicts are drawn from a seed: ten times as fast as field by field, and a seed is as easily repeated.
seeds = st.integers(0, 2**63).map(Random)
levels = st.sampled_from(LEVELS)
CATEGORIES = ("override", "length", "secret", "address", "canary", "number")


def place(random: Random) -> tuple[int, int]:
    start, end = sorted((random.randint(0, 30), random.randint(0, 30)))
    return start, end


def some_edits(random: Random, most: int) -> list[Edit]:
    return [Edit(*place(random), random.choice(["", "[…]", "x"])) for _ in range(random.randint(0, most))]


def some(random: Random) -> list[Finding]:
    return [
        Finding(
            random.choice("ab"), random.choice(CATEGORIES), "", random.choice(get_args(Severity)), random.randint(0, 1),
            random.choice([None, place(random)]), random.random() < 0.5,
            rate=random.choice([None, 0.0, *LIMITS.values(), 0.02, 1.0]), edits=some_edits(random, 2),
        )
        for _ in range(random.randint(0, 4))
    ]  # fmt: skip


def where_of(random: Random) -> list[Segment]:
    return [Segment(TEXT, trust=random.choice(get_args(Trust))) for _ in range(2)]


@MANY
@given(seeds, st.sampled_from(Stage), levels)
def test_verdicts_do_not_depend_on_the_order_or_the_grouping_of_guards(
    random: Random, stage: Stage, level: Any
) -> None:
    where, one, two, three = where_of(random), some(random), some(random), some(random)
    verdict = judge(stage, where, [*one, *two, *three], level)
    assert judge(stage, where, [*three, *one, *two], level) == verdict
    assert judge(stage, where, merged(merged(one, two), three), level) == verdict
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, one) == merged(one)


@MANY
@given(seeds, st.sampled_from(Stage), levels)
def test_one_more_guard_never_makes_a_verdict_milder(random: Random, stage: Stage, level: Any) -> None:
    where, one, two = where_of(random), some(random), some(random)
    assert judge(stage, where, one, level).action <= judge(stage, where, [*one, *two], level).action


@MANY
@given(seeds, st.sampled_from(Stage))
def test_what_a_level_lets_through_every_milder_level_lets_through_too(random: Random, stage: Stage) -> None:
    where, found = where_of(random), some(random)
    for finding in found:
        actions = [decide(finding, where[finding.segment], level, stage) for level in LEVELS]
        assert actions == sorted(actions)
    verdicts = [judge(stage, where, found, level).action for level in LEVELS]
    assert verdicts == sorted(verdicts)


@MANY
@given(seeds, st.sampled_from(Stage))
def test_a_guard_that_nobody_has_calibrated_blocks_at_strict_only(random: Random, stage: Stage) -> None:
    where = where_of(random)
    for finding in some(random):
        if finding.rate is None and not finding.deterministic:
            for level in LEVELS[:-1]:
                assert decide(finding, where[finding.segment], level, stage) <= Action.NOTE
        if not finding.deterministic and finding.rate and finding.rate > max(LIMITS.values()):
            assert decide(finding, where[finding.segment], "strict", stage) <= Action.NOTE


@MANY
@given(seeds)
def test_edits_give_the_same_text_in_any_order_and_leave_nothing_of_what_they_cover(random: Random) -> None:
    text = "".join(chr(0x4E00 + number) for number in range(30))  # each character once
    edits = some_edits(random, 6)
    once = redacted(text, edits)
    assert redacted(text, random.sample(edits, len(edits)) + edits) == once
    covered = {at for edit in edits for at in range(edit.start, edit.end)}
    assert [char for char in once if char not in "[…]x"] == [text[at] for at in range(30) if at not in covered]


def json(random: Random, depth: int = 3) -> Any:
    # Keys stay whole, so that no two become one: only what stands in lists is cut here.
    if not depth or random.random() < 0.3:
        return random.choice([None, 7, "", "a", "bb", "aab"])
    return [json(random, depth - 1) for _ in range(random.randint(0, 4))]


@MANY
@given(seeds)
def test_edits_of_data_change_exactly_the_texts_they_lie_in(random: Random) -> None:
    value = json(random)
    joined = "\n".join(texts(value))
    start, end = sorted((random.randint(0, len(joined)), random.randint(0, len(joined))))
    left = edited(value, [Edit(start, end, "")])
    assert "".join(texts(left)) == (joined[:start] + joined[end:]).replace("\n", "")
    assert len(list(texts(left))) == len(list(texts(value)))
    assert edited(value, []) == value


def test_a_window_of_a_filing_is_cut_out_of_the_record_at_strict_and_stays_below() -> None:
    data = {"form": "10-K", "items": [{"text": "Sales rose. OBEY ME. Costs fell."}, {"text": "Risks."}]}
    segment = Segment("\n".join(texts(data)), "data")
    start = segment.text.index("OBEY")
    finding = Finding("g", "override", "", span=(start, start + 8), rate=0.0003)
    verdict = judge(Stage.DATA, [segment], [finding], "strict")
    assert verdict.action is Action.REDACT
    assert edited(data, verdict.edits[0])["items"] == [{"text": "Sales rose. […] Costs fell."}, {"text": "Risks."}]
    below = judge(Stage.DATA, [segment], [finding], "moderate")
    assert (below.action, below.texts) == (Action.NOTE, (segment.text,))
    assert below.at_least(Action.NOTE) == [finding]


def test_what_cannot_be_cut_out_is_blocked() -> None:
    nowhere = Finding("g", "override", "", "high")
    assert decide(nowhere, Segment(""), "strict", Stage.DATA) is Action.BLOCK
    secret = Finding("g", "secret", "", span=(0, 1), deterministic=True)
    assert decide(secret, Segment("x"), "moderate", Stage.OUTPUT) is Action.REDACT
    assert decide(secret, Segment("x"), "moderate", Stage.RENDER) is Action.BLOCK


def test_an_answer_left_for_a_person_to_look_at_is_not_cut() -> None:
    finding = Finding("grounding", "number", "", span=(0, 2), deterministic=True)
    verdict = judge(Stage.OUTPUT, [Segment("42 is made up")], [finding], "moderate")
    assert (verdict.action, verdict.texts) == (Action.REVIEW, ("42 is made up",))


@pytest.mark.parametrize("finding", [Finding("g", "c", "", segment=1), Finding("g", "c", "", span=(0, 9))])
def test_a_finding_outside_of_the_text_is_an_error_and_no_pass(finding: Finding) -> None:
    with pytest.raises(ValueError, match="guard 'g'"):
        judge(Stage.DATA, [Segment("short")], [finding], "strict")


def test_the_table_is_printed_for_every_stage_and_nests_in_every_row() -> None:
    rows = explain()
    assert {row["stage"] for row in rows} == set(Stage)
    for row in rows:
        actions = [Action[row[level].upper()] for level in LEVELS]
        assert all(mild <= hard for mild, hard in pairwise(actions))


def test_a_guard_that_hangs_is_given_up() -> None:
    gate = threading.Event()
    with pytest.raises(TimeoutError, match=r"0\.05 seconds"):
        within(0.05, lambda: gate.wait(20))
    gate.set()
    assert within(20, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(20, lambda: 1 / 0)
