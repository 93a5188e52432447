"""`trainer validate` names every kind of fault at once: one instruction with all of them, the lines exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from trainer import CompletionRequest, CompletionResult, Instruction, Pipeline, Query, RetrievalResult, hookimpl, plugin
from trainer.models import ModelInfo
from trainer.validation import validate

FAULTY = """\
---
titel: x
description: [unclosed
input:
  A: {description: what, chioces: [a]}
  N: {type: integer, default: many}
  C: {choices: [a, b], default: c}
  D: {type: integer, choices: [1, two], default: 1}
  T: {type: texd}
  a b: {}
params: temperature: 0
contexts:
  - onne.md
  - ../secret.md
  - empty.md
  - long.md
  - long.md
  - copy.md
data:
  a: {source: yahooo, ticker: "{MISSING}"}
  b: {path: x}
  c: {source: file, path: x, max_age: soon}
  d: {source: sec, tikcer: ACME}
model: [absent/one, "offline/report"]
output:
  formats: [docxx]
  format: html
  schema:
    type: objekt
    properties:
      a: 3
strategy: seqential
budget: {context: 9, data: 0, datta: 3}
engine: jinja
---

{{ A }} {{ B }}
{% include "part.md" %}
{% include "../../information/secret.md" %}
{% include "none.md" %}
{{ A | center(3) }}
{{ A b }}
{% if A %}
"""
ERRORS = {
    (0, "nothing installed answers to store 'mongoo'"),
    (0, "circle.md, line 2: files include each other: part.md → circle.md → part.md"),
    (2, "unknown key titel (did you mean 'title'?)"),
    (3, "the front matter is not YAML: while parsing a flow sequence"),
    (5, "unknown key input.A.chioces (did you mean 'choices'?)"),
    (6, "input.N: the default of N must be an integer, not 'many'"),
    (7, "input.C: the default of C must be one of a, b, not 'c'"),
    (8, "input.D.choices: D must be an integer, not 'two'"),
    (9, "input.T.type must be one of text, integer, number, boolean, date, not 'texd'"),
    (10, "input.a b is not a name"),
    (11, "the front matter is not YAML: mapping values are not allowed here"),
    (13, "there is no context file onne.md in context/"),
    (14, "'../secret.md' leaves the folder"),
    (20, "nothing installed answers to retrieve 'yahooo' (did you mean 'yahoo'?)"),
    (21, "data.b must be a table with a source"),
    (22, "data.c.max_age: 'soon' is not an age"),
    (23, "the source sec has no parameter tikcer (did you mean 'ticker'?)"),
    (26, "nothing installed converts markdown to docxx"),
    (27, "unknown key output.format (did you mean 'formats'?)"),
    (29, "the schema is not a JSON schema: 'objekt' is not valid"),
    (31, "the schema is not a JSON schema: 3 is not of type"),
    (32, "nothing installed answers to compose 'seqential' (did you mean 'sequential'?)"),
    (33, "budget.data must be more than 0, not 0"),
    (33, "unknown key budget.datta (did you mean 'data'?)"),
    (37, "B is not declared"),
    (39, "'../../information/secret.md' leaves the folder"),
    (40, "there is no context file none.md in context/"),
    (41, "the filter center is not allowed"),
    (42, "this is not Jinja: expected token 'end of print statement'"),
    (43, "this is not Jinja: Unexpected end of template"),
}
WARNINGS = {
    (15, "the context empty.md is empty"),
    (16, "the context long.md: about"),
    (17, "the context long.md is listed twice"),
    (18, "the context copy.md: the same text as long.md"),
    (20, "{MISSING} is not declared"),
    (24, "nothing installed answers to complete 'absent'"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "trainer.toml": '[pipeline]\nstore = "mongoo://x"\n[plugins]\ndisable = ["trainer-litellm"]\n',
        "information/secret.md": "secret",
        "information/context/one.md": "One.",
        "information/context/empty.md": "\n",
        "information/context/long.md": "Much is known of this. " * 20,
        "information/context/copy.md": "Much is known of this. " * 20,
        "information/instructions/part.md": '{% include "circle.md" %}',
        "information/instructions/circle.md": '\n{% include "part.md" %}',
        "information/instructions/faulty.md": FAULTY,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def validated(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer", "validate", "information/instructions/faulty.md", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_every_kind_of_fault_is_named_with_its_line_and_a_remedy_and_nothing_else_is(project: Path) -> None:
    done = validated(project, "--json")
    assert done.returncode == 1, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    for fatal, expected in ((True, ERRORS), (False, WARNINGS)):
        told = {(one["line"], one["message"]) for one in found if one["fatal"] is fatal}
        missed = {
            fault
            for fault in expected
            if not any(line == fault[0] and message.startswith(fault[1]) for line, message in told)
        }
        assert missed == set(), told
        more = {one for one in told if not any(one[0] == line and one[1].startswith(fault) for line, fault in expected)}
        assert more == set()
    assert all(one["remedy"] for one in found)


def test_the_same_is_told_to_people_as_file_line_and_kind(project: Path) -> None:
    told = validated(project).stdout.splitlines()
    assert "information/instructions/faulty.md:2: error: unknown key titel (did you mean 'title'?)" in told
    assert "information/instructions/faulty.md:17: warning: the context long.md is listed twice" in told
    assert any(line.startswith("information/instructions/faulty.md: error: nothing installed answers") for line in told)
    assert all(line.startswith(("information/instructions/faulty.md", "  ")) for line in told)


@plugin
class Picky:
    """A source that says what it takes."""

    key: str = ""

    def get_schema(self) -> dict[str, Any]:
        return {"properties": {"path": {}, "days": {}}, "required": ["path"]}

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return RetrievalResult([], "picky")


def told(folder: Path, text: str, others: type | None = None, **config: Any) -> list[tuple[int, str, bool]]:
    plugins: dict[str, Any] = {"retrieve.picky": Picky, "store.memory": "trainer.testing.memory:MemoryStore", "complete.offline": Picky,
               "compose.sequential": "trainer_prompts:Sequential"}  # fmt: skip
    plugins |= {"complete.any": others} if others else {}
    (folder / "asked.md").write_text(text)
    with Pipeline(plugins, {"pipeline": {"store": "memory:", "model": "offline/report"}, **config}) as pipeline:
        return [(one.line, one.message, one.fatal) for one in validate(pipeline, folder / "asked.md")]


def test_a_source_that_says_what_it_takes_is_asked(tmp_path: Path) -> None:
    text = "---\ndata:\n  a: {source: picky, path: x, days: 3}\n  b: {source: picky, dayz: 3}\n---\nReport.\n"
    assert told(tmp_path, text) == [
        (4, "the source picky has no parameter dayz (did you mean 'days'?)", True),
        (4, "data.b lacks path, which the source picky needs", True),
    ]


def test_a_source_that_cannot_be_set_up_here_is_a_warning(tmp_path: Path) -> None:
    text = "---\ndata:\n  a: {source: picky, path: x}\n---\nReport.\n"
    ((line, message, fatal),) = told(tmp_path, text, picky={"key": "${NO_SUCH_VARIABLE_IS_SET}"})
    assert (line, fatal) == (3, False)
    assert "NO_SUCH_VARIABLE_IS_SET" in message


@plugin
class Others:
    """A provider of every other model."""

    def list_models(self) -> list[ModelInfo]:
        return [ModelInfo("grok", "xai")]

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult("", request.model, "any")


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ("xay/grok", "no provider xay is known (did you mean 'xai'?)"),
        ("xai/grok", ""),
        ("any/x", ""),
        ("offline/x", ""),
    ],
)
def test_a_provider_that_nobody_knows_is_a_warning(tmp_path: Path, model: str, fault: str) -> None:
    found = told(tmp_path, f"---\nmodel: {model}\n---\nReport.\n", others=Others)
    assert found == ([(2, fault, False)] if fault else [])


lines = st.sampled_from(
    ["a: 1", "title: [", "b: {", "  c: x: y", "'", "- x", "\t", "---", "  - z: [1,", "input:", '"', "x: &a 1", "? ", "|", "#"]
)  # fmt: skip


@given(st.lists(lines, max_size=15), st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_front_matter_is_read_or_told_with_a_line_of_the_file(head: list[str], body: str) -> None:
    text = "\n".join(["---", *head, "---", body])
    _, found = Instruction.examine(text)
    assert all(0 <= one.line <= text.count("\n") + 1 and one.remedy for one in found)
