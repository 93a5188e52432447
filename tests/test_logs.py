"""Log lines: each says which run it is of, none shows a secret, and no value breaks one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from trainer import Pipeline, Query, RetrievalResult, hookimpl
from trainer.cli import main
from trainer.logs import JSONFormatter, RunFilter, current, redacted
from trainer.models import Report

INSTRUCTION = "information/instructions/figures.md"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=8,
)
NAMES = st.text(min_size=1).filter(lambda name: name not in {*vars(logging.makeLogRecord({})), "message", "asctime"})


class Rude:
    """What cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def line(*, message: Any = "", args: Any = (), error: Any = None, **extra: Any) -> dict[str, Any]:
    """What the formatter makes of a record, which must be one line of JSON."""
    record = logging.getLogger("trainer.test").makeRecord(
        "trainer.test", logging.INFO, __file__, 1, message, args, (type(error), error, None) if error else None,
        extra=extra,
    )  # fmt: skip
    text = JSONFormatter().format(record)
    assert len(text.splitlines()) == 1
    assert text.isascii()
    found: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return found


@given(st.text(), st.lists(ANYTHING).map(tuple), st.dictionaries(NAMES, ANYTHING))
@example("%s %d", ("one",), {})
@example("\u2028\x1b[2J\ud800", (), {"deep": [[[[float("nan")]]]]})
def test_every_record_is_one_line_of_json_with_all_its_fields(
    message: str, args: tuple[Any, ...], extra: dict[str, Any]
) -> None:
    found = line(message=message, args=args, **extra)
    assert {"time", "level", "logger", "message", "run", "step"} <= found.keys()
    assert (found["level"], found["logger"]) == ("INFO", "trainer.test")
    assert datetime.fromisoformat(found["time"]).tzinfo == UTC
    assert all(name in found or f"{name}_" in found for name in extra)


def test_no_value_breaks_a_line() -> None:
    circle: list[Any] = []
    circle.append(circle)
    found = line(message=Rude(), args=(Rude(),), rude=Rude(), circle=circle, big=10**6000, odd={(1, 2): {Rude()}})
    assert found["message"] == "<Rude> <tuple>"
    assert found["rude"] == "<Rude>"
    assert found["odd"] == {"(1, 2)": ["<Rude>"]}
    assert "[...]" in found["circle"]
    assert found["big"] == "<int>"


def test_an_extra_that_is_called_like_a_field_hides_none() -> None:
    found = line(message="hello", time="noon", level=3)
    assert (found["time_"], found["level_"], found["level"]) == ("noon", 3, "INFO")


def test_an_exception_is_told_in_fields_and_its_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    error = ValueError("bad key sk-canary-0123456789\nat https://ann:pw@example.org/?api_key=abcdef&page=2")
    found = line(message="it failed", error=error)
    assert found["error"] == "ValueError"
    assert "sk-canary" not in found["exception"]
    assert "https://example.org/?api_key=********&page=2" in found["exception"]


@pytest.mark.parametrize("before", ["postgresql://ann:pw@host/db", "GET https://pw@host/a?x=1&token=pw#pw", "sig=pw"])
def test_addresses_show_no_user_password_or_key(before: str) -> None:
    assert redacted(before.removesuffix("#pw")).count("pw") == 0


def test_texts_under_secret_names_are_hidden_and_numbers_are_not() -> None:
    found = line(headers={"x-api-key": "abc", "accept": "json"}, password="abc", tokens=12)
    assert found["headers"] == {"x-api-key": "********", "accept": "json"}
    assert (found["password"], found["tokens"]) == ("********", 12)


class Talkative:
    """A source and a model that log as they please, under names of their own and trainer's."""

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        logging.getLogger("trainer.toy").warning("retrieving %s", query.params["number"])
        logging.getLogger("somebody.else").warning("retrieving %s", query.params["number"])
        return RetrievalResult(dict(query.params), "toy", query.params["number"])


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.chdir(tmp_path)
    needs = "".join(f"  need{number}: {{source: toy, number: '{number}'}}\n" for number in range(4))
    Path("note.md").write_text(f"---\ninput: {{NAME: {{description: any}}}}\ndata:\n{needs}---\n# {{NAME}}\n")
    plugins = {
        "retrieve.toy": Talkative(),
        "store.sqlite": "trainer_sql:SQLite",
        "compose.sequential": "trainer_prompts:Sequential",
        "secure.patterns": "trainer_guard:Patterns",
        "complete.offline": "trainer_offline:Offline",
    }
    with Pipeline(plugins, {}) as made:
        yield made


@pytest.fixture
def lines() -> Iterator[list[logging.LogRecord]]:
    """Everything that is logged, by whomever, as a handler of the host sees it."""
    found: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    keep = Keep()
    keep.addFilter(RunFilter())
    logging.getLogger().addHandler(keep)
    logging.getLogger("trainer").setLevel(logging.DEBUG)
    yield found
    logging.getLogger("trainer").setLevel(logging.NOTSET)
    logging.getLogger().removeHandler(keep)


def told(records: list[logging.LogRecord], logger: str) -> set[tuple[str, str]]:
    return {(vars(record)["run"], vars(record)["step"]) for record in records if record.name == logger}


def test_every_line_of_a_run_carries_its_id_and_step_in_whichever_thread(
    pipeline: Pipeline, lines: list[logging.LogRecord]
) -> None:
    pipeline.run("note.md", {"NAME": "x"}, run_id="r1")
    assert told(lines, "trainer.toy") == told(lines, "somebody.else") == {("r1", "retrieve")}
    assert {run for run, _ in told(lines, "trainer.run")} == {"r1"}
    assert len({record.thread for record in lines}) > 1
    assert current.get() == ("", "")


def test_runs_of_asyncio_and_streams_carry_theirs(pipeline: Pipeline, lines: list[logging.LogRecord]) -> None:
    async def both() -> None:
        runs = (pipeline.aio.run("note.md", {"NAME": "x"}, run_id=f"a{number}") for number in range(3))
        await asyncio.gather(*runs)
        assert [piece async for piece in pipeline.aio.stream("note.md", {"NAME": "x"}, run_id="s1")]

    asyncio.run(both())
    assert isinstance([*pipeline.stream("note.md", {"NAME": "x"}, run_id="s2")][-1], Report)
    assert told(lines, "trainer.toy") == {(run, "retrieve") for run in ("a0", "a1", "a2", "s1", "s2")}


def test_what_a_host_keeps_in_its_context_reaches_the_plugins(pipeline: Pipeline) -> None:
    from contextvars import ContextVar

    request: ContextVar[str] = ContextVar("request")
    seen = []

    class Source:
        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            seen.append(request.get("none"))
            return RetrievalResult({}, "toy", "x")

    async def handler() -> None:
        request.set("request 7")
        with Pipeline({"retrieve.toy": Source()}, {}) as own:
            await own.aio.retrieve(Query("toy"))

    asyncio.run(handler())
    assert seen == ["request 7"]


def test_a_run_logs_its_steps_their_times_its_model_and_cost_and_no_value(
    pipeline: Pipeline, lines: list[logging.LogRecord]
) -> None:
    pipeline.run("note.md", {"NAME": "Confidential"}, run_id="r1")
    own = [record for record in lines if record.name == "trainer.run"]
    info = [record.getMessage() for record in own if record.levelno == logging.INFO]
    assert info[0] == "note begins"
    assert info[-1].startswith("note ends, ")
    assert "offline/report answered: 0 tokens, 0.0 USD" in info
    assert {"retrieve", "store", "compose", "complete", "write", "record"} <= {text.split()[0] for text in info}
    assert not any("Confidential" in record.getMessage() for record in lines)


def test_a_run_that_fails_logs_the_kind_of_error_and_not_what_it_says(
    pipeline: Pipeline, lines: list[logging.LogRecord]
) -> None:
    with pytest.raises(Exception, match="nothing installed"):
        pipeline.run("note.md", {"NAME": "x"}, model="secretive/model", run_id="r1")
    assert "complete secretive/model failed: UnknownPlugin" in [record.getMessage().split(",")[0] for record in lines]
    assert current.get() == ("", "")


def test_a_record_keeps_its_run_on_its_way_through_a_queue(pipeline: Pipeline) -> None:
    kept: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = QueueHandler(kept)
    handler.addFilter(RunFilter())
    logger = logging.getLogger("trainer.toy")
    logger.addHandler(handler)
    try:
        pipeline.run("note.md", {"NAME": "x"}, run_id="r1")
    finally:
        logger.removeHandler(handler)
    assert json.loads(JSONFormatter().format(kept.get()))["run"] == "r1"


# The command line


def trainer(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", *words],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def test_nothing_is_logged_unless_it_is_asked_for(project: Path) -> None:
    done = trainer("run", INSTRUCTION, "-p", "TICKER=ACME", "-m", "offline/report")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_level_shows_the_steps_on_stderr_and_the_result_stays_alone_on_stdout(project: Path) -> None:
    done = trainer("--log", "info", "run", INSTRUCTION, "-p", "TICKER=ACME", "-m", "offline/report", "--json")
    report = json.loads(done.stdout)
    assert f"INFO    {report['id']}: retrieve facts ends" in done.stderr
    assert "begins" in done.stderr.splitlines()[0]


def test_json_lines_can_be_had_by_the_environment_too(project: Path) -> None:
    words = ("run", INSTRUCTION, "-p", "TICKER=ACME", "-m", "offline/report")
    done = trainer(*words, TRAINER_LOG="debug", TRAINER_LOG_JSON="1")
    shown = [json.loads(text) for text in done.stderr.splitlines()]
    assert len({entry["run"] for entry in shown}) == 1
    assert {"DEBUG", "INFO"} == {entry["level"] for entry in shown}
    assert [entry["step"] for entry in shown if entry["message"] == "offline/report answered: 0 tokens, 0.0 USD"] == [
        "complete"
    ]


def test_a_level_that_does_not_exist_is_wrong_usage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log", "loud", "run", INSTRUCTION]) == 2
    assert "'loud' is not one of" in capsys.readouterr().err


def test_the_command_line_takes_its_handler_away_again(project: Path) -> None:
    logger = logging.getLogger("trainer")
    before = (list(logger.handlers), logger.level)
    assert main(["--log", "debug", "validate", INSTRUCTION]) == 0
    assert (logger.handlers, logger.level) == before
