"""Paths stay inside their folder, and files are whole or absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from trainer.errors import PathRefused
from trainer.paths import confine, sweep_parts, write_all, write_atomic

pieces = st.sampled_from(["..", ".", "a", "b", "~", "/", "\\", "C:", "\0", "…", "link", "a/..", "//", "é", "．．"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(pieces, max_size=6), glue=st.sampled_from(["/", "", "\\"]))
def test_no_reference_leads_out_of_the_root(tmp_path: Path, parts: list[str], glue: str) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True, exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(tmp_path)
    try:
        path = confine(root, glue.join(parts))
    except PathRefused:
        return
    assert path.is_relative_to(root.resolve())


def test_a_link_inside_the_root_may_be_followed(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("x")
    (tmp_path / "link.md").symlink_to("real.md")
    assert confine(tmp_path, "link.md") == (tmp_path / "real.md").resolve()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(PathRefused):
        confine(tmp_path, "one")


def test_a_root_that_is_itself_a_link_is_no_escape(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert confine(tmp_path / "root", "x.md") == (tmp_path / "real" / "x.md").resolve()


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep" / "x.txt", "old, and longer than the new")
    write_atomic(tmp_path / "deep" / "x.txt", b"new")
    assert (tmp_path / "deep" / "x.txt").read_text() == "new"
    assert len(list((tmp_path / "deep").iterdir())) == 1
    assert (tmp_path / "deep" / "x.txt").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_when_one_of_several_files_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="blocked"):
        write_all({tmp_path / "a.txt": "a", tmp_path / "blocked" / "b.txt": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]


def test_what_a_dead_process_left_is_swept_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / f".x.md.{done.stdout.strip()}-ab.part").write_text("half")
    (tmp_path / f".y.md.{os.getpid()}-cd.part").write_text("half")
    sweep_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".y.md.{os.getpid()}-cd.part"]


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
