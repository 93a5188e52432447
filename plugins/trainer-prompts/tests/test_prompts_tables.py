"""Data as text for a model: compact, the same for the same data and no other, and within its budget."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer.errors import StoreError
from trainer_prompts.tables import serialise, show
from trainer_prompts.tokens import estimate

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["", "~", "1", "true", "<table 1: 3 rows>", "<… 2 left out>", "[<table 1: 3 rows>", 'a"b', "a\nb", "<table 1>", " "]
)
scalars = st.none() | st.booleans() | st.integers(-999, 999) | st.floats(allow_nan=False, allow_infinity=False) | words
rows = st.lists(st.dictionaries(st.sampled_from(["a", "b", "", "~"]), scalars, min_size=1), min_size=1, max_size=6)
documents = st.recursive(
    scalars | rows, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5), max_leaves=12
)


@given(documents, documents)
@settings(max_examples=400, deadline=None)
@example([{"a": None}] * 3, [{"a": ""}] * 3)
@example([[{"a": 1}] * 3], [{"[<table 1: 3 rows>]": None}])
@example({"x": {"k1": {"a": 1}, "k2": {"a": 1}, "k3": {"a": 1}}}, {"x": [{"": "k1", "a": 1}] * 3})
def test_different_data_never_gives_the_same_text(one: Any, two: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (serialise(one) == serialise(two)) == same


def test_like_rows_anywhere_in_the_data_become_tables_below_it() -> None:
    data = {"entity": "Acme", "facts": [{"year": year, "value": year * 2} for year in (1, 2, 3)], "tags": ["a", "b"]}
    assert serialise(data) == (
        '{"entity":"Acme","facts":<table 1: 3 rows>,"tags":["a","b"]}\n<table 1>\nvalue,year\n2,1\n4,2\n6,3'
    )


def test_an_object_of_like_objects_is_a_table_with_its_keys_as_first_column() -> None:
    data = {"2023": {"open": 1, "close": 2}, "2022": {"open": 3}, "2024": {"open": 5, "close": 6}}
    assert serialise(data) == '<table 1: 3 rows by key>\n<table 1>\n"",close,open\n"2022",~,3\n"2023",2,1\n"2024",6,5'


def test_a_table_is_a_third_of_the_json_it_stands_for() -> None:
    data = {"facts": [{"metric": "revenue", "unit": "USD", "year": year, "value": year**3} for year in range(200)]}
    assert show(data).tokens < estimate(json.dumps(data)) / 2


@given(documents, st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_what_is_shown_stays_near_its_budget_and_what_is_not_is_told(data: Any, tokens: int) -> None:
    shown = show(data, tokens)
    if shown.text == serialise(data):
        assert shown.left_out == ""
        assert shown.tokens <= tokens
    else:
        assert shown.left_out
        assert " left out>" in shown.text
        assert shown.tokens <= tokens + 12  # the line that says what is missing


def test_of_a_long_table_its_beginning_and_its_end_are_shown() -> None:
    shown = show({"rows": [{"n": n, "square": n * n} for n in range(1000)], "unit": "one"}, 300)
    assert 200 < shown.tokens <= 300
    kept = [int(line.split(",")[0]) for line in shown.text.splitlines() if re.fullmatch(r"\d+,\d+", line)]
    gap = next(place for place, n in enumerate(kept) if place != n)
    assert kept == [*range(gap), *range(1000 - (len(kept) - gap), 1000)]
    assert shown.left_out == f"{1000 - len(kept)} of 1,000 rows"
    assert f"<… {1000 - len(kept)} left out>" in shown.text
    assert '"unit":"one"' in shown.text


def test_of_a_long_text_the_beginning_is_shown_and_tables_beside_it_stay_whole() -> None:
    table = [{"n": n, "square": n * n} for n in range(10)]
    shown = show({"filing": "word " * 20_000, "table": table}, 2000)
    assert shown.text.endswith(serialise(table))
    assert re.fullmatch(r"[\d,]+ of 100,000 characters", shown.left_out)


def test_what_json_does_not_have_is_refused() -> None:
    with pytest.raises(StoreError, match="Store numbers as numbers"):
        show({"a": float("nan")}, 10)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Revenue is what customers paid in the year that the statement is about.", 12, 16),
        ("416161000000,0000320193-25-000079,2025-09-27", 20, 30),
        ("财务报表显示公司收入增长", 12, 20),
        ("", 0, 0),
    ],
)
def test_tokens_are_estimated_as_vocabularies_count_them(text: str, low: int, high: int) -> None:
    assert low <= estimate(text) <= high
