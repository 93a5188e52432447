"""Grounding of whole reports: those of the offline writer trace completely, and time grows as the text."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from trainer import Pipeline, StoredData
from trainer.instruction import Template
from trainer_guard.grounding import Grounding

ROOT = Path(__file__).resolve().parents[3]
if not (ROOT / "information").is_dir():
    pytest.skip("the project's folder `information` is not here", allow_module_level=True)
RUNS = [
    ("company-metrics", {"TICKER": "AAPL"}),
    ("company-metrics", {"TICKER": "TSM"}),
    ("biotech-company", {"TICKER": "SNOW"}),
    ("compare-companies", {"FIRST": "AAPL", "SECOND": "SNOW", "THIRD": "TSM"}),
]
PUMPS = [
    "1 ", "1,", "1-", "$(", "(1) ", "€1.", "1 234 ", "1,234,", "Q1 ", "2024-", "12/", "FY2025 ", "a@", "](", "<!--", "`", "~~", "&#", "|",
    "|\n|-|\n", "| 1 | 2 |\n|---|---|\n| 3 | 4 |\n", "1 billion revenue ", "net income revenue 5% ", "from 5 to 6 and ", '"a b c d e" ',
    "revenue rose 5% to $4 billion in FY2025 ", "A. ", "1. ", "---\n", "No. 1-", "http://", "first ",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "params"), RUNS, ids=lambda item: item if isinstance(item, str) else "-".join(item.values())
)
def test_every_figure_of_an_offline_report_is_found_or_derived(
    name: str, params: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "information", tmp_path / "information")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINER_NO_PROBE", "1")
    with Pipeline(config={"pipeline": {"store": f"sqlite:///{tmp_path}/store.db"}}) as pipeline:
        run, prompt = pipeline.plan(tmp_path / f"information/instructions/{name}.md", params)
        report = pipeline.run(tmp_path / f"information/instructions/{name}.md", params, write=False)
    records: dict[str, StoredData] = dict(prompt.records)
    filled = {section.title: Template(section.text).fill(run.params) for section in prompt.instruction.sections}
    result = Grounding(records, {"instruction": "\n".join(filled.values())}).check(report.text)
    assert result.feedback() == ""
    assert len(result.checked) > 180
    assert result.sentence() == f"{len(result.checked)} of {len(result.checked)} figures trace to a stored record."


def seconds(grounding: Grounding, text: str) -> float:
    def once() -> float:
        start = time.process_time()
        grounding.check(text)
        return time.process_time() - start

    return min(once() for _ in range(2))


@pytest.mark.parametrize("pump", PUMPS)
def test_time_grows_no_faster_than_the_text(pump: str) -> None:
    short, long = (seconds(EMPTY, (pump * size)[:size]) for size in (1_000, 4_000))
    # Four times the text takes four times as long, sixteen if it were quadratic.
    assert long < 9 * short + 0.05


EMPTY = Grounding({})
