"""Turns that processes share: the limit holds whoever dies, and whatever becomes of clocks and files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, strategies as st

from trainer.errors import RateLimited, RetrievalError
from trainer.pace import Limiter
from trainer.testing.replay import SimulatedClock

FOREVER = float("inf")


def grants(limiter: Limiter, clock: SimulatedClock, count: int) -> list[float]:
    times = []
    for _ in range(count):
        limiter.wait(FOREVER)
        times.append(clock.now)
    return times


def test_turns_are_one_step_apart(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    times = grants(Limiter(tmp_path / "turns.db", "a", 8.0, clock=clock), clock, 20)
    assert times[0] == 0
    assert all(0.125 <= later - earlier < 0.13 for earlier, later in pairwise(times))


def test_a_burst_comes_at_once_and_is_saved_up_again(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    limiter = Limiter(tmp_path / "turns.db", "a", 2.0, 3, clock)
    assert grants(limiter, clock, 3) == [0, 0, 0]
    assert grants(limiter, clock, 1)[0] == pytest.approx(0.5, abs=0.01)
    clock.now += 60
    begun = clock.now
    assert grants(limiter, clock, 4) == [begun, begun, begun, pytest.approx(begun + 0.5, abs=0.01)]


def test_two_names_do_not_wait_for_each_other(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    for name in ("a", "b"):
        Limiter(tmp_path / "turns.db", name, 0.1, clock=clock).wait(FOREVER)
    assert clock.now == 0


def test_a_turn_that_comes_too_late_is_refused_at_once(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    limiter = Limiter(tmp_path / "turns.db", "a", 0.1, clock=clock)
    limiter.wait(FOREVER)
    with pytest.raises(RateLimited, match="another 10 s") as error:
        limiter.wait(5.0)
    assert (clock.now, error.value.retry_after) == (0, 10)
    assert error.value.remedy


def test_a_pause_holds_for_every_limiter_of_the_name_and_is_never_made_shorter(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    one, other = (Limiter(tmp_path / "turns.db", "a", 8.0, clock=clock) for _ in range(2))
    one.pause(600)
    one.pause(5)
    clock.now = 590
    with pytest.raises(RateLimited, match="another 10 s"):
        other.wait(595.0)
    other.wait(FOREVER)
    assert clock.now == pytest.approx(600, abs=0.01)


def test_what_was_left_of_a_pause_is_left_when_the_clock_goes_back(tmp_path: Path) -> None:
    clock = SimulatedClock(1_000_000.0)
    limiter = Limiter(tmp_path / "turns.db", "a", 8.0, clock=clock)
    limiter.wait(FOREVER)
    limiter.pause(600)
    clock.now = 5.0  # the machine was started anew
    with pytest.raises(RateLimited, match="another 600 s"):
        limiter.wait(100.0)
    clock.now = 606.0
    limiter.wait(FOREVER)
    assert clock.now == 606


@given(st.lists(st.floats(-1e6, 1e6) | st.just(0.0), max_size=20))
def test_no_turn_is_far_away_wherever_the_clock_jumps(jumps: list[float]) -> None:
    with TemporaryDirectory() as folder:
        clock = SimulatedClock(0.0)
        limiter = Limiter(Path(folder) / "turns.db", "a", 10.0, clock=clock)
        for jump in jumps:
            clock.now += jump
            before = clock.now
            limiter.wait(FOREVER)
            assert clock.now - before <= 0.102


def test_threads_get_turns_of_their_own(tmp_path: Path) -> None:
    times: list[float] = []
    limiter = Limiter(tmp_path / "turns.db", "a", 50.0)

    def work() -> None:
        for _ in range(5):
            limiter.wait(FOREVER)
            times.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    assert len(times) == 30
    assert times[-1] - times[0] >= 29 / 50 - 0.02


HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE turns SET next = next + 1000")
print("held", flush=True)
time.sleep(60)
"""


def test_a_process_that_dies_with_the_lock_in_its_hand_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "turns.db"
    limiter = Limiter(path, "a", 100.0)
    limiter.wait(FOREVER)
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    begun = time.monotonic()
    limiter.wait(FOREVER)
    assert time.monotonic() - begun < 5


def test_a_file_that_is_no_database_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "turns.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(RetrievalError, match=r"turns cannot be kept in .*turns\.db") as error:
        Limiter(path, "a", 8.0).wait(FOREVER)
    assert "Delete that file" in error.value.remedy
    path.unlink()
    Limiter(path, "a", 8.0).wait(FOREVER)


def test_a_folder_that_cannot_be_written_to_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RetrievalError, match="turns cannot be kept in"):
        Limiter(tmp_path / "file" / "turns.db", "a", 8.0).wait(FOREVER)


def test_the_file_holds_one_row_for_each_name_however_often_it_is_used(tmp_path: Path) -> None:
    clock = SimulatedClock(0.0)
    for name in ("a", "b", "a", "b"):
        Limiter(tmp_path / "turns.db", name, 8.0, clock=clock).wait(FOREVER)
    db = sqlite3.connect(tmp_path / "turns.db")
    assert db.execute("SELECT name FROM turns ORDER BY name").fetchall() == [("a",), ("b",)]
    db.close()
