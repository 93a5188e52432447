"""Instructions: what their front matter and their text mean, and what is wrong with them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from trainer import Document, Instruction, Template
from trainer.errors import InstructionError
from trainer.instruction import age, seconds, split_front_matter
from trainer.lineage import to_bytes

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
nasty = st.one_of(st.text(), st.sampled_from(["{A}", "{{A}}", "{{", "}}", "{", "{A}{B}", "{{{A}}}", "\\1", "\\g<0>"]))


@given(
    values=st.dictionaries(names, nasty, min_size=1, max_size=5), glue=st.text(st.characters(exclude_characters="{}"))
)
def test_values_are_inserted_as_they_are_and_never_filled_again(values: dict[str, str], glue: str) -> None:
    template = Template(glue.join(f"{{{name}}}" for name in values))
    assert template.fill(values) == glue.join(values.values())
    assert template.fill(dict(reversed(values.items()))) == glue.join(values.values())


@given(text=st.text(st.characters(exclude_characters="{")))
def test_text_without_an_opening_brace_is_left_alone(text: str) -> None:
    assert Template(text).fill({}) == text
    assert Template(text).variables == {}


@pytest.mark.parametrize(
    "text", ['{"a": {"b": [1, 2]}}', "{ a }", "{1}", "{}", "} {", "a{%b%}", "{a.b}", "{a-b}", '{"a":{"b":{"c":1}}}']
)
def test_json_and_other_braces_are_text(text: str) -> None:
    assert Template(text).fill({}) == text


def test_a_doubled_brace_is_a_literal_one() -> None:
    assert Template("{{NAME}} {NAME} {{").fill({"NAME": "x"}) == "{NAME} x {"


def test_a_missing_variable_is_named_with_its_line() -> None:
    with pytest.raises(InstructionError, match=re.escape("{B} (line 3)")):
        Template("a {A}\n\n{B} {A} {B}").fill({"A": "1"})


def test_lines_are_counted_from_the_top_of_the_file() -> None:
    instruction = Instruction.parse("---\ntitle: x\n---\n\n{A}\n")
    assert instruction.variables == {"A": 5}


FULL = """---
title: "{TICKER}: analysis"
description: One company.
input:
  TICKER: {description: stock symbol}
  HORIZON: {default: 12 months}
  YEARS: {type: integer, default: 3}
  TONE: {choices: [dry, warm], default: dry}
contexts: [biotech/01-introduction.md]
data:
  facts: {source: sec, ticker: "{TICKER}", max_age: 24h}
  quote: {source: yahoo, ticker: "{TICKER}", max_age: 15m, optional: true}
model: [anthropic/claude-sonnet-4-5, openai/gpt-4o]
output: {formats: [html, pdf], theme: report}
---
# {TICKER} over {HORIZON}, {YEARS} years, {TONE}

## Pipeline

What is in trials.

```
## not a section
```

## Risks

The rest.
"""


def test_front_matter_is_read_into_the_instruction() -> None:
    instruction = Instruction.parse(FULL)
    assert instruction.models == ("anthropic/claude-sonnet-4-5", "openai/gpt-4o")
    assert instruction.formats == ("html", "pdf")
    assert instruction.data["facts"].max_age == 86400
    assert instruction.data["quote"].optional
    assert [section.title for section in instruction.sections] == ["Pipeline", "Risks"]
    assert instruction.sections[0].text.startswith("What is in trials.")
    assert instruction.resolve({"TICKER": "MRNA"}) == {
        "TICKER": "MRNA",
        "HORIZON": "12 months",
        "YEARS": "3",
        "TONE": "dry",
    }


def test_every_fault_of_a_call_is_named_at_once() -> None:
    with pytest.raises(InstructionError) as caught:
        Instruction.parse(FULL).resolve({"YEARS": "many", "TONE": "loud", "COLOUR": "red"})
    for fault in (
        "TICKER is missing",
        "YEARS must be an integer",
        "TONE must be one of dry, warm",
        "COLOUR is not a variable",
    ):
        assert fault in caught.value.problem
    assert "TICKER: stock symbol" in caught.value.remedy


def test_every_fault_of_the_front_matter_is_named_at_once() -> None:
    faulty = """---
titel: x
input: {"a b": {}, Y: {type: colour}, Z: {type: integer, default: many}}
data: {d: {path: x}, e: {source: file, max_age: soon, stale_if_error: ever}, f: {source: file, ticker: {TICKER}}}
output: {format: html}
model: 3
---
text
"""
    with pytest.raises(InstructionError) as caught:
        Instruction.parse(faulty)
    for fault in (
        "unknown key titel (did you mean 'title'?)", "input.a b is not a name", "input.Y.type", "the default of Z must be an integer",
        "data.d must be a table with a source", "data.e.max_age", "data.e.stale_if_error: 'ever' is not an age", 'a variable needs quotes, "{TICKER}"',
        "unknown key output.format (did you mean 'formats'?)", "model must be",
    ):  # fmt: skip
        assert fault in caught.value.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no text"),
        ("---\ntitle: x\n---\n  \n", "has no text"),
        ("---\n- a\n---\ntext", "'key: value' lines"),
        ("---\na: [\n---\ntext", "is not YAML"),
        ("---\na: &x 1\nb: *x\n---\ntext", "anchors and tags are not allowed"),
        ("---\na: !!python/object:os.system x\n---\ntext", "anchors and tags are not allowed"),
        ("---\na: '" + "x" * 70000 + "'\n---\ntext", "longer than 64 KiB"),
    ],
)
def test_front_matter_that_cannot_be_trusted_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InstructionError, match=problem):
        Instruction.parse(text)


@given(text=st.text())
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        instruction = Instruction.parse(text)
    except InstructionError as error:
        assert error.remedy
    else:
        assert instruction.body.text
        assert all(line >= 1 for line in instruction.references.values())


def test_tickers_and_dates_that_yaml_would_bend_stay_text() -> None:
    head, _, _ = split_front_matter(
        "---\na: [ON, NO, Y, yes, 2025-09-27, 12:30, 1_000]\nb: [true, null, 7, 0x10, 2.5, 1e3]\n---\nx"
    )
    assert head == {
        "a": ["ON", "NO", "Y", "yes", "2025-09-27", "12:30", "1_000"],
        "b": [True, None, 7, 16, 2.5, 1000.0],
    }


@pytest.mark.parametrize("head", ["a: " + "[" * 30000, "a: " + "{" * 900])
def test_front_matter_made_to_exhaust_its_reader_is_refused_at_once(head: str) -> None:
    with pytest.raises(InstructionError):
        split_front_matter(f"---\n{head}\n---\nx")


@given(
    values=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
        min_size=1,
    )
)
def test_what_a_report_says_about_itself_is_read_back_exactly(values: dict[str, object]) -> None:
    assert split_front_matter(to_bytes(Document("text", "markdown", values)).decode()) == (
        values,
        "\ntext\n",
        len(values) + 3,
    )


def test_a_reports_own_front_matter_may_be_of_any_length() -> None:
    values = {"sources": [{"ref": "x" * 100}] * 10_000}
    assert split_front_matter(to_bytes(Document("text", "markdown", values)).decode())[0] == values


def test_a_rule_without_an_end_is_text_and_not_front_matter() -> None:
    assert split_front_matter("---\nno end") == ({}, "---\nno end", 1)


def test_files_named_in_the_text_are_references_but_not_those_in_code_or_addresses() -> None:
    text = (
        "Use `01-introduction.md`, biotech/02-pipeline.md and (03-risks.md).\n"
        "Not https://example.org/readme.md nor me@host.md.\n```\nhidden.md\n```\n~~~\nalso.md\n~~~\nlast.md"
    )
    assert Instruction.parse(text).references == {
        "01-introduction.md": 1,
        "biotech/02-pipeline.md": 1,
        "03-risks.md": 1,
        "last.md": 9,
    }


@pytest.mark.parametrize(
    ("text", "value"), [("15m", 900), ("24h", 86400), ("7d", 604800), ("90", 90), (90, 90), ("1.5h", 5400)]
)
def test_ages_are_read(text: str | int, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["soon", "", "-1h", "1y", True, "1h30"])
def test_other_ages_are_refused(text: str | bool) -> None:
    with pytest.raises(ValueError, match="is not an age"):
        seconds(text)


@pytest.mark.parametrize(("text", "allowed"), [("true", math.inf), ("7d", 604_800), ("0", 0), ("false", None)])
def test_whether_old_data_may_stand_in_is_yes_no_or_an_age(text: str, allowed: float | None) -> None:
    need = Instruction.parse(f"---\ndata: {{d: {{source: file, path: x, stale_if_error: {text}}}}}\n---\ntext").data[
        "d"
    ]
    assert (need.stale_if_error, need.params) == (allowed, {"path": "x"})


@given(st.floats(0, 1e10))
def test_an_age_is_told_in_its_largest_whole_unit(wait: float) -> None:
    told = seconds(age(wait))
    assert told <= wait < told + {"s": 1, "m": 60, "h": 3600, "d": 86400}[age(wait)[-1]]


def test_a_file_that_is_missing_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstructionError, match="no instruction at"):
        Instruction.load(tmp_path / "none.md")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InstructionError, match="cannot read"):
        Instruction.load(tmp_path / "binary.md")
    with pytest.raises(InstructionError, match="cannot read"):
        Instruction.load(tmp_path)
