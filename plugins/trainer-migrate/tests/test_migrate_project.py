"""A whole project is brought over, by the command line and real processes: nothing of the old one is changed or lost."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer import Config, create_store
from trainer_migrate import apply, compare, plan

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def tree(root: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time of change and contents of everything below a folder, and of it itself."""
    found = {}
    for path in (root, *sorted(root.rglob("*"))):
        status = path.lstat()
        body = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        digest = hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()
        found[str(path)] = (status.st_mode, status.st_mtime_ns, digest)
    return found


def history(root: Path) -> dict[str, list[Any]]:
    """All versions of all snapshots, the first one first."""
    with create_store(f"sqlite:///{root}/.trainer/store.db") as store:
        keys = [record.key for record in store.query() if not record.source.startswith(("trainer.", "file"))]
        return {key: [version.data for version in reversed(store.history(key))] for key in sorted(keys)}


def files(root: Path) -> dict[str, bytes]:
    """What a project consists of, without its store."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".trainer" not in path.parts
    }


def many(old: Path, count: int) -> None:
    for number in range(count):
        name = f"T{chr(65 + number % 20)}_{2000 + number // 336:04}{1 + number // 28 % 12:02}{1 + number % 28:02}.json"
        (old / "output/json" / name).write_text(json.dumps({"x": number}))


def test_a_dry_run_shows_everything_and_writes_nothing(old: Path, trainer: Run, tmp_path: Path) -> None:
    before = tree(tmp_path)
    done = trainer("migrate", "old")
    assert tree(tmp_path) == before
    assert done.returncode == 0, done.stderr
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines() if "\t" in line}
    assert rows["output/json/AAPL_20250105.json"] == ["snapshot:AAPL:20250105@1", "2025-01-05 00:00:00 UTC by name"]
    assert rows["output/json/aapl-2025-01-05T18-30.json"][0] == "snapshot:AAPL:20250105@2"
    assert (
        rows["output/json/stock_data_20251119_134901.json"][0] == "snapshot:AAPL:20251119@1, snapshot:MSFT:20251119@1"
    )
    assert rows["information/instructions/metrics-table.md"][1].startswith(
        "variables NUMBER, COMPANY_1, COMPANY_2, COMPANY_3;"
    )
    assert rows["output/css/house.css"][0] == "themes/house"
    assert rows["output/html/stock_analysis_report.html"] == ["-", "stays where it is; --reports copies it"]
    assert rows["notes.txt"][1].startswith("no part of the layout")
    assert "information/instructions/single.md:3: warning: there is no context file lost.md" in done.stdout
    assert "Nothing is written yet" in done.stderr


def test_what_was_brought_over_is_valid_and_runs_offline_at_once(old: Path, trainer: Run, tmp_path: Path) -> None:
    before = tree(old)
    done = trainer("migrate", "old", "--to", "new", "--apply")
    assert done.returncode == 0, done.stderr
    assert tree(old) == before
    new = tmp_path / "new"
    assert history(new) == {
        "snapshot:AAPL:20250105": [{"ticker": "AAPL", "valuation": {"marketCap": cap}} for cap in (3500, 3510)],
        "snapshot:AAPL:20251119": [json.loads((new / "information/data/AAPL.json").read_text())],
        "snapshot:MSFT:20251119": [json.loads((new / "information/data/MSFT.json").read_text())],
    }
    for name in ("metrics-table", "single", "prompt/report"):
        instruction = f"information/instructions/{name}.md"
        checked = trainer("validate", instruction, cwd=new)
        assert checked.returncode == 0, checked.stdout
        ran = trainer("run", instruction, "--model", "offline/report", cwd=new)
        assert ran.returncode == 0, ran.stderr
        report = next((new / "output/report").glob(f"{Path(name).name}-*.md")).read_text()
        assert "3950" in report.replace(",", "")
        assert ("3600" in report.replace(",", "")) == (name == "metrics-table")
        assert list((new / "output/html").glob(f"{Path(name).name}-*.html"))
    assert trainer("run", "information/instructions/single.md", "-p", "TICKER=*", cwd=new).returncode == 0
    every = next(path.read_text() for path in (new / "output/report").glob("single-*.md") if "AAPL" not in path.name)
    assert [cap for cap in ("3950", "3600") if cap not in every.replace(",", "")] == []
    shown = trainer("store", "history", "snapshot:AAPL:20250105", cwd=new).stdout.splitlines()
    assert [line.split("\t")[1] for line in shown[1:]] == ["2", "1"]
    order = trainer("store", "query", "--source", "snapshot", cwd=new).stdout.splitlines()[1:]
    assert [line.split("\t")[0] for line in order] == [
        "snapshot:MSFT:20251119", "snapshot:AAPL:20251119", "snapshot:AAPL:20250105",
    ]  # fmt: skip


def test_settings_come_over_without_secrets_and_lead_to_no_other_store(old: Path, trainer: Run, tmp_path: Path) -> None:
    done = trainer("migrate", "old", "--apply", "--json")
    told = json.loads(done.stdout)
    assert (told["new"], told["applied"], told["stored"]) == (str(tmp_path / "old-new"), True, 4)
    config = Config.load(tmp_path / "old-new/trainer.toml")
    assert config.values == {"pipeline": {"formats": ["html"]}, "markdown-to-html": {"theme": "themes/house"}}
    everything = b"".join(files(tmp_path / "old-new").values()).decode() + done.stdout + done.stderr
    assert "sk-very-secret" not in everything
    assert "hidden" not in everything
    left = {row["file"].partition(": ")[2] for row in told["files"] if "not taken over" in row["note"]}
    assert left == {"llm_provider.api_key", "data_store.password", "data_store"}


def test_run_again_it_does_nothing_twice(old: Path, trainer: Run, tmp_path: Path) -> None:
    trainer("migrate", "old", "--apply")
    first, kept = history(tmp_path / "old-new"), tree(tmp_path / "old-new/information")
    again = trainer("migrate", "old", "--apply")
    assert again.returncode == 0
    assert "records stored: 0, there already: 4; files written: 0" in again.stderr
    assert (history(tmp_path / "old-new"), tree(tmp_path / "old-new/information")) == (first, kept)
    # What came since is added.
    (old / "output/json/MSFT_20251120.json").write_text('{"x": 1}')
    assert "stored: 1, there already: 4; files written: 0" in trainer("migrate", "old", "--apply").stderr


def test_what_is_there_and_differs_is_kept_and_told_unless_forced(old: Path, trainer: Run, tmp_path: Path) -> None:
    mine = tmp_path / "old-new/information/instructions/single.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (tmp_path / "old-new/trainer.toml").write_text('[pipeline]\nstore = "sqlite:///mine.db"\n')
    for words in ((), ("--apply",)):
        done = trainer("migrate", "old", *words)
        assert done.returncode == 1
        assert f"{mine}: is there already and differs: it is kept" in done.stdout
    assert mine.read_text() == "mine"
    assert (tmp_path / "old-new/mine.db").exists()  # the settings that are there hold
    done = trainer("migrate", "old", "--apply", "--force")
    assert done.returncode == 0
    assert "Read 01-introduction.md" in mine.read_text()


def test_two_files_that_would_become_one_are_told(old: Path, tmp_path: Path) -> None:
    for name in (
        "information/instructions/prompt/report.md",
        "knowledge/biotech/01-introduction.md",
        "output/css/a/house.css",
    ):
        (old / name).parent.mkdir(parents=True)
        (old / name).write_text("other")
    (old / "config.yaml").write_text("prompt_manager: {context_dir: knowledge}\n")
    planned = plan(old, tmp_path / "new")
    assert {row.file for row in planned.rows if "as another file would" in row.fault} == {
        "prompt/report.md", "knowledge/biotech/01-introduction.md", "output/css/house.css",
    }  # fmt: skip


def test_old_reports_are_copied_when_asked_for(old: Path, trainer: Run, tmp_path: Path) -> None:
    trainer("migrate", "old", "--apply", "--reports")
    for name in ("output/html/stock_analysis_report.html", "output/css/house.css"):
        assert (tmp_path / "old-new" / name).read_bytes() == (old / name).read_bytes()


def test_a_read_only_project_is_brought_over(old: Path, tmp_path: Path) -> None:
    for path in (*old.rglob("*"), old):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = tree(old)
    try:
        apply(plan(old, tmp_path / "new"))
        assert tree(old) == before
        assert len(history(tmp_path / "new")) == 3
    finally:
        for path in (old, *old.rglob("*")):
            path.chmod(0o755)


KILLED = """
import os, signal, sys
from trainer.cli import main
from trainer_migrate import snapshots

place, left = sys.argv.pop(1), int(sys.argv.pop(1))

def count(at):
    global left
    left -= at == place
    if at == place and left == -1:
        os.kill(os.getpid(), signal.SIGKILL)

keep = snapshots._keep
snapshots._keep = lambda *given: (count("record"), keep(*given))[1]
sys.addaudithook(lambda event, _: count(event))
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("place", "after"), [("record", 0), ("record", 1), ("record", 33), ("os.rename", 0), ("os.rename", 5)]
)
def test_killed_anywhere_and_run_again_is_the_same_as_run_once(
    old: Path, trainer: Run, tmp_path: Path, place: str, after: int
) -> None:
    many(old, 40)
    once, new = tmp_path / "once", tmp_path / "new"
    apply(plan(old, once))
    words = ["migrate", str(old), "--to", str(new), "--apply"]
    killed = subprocess.run([sys.executable, "-c", KILLED, place, str(after), *words], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (new / "trainer.toml").exists()
    done = trainer(*words)
    assert done.returncode == 0, done.stderr
    assert files(new) == files(once)
    assert history(new) == history(once)


def test_two_at_once_make_one_project(old: Path, tmp_path: Path) -> None:
    many(old, 40)
    apply(plan(old, tmp_path / "once"))
    command = [sys.executable, "-m", "trainer", "migrate", str(old), "--to", str(tmp_path / "new"), "--apply"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    assert [(process.communicate(timeout=100)[0], process.returncode)[1] for process in both] == [0, 0]
    assert files(tmp_path / "new") == files(tmp_path / "once")
    assert history(tmp_path / "new") == history(tmp_path / "once")


def test_links_are_told_and_never_followed(old: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("S3CRET")
    (outside / "AAPL_20240101.json").write_text('{"x": "S3CRET"}')
    for link, target in {
        "information/context/secret.md": outside / "secret.md",
        "information/instructions/more": outside,
        "output/json/AAPL_20240101.json": outside / "AAPL_20240101.json",
        "output/json/latest.json": Path("AAPL_20250105.json"),
        "output/css/loop.css": Path("loop.css"),
        "prompt/all": old,
    }.items():
        (old / link).symlink_to(target)
    (old / "config.yaml").unlink()
    (outside / "config.yaml").write_text("llm_provider: {model: S3CRET}")
    (old / "config.yaml").symlink_to(outside / "config.yaml")
    planned = plan(old, tmp_path / "new")
    faults = {row.file: row.fault for row in planned.rows if row.fault}
    assert len(faults) == 7
    assert all(fault == "a link, which is not followed" for fault in faults.values())
    apply(planned)
    assert not any(b"S3CRET" in content for content in files(tmp_path / "new").values())
    assert "S3CRET" not in str(history(tmp_path / "new"))


def test_what_cannot_be_taken_is_told_with_a_reason_and_a_remedy(old: Path, trainer: Run, tmp_path: Path) -> None:
    (old / "information/context/latin.md").write_bytes(b"caf\xe9")
    (old / "information/instructions/broken.md").write_text("---\ntitel: x\ninput: [\n---\nText\n")
    (old / "output/json/broken.json").write_text('{"x": ')
    (old / "output/json/twice.json").write_text('{"x": 1, "x": 2}')
    (old / "output/json/picture.png").write_bytes(b"png")
    (old / "output/json/huge.json").touch()
    os.truncate(old / "output/json/huge.json", 60_000_000)
    (old / "output/css/far.css").write_text('@import "https://example.org/x.css";')
    (old / "output/report").mkdir()
    (old / "output/json/new\nline\x1b[2J.json").write_text("{}")
    os.mkfifo(old / "output/json/pipe.json")
    bad = os.fsencode(old / "output/json") + b"/\xff.json"
    Path(os.fsdecode(bad)).write_text("{}")
    done = trainer("migrate", "old", "--apply")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    for told in (
        "information/context/latin.md: not taken: is not UTF-8", "output/json/broken.json: not taken: is not valid json",
        "output/json/twice.json: not taken: is not valid json: the name 'x' stands twice", "huge.json: not taken: larger than",
        "output/css/far.css: not taken: the theme 'far' cannot be used", "pipe.json: not taken: a device, pipe or socket",
        "output/json/new line [2J.json: not taken: its name", "\\xff.json: not taken: its name", "output/report/\t-\tnothing is in it",
        "picture.png\t-\tnot one of .csv, .json", "error: the front matter is not YAML", "information/instructions/broken.md:2: error: unknown key titel",
    ):  # fmt: skip
        assert told in done.stdout.replace("udcff", "xff"), told
    shown = json.loads(trainer("migrate", "old", "--json").stdout)
    assert all(row["remedy"] for row in shown["files"] if row["fault"])
    assert all(problem["remedy"] for problem in shown["problems"])
    # The rest was taken all the same.
    assert len(history(tmp_path / "old-new")) == 3


def test_every_old_file_is_in_the_table(old: Path, tmp_path: Path) -> None:
    (old / "analysis").mkdir()
    (old / "analysis/deep.md").write_text("x")
    (old / "information/templates").mkdir()
    (old / ".env").write_text("KEY=1")
    rows = [row.file for row in plan(old, tmp_path / "new").rows]
    told = tuple(row for row in rows if row.endswith("/"))
    missing = [
        name for path in old.rglob("*") if path.is_file() and (name := str(path.relative_to(old))) not in rows and not name.startswith(told)
    ]  # fmt: skip
    assert missing == []
    assert {"analysis/", "information/templates/", ".env"} <= set(rows)


def folders(tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    yield "no-such-folder", "new", "there is no folder"
    yield "empty", "new", "no project of the original layout"
    yield "old", "old", "would be in the old one"
    yield "old", "old/new", "would be in the old one"
    yield "new/information/old", "new", "own files go"
    yield "old", "file", "is a file"


@pytest.mark.parametrize(("source", "target", "told"), list(folders(Path())))
def test_folders_that_cannot_be_used_are_refused_in_two_lines(
    old: Path, trainer: Run, tmp_path: Path, source: str, target: str, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "new/information/old/prompt").mkdir(parents=True)
    before = tree(tmp_path)
    done = trainer("migrate", source, "--to", target, "--apply")
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert tree(tmp_path) == before


def test_a_file_of_settings_alone_is_brought_over(trainer: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("data_store: {type: redis, host: db}\nother: {x: 1}\n")
    assert trainer("migrate", "config.yaml").returncode == 0
    assert not (tmp_path / "trainer.toml").exists()
    done = trainer("migrate", "config.yaml", "--apply")
    assert done.returncode == 0
    assert "not taken over: 'other' is not a section" in done.stdout
    assert Config.load(tmp_path / "trainer.toml").pipeline.store == "redis://db/"
    (tmp_path / "trainer.toml").write_text("# mine\n")
    assert trainer("migrate", "config.yaml", "--apply").returncode == 1
    assert (tmp_path / "trainer.toml").read_text() == "# mine\n"


def test_settings_that_cannot_be_used_are_told_and_the_rest_is_taken(old: Path, tmp_path: Path) -> None:
    (old / "config.yaml").write_text("prompt_security: {level: lenient}\n")
    planned = plan(old, tmp_path / "new")
    assert next(row for row in planned.rows if row.file == "config.yaml").fault
    apply(planned)
    assert Config.load(tmp_path / "new/trainer.toml").pipeline.level == "moderate"


def test_an_unusual_context_folder_is_found_by_the_settings(old: Path, tmp_path: Path) -> None:
    (old / "knowledge").mkdir()
    (old / "knowledge/lost.md").write_text("found")
    (old / "config.yaml").write_text(
        "prompt_manager: {context_dir: knowledge}\nformat_converter: {output_dir: ../out, theme: dark}\n"
    )
    planned = plan(old, tmp_path / "new")
    apply(planned)
    assert (tmp_path / "new/information/context/lost.md").read_text() == "found"
    assert planned.problems == []
    assert Config.load(tmp_path / "new/trainer.toml").values.get("pipeline", {}) == {}
    assert "there is no theme dark" in str(planned.rows)


def test_a_store_among_old_settings_is_only_one_inside_the_new_project(old: Path, tmp_path: Path) -> None:
    for path, kept in (("data/t.db", True), (f"{old}/t.db", False), ("../t.db", False)):
        (old / "config.yaml").write_text(f"data_store: {{type: sqlite, path: '{path}'}}\n")
        text = plan(old, tmp_path / "new").content("trainer.toml").decode()
        assert ("store" in text) == kept, path


def test_no_file_of_the_new_project_is_written_through_a_link_that_leads_out(old: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/themes").symlink_to(tmp_path / "elsewhere")
    planned = plan(old, tmp_path / "new")
    assert set(compare(planned)[1]) == {"themes/house/theme.toml", "themes/house/style.css"}
    assert set(apply(planned).kept) == {"themes/house/theme.toml", "themes/house/style.css"}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_may_not_be_written_is_told(old: Path, trainer: Run, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("")
    done = trainer("migrate", "old", "--to", "new/below", "--apply")
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 2
