"""Which models can be used here is found without spending anything, and said openly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer import CompletionRequest, CompletionResult, Pipeline, hookimpl, plugin
from trainer.errors import Transport
from trainer.models import ModelInfo
from trainer.reach import SERVERS, auto, in_reach
from trainer.testing import FakeLLM


@plugin
class Served:
    """A provider whose server says which models it has."""

    models: tuple[str, ...] = ("small", "large")
    down: bool = False

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult("x", request.model, "served")

    def list_models(self) -> list[ModelInfo]:
        if self.down:
            raise Transport("this is no such server")
        return [ModelInfo(name, "ollama") for name in self.models]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with FakeLLM() as llm:
        port = int(llm.url.rpartition(":")[2].split("/")[0])
        for name in SERVERS:
            monkeypatch.setitem(SERVERS, name, port if name == "ollama" else 1)  # type: ignore[arg-type]  # a dict
        yield port


def reached(environment: dict[str, str], **plugins: Any) -> list[tuple[str, bool]]:
    with Pipeline({f"complete.{name}": given for name, given in plugins.items()}, {}) as pipeline:
        return [(found.model, found.usable) for found in in_reach(environment, pipeline.plugins)]


def test_keys_come_before_servers_and_what_lacks_a_plugin_is_named_as_such(port: int) -> None:
    keys = {"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": ""}
    assert reached(keys, openai=Served()) == [("openai/gpt-4o", True), ("ollama/…", False)]
    assert reached(keys, any=Served()) == [("openai/gpt-4o", True), ("ollama/…", False)]
    assert reached(keys, ollama=Served()) == [
        ("openai/gpt-4o", False), ("ollama/small", True), ("ollama/large", True),
    ]  # fmt: skip


def test_a_port_where_something_else_listens_offers_nothing_and_probing_can_be_forbidden(port: int) -> None:
    assert reached({}, ollama=Served(down=True)) == []
    assert reached({"TRAINER_NO_PROBE": "1"}, ollama=Served()) == []


def test_auto_takes_the_first_that_is_usable_and_says_why(port: int) -> None:
    with Pipeline({"complete.ollama": Served()}, {}) as pipeline:
        found = auto({"OPENAI_API_KEY": "x"}, pipeline.plugins)
        assert (found.model, found.reason) == ("ollama/small", f"a server answers at port {port} of this machine")
        assert auto({"TRAINER_NO_PROBE": ""}, pipeline.plugins).model == "offline/report"


def trainer(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    hidden = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "trainer", *words], capture_output=True, text=True, check=False, cwd=cwd,
        env={**hidden, "TRAINER_NO_PROBE": "1", **environment},
    )  # fmt: skip


def test_a_first_run_with_auto_and_nothing_in_reach_is_written_offline_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\n## Summary\n\nWrite.\n")
    done = trainer("run", "note.md", "--model", "auto", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Model: offline/report, because no key is set and no server answers on this machine." in done.stderr


def test_auto_keeps_to_what_is_configured(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("---\nmodel: offline/report\n---\n# Note\n\nWrite.\n")
    assert "Model: offline/report, as it is configured." in trainer("run", "note.md", "-m", "auto", cwd=tmp_path).stderr


def test_models_are_listed_as_a_table_and_as_json(tmp_path: Path) -> None:
    listed = trainer("models", cwd=tmp_path)
    assert listed.stdout.splitlines()[0].split("\t") == ["model", "context", "output", "input_price", "output_price"]
    assert "Installed, and not in reach" in listed.stderr
    assert json.loads(trainer("models", "offline", "--json", cwd=tmp_path).stdout)[0]["model"] == "offline/report"
    wrong = trainer("models", "nobody", cwd=tmp_path)
    assert (wrong.returncode, "nothing installed has models of 'nobody'" in wrong.stderr) == (2, True)


def test_a_server_that_is_down_is_told_and_does_not_end_the_list(tmp_path: Path) -> None:
    (tmp_path / "trainer.toml").write_text('[ollama]\nbase_url = "http://127.0.0.1:1/v1"\n')
    listed = trainer("models", "ollama", "offline", cwd=tmp_path)
    assert listed.returncode == 0
    assert "offline/report" in listed.stdout
    assert "ollama: " in listed.stderr
    assert "Traceback" not in listed.stderr
