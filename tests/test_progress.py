"""What a command shows while it works: on a terminal what it asks and waits for, in a pipe nothing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.testing.replay import Answer, ReplayServer

COMMAND = [sys.executable, "-m", "trainer", "retrieve", "--no-store", "rest", "url=", "extract=$.rows"]


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that asks a server which is busy at first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return COMMAND


def configured(server: ReplayServer) -> str:
    settings = f'[rest]\nhosts = ["{server.url}"]\nstate = "state"\nrate = 1.5\n'
    Path("trainer.toml").write_text(settings, "utf-8")
    return server.add("/rows", Answer(b"busy", 503), {"rows": [1, 2]})


def on_a_terminal(words: list[str]) -> tuple[int, str]:
    main, end = pty.openpty()
    with subprocess.Popen(words, stdin=end, stdout=subprocess.PIPE, stderr=end) as process:
        os.close(end)
        shown = b""
        try:
            while chunk := os.read(main, 4096):
                shown += chunk
        except OSError:
            pass  # how a pseudo-terminal says that nobody is there any more
        process.communicate(timeout=60)
    os.close(main)
    return process.returncode, shown.decode()


def test_a_terminal_shows_what_is_asked_and_waited_for_without_the_query(asking: list[str]) -> None:
    with ReplayServer() as server:
        url = configured(server)
        words = [word + f"{url}?appid=S3CRET" if word == "url=" else word for word in asking]
        code, shown = on_a_terminal(words)
    assert code == 0, shown
    for said in (f"asking {url}", f"trying {url} again in", "for a turn at 127.0.0.1"):
        assert said in shown
    assert "S3CRET" not in shown
    assert "\x1b[2K" in shown.rpartition("asking")[2]  # the line is taken away in the end


def test_a_pipe_carries_the_result_alone(asking: list[str]) -> None:
    with ReplayServer() as server:
        url = configured(server)
        words = [word + url if word == "url=" else word for word in asking]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rows" in done.stdout
