"""What templates and the manager promise to programs that use them without a pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from attrs import frozen
from hypothesis import given, strategies as st

from trainer import StoredData
from trainer.errors import Blocked, InstructionError, PathRefused, StoreError
from trainer.testing.memory import MemoryStore
from trainer_prompts import PromptManager, PromptTemplate

if TYPE_CHECKING:
    from pathlib import Path


@frozen
class Verdict:
    is_valid: bool
    errors: list[str]


class NoBraces:
    """A guard that refuses braces."""

    def validate(self, text: str) -> Verdict:
        return Verdict("{" not in text, ["there is a brace in it"])


@pytest.fixture
def contexts(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "biotech").mkdir(parents=True)
    (folder / "economy.md").write_text("Rates.", "utf-8")
    (folder / "biotech" / "01-introduction.md").write_text("Cells.", "utf-8")
    (tmp_path / "secret.md").write_text("secret", "utf-8")
    return folder


def test_a_template_knows_its_variables_and_its_background(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("See `economy.md`. {TICKER} over {HORIZON}, {TICKER}, {{NOT}}\n", "utf-8")
    template = PromptTemplate.from_file(path)
    assert template.get_variables() == ["TICKER", "HORIZON"]
    assert template.get_context_refs() == ["economy.md"]
    assert PromptTemplate("---\ncontexts: [a.md]\n---\nsee b.md").get_context_refs() == ["a.md"]
    assert PromptTemplate("---\ncontexts: []\n---\nsee b.md").get_context_refs() == []


@given(st.text(), st.text())
def test_a_template_is_filled_once(first: str, second: str) -> None:
    values = {"A": first + "{B}", "B": second + "{A}"}
    assert PromptTemplate("{A}|{B}").fill(values) == f"{values['A']}|{values['B']}"


def test_every_missing_and_every_unknown_value_is_named() -> None:
    with pytest.raises(InstructionError, match=r"C is not a variable.*A is missing.*B is missing"):
        PromptTemplate("{A} {B}").fill({"C": 1})


def test_a_template_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe\xff")
    for name in ("none.md", "bad.md", "."):
        with pytest.raises(InstructionError, match="cannot read"):
            PromptTemplate.from_file(tmp_path / name)


def test_background_is_found_by_path_and_by_name_in_the_order_asked_for(contexts: Path) -> None:
    found = PromptManager(contexts).load_contexts(["01-introduction.md", "economy.md"])
    assert [context.text for context in found] == ["Cells.", "Rates."]
    assert PromptManager(contexts).load_contexts(["biotech/01-introduction.md"])[0].text == "Cells."


def test_background_that_is_missing_is_named_with_what_was_meant(contexts: Path) -> None:
    with pytest.raises(InstructionError, match=r"econmy\.md") as error:
        PromptManager(contexts).load_contexts(["econmy.md"])
    assert "economy.md" in error.value.remedy


def test_background_stays_in_its_folder(contexts: Path) -> None:
    (contexts / "linked.md").symlink_to(contexts.parent / "secret.md")
    for reference in ("../secret.md", str(contexts.parent / "secret.md"), "linked.md", "~/secret.md"):
        with pytest.raises(PathRefused):
            PromptManager(contexts).load_contexts([reference])


def test_the_manager_composes_with_records_that_are_given(contexts: Path) -> None:
    then = datetime(2024, 1, 2, tzinfo=UTC)
    record = StoredData("sec:AAPL:20240102", {"revenue": 383}, "sec", 1, then, then)
    manager = PromptManager(contexts)
    prompt = manager.compose(PromptTemplate("{T}, with economy.md"), {"T": "AAPL"}, {"facts": record}, "parallel")
    assert "Rates." in prompt.messages[0].text
    assert '{"revenue":383}' in prompt.messages[1].text
    assert prompt.messages[2].text == "AAPL, with economy.md"
    assert prompt.records == {"facts": record}


def test_a_record_can_be_named_by_its_key_in_the_store(contexts: Path) -> None:
    store = MemoryStore()
    record = store.store("sec:AAPL:20240102", {"revenue": 383}, source="sec")
    prompt = PromptManager(contexts, data_store=store).compose(PromptTemplate("Text"), records={"facts": record.key})
    assert prompt.records == {"facts": record}


def test_a_record_that_is_not_there_and_an_unknown_strategy_are_errors(contexts: Path) -> None:
    manager, template = PromptManager(contexts), PromptTemplate("text")
    with pytest.raises(StoreError, match="no record sec:X"):
        manager.compose(template, records={"facts": "sec:X"})
    with pytest.raises(InstructionError, match="unknown strategy 'diagonal'"):
        manager.compose(template, strategy="diagonal")


def test_a_value_that_the_security_module_refuses_is_not_filled_in(contexts: Path) -> None:
    manager, template = PromptManager(contexts, NoBraces()), PromptTemplate("Report on {T}")
    assert manager.fill_template(template, {"T": "AAPL"}) == "Report on AAPL"
    with pytest.raises(Blocked, match="the value of T is refused: there is a brace in it"):
        manager.fill_template(template, {"T": "{x}"})
    with pytest.raises(Blocked):
        manager.compose(template, {"T": "{x}"})
