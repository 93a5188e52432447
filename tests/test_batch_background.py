"""A batch is that of its instruction with the background as it is: a file that changes makes new work."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer import Instruction, Pipeline
from trainer.batch import Batch

ROWS = [{"TICKER": "T1"}, {"TICKER": "T2"}]
HEAD = "---\nengine: jinja\ncontexts: [tone.md]\ninput: {TICKER: {}}\n---\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "trainer.toml": '[pipeline]\nmodel = "offline/report"\n',
        "information/context/tone.md": "Dry.",
        "information/instructions/part.md": "Briefly.",
        "information/instructions/note.md": HEAD + '# {{ TICKER }}\n\n## Outlook\n\n{% include "part.md" %}\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "changed", ["information/context/tone.md", "information/instructions/part.md", "information/instructions/note.md"]
)
def test_what_a_prompt_is_made_of_makes_new_work_when_it_changes_and_only_then(project: Path, changed: str) -> None:
    def begun() -> int:
        with Pipeline(config=project) as pipeline:
            instruction = Instruction.load(project / "information/instructions/note.md")
            batch = Batch(pipeline, instruction, ROWS)
            before = batch.summary().done
            assert batch.run(jobs=2).done == 2
            return before

    assert [begun(), begun()] == [0, 2]
    path = project / changed
    path.write_text(path.read_text() + "\nMore.\n")
    assert [begun(), begun()] == [0, 2]


def test_a_setting_in_the_front_matter_makes_new_work_too(project: Path) -> None:
    path = project / "information/instructions/note.md"
    names = set()
    for text in (path.read_text(), path.read_text().replace("contexts:", "params: {temperature: 0}\ncontexts:")):
        path.write_text(text)
        with Pipeline(config=project) as pipeline:
            names.add(Batch(pipeline, Instruction.load(path), ROWS).name)
    assert len(names) == 2
