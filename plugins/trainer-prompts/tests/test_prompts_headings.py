"""Headings of background, with marks or underlined, go below those around them; what is no heading stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt

from trainer.models import Context
from trainer_prompts.background import demote, outline, tagged


def context(text: str) -> Context:
    return Context("notes.md", Path("notes.md"), text)


@pytest.mark.parametrize(
    ("text", "lower"),
    [
        ("Title\n=====\n\ntext", "### Title\n\ntext"),
        ("Title\n=\nSub\n---\ntext", "### Title\n#### Sub\ntext"),
        ("A title\nover two lines\n===", "### A title over two lines"),
        ("# A\nTitle\n---", "### A\n#### Title"),
        ("---\ntitle: x\n---\ntext", "---\ntitle: x\n---\ntext"),
        ("- item\n---\n1. item\n===", "- item\n---\n1. item\n==="),
        ("> quote\n---", "> quote\n---"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n\n---", "| a | b |\n|---|---|\n| 1 | 2 |\n\n---"),
        ("a | b\n--- | ---", "a | b\n--- | ---"),
        ("```\nTitle\n=====\n```", "```\nTitle\n=====\n```"),
        ("text\n\n---\n\n===", "text\n\n---\n\n==="),
    ],
)
def test_underlined_headings_are_demoted_and_what_only_looks_like_one_is_left(text: str, lower: str) -> None:
    assert demote(text, 2) == lower


def test_both_ways_of_showing_background_demote_underlined_headings() -> None:
    told = "Rates\n=====\n\nHow rates move.\n\nBonds\n-----"
    assert tagged(context(told)) == (
        '<background name="notes.md">\n## Rates\n\nHow rates move.\n\n### Bonds\n</background>'
    )
    assert list(outline([context(told)]))[1:] == ["## notes.md", "### Rates\n\nHow rates move.\n\n#### Bonds"]


LINES = st.sampled_from(["Title", "two words", "=====", "---", "=", "# One", "### Three #", "", "```", "~~~", "a | b"])


def headings(text: str) -> list[tuple[int, str]]:
    tokens = MarkdownIt().parse(text)
    pairs = pairwise(tokens)
    return [(int(one.tag[1]), " ".join(two.content.split())) for one, two in pairs if one.type == "heading_open"]


@given(st.lists(LINES, max_size=12).map(lambda lines: "\n".join(["", *lines])), st.integers(1, 6))
@settings(max_examples=1000, deadline=None)
def test_every_heading_that_markdown_knows_is_that_many_levels_lower(text: str, levels: int) -> None:
    lower = demote(text, levels)
    assert headings(lower) == [(min(level + levels, 6), title) for level, title in headings(text)]


@given(st.text(st.sampled_from("ab#=-> \n`~|1."), max_size=60), st.integers(1, 5))
@settings(max_examples=1000, deadline=None)
def test_no_word_of_background_is_lost(text: str, levels: int) -> None:
    def words(told: str) -> str:
        return "".join(char for char in told if char in "ab1|>.")

    assert words(demote(text, levels)) == words(text)
