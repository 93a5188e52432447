"""A whole run with `source: sec`: from the instruction to a report whose figures lead back to filings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainer import Pipeline, StoredData
from trainer.testing.replay import Answer, ReplayServer

ROOT = Path(__file__).resolve().parents[3]
if not (ROOT / "information").is_dir():
    pytest.skip("the project's folder `information` is not here", allow_module_level=True)
INSTRUCTION = "information/instructions/company-metrics.md"
FACTS = "/api/xbrl/companyfacts/CIK0000000042.json"


class Project:
    """A folder with the shipped instruction, its data asked of the SEC, and an EDGAR of its own."""

    def __init__(self, folder: Path, edgar: ReplayServer, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in (
            INSTRUCTION,
            "information/context/reading-financial-statements.md",
            "information/context/us-gaap-and-ifrs.md",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
        text = (folder / INSTRUCTION).read_text()
        asked = text.replace(
            '{source: file, path: "information/data/{TICKER}.json"}', '{source: sec, ticker: "{TICKER}"}'
        )
        assert asked != text
        (folder / INSTRUCTION).write_text(asked)
        self.configure(edgar, user_agent="Jane Doe jane@example.org")
        patch.setenv("TRAINER_NO_PROBE", "1")

    def configure(self, edgar: ReplayServer, **settings: object) -> None:
        table = {
            "base_url": edgar.url,
            "archives_url": edgar.url,
            "cache": "cache",
            "state": "state",
            "timeout": 0.2,
            "deadline": 1.5,
            "rate": 10.0,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in (table | settings).items()]
        (self.folder / "trainer.toml").write_text("\n".join(["[sec]", *lines, ""]))

    def trainer(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "trainer", *words], cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )  # fmt: skip

    def run(self) -> None:
        with Pipeline(config=self.folder) as pipeline:
            pipeline.run(self.folder / INSTRUCTION, {"TICKER": "NWND"})

    def stored(self) -> list[StoredData]:
        with Pipeline(config=self.folder) as pipeline:
            return list(pipeline.open_store().query(source="sec"))


@pytest.fixture
def project(tmp_path: Path, edgar: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, edgar, monkeypatch)


def test_a_report_leads_back_to_the_address_and_to_the_filings(
    project: Project, edgar: ReplayServer, tmp_path: Path
) -> None:
    done = project.trainer("run", INSTRUCTION, "-p", "TICKER=NWND", "--to", "html")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    report = next((tmp_path / "output/report").glob("*.md")).read_text()
    assert "| Revenue | USD million | 900.0 | 1,000.0 | 1,080.0 | 1,250.0 | 1,400.0 | +12.0% |" in report
    assert re.search(
        r"\[0000000042-25-000001\]\(https://www\.sec\.gov/Archives/edgar/data/42/000000004225000001/\)", report
    )
    snapshot = json.loads(next((tmp_path / "output/json").glob("*.json")).read_text())
    assert snapshot["records"][0]["url"] == edgar.url + FACTS
    assert snapshot["records"][0]["metadata"]["schema"] == "sec.metrics/1"
    page = next((tmp_path / "output/html").glob("*.html"))
    lineage = project.trainer("lineage", str(page))
    assert edgar.url + FACTS in lineage.stdout
    assert "sec:NWND:" in lineage.stdout


def test_a_second_run_asks_the_sec_nothing(project: Project, edgar: ReplayServer) -> None:
    project.run()
    project.run()
    assert (edgar.count(FACTS), edgar.count("/files")) == (1, 1)


def test_without_a_name_the_run_ends_before_anything_is_sent(project: Project, edgar: ReplayServer) -> None:
    project.configure(edgar, user_agent="")
    done = project.trainer("run", INSTRUCTION, "-p", "TICKER=NWND")
    assert done.returncode == 2
    assert "user_agent is not set" in done.stderr
    assert edgar.requests == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("<html>SEC.gov | Your Request Originates from an Undeclared Automated Tool</html>", 403), "does not accept who asks"),
        (Answer("<html>SEC.gov | Request Rate Threshold Exceeded</html>", 403), "asked too often"),
        (Answer("<Error><Code>AccessDenied</Code></Error>", 403), "EDGAR has nothing at"),
        (Answer("<Error><Code>NoSuchKey</Code></Error>", 404), "there is nothing at"),
        (Answer("slow down", 429), "asked too often"),
        (Answer("busy", 503), "answered 503"),
        (Answer("\0garbage"), "not JSON"),
        (Answer(hang=True), "did not answer within 0."),
        (Answer({"cik": 42, "entityName": "E", "facts": {}}), "no figure under any tag"),
        (Answer({"cik": 42}), "not of the known shape"),
    ],
    ids=["undeclared", "threshold", "denied", "missing", "429", "503", "garbage", "hanging", "no figures", "other shape"],
)  # fmt: skip
def test_an_error_is_two_lines_and_leaves_the_store_as_it_was(
    answer: Answer, said: str, project: Project, edgar: ReplayServer, payloads: Path
) -> None:
    project.run()
    (project.folder / "cache").rename(project.folder / "old-cache")
    before = project.stored()
    assert len(before) == 1
    edgar.add(FACTS, answer)
    done = project.trainer("run", INSTRUCTION, "-p", "TICKER=NWND")
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert (done.returncode, len(told)) == (1, 2), done.stderr
    assert said in told[0]
    assert "trainer-sec" in told[0]
    assert project.stored() == before
    assert len(list((project.folder / "output/report").glob("*.md"))) == 1


def test_without_httpx_the_error_says_so(project: Project) -> None:
    code = "import sys; sys.modules['httpx'] = None; from trainer.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "retrieve", "sec", "ticker=NWND"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "it needs the module 'httpx'" in done.stderr
    assert len(done.stderr.splitlines()) == 2
