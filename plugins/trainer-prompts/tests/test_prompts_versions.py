"""`trainer prompts`: which versions runs used, what changed between them, and what moved with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trainer import CompletionRequest, CompletionResult, DataStore, Pipeline, Report, hookimpl, plugin
from trainer.errors import InstructionError
from trainer.parts import keep, listed
from trainer.testing.memory import MemoryStore
from trainer_prompts import Sequential
from trainer_prompts.command import prompts
from trainer_prompts.versions import changes, find, moved, versions

SHARED = MemoryStore()


@plugin
class Memory:
    """One store in memory, whoever opens it."""

    @hookimpl
    def store(self, url: str) -> DataStore:
        return SHARED


@plugin
class Model:
    """Answers; the longer it is asked, the more it costs."""

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        cost = len(request.prompt.messages[-1].text) / 100
        return CompletionResult("# Report\n\nText.", request.model, "model", tokens_used=100, cost=cost)


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "information/context").mkdir(parents=True)
    (tmp_path / "information/context/economy.md").write_text("Rates rise.\n")
    (tmp_path / "report.md").write_text("---\ncontexts: [economy.md]\n---\n# {T}\n\nSay what it earns.\n")
    SHARED._versions.clear()
    plugins = {"store.memory": Memory(), "complete.model": Model(), "compose.sequential": Sequential()}
    with Pipeline(plugins, {"pipeline": {"store": "memory:", "model": "model/one"}}) as made:
        yield made


def ran(pipeline: Pipeline, path: str = "report.md", **more: Any) -> Report:
    """A run, with what its prompt was made of in its record."""
    report = pipeline.run(path, {"T": "Acme"}, write=False)
    record = pipeline.find_run(report.id)
    assert record is not None
    _, prompt = pipeline.plan(path, {"T": "Acme"})
    keep(SHARED, prompt)
    SHARED.store(record.key, {**record.data, "parts": listed(prompt), **more}, source=record.source)
    return report


def graded(traced: int) -> dict[str, int]:
    return {"figures": 10, "traced": traced}


def test_runs_of_the_same_prompt_are_one_version_and_a_change_of_any_file_makes_another(pipeline: Pipeline) -> None:
    first, again = ran(pipeline, grounding=graded(7)), ran(pipeline, grounding=graded(8))
    Path("information/context/economy.md").write_text("Rates fall.\n")
    second = ran(pipeline, grounding=graded(10))
    Path("report.md").write_text(Path("report.md").read_text() + "\nAnd what it owes, at length.\n")
    third = ran(pipeline)
    found = versions(SHARED, "report.md")
    assert [[run["run"] for run in version.runs] for version in found] == [
        [third.id],
        [second.id],
        [first.id, again.id],
    ]
    assert [version.measures()["grounded"] for version in found] == [None, 1.0, 0.75]
    assert found[0].measures()["runs"] == 1
    costs = [version.measures()["cost"] or 0 for version in found]
    assert costs[0] > costs[1] == pytest.approx(costs[2])


def test_a_version_does_not_depend_on_data_and_parameters(pipeline: Pipeline) -> None:
    ran(pipeline)
    report = pipeline.run("report.md", {"T": "Other"}, write=False)
    record = pipeline.find_run(report.id)
    assert record is not None
    _, prompt = pipeline.plan("report.md", {"T": "Other"})
    SHARED.store(record.key, {**record.data, "parts": listed(prompt)}, source=record.source)
    assert len(versions(SHARED)) == 1


@pytest.mark.parametrize("name", ["report.md", "report", "./report.md"])
def test_an_instruction_is_found_by_its_path_or_its_name(pipeline: Pipeline, name: str) -> None:
    ran(pipeline)
    Path("other.md").write_text("---\ncontexts: []\n---\n{T}\n")
    ran(pipeline, "other.md")
    assert [version.instruction for version in versions(SHARED, name)] == ["report.md"]
    assert len(versions(SHARED)) == 2
    assert versions(SHARED, "elsewhere/report.md") == []


def test_what_changed_is_shown_part_by_part_with_what_moved(pipeline: Pipeline) -> None:
    first = ran(pipeline, grounding=graded(5))
    Path("information/context/economy.md").write_text("Rates fall.\n")
    Path("report.md").write_text(Path("report.md").read_text().replace("earns", "earns and owes"))
    second = ran(pipeline, grounding=graded(10))
    old, new = find(SHARED, first.id), find(SHARED, second.id)
    lines = list(changes(SHARED, old, new))
    assert "-Rates rise." in lines
    assert "+Rates fall." in lines
    assert "+Say what it earns and owes." in lines
    assert f"--- background economy.md ({old.id})" in lines
    rows = {row["measure"]: row for row in moved(old, new)}
    assert rows["grounded"]["change"] == "+0.5 (+100.0%)"
    assert rows["findings"]["change"] == "+0"
    assert list(changes(SHARED, old, old)) == []


def test_a_part_whose_text_was_not_kept_is_told_by_its_hash(pipeline: Pipeline) -> None:
    first = ran(pipeline)
    Path("information/context/economy.md").write_text("Rates fall.\n")
    second = ran(pipeline)
    old, new = find(SHARED, first.id), find(SHARED, second.id)
    gone = next(part["sha256"] for part in old.parts if part["kind"] == "background")
    SHARED.delete(f"trainer.part:{gone}")
    (line,) = changes(SHARED, old, new)
    assert line.startswith(f"background economy.md: changed from {gone[:12]} to ")


def test_runs_without_parts_are_told_apart_by_their_instruction(pipeline: Pipeline) -> None:
    for text in ("---\ncontexts: []\n---\n{T} one\n", "---\ncontexts: []\n---\n{T} two\n"):
        Path("plain.md").write_text(text)
        record = pipeline.find_run(pipeline.run("plain.md", {"T": "x"}, write=False).id)
        assert record is not None
        data = {key: value for key, value in record.data.items() if key != "parts"}
        SHARED.store(record.key, data, source=record.source)
    assert len(versions(SHARED, "plain")) == 2


def test_the_commands_print_history_and_difference(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ran(pipeline)
    Path("information/context/economy.md").write_text("Rates\x1b[31m fall.\n")
    ran(pipeline)
    monkeypatch.setattr("trainer.pipeline.Pipeline", lambda: pipeline)
    run = CliRunner().invoke
    told = run(prompts, ["history", "report"])
    assert told.exit_code == 0, told.output
    ids = [line.split("\t")[0] for line in told.output.splitlines()[1:]]
    assert ids == [version.id for version in versions(SHARED)]
    rows = json.loads(run(prompts, ["history", "report", "--json"]).stdout)
    assert [part["kind"] for part in rows[0]["parts"]] == ["rules", "background", "task"]
    told = run(prompts, ["diff", first.id, ids[0][:8]])
    assert told.exit_code == 0, told.output
    assert "-Rates rise." in told.output
    assert "\x1b[31m fall" not in told.output
    assert "cost\t" in told.output
    assert "may be chance" in told.output
    assert json.loads(run(prompts, ["diff", ids[1], ids[0], "--json"]).stdout)["old"] == ids[1]


def test_an_unknown_version_says_where_to_find_one(pipeline: Pipeline) -> None:
    for reference in ("abc", ""):
        with pytest.raises(InstructionError, match="no run in the store") as caught:
            find(SHARED, reference)
        assert "trainer prompts history" in caught.value.remedy
