"""litellm is imported late, calls nobody but who is asked, and leaves the program it is in as it was.

Each of these programs is a process of its own, as litellm can be imported only once. They hold only what is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.testing.fake_llm import FakeLLM

WATCHED = r"""
import atexit, json, logging, os, sys, threading, warnings

asked, opened, left = [], [], []
def watch(event, arguments):
    if event == "socket.connect":
        asked.append(list(arguments[1][:2]))
    elif event == "socket.getaddrinfo":
        asked.append([arguments[0], arguments[1]])
    elif event == "open" and str(arguments[0]).endswith(".env"):
        opened.append(str(arguments[0]))
sys.addaudithook(watch)
register = atexit.register
atexit.register = lambda call, *rest, **more: (left.append(call), register(call, *rest, **more))[1]
unregister = atexit.unregister
atexit.unregister = lambda call: (left.remove(call), unregister(call))[1]

def state():
    loggers = [logging.getLogger(), *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    handlers = [type(h).__name__ for one in loggers for h in one.handlers if not isinstance(h, logging.NullHandler)]
    return dict(os.environ), [str(one) for one in warnings.filters], handlers

from trainer_litellm import AnthropicProvider, OllamaProvider, OpenAIProvider
early = "litellm" in sys.modules
OpenAIProvider().list_models()
OpenAIProvider().model_info("openai/gpt-4o")
for_lists = "litellm" in sys.modules
before = state()
url, port = sys.argv[1], int(sys.argv[1].rpartition(":")[2])
plugins = [
    (OpenAIProvider(api_key="sk-0123456789", api_base=url + "/v1"), "gpt-4o"),
    (AnthropicProvider(api_key="sk-0123456789", api_base=url), "claude-sonnet-4-5"),
    (OllamaProvider(api_base=url), "llama3"),
]
for plugin, model in plugins:
    plugin.complete("Hello", model, max_tokens=9)
threads = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
for plugin, model in plugins:
    "".join(plugin.stream("Hello", model, max_tokens=9))
after = state()
print(json.dumps({
    "early": early, "for_lists": for_lists, "opened": opened, "threads": threads,
    "strangers": [one for one in asked if one[0] != "127.0.0.1" or one[1] not in (port, str(port))],
    "asked": len(asked),
    "environment": sorted(set(before[0].items()) ^ set(after[0].items())),
    "filters": [one for one in after[1] if one not in before[1] and "litellm" in one or "ReadOnly" in one],
    "handlers": [one for one in after[2] if one not in before[2]],
    "left": [f"{one.__module__}.{one.__qualname__}" for one in left],
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("host")
    (folder / ".env").write_text("FROM_DOTENV=1\n")
    with FakeLLM() as llm:
        done = run(folder, WATCHED, llm.url)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM_")}
    environment.pop("PYTHONWARNINGS", None)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_is_imported_by_the_first_question_and_not_for_lists(told: Any) -> None:
    assert not told["early"]
    assert not told["for_lists"]


def test_nobody_is_connected_to_but_the_server_that_is_asked(told: Any) -> None:
    assert told["strangers"] == []
    assert told["asked"] > 0


def test_no_dotenv_file_is_read(told: Any) -> None:
    assert told["opened"] == []


def test_no_environment_variable_handler_or_filter_is_left_behind(told: Any) -> None:
    assert told["environment"] == []
    assert told["handlers"] == []
    assert told["filters"] == []


def test_an_answer_in_one_piece_leaves_no_thread_behind(told: Any) -> None:
    assert told["threads"] == []


def test_no_work_of_litellm_waits_for_the_end_of_the_program(told: Any) -> None:
    """What is left closes connections and removes temporary files, and is there only if there are any."""
    known = ("certifi.", "weakref.", "litellm.llms.custom_httpx.async_client_cleanup.")
    assert [name for name in told["left"] if not name.startswith(known)] == []


def test_a_program_that_has_imported_it_keeps_its_own_settings(tmp_path: Path) -> None:
    program = """
import os
os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS="True", LITELLM_MODE="PRODUCTION")
import logging, litellm
litellm.model_cost["mine/large"] = {"litellm_provider": "mine", "mode": "chat", "input_cost_per_token": 1e-6}
before = logging.getLogger("LiteLLM").handlers[:]
from trainer_litellm import LiteLLMProvider, quiet
assert quiet.load() is litellm
assert logging.getLogger("LiteLLM").handlers == before != []
assert litellm.suppress_debug_info is False
assert LiteLLMProvider().model_info("mine/large").input_price == 1.0
"""
    done = run(tmp_path, program)
    assert done.returncode == 0, done.stderr
