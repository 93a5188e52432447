"""JSON is found in whatever a model wrote around it, and whoever asks is told when it had to be mended."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from trainer.errors import ConversionError
from trainer_markdown.extraction import DEEP, MENDED, extract
from trainer_markdown.limits import DEPTH, SIZE

ANSWER = {"ticker": "AAPL", "risks": ["FX", "supply"], "price": 191.25}
TEXT = json.dumps(ANSWER)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n  {TEXT}\n",
        f"```json\n{TEXT}\n```",
        f"```\n{json.dumps(ANSWER, indent=2)}\n```",
        f"~~~ JSON\n{TEXT}\n~~~",
        f"> ```json\n{TEXT}\n> ```",
        f"Here you are: {TEXT} I hope that helps!",
        f"As in [1] and [2, 3], {TEXT}; see also [4].",
        f"Use {{}} or {{name}} for it: {TEXT}",
        f"<think>Maybe {json.dumps({'ticker': 'MSFT' * 50})}? No.</think>\n{TEXT}",
        f"<thinking>{{'broken: [</thinking>{TEXT}",
        f'The model thinks {{"a": 1}} aloud </think> {TEXT}',
        f'An example is {{"ticker": "..."}}. The answer is:\n```json\n{TEXT}\n```\nas asked for.',
        f"{{ this is no JSON }} {TEXT} {{nor: is this}}",
        f'He said ["no {TEXT}',
        f"```json\n{TEXT}\n",
        f"[{{'note': oh}} {TEXT}",
        f"\ufeff{TEXT}",
    ],
)
def test_json_that_is_whole_is_found_as_it_stands(text: str) -> None:
    found = extract(text)
    assert (found.value, found.repaired, found.note) == (ANSWER, False, "")
    assert text[found.start : found.end].strip("\ufeff \n") == TEXT or found.value == json.loads(
        text[found.start : found.end]
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": {"b": 1}, "c": tru', {"a": {"b": 1}, "c": "tru"}),
        ('{"a": {"b": 1}, "c": -', {"a": {"b": 1}, "c": ""}),
        ('{"a": 1, "b": [1, 2', {"a": 1, "b": [1, 2]}),
        ('{"a": {"b": 1}, "c": "half a sen', {"a": {"b": 1}, "c": "half a sen"}),
        ('Sure:\n```json\n{"a": [1, 2\n```\nThere was more.', {"a": [1, 2]}),
        ('{"a": 1, "b": [1, 2,],}', {"a": 1, "b": [1, 2]}),
        ('{"a": 1, // one\n "b": 2 /* two */}', {"a": 1, "b": 2}),
        ("{'a': 'it is', 'b': True, 'c': None}", {"a": "it is", "b": True, "c": None}),
        ("{a: 1, b: 2}", {"a": 1, "b": 2}),
        ("{“a”: “b”}", {"a": "b"}),
        ('{"a": NaN, "b": [Infinity, -Infinity], "c": 1e999}', {"a": None, "b": [None, None], "c": None}),
        ('{"a": NaN, "b": [1, 2', {"a": None, "b": [1, 2]}),
        ('{"a": 1e999}', {"a": None}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "he said "no" twice"}', {"a": 'he said "no" twice'}),
        ('{"a": "b" "c": 1}', {"a": "b", "c": 1}),
        ('[{"a": 1}, {"a": 2},]', [{"a": 1}, {"a": 2}]),
    ],
)
def test_what_had_to_be_mended_is_said_to_be(text: str, value: Any) -> None:
    found = extract(text)
    assert found.value == value
    assert found.repaired
    assert found.note


def test_of_two_objects_the_longer_is_taken_and_the_other_counted() -> None:
    found = extract('First {"a": 1}, then {"a": 1, "b": 2}.')
    assert (found.value, found.others, found.repaired) == ({"a": 1, "b": 2}, 1, False)


@pytest.mark.parametrize("text", ["42", ' "word" ', "null", "[1]", "true"])
def test_a_text_that_is_json_alone_may_be_any_value(text: str) -> None:
    assert extract(text).value == json.loads(text)


SCHEMA = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}


def test_with_a_schema_what_fits_is_taken() -> None:
    assert extract('{"ticker": "AAPL", "name": "Apple"} {"price": 1}', SCHEMA).value == {"price": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"ticker": "AAPL"}', r"does not fit the schema: \$: 'price' is a required property"),
        ('{"ticker": "AAPL", "pri', "does not fit the schema after it was mended"),
        ("{'price': 'high'}", r"after it was mended: \$\.price: 'high' is not of type 'number'"),
    ],
)
def test_json_that_does_not_fit_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        extract(text, SCHEMA)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing in it begins like"),
        ("I cannot do that.", "nothing in it begins like"),
        ("See [the note] and {braces}.", "nothing in it begins like"),
        ("[" * 100_000, "cannot be mended"),
        ("[" * (DEPTH + 2) + "]" * (DEPTH + 2), f"nests more than {DEPTH} levels"),
        ('{"a": "' + "x" * MENDED, f"longer than the {MENDED:,} characters"),
        ("x" * (SIZE + 1), "characters, and"),
    ],
    ids=range(7),
)
def test_what_holds_no_json_to_use_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        extract(text)


def test_json_after_brackets_that_nest_without_end_is_found() -> None:
    assert extract("[" * 4 * DEEP + "nothing" * DEEP + TEXT).value == ANSWER


@pytest.mark.parametrize("unit", ["[{}", '[["', "{}", "[", "{'a': 1} "])
def test_what_was_not_read_of_a_text_is_said(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_markdown.extraction.WORK", 0)
    monkeypatch.setattr("trainer_markdown.extraction.LEAST", 0)
    try:
        said = extract(unit * 1000 + TEXT).note
    except ConversionError as error:
        said = str(error)
    assert re.search(r"the text from character \d+ on was not read", said)


def test_nothing_is_said_of_a_text_that_was_read_to_its_end() -> None:
    assert extract(f"{TEXT} and {{'a': 1}} are all").note == ""


PROSE = st.lists(
    st.one_of(
        st.sampled_from([
            "See [1].", "[2, 3]", "{}", "[]", "{name}", "it's", "“so”", "```", "<b>", "a: b,", "[x](y)", "\n", "# h", "{ a", "]", "}", "-",
        ]),
        st.text(st.characters(exclude_characters='[{"\'“`<', codec="utf-8"), max_size=20),
    ),
    max_size=6,
).map(" ".join)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(), VALUES, min_size=1, max_size=4)


@settings(max_examples=500, deadline=None)
@given(PROSE, OBJECTS, PROSE, st.sampled_from([None, 2]), st.booleans())
@example("```", {"a": "</think> ``` {"}, "", 2, True)
def test_text_around_an_object_never_changes_the_object(
    before: str, value: dict[str, Any], after: str, indent: int | None, fenced: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    inner = f"\n```json\n{text}\n```\n" if fenced else f" {text} "
    found = extract(before + inner + after)
    assert json.dumps(found.value) == json.dumps(value)
    assert not found.repaired


@settings(max_examples=300, deadline=None)
@given(OBJECTS, st.data())
def test_an_object_that_breaks_off_is_mended_or_refused_and_never_passed_for_whole(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(0, len(text) - 1))
    try:
        found = extract(text[:cut])
    except ConversionError:
        return
    assert found.repaired


@settings(max_examples=500, deadline=None)
@given(st.text("[]{}\"':,\\ \n`1aN/#<>tnf", max_size=200) | st.text(max_size=200))
def test_any_text_has_json_or_is_refused(text: str) -> None:
    with suppress(ConversionError):
        json.dumps(extract(text).value, allow_nan=False)


@pytest.mark.parametrize(
    "unit", ["[", "{", '{"a":', "[1x ", "[1,", '{"a":1} ', "{a: ", '"[', "{\"a\": 'x", '[1,2 "', "{'\\'", "</think>{", "```\n[1,", "```\n[NaN, ", '[["', "[{}"]
)  # fmt: skip
def test_time_grows_with_the_length_of_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.thread_time()
        with suppress(ConversionError):
            extract(text)
        return time.thread_time() - start

    seconds(1000)
    short, long = seconds(40_000), seconds(320_000)
    assert long < 24 * short + 0.5, (short, long)
