"""A run: the flow, what it leaves behind, and what it leaves undone when a step fails."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trainer import (
    Brief,
    CompletionRequest,
    CompletionResult,
    DataStore,
    Document,
    Event,
    Finding,
    Message,
    Pipeline,
    Prompt,
    Query,
    Report,
    RetrievalResult,
    RunInfo,
    Segment,
    Stage,
    hookimpl,
    plugin,
)  # fmt: skip
from trainer.errors import (
    Blocked,
    CompletionError,
    ConfigError,
    ConversionError,
    InstructionError,
    NotFound,
    PathRefused,
    RateLimited,
    Refused,
    RetrievalError,
    TrainerError,
    Truncated,
    Unavailable,
    UnknownPlugin,
)  # fmt: skip
from trainer.instruction import split_front_matter
from trainer.lineage import sha256
from trainer.models import from_json, now, to_json
from trainer.testing.memory import Memory

INSTRUCTION = """---
title: "{TICKER}: figures"
input: {TICKER: {description: stock symbol}}
contexts: [background.md]
data:
  facts: {source: numbers, ticker: "{TICKER}"}
---
# {TICKER}

Say how revenue moved.
"""


@plugin
class Numbers:
    """Counts how often it is asked."""

    value: int = 1200
    asked: int = 0

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        self.asked += 1
        data = {"revenue": self.value, "ticker": query.params["ticker"]}
        return RetrievalResult(data, "numbers", url="https://example.org/numbers", raw_hash="ab" * 32)


@plugin
class Plain:
    """One message: contexts, then data, then the filled instruction."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        parts = [context.text for context in brief.contexts]
        parts += [json.dumps(record.data) for record in brief.records.values()]
        parts.append(brief.instruction.body.fill(brief.params))
        return Prompt((Message("user", "\n\n".join(parts)),), brief.instruction, brief.params, brief.records)


@plugin
class Model:
    """Says what it was told to say, in pieces."""

    says: tuple[str, ...] = ("# Acme\n\n", "Revenue was 1,200.\n")
    finish: str = "stop"
    pause: float = 0.0

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        for piece in self.says:
            time.sleep(self.pause)
            if request.on_text:
                request.on_text(piece)
        return CompletionResult("".join(self.says), request.model, "fake", 7, 0.01, self.finish)


@plugin
class Down:
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        raise CompletionError("the server is down", "Try later.")


@plugin
class Html:
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return Document(f"<h1>{document.metadata['title']}</h1><pre>{document.text}</pre>", "html", document.metadata)


@plugin
class Watchdog:
    """Finds a word at every stage, and remembers what it saw."""

    word: str = "never"
    severity: Any = "high"
    seen: dict[str, list[str]] | None = None

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
        if self.seen is not None:
            self.seen.setdefault(stage, []).extend(segment.text for segment in segments)
        return [
            Finding("watchdog", "word", f"the word {self.word!r}", self.severity, number)
            for number, segment in enumerate(segments)
            if self.word in segment.text
        ]


Make = Callable[..., Pipeline]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "information/context").mkdir(parents=True)
    (tmp_path / "information/context/background.md").write_text("Revenue is what customers paid.")
    (tmp_path / "figures.md").write_text(INSTRUCTION)
    (tmp_path / "trainer.toml").write_text('[pipeline]\nstore = "memory:"\nmodel = "fake/one"\n')

    def build(settings: str = "", observers: Sequence[Callable[[Event], None]] = (), **plugins: Any) -> Pipeline:
        (tmp_path / "trainer.toml").write_text(f'[pipeline]\nstore = "memory:"\nmodel = "fake/one"\n{settings}')
        given: dict[str, Any] = {
            "retrieve.numbers": Numbers(), "store.memory": Memory(), "compose.sequential": Plain(), "complete.fake": Model(),
            "convert.markdown-to-html": Html(),
        }  # fmt: skip
        given |= {name.replace("__", ".").replace("_", "-"): value for name, value in plugins.items()}
        return Pipeline(given, tmp_path, observers=observers)

    return build


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "output").rglob("*") if path.is_file())


def test_a_run_writes_the_report_its_data_and_each_format_and_says_where(make: Make, tmp_path: Path) -> None:
    report = make().run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert set(report.files) == {"json", "markdown", "html"}
    date = f"{report.created_at:%Y%m%d}"
    assert written(tmp_path) == [
        f"output/{kind}/figures-ACME-{date}.{end}"
        for kind, end in (("html", "html"), ("json", "json"), ("report", "md"))
    ]
    snapshot = json.loads(report.files["json"].read_text())
    assert snapshot["records"][0]["data"] == {"revenue": 1200, "ticker": "ACME"}
    head, body, _ = split_front_matter(report.files["markdown"].read_text())
    assert body.strip() == report.text.strip()
    assert head["run"] == report.id
    assert head["sources"][0]["ref"] == f"numbers:ACME:{date}@1"
    assert report.title == "ACME: figures"
    assert "ACME: figures" in report.files["html"].read_text()


def test_a_run_without_files_holds_its_documents_and_is_recorded(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"], write=False)
    assert written(tmp_path) == []
    assert report.files == {}
    assert report.documents["html"].text.startswith("<h1>ACME: figures</h1>")
    assert pipeline.find_run(report.id) is not None


def test_lineage_leads_from_any_written_file_to_the_record_and_its_address(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    for reference in (report.id, *map(str, report.files.values())):
        record = pipeline.find_run(reference)
        assert record is not None
        assert record.data["run"] == report.id
        source = record.data["sources"][0]
        assert source["url"] == "https://example.org/numbers"
        key, _, version = source["ref"].partition("@")
        stored = pipeline.open_store().retrieve(key, int(version))
        assert stored is not None
        assert stored.hash == source["hash"]
        assert stored.metadata["raw_hash"] == "ab" * 32
    assert pipeline.find_run("no-such-run") is None


def test_the_run_record_tells_prompt_model_cost_and_outputs_by_hash(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    record = pipeline.find_run(report.id)
    assert record is not None
    assert record.source == "trainer.run"
    assert record.data["prompt"] == report.prompt_hash
    assert (record.data["model"], record.data["cost"], record.data["tokens"]) == ("fake/one", 0.01, 7)
    assert record.data["outputs"]["markdown"]["sha256"] == sha256(report.files["markdown"].read_bytes())
    assert {"retrieve", "compose", "complete", "write"} <= set(record.data["seconds"])


def test_the_same_inputs_make_the_same_prompt_and_no_new_version(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    first = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    second = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert first.prompt_hash == second.prompt_hash
    assert [source.ref for source in first.sources] == [source.ref for source in second.sources]
    assert first.id != second.id
    assert pipeline.run(tmp_path / "figures.md", {"TICKER": "B"}).prompt_hash != first.prompt_hash


@pytest.mark.parametrize(("age", "asked"), [("", 2), (", max_age: 1h", 1), (", max_age: 0", 2)])
def test_data_is_asked_for_again_only_when_it_is_older_than_allowed(
    make: Make, tmp_path: Path, age: str, asked: int
) -> None:
    (tmp_path / "figures.md").write_text(INSTRUCTION.replace('"{TICKER}"}\n---', f'"{{TICKER}}"{age}}}\n---'))
    source = Numbers()
    pipeline = make(retrieve__numbers=source)
    for _ in range(2):
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert source.asked == asked


def test_optional_data_that_fails_becomes_a_warning_and_required_data_an_error(make: Make, tmp_path: Path) -> None:
    @plugin
    class Gone:
        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            raise ConnectionError("unreachable")

    text = INSTRUCTION.replace("---\n# ", "  more: {source: gone, optional: true}\n---\n# ")
    (tmp_path / "figures.md").write_text(text)
    pipeline = make(retrieve__gone=Gone())
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert report.warnings == ("more is left out: ConnectionError: unreachable",)
    (tmp_path / "figures.md").write_text(text.replace(", optional: true", ""))
    with pytest.raises(ConnectionError) as caught:
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert any("retrieve 'gone'" in note for note in caught.value.__notes__)
    assert "at step retrieve" in caught.value.__notes__


@plugin
class Flaky:
    """Answers once, and then fails."""

    error: Any = None
    asked: int = 0

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        self.asked += 1
        if self.asked > 1:
            raise self.error
        return RetrievalResult({"revenue": 1200}, "flaky", "ACME", "https://example.org/flaky", "ab" * 32)


STALE = INSTRUCTION.replace("source: numbers,", "source: flaky, stale_if_error: true,")
DOWN = Unavailable("https://example.org/flaky answered 503", "Try again later.")


@pytest.mark.parametrize(
    "error",
    [DOWN, RateLimited("too often"), Refused("not you"), RetrievalError("not of the known shape")],
    ids=lambda error: type(error).__name__,
)
def test_while_a_source_fails_its_last_record_may_be_used_and_is_marked(
    make: Make, tmp_path: Path, error: RetrievalError
) -> None:
    (tmp_path / "figures.md").write_text(STALE)
    pipeline = make(retrieve__flaky=Flaky(error))
    first = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert (first.warnings, first.sources[0].stale) == ((), "")
    before = pipeline.open_store().query(source="flaky")
    second = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert second.warnings == (f"facts is stale: 0s old, because {error.problem}",)
    assert second.sources[0].ref == first.sources[0].ref
    assert second.sources[0].stale == f"0s old, because {error.problem}"
    assert second.prompt_hash == first.prompt_hash
    assert pipeline.open_store().query(source="flaky") == before
    head, _, _ = split_front_matter(second.files["markdown"].read_text("utf-8"), "report")
    assert head["sources"][0]["stale"] == second.sources[0].stale
    found = pipeline.find_run(second.id)
    assert found is not None
    assert found.data["sources"][0]["stale"] == second.sources[0].stale
    snapshot = json.loads(second.files["json"].read_text())
    assert snapshot["records"][0]["stale"] == second.sources[0].stale
    run, prompt = pipeline.plan(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert run.warnings == list(second.warnings)
    assert prompt.records["facts"].ref == first.sources[0].ref


@pytest.mark.parametrize(
    "error",
    [NotFound("no such company"), ConfigError("user_agent is not set"), TypeError("a fault of the plugin")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_failure_of_the_source_is_never_covered_by_old_data(
    make: Make, tmp_path: Path, error: Exception
) -> None:
    (tmp_path / "figures.md").write_text(STALE)
    pipeline = make(retrieve__flaky=Flaky(error))
    pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    with pytest.raises(type(error)):
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})


@pytest.mark.parametrize(
    ("allowed", "used"), [("true", True), ("8d", True), ("6d", False), ("false", False), ("", False)]
)
def test_old_data_is_used_only_up_to_the_age_that_is_allowed(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, used: bool
) -> None:
    word = f"stale_if_error: {allowed}," if allowed else ""
    (tmp_path / "figures.md").write_text(STALE.replace("stale_if_error: true,", word))
    pipeline = make(retrieve__flaky=Flaky(DOWN))
    pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    monkeypatch.setattr("trainer.pipeline.now", lambda: now() + timedelta(days=7, hours=3))
    if used:
        report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
        assert report.sources[0].stale == f"7d old, because {DOWN.problem}"
    else:
        with pytest.raises(Unavailable) as caught:
            pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
        assert caught.value is DOWN


def test_old_data_of_another_question_is_never_used(make: Make, tmp_path: Path) -> None:
    (tmp_path / "figures.md").write_text(STALE)
    pipeline = make(retrieve__flaky=Flaky(DOWN))
    pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    with pytest.raises(Unavailable):
        pipeline.run(tmp_path / "figures.md", {"TICKER": "OTHER"})


def test_guards_look_at_stale_data_too_and_optional_data_is_rather_stale_than_left_out(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "figures.md").write_text(
        STALE.replace("stale_if_error: true,", "stale_if_error: true, optional: true,")
    )
    dog = Watchdog(seen={})
    pipeline = make(retrieve__flaky=Flaky(DOWN), secure__watchdog=dog)
    for _ in range(2):
        report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert report.sources[0].stale
    assert dog.seen is not None
    assert dog.seen["data"] == ["revenue", "revenue"]


@pytest.mark.parametrize(
    ("asked", "said", "key"), [("Mine: a", "Theirs", "Mine--a"), ("", "Their s", "Their-s"), ("", "", "x-y")]
)
def test_a_record_is_called_what_the_question_says_then_the_source_then_its_parameters(
    make: Make, asked: str, said: str, key: str
) -> None:
    pipeline = make()
    record = pipeline.keep(Query("numbers", {"a": "x", "b": "y"}, asked), RetrievalResult(1, "numbers", said))
    assert record.key.split(":")[:2] == ["numbers", key]


def test_optional_data_asked_for_by_an_empty_variable_is_left_out_quietly(make: Make, tmp_path: Path) -> None:
    front = 'input: {A: {}, B: {default: ""}}\ndata:\n'
    needs = '  a: {source: numbers, ticker: "{A}"}\n  b: {source: numbers, ticker: "x{B}", optional: true}\n'
    (tmp_path / "figures.md").write_text(f"---\n{front}{needs}---\nText {{A}}.\n")
    source = Numbers()
    report = make(retrieve__numbers=source).run(tmp_path / "figures.md", {"A": "ACME"})
    assert (source.asked, report.warnings) == (1, ())
    assert report.files["markdown"].name.startswith("figures-ACME-2")


@pytest.mark.parametrize("stage", ["input", "data", "prompt", "output", "render"])
def test_a_guard_sees_every_stage_and_may_stop_the_run_before_anything_is_written(
    make: Make, tmp_path: Path, stage: str
) -> None:
    where = {"input": "ACME", "data": "revenue", "prompt": "customers", "output": "Revenue was", "render": "<pre>"}
    seen: dict[str, list[str]] = {}
    pipeline = make('level = "strict"\n', secure__watchdog=Watchdog(where[stage], "high", seen))
    with pytest.raises(Blocked, match=f"at stage {stage}") as caught:
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert caught.value.exit_code == 3
    assert written(tmp_path) == []
    assert where[stage] in "".join(seen[stage])
    assert pipeline.open_store().count(source="trainer.run") == 0
    assert pipeline.open_store().count(source="numbers") == (0 if stage in ("input", "data") else 1)


def test_a_guard_looks_at_stored_data_too(make: Make, tmp_path: Path) -> None:
    (tmp_path / "figures.md").write_text(INSTRUCTION.replace('"{TICKER}"}\n---', '"{TICKER}", max_age: 1h}\n---'))
    seen: dict[str, list[str]] = {}
    pipeline = make(secure__watchdog=Watchdog(seen=seen))
    for _ in range(2):
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert len(seen["data"]) == 2


def test_what_a_guard_finds_in_data_is_noted_and_not_blocked_below_strict(make: Make, tmp_path: Path) -> None:
    report = make(secure__watchdog=Watchdog("revenue")).run(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert "the word 'revenue'" in {finding.message for finding in report.findings}


def test_models_are_tried_in_order_and_those_passed_over_are_named(make: Make, tmp_path: Path) -> None:
    @plugin
    class Refused:
        @hookimpl
        def complete(self, request: CompletionRequest) -> CompletionResult:
            raise ConnectionRefusedError("no server")

    pipeline = make(complete__down=Down(), complete__refused=Refused())
    models = ["down/x", "absent/y", "refused/v", "fake/z"]
    report = pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, model=models)
    assert report.model == "fake/z"
    assert [warning.partition(" was passed over")[0] for warning in report.warnings] == models[:3]
    with pytest.raises(CompletionError, match="the server is down"):
        pipeline.run(tmp_path / "figures.md", {"TICKER": "ACME"}, model="down/x")


def test_a_model_that_nobody_provides_goes_to_any_if_there_is_one(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UnknownPlugin, match="complete 'exotic'"):
        make().run(tmp_path / "figures.md", {"TICKER": "ACME"}, model="exotic/one")
    report = make(complete__any=Model()).run(tmp_path / "figures.md", {"TICKER": "ACME"}, model="exotic/one")
    assert report.model == "exotic/one"


@pytest.mark.parametrize(
    ("model", "error"), [(Model(finish="length"), Truncated), (Model(("", " \n")), CompletionError)]
)
def test_half_an_answer_or_none_is_never_a_report(
    make: Make, tmp_path: Path, model: Model, error: type[TrainerError]
) -> None:
    with pytest.raises(error) as caught:
        make(complete__fake=model).run(tmp_path / "figures.md", {"TICKER": "ACME"})
    if isinstance(caught.value, Truncated):
        assert caught.value.partial.startswith("# Acme")
    assert written(tmp_path) == []


def test_a_format_that_cannot_be_reached_is_told_before_any_work(make: Make, tmp_path: Path) -> None:
    source = Numbers()
    with pytest.raises(ConversionError, match="From markdown there is: html"):
        make(retrieve__numbers=source).run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["docx"])
    assert source.asked == 0


def test_conversions_are_chained_along_the_shortest_way(make: Make, tmp_path: Path) -> None:
    @plugin
    class Pdf:
        @hookimpl
        def convert(self, document: Document, to: str) -> Document:
            return Document(b"%PDF-" + document.text.encode(), "pdf", document.metadata)

    report = make(**{"convert__html-to-pdf": Pdf()}).run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["pdf"])
    assert report.files["pdf"].read_bytes().startswith(b"%PDF-<h1>ACME")


@pytest.mark.parametrize("params", [{}, {"TICKER": "A", "TICKR": "B"}])
def test_missing_and_unknown_parameters_are_named(make: Make, tmp_path: Path, params: dict[str, str]) -> None:
    with pytest.raises(InstructionError, match="TICKR is not a variable" if params else "TICKER is missing"):
        make().run(tmp_path / "figures.md", params)


def test_what_a_source_takes_verbatim_is_not_filled(make: Make, tmp_path: Path) -> None:
    @plugin
    class Sql(Numbers):
        verbatim: ClassVar[frozenset[str]] = frozenset({"query"})

        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            return RetrievalResult(query.params, "sql")

    front = 'data: {d: {source: sql, query: "select \'{A}\' where x = :a", a: "{A}"}}'
    (tmp_path / "figures.md").write_text(f"---\n{front}\n---\nText.\n")
    report = make(retrieve__sql=Sql()).run(tmp_path / "figures.md", {"A": "'; drop table x"})
    record = json.loads(report.files["json"].read_text())["records"][0]
    assert record["data"] == {"query": "select '{A}' where x = :a", "a": "'; drop table x"}


def test_a_parameter_is_never_filled_twice(make: Make, tmp_path: Path) -> None:
    (tmp_path / "figures.md").write_text("Say {A} and {B}.\n")
    _, prompt = make().plan(tmp_path / "figures.md", {"A": "{B}", "B": "{A}"})
    assert prompt.messages[0].text.endswith("Say {B} and {A}.\n")


@pytest.mark.parametrize("name", ["../secret.md", "/etc/passwd", "~/x.md", "a/../../secret.md", "link.md", "C:\\x.md"])
def test_no_context_leads_out_of_its_folder(make: Make, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.md").write_text("secret")
    pipeline = make()
    (tmp_path / "information/context/link.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "figures.md").write_text(f"---\ncontexts: [{json.dumps(name)}]\n---\nText.\n")
    with pytest.raises(PathRefused):
        pipeline.run(tmp_path / "figures.md")


def test_an_old_instruction_finds_its_contexts_by_name_and_warns_of_missing_ones(make: Make, tmp_path: Path) -> None:
    (tmp_path / "figures.md").write_text("# Old\n\nRead `background.md` and 02-backgrund.md first.\n")
    planned, _ = make().plan(tmp_path / "figures.md")
    assert [context.name for context in planned.contexts] == ["background.md"]
    assert planned.warnings == ["there is no context file 02-backgrund.md in context/"]
    with pytest.raises(InstructionError, match=r"Did you mean background\.md"):
        make("strict = true\n").run(tmp_path / "figures.md")


def test_a_plan_asks_no_model_and_writes_nothing(make: Make, tmp_path: Path) -> None:
    pipeline = make(complete__fake=Down())
    planned, prompt = pipeline.plan(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert "1200" in prompt.messages[0].text
    assert planned.formats == ("html",)
    assert written(tmp_path) == []
    assert pipeline.open_store().count() == 0


def test_streaming_yields_the_text_in_pieces_and_the_report_last(make: Make, tmp_path: Path) -> None:
    *pieces, report = make().stream(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert pieces == ["# Acme\n\n", "Revenue was 1,200.\n"]
    assert isinstance(report, Report)
    assert report.text == "".join(map(str, pieces))


def test_closing_a_stream_stops_the_run_and_writes_nothing(make: Make, tmp_path: Path) -> None:
    model = Model(says=tuple("word " for _ in range(10_000)), pause=0.001)
    stream = make(complete__fake=model).stream(tmp_path / "figures.md", {"TICKER": "ACME"})
    assert next(stream) == "word "
    stream.close()
    deadline = time.monotonic() + 5
    while any(thread.name == "trainer-stream" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.name == "trainer-stream" for thread in threading.enumerate())
    assert written(tmp_path) == []
    assert next(stream, "over") == "over"


def test_an_error_in_a_stream_reaches_its_reader(make: Make, tmp_path: Path) -> None:
    with pytest.raises(CompletionError, match="the server is down"):
        list(make(complete__fake=Down()).stream(tmp_path / "figures.md", {"TICKER": "ACME"}))


def test_an_asyncio_host_keeps_its_loop_while_runs_go_on_side_by_side(make: Make, tmp_path: Path) -> None:
    pipeline = make(complete__fake=Model(pause=0.15))
    stalls: list[float] = []

    async def heartbeat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            stalls.append(time.perf_counter() - before - 0.005)

    async def host() -> list[Report]:
        beat = asyncio.create_task(heartbeat())
        runs = [pipeline.aio.run(tmp_path / "figures.md", {"TICKER": f"T{number}"}) for number in range(8)]
        reports = await asyncio.gather(*runs)
        pieces = [piece async for piece in pipeline.aio.stream(tmp_path / "figures.md", {"TICKER": "LAST"})]
        assert isinstance(pieces[-1], Report)
        beat.cancel()
        return reports

    reports = asyncio.run(host())
    assert len({report.id for report in reports}) == 8
    # 8 runs of 0.3 s each one after the other would leave the loop 0 beats in 2.4 s; blocked it would never beat.
    assert len(stalls) > 40
    assert sorted(stalls)[len(stalls) // 2] < 0.05


def test_cancelling_an_awaited_run_returns_at_once(make: Make, tmp_path: Path) -> None:
    pipeline = make(complete__fake=Model(pause=1.0))

    async def host() -> float:
        task = asyncio.create_task(pipeline.aio.run(tmp_path / "figures.md", {"TICKER": "A"}))
        await asyncio.sleep(0.1)
        begun = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.perf_counter() - begun

    with asyncio.Runner() as runner:
        assert runner.run(host()) < 0.9


def test_observers_see_each_step_and_one_that_fails_is_passed_over(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError("no display")

    make(observers=[broken, events.append]).run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    ended = [event.step for event in events if event.state == "end"]
    assert [step for step in ended if step != "secure"] == [
        "retrieve",
        "store",
        "compose",
        "complete",
        "convert",
        "write",
        "record",
    ]
    assert "an observer failed" in caplog.text


def test_closing_the_pipeline_closes_its_stores(make: Make, tmp_path: Path) -> None:
    closed: list[str] = []

    @plugin
    class Watched:
        @hookimpl
        def store(self, url: str) -> DataStore:
            opened: DataStore = Memory().store(url)
            opened.close = lambda: closed.append(url)  # type: ignore[method-assign]  # to see that it is called
            return opened

    with make(store__memory=Watched()) as pipeline:
        assert pipeline.open_store() is pipeline.open_store()
        pipeline.open_store("memory:second")
    assert sorted(closed) == ["memory:", "memory:second"]


def test_closing_the_pipeline_closes_the_plugins_that_were_used_and_can_be_closed(make: Make) -> None:
    closed: list[str] = []

    @plugin
    class Connected:
        name: str = ""

        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            return RetrievalResult(1, "connected")

        def close(self) -> None:
            closed.append(self.name)

    with make(retrieve__used=Connected("used"), retrieve__unused=Connected("unused")) as pipeline:
        pipeline.retrieve(Query("used"))
        pipeline.retrieve(Query("numbers", {"ticker": "A"}))
    assert closed == ["used"]


def test_a_report_survives_json(make: Make, tmp_path: Path) -> None:
    report = make().run(tmp_path / "figures.md", {"TICKER": "ACME"}, to=["html"])
    assert from_json(json.loads(json.dumps(to_json(report))), Report) == report


def test_generate_report_is_the_older_name_of_run() -> None:
    assert Pipeline.generate_report is Pipeline.run


def test_two_records_are_retrieved_side_by_side(make: Make, tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=5)

    @plugin
    class Meets:
        @hookimpl
        def retrieve(self, query: Query) -> RetrievalResult:
            meeting.wait()
            return RetrievalResult(query.params["n"], "meets")

    (tmp_path / "figures.md").write_text(
        "---\ndata: {a: {source: meets, n: 1}, b: {source: meets, n: 2}}\n---\nText.\n"
    )
    report = make(retrieve__meets=Meets()).run(tmp_path / "figures.md")
    assert [source.name for source in report.sources] == ["a", "b"]
