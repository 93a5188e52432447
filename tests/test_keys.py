"""A key reaches the server it is for, and nothing else: no output, no error, no file, not even with --debug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.testing import FakeLLM, Fault

CANARY = "sk-canary-7f3a9e41d2c85b60"
FAULTS = {
    "wrong key": Fault.unauthorized(),
    "no permission": Fault.forbidden(),
    "quota": Fault.quota(),
    "unknown model": Fault.unknown_model(),
    "context": Fault.too_long(),
    "server error": Fault.server_error(500),
    "page": Fault.html(),
    "no JSON": Fault.invalid_json(),
    "cut": Fault.cut(),
    "reset": Fault.reset(),
    "filtered": Fault.filtered(),
}


def run(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "trainer.toml").write_text(
        f'[pipeline]\nmodel = "openai/gpt-4o"\n[completion]\nretries = 0\n'
        f'[openai]\nbase_url = "{url}/v1"\napi_key = "${{MY_KEY}}"\n'
    )
    (folder / "note.md").write_text("# Note\n\nWrite.\n")
    return subprocess.run(
        [sys.executable, "-m", "trainer", "--debug", "run", "note.md", *words], cwd=folder, capture_output=True,
        text=True, check=False, timeout=60, env={**os.environ, "MY_KEY": CANARY, "TRAINER_NO_PROBE": "1"},
    )  # fmt: skip


def seen(folder: Path, done: subprocess.CompletedProcess[str]) -> list[str]:
    """Where the key can be read."""
    found = [name for name in ("stdout", "stderr") if CANARY in getattr(done, name)]
    files = [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    return found + [str(path) for path in files]


@pytest.mark.parametrize("name", FAULTS)
def test_no_error_shows_the_key(tmp_path: Path, name: str) -> None:
    with FakeLLM() as llm:
        llm.script(FAULTS[name])
        done = run(tmp_path, llm.url)
        assert done.returncode == 1, done.stderr
        assert "Traceback" in done.stderr
        assert [request.headers["authorization"] for request in llm.requests] == [f"Bearer {CANARY}"]
    assert seen(tmp_path, done) == []


def test_no_record_report_or_configuration_shows_the_key(tmp_path: Path) -> None:
    with FakeLLM() as llm:
        llm.say("A report of nothing.")
        done = run(tmp_path, llm.url, "--to", "html", "--json")
    assert done.returncode == 0, done.stderr
    for words in (["config", "show"], ["plugins", "--check"], ["store", "query", "--json"], ["models"]):
        shown = subprocess.run(
            [sys.executable, "-m", "trainer", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "MY_KEY": CANARY, "TRAINER_NO_PROBE": "1"}, timeout=60,
        )  # fmt: skip
        assert CANARY not in shown.stdout + shown.stderr
    assert seen(tmp_path, done) == []
