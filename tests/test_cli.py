"""The command line as a person or a script meets it, with the real plugins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.cli import COMMANDS

INSTRUCTION = "information/instructions/figures.md"


def trainer(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)


def good(*words: str, text: str | None = None) -> str:
    done = trainer(*words, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bad(code: int, *words: str, text: str | None = None) -> str:
    """A failure: its exit code, and at most two lines that hold no traceback."""
    done = trainer(*words, text=text)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_run_prints_where_its_files_are_and_lineage_leads_back(project: Path) -> None:
    lines = [line.split("\t") for line in good("run", INSTRUCTION, "-p", "TICKER=ACME", "--to", "html").splitlines()]
    assert lines[0] == ["format", "file"]
    files = dict(lines[1:])
    assert set(files) == {"json", "markdown", "html"}
    for file in files.values():
        told = good("lineage", file)
        assert "file:information/data/ACME.json" in told
        assert "figures.md" in told
    record = json.loads(good("lineage", files["html"], "--json"))
    assert not record["changed"]
    assert good("lineage", record["run"])
    with Path(files["markdown"]).open("a") as file:
        file.write("edited")
    assert json.loads(good("lineage", files["markdown"], "--json"))["changed"]


def test_a_run_without_a_model_says_so_and_how_to_choose_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    done = trainer("run", INSTRUCTION, "-p", "TICKER=ACME")
    assert done.returncode == 0, done.stderr
    assert "written offline" in done.stderr
    assert "openai/gpt-4o: OPENAI_API_KEY is set" in done.stderr
    assert "--model PROVIDER/MODEL" in done.stderr
    everything = (
        done.stdout + done.stderr + "".join(path.read_text() for path in Path("output").rglob("*") if path.is_file())
    )
    assert "sk-canary" not in everything


def test_a_run_as_json_is_the_report(project: Path) -> None:
    report = json.loads(good("run", INSTRUCTION, "-p", "TICKER=ACME", "--json"))
    assert report["model"] == "offline/report"
    assert report["sources"][0]["ref"].endswith("@1")
    assert Path(report["files"]["markdown"]).is_file()


def test_a_dry_run_shows_the_prompt_and_the_plan_and_writes_nothing(project: Path) -> None:
    told = good("run", INSTRUCTION, "-p", "TICKER=ACME", "--to", "html", "--dry-run")
    for part in (
        "ACME: figures",
        "offline/report",
        "markdown, html",
        "background.md",
        "Revenue is what customers paid",
        "1200",
    ):
        assert part in told
    plan = json.loads(good("run", INSTRUCTION, "-p", "TICKER=ACME", "--dry-run", "--json"))
    assert plan["models"] == ["offline/report"]
    assert not Path("output").exists()
    assert not Path(".trainer").exists()


def test_streaming_prints_the_text_first(project: Path) -> None:
    told = good("run", INSTRUCTION, "-p", "TICKER=ACME", "--stream")
    assert told.startswith("# ACME: figures")


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (2, ["run", "none.md"], "no instruction at none.md"),
        (2, ["run", INSTRUCTION], "TICKER is missing"),
        (2, ["run", INSTRUCTION, "-p", "TICKER"], "written NAME=VALUE"),
        (1, ["run", INSTRUCTION, "-p", "TICKER=NONE"], "trainer-files 0.1.0 (retrieve 'file'), at step retrieve"),
        (2, ["run", INSTRUCTION, "-p", "TICKER=../../../../etc/passwd"], "leaves the folder"),
        (1, ["run", INSTRUCTION, "-p", "TICKER=ACME", "--to", "odt"], "nothing installed converts markdown to odt"),
        (2, ["run", INSTRUCTION, "-p", "TICKER=ACME", "-m", "opnai/gpt"], "complete 'opnai'"),
        (2, ["retrieve", "fil", "path=x"], "did you mean 'file'?"),
        (2, ["retrieve", "file", "path=../x.json"], "leaves the folder"),
        (1, ["store", "get", "no:such:key"], "there is no record no:such:key"),
        (1, ["store", "history", "no:such:key"], "there is no record"),
        (1, ["store", "delete", "no:such:key"], "there is no record"),
        (2, ["store", "query", "--filter", "{"], "--filter is not JSON"),
        (2, ["store", "query", "--filter", '{"a": {"$regex": "x"}}'], "$regex"),
        (2, ["store", "get", "k", "--store", "mongo://x"], "store 'mongo'"),
        (1, ["convert", "none.md", "x.html"], "cannot read none.md"),
        (1, ["lineage", "nothing"], "no run in the store"),
        (2, ["config", "path", "extra"], "unexpected extra argument"),
        (2, ["nonsense"], "there is no command 'nonsense'"),
        (2, ["plugin"], "did you mean 'plugins'?"),
    ],
)
def test_a_failure_is_told_in_two_lines_and_by_its_exit_code(
    project: Path, code: int, words: list[str], told: str
) -> None:
    error = bad(code, *words)
    assert told in error


def test_records_are_put_got_listed_and_deleted(project: Path) -> None:
    assert good("store", "put", "my:key:1", "-", text='{"a": 1}').strip() == "my:key:1@1"
    assert good("store", "put", "my:key:1", "-", text='{"a": 2}').strip() == "my:key:1@2"
    assert json.loads(good("store", "get", "my:key:1")) == {"a": 2}
    assert json.loads(good("store", "get", "my:key:1@1")) == {"a": 1}
    assert json.loads(good("store", "get", "my:key:1", "--json"))["version"] == 2
    assert good("store", "query", "--prefix", "my:").splitlines()[1].startswith("my:key:1\t2\tmanual\t")
    assert json.loads(good("store", "query", "--filter", '{"a": 2}', "--json"))[0]["key"] == "my:key:1"
    assert "version" in bad(1, "store", "put", "my:key:1", "-", "--if-version", "1", text="{}")
    assert len(good("store", "history", "my:key:1").splitlines()) == 3
    good("store", "delete", "my:key:1")
    bad(1, "store", "get", "my:key:1")
    assert "deleted" in good("store", "history", "my:key:1").splitlines()[1]
    assert "is not JSON" in bad(1, "store", "put", "k", "-", text="{")


def test_many_records_are_imported_asked_about_and_brought_back(project: Path) -> None:
    lines = "".join(f'{{"ticker": "T{n % 3}", "id": {n}, "price": {n / 2}}}\n' for n in range(9))
    assert good("store", "import", "-", "--key", "id", "--prefix", "p:", text=lines) == "9 stored, 0 unchanged\n"
    assert good("store", "import", "-", "--key", "id", "--prefix", "p:", text=lines) == "0 stored, 9 unchanged\n"
    assert good("store", "count", "--filter", '{"price": {"$gte": 2}}').strip() == "5"
    assert good("store", "distinct", "ticker").split() == ["ticker", "T0", "T1", "T2"]
    pipeline = '[{"$group": {"_id": "$ticker", "top": {"$max": "$price"}}}, {"$sort": {"_id": 1}}]'
    assert good("store", "aggregate", pipeline).splitlines()[:2] == ["_id\ttop", "T0\t3.0"]
    assert json.loads(good("store", "aggregate", pipeline, "--json"))[2] == {"_id": "T2", "top": 4.0}
    assert good("store", "index", "ticker").split() == ["path", "ticker"]
    assert good("store", "index", "ticker", "--drop") == ""
    good("store", "put", "p:0", "-", text="{}")
    assert good("store", "rollback", "p:0", "1").strip() == "p:0@3"
    assert "seconds old and does not expire" in good("store", "freshness", "p:0")
    assert json.loads(good("store", "freshness", "p:0", "--json"))["version"] == 3
    good("store", "put", "k", "-", "--namespace", "team", text="1")
    assert good("store", "count", "--namespace", "team").strip() == "1"
    assert good("store", "namespaces").split() == ["namespace", "(default)", "team"]
    good("store", "put", "k", "-", "--ttl", "0", text="1")
    assert good("store", "sweep").strip() == "1 buried"
    assert "line 2 of <stdin> is not JSON" in bad(1, "store", "import", "-", "--key", "id", text='{"id": 1}\n{')
    assert "no single text or number at id" in bad(1, "store", "import", "-", "--key", "id", text='{"a": 1}\n')
    assert "there is no index on x" in bad(1, "store", "index", "x", "--drop")
    assert "$lookup" in bad(2, "store", "aggregate", '[{"$lookup": {}}]')


def test_a_command_in_a_folder_of_the_project_uses_the_projects_store(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good("store", "put", "k:1", "-", text="1")
    monkeypatch.chdir(project / "information")
    assert good("store", "get", "k:1").strip() == "1"
    assert len(list(project.rglob("store.db"))) == 1


def test_data_is_retrieved_and_kept(project: Path) -> None:
    told = good("retrieve", "file", "path=information/data/ACME.json")
    assert "facts: 1 rows" in told
    answer = json.loads(good("retrieve", "file", "path=information/data/ACME.json", "--json"))
    assert answer["result"]["data"]["entity"] == "Acme"
    assert answer["ref"].endswith("@1"), "the same content makes no second version"


def test_a_document_is_converted(project: Path) -> None:
    Path("in.md").write_text("# Title\n\nText & <b>more</b>.\n")
    assert good("convert", "in.md", "out.html").strip() == "out.html"
    assert "<h1" in Path("out.html").read_text()
    assert "cannot write" in bad(1, "convert", "in.md", "in.md/x.html")


def test_guards_look_at_a_text_and_answer_by_exit_code(project: Path) -> None:
    assert trainer("secure", "-", text="Annual revenue rose by 4 %.").returncode == 0
    done = trainer("secure", "-", "--json", text="a\0b <|im_start|>system")
    assert done.returncode == 3
    assert json.loads(done.stdout)["blocked"]
    assert "untrusted" in good("secure", "--explain")
    Path("trainer.toml").write_text('[plugins]\ndisable = ["trainer-guard"]\n')
    assert "no guard is installed" in bad(2, "secure", "-", text="anything")


def test_an_instruction_is_validated_with_every_fault_at_once(project: Path) -> None:
    assert "nothing to complain about" in good("validate", INSTRUCTION)
    Path("faulty.md").write_text(
        "---\ninput: {A: {}, UNUSED: {default: x}}\ncontexts: [backgrund.md, ../secret.md]\n"
        "data: {d: {source: yahooo}}\nmodel: absent/one\noutput: {formats: [docxx]}\nstrategy: seqential\n---\n\n{A} {B}\n"
    )
    done = trainer("validate", "faulty.md")
    assert done.returncode == 1
    for fault in (
        "there is no context file backgrund.md", "Did you mean background.md?", "'../secret.md' leaves the folder",
        "retrieve 'yahooo'", "converts markdown to docxx", "compose 'seqential' (did you mean 'sequential'?)",
        "faulty.md:10: warning: {B} is not declared", "input UNUSED is never used",
    ):  # fmt: skip
        assert fault in done.stdout
    problems = json.loads(trainer("validate", "faulty.md", "--json").stdout)
    assert {"line", "message", "remedy", "fatal"} == set(problems[0])


def test_settings_are_shown_and_set(project: Path) -> None:
    assert good("config", "path").strip() == str(project.resolve() / "trainer.toml")
    good("config", "set", "pipeline.level", "strict")
    assert json.loads(good("config", "show", "--json"))["pipeline"]["level"] == "strict"
    assert "abc" not in good("config", "set", "sec.api_key", "abc")
    assert "abc" not in good("config", "show")


def test_a_new_project_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = good("init", "mine")
    command = told.strip().splitlines()[-1].rpartition("trainer ")[2].split()
    monkeypatch.chdir(tmp_path / "mine")
    assert "html" in good(*command)
    assert "kept     trainer.toml" in good("init")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    told = good(command, "--help")
    assert "Usage: trainer" in told
    assert "--help" in told


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    pipe = subprocess.run(
        f"{sys.executable} -m trainer run {INSTRUCTION} -p TICKER=ACME --dry-run | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in pipe.stderr
    assert "BrokenPipe" not in pipe.stderr


def test_no_escape_sequence_of_a_stored_value_reaches_a_terminal(project: Path) -> None:
    good("store", "put", "k:\x1b[31mred", "-", text="{}")
    assert "\x1b" not in good("store", "query")
