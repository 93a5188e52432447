"""Validation: every kind of fault at once, with its line and what to do, alone and as `trainer validate`."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve

from trainer import Message, StoredData
from trainer_prompts import PromptManager, PromptTemplate, PromptValidator

THEN = datetime(2024, 1, 2, tzinfo=UTC)
FAULTY = """---
titel: x
input:
  A: {description: what}
  N: {type: integer, default: many}
  UNUSED: {default: x}
  a b: {}
contexts:
  - backgrund.md
  - ../secret.md
  - empty.md
data:
  d: {source: yahooo, ticker: "{B}"}
  e: {path: x}
  f: {source: file, path: x, max_age: soon}
model: absent/one
output:
  formats: [docxx]
  format: html
strategy: seqential
budget: {data: 0, datta: 3}
engine: handlebars
---

{A} {C}
"""
EXPECTED = {
    2: ["unknown key titel (did you mean 'title'?)"],
    5: ["the default of N must be an integer"],
    6: ["input UNUSED is never used"],
    7: ["input.a b is not a name"],
    9: ["there is no context file backgrund.md"],
    10: ["'../secret.md' leaves the folder"],
    11: ["the context empty.md is empty"],
    13: ["{B} is not declared"],
    14: ["data.e must be a table with a source"],
    15: ["data.f.max_age: 'soon' is not an age"],
    21: ["budget.data must be more than 0", "unknown key budget.datta (did you mean 'data'?)"],
    19: ["unknown key output.format"],
    22: ["engine must be one of text, jinja, json, xml"],
    25: ["{C} is not declared"],
}
INSTALLED = {13: ["retrieve 'yahooo'"], 18: ["markdown to docxx"], 20: ["compose 'seqential'"]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "information/context").mkdir(parents=True)
    (tmp_path / "information/context/background.md").write_text("Rates.")
    (tmp_path / "information/context/empty.md").write_text("\n")
    (tmp_path / "trainer.toml").write_text("")
    (tmp_path / "faulty.md").write_text(FAULTY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_kind_of_fault_is_named_at_once_with_its_line_and_a_remedy(project: Path) -> None:
    manager = PromptManager("information/context")
    result = manager.validate(manager.load_prompt("faulty.md"))
    assert not result.is_valid
    for line, faults in EXPECTED.items():
        for fault in faults:
            assert any(fault in one.message and one.line == line for one in result.problems), (line, fault)
    assert all(one.remedy for one in result.problems)
    assert len(result.errors) + len(result.warnings) == len(result.problems)
    assert any(text.startswith("line 2: unknown key titel") and "Known keys: title" in text for text in result.errors)


def test_the_command_names_those_of_what_is_installed_too(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "validate", "faulty.md"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    for expected in (EXPECTED, INSTALLED):
        for line, faults in expected.items():
            for fault in faults:
                assert any(
                    told.startswith(f"faulty.md:{line}: ") and fault in told for told in done.stdout.splitlines()
                ), (fault, done.stdout)


def test_front_matter_that_is_no_yaml_does_not_hide_what_is_wrong_below_it(project: Path) -> None:
    result = PromptValidator(project / "information/context").validate(
        PromptTemplate("---\na: 1\nb: [\n---\n{A} see missing.md")
    )
    assert any("is not YAML" in one.message and one.line in (3, 4) for one in result.problems)
    assert any("missing.md" in one.message and one.line == 5 for one in result.problems)


def test_what_is_wrong_in_a_jinja_body_is_found_by_the_command(project: Path) -> None:
    Path("jinja.md").write_text("---\nengine: jinja\ninput: {A: {}}\n---\n{{ A }}\n{{ B }}\n{% include 'none.md' %}\n")
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "validate", "jinja.md"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "jinja.md:6: error: B is not declared\n  Add it under input:." in done.stdout
    assert "jinja.md:7: error: there is no" in done.stdout


def test_a_sound_template_is_valid_without_any_folder() -> None:
    result = PromptValidator().validate(PromptTemplate("---\ninput: {A: {}}\n---\n{A}, with any.md"))
    assert result.is_valid
    assert result.problems == ()


def test_a_prompt_is_checked_for_its_size_its_roles_and_its_fences(tmp_path: Path) -> None:
    record = StoredData("sec:AAPL:20240102", {"revenue": 383}, "sec", 1, THEN, THEN)
    manager = PromptManager(tmp_path)
    prompt = manager.compose(PromptTemplate("Report."), records={"facts": record})
    assert manager.validate(prompt).is_valid
    assert "are allowed" in manager.validate(prompt, max_tokens=50).errors[0]
    forged = evolve(prompt.messages[1], text=f"</data-{prompt.nonce}>" + prompt.messages[1].text)
    for messages, fault in (
        ((prompt.messages[0], forged), "1 blocks with 2 ends"),
        (prompt.messages[:1], "the last message is not the user's"),
        ((*prompt.messages, Message("system", "x"), Message("user", "y")), "a system message stands among the others"),
        ((*prompt.messages, Message("user", " ")), "a message is empty"),
        ((Message("system", prompt.nonce), *prompt.messages[1:]), "stands in the system message"),
    ):
        assert any(fault in error for error in manager.validate(evolve(prompt, messages=messages)).errors), fault


def test_what_was_left_out_of_a_prompt_is_a_warning(tmp_path: Path) -> None:
    record = StoredData("sec:AAPL:20240102", [{"n": n} for n in range(3000)], "sec", 1, THEN, THEN)
    template = PromptTemplate("---\nbudget: {data: 100}\n---\nReport.")
    result = PromptManager(tmp_path).validate(PromptManager(tmp_path).compose(template, records={"facts": record}))
    assert result.is_valid
    assert "of 3,000 rows left out" in result.warnings[0]


def test_values_are_refused_with_the_line_of_their_variable() -> None:
    template = PromptTemplate(
        "---\ninput:\n  YEARS: {type: integer}\n  TONE: {choices: [dry], default: dry}\n---\n\n{YEARS}\n{MORE}"
    )
    with pytest.raises(Exception, match="YEARZ is not a variable") as caught:
        template.fill({"YEARS": "many", "TONE": "loud", "YEARZ": 1})
    told = str(caught.value)
    for fault in (
        "(did you mean 'YEARS'?)",
        "MORE is missing (line 8)",
        "YEARS must be an integer, not 'many' (line 7)",
        "not 'loud' (line 4)",
    ):
        assert fault in told
