"""The pipeline: retrieve → store → compose → secure → complete → convert, and what a run leaves behind."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from trainer import routing
from trainer.config import Config, Settings
from trainer.contexts import load_contexts
from trainer.errors import (
    Blocked,
    CompletionError,
    ConfigError,
    GuardFailed,
    InstructionError,
    TrainerError,
    Truncated,
    UnknownPlugin,
)
from trainer.guarding import Action, decide
from trainer.instruction import Instruction, Need, Template, fill_values
from trainer.lineage import front_matter, keep, record_of, run_record, sha256, snapshot, sources_of, to_bytes
from trainer.models import (
    Analysis,
    Brief,
    CompletionRequest,
    CompletionResult,
    Context,
    Document,
    Event,
    Finding,
    Prompt,
    Query,
    Question,
    Report,
    RetrievalResult,
    RunInfo,
    Segment,
    Stage,
    now,
    slug,
)
from trainer.paths import sweep_parts, write_all
from trainer.plugins import Plugins, told
from trainer.runs import Run
from trainer.settings import interpolate
from trainer.stores import DataStore, StoredData

if TYPE_CHECKING:
    from trainer.aio import AsyncPipeline
    from trainer.streaming import Stream

RUNS = "trainer.run"


class Pipeline:
    """The eight verbs as typed methods, and `run`, which makes a report of them.

    Without `plugins` it uses what is installed; with `plugins`, a mapping of `verb.name` to an instance, a
    class or `module:Class`, exactly those, and discovers nothing. `config` is a `Config`, a folder or file to
    find `trainer.toml` from, or a mapping of tables; without it, `trainer.toml` is looked for from here up.
    `observers` are called with each `Event` of a run; one that fails is logged and passed over.

    A pipeline may be used by many threads at once. Close it, or use it in a `with`, to close its stores.
    """

    def __init__(
        self,
        plugins: Mapping[str, Any] | None = None,
        config: Config | Mapping[str, Any] | str | Path | None = None,
        *,
        observers: Sequence[Callable[[Event], None]] = (),
    ) -> None:
        self.config = _config(config)
        self.settings: Settings = self.config.pipeline
        self.plugins = Plugins.discovered(self.config) if plugins is None else Plugins.given(plugins, self.config)
        self._observers = tuple(observers)
        self._stores: dict[str, DataStore] = {}
        self._lock = threading.Lock()
        self._swept = False
        self._where = self.config.where("pipeline")

    # The verbs

    def retrieve(self, query: Query) -> RetrievalResult:
        """Fetch what `query` asks of `query.source`. Raises `RetrievalError`, or what the source raises."""
        return self.plugins.call("retrieve", query.source, RetrievalResult, query=query)

    def open_store(self, url: str = "") -> DataStore:
        """The store at `url` (empty: the configured one), opened once, shared until the pipeline closes."""
        url = interpolate(url or self.settings.store, f"store in {self._where}")
        with self._lock:
            if url not in self._stores:
                self._stores[url] = self.plugins.call("store", routing.scheme(url), DataStore, url=url)  # type: ignore[type-abstract]  # only isinstance is asked of it
            return self._stores[url]

    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo | None = None) -> list[Finding]:
        """What all guards find in `segments`. Raises `GuardFailed` if one of them fails."""
        info = run or RunInfo("", level=self.settings.level)
        try:
            answers = self.plugins.call_all("secure", stage=stage, segments=segments, run=info)
            found = [finding for answer in answers for finding in answer]
            wrong = next((finding for finding in found if not isinstance(finding, Finding)), None)
            if wrong is not None:
                raise TypeError(f"a guard answered with a {type(wrong).__name__} among its findings")
        except Exception as error:
            if isinstance(error, ConfigError | UnknownPlugin):
                raise
            short = told(error)
            raise GuardFailed(
                f"a guard failed at stage {stage}, so nothing passes: {short.problem}",
                short.remedy or "Mend it, or switch it off in [plugins] disable.",
            ) from error
        return found

    def compose(self, brief: Brief) -> Prompt:
        """A prompt of instruction, contexts and records, in the way `brief.strategy` names."""
        return self.plugins.call("compose", brief.strategy, Prompt, brief=brief)

    def complete(self, request: CompletionRequest) -> CompletionResult:
        """The whole answer of `request.model`. Raises `Truncated` for one that ends before its end."""
        name = routing.provider(request.model, self.plugins.names("complete"))
        result = self.plugins.call("complete", name, CompletionResult, request=request)
        if result.finish != "stop":
            raise Truncated(
                f"{request.model} ended its answer early ({result.finish})",
                "Nothing was written. Ask for less, or raise the model's limit.",
                partial=result.content,
            )
        if not result.content.strip():
            raise CompletionError(f"{request.model} answered with nothing", "Try again, or another model.")
        return result

    def convert(self, document: Document, to: str) -> Document:
        """`document` in another format, by the shortest chain of edges. Raises `ConversionError`."""
        target = routing.format_of(to)
        for edge in routing.chain(self.plugins.names("convert"), document.format, target):
            document = self.plugins.call("convert", edge, Document, document=document, to=edge.partition("-to-")[2])
        return document

    def embed(self, texts: Sequence[str], model: str) -> Any:
        """A float32 matrix of shape (texts, dimensions)."""
        name = routing.provider(model, self.plugins.names("embed"))
        return self.plugins.call("embed", name, object, texts=texts, model=model)

    def analyze(self, name: str, /, *, store: str = "", **options: Any) -> Analysis:
        """The answer of the analysis `name` on the store at the URL `store` (empty: the configured one)."""
        return self.plugins.call(
            "analyze", name, Analysis, question=Question(name, options), store=self.open_store(store)
        )

    # A run

    def run(
        self,
        instruction: str | Path | Instruction,
        params: Mapping[str, Any] | None = None,
        *,
        to: Sequence[str] = (),
        model: str | Sequence[str] = "",
        on_text: Callable[[str], None] | None = None,
        write: bool = True,
    ) -> Report:
        """Make the report that `instruction` describes and write it below the output folder.

        `params` fill the instruction's variables. `to` names formats beside Markdown, and `model` one model
        or several in order of preference; without them the instruction's, then the configured ones are taken.
        `on_text` is called with each piece of the answer as it arrives. Files are written last, all or none;
        without `write` there are none, and `Report.documents` holds what they would hold.
        """
        run = self._begin(instruction, params, to, model)
        records = self._gather(run)
        prompt = self._prompt(run, records)
        answer = self._answer(run, prompt, on_text)
        return self._publish(run, prompt, answer, write)

    #: The older name of `run`.
    generate_report = run

    def plan(
        self,
        instruction: str | Path | Instruction,
        params: Mapping[str, Any] | None = None,
        *,
        to: Sequence[str] = (),
        model: str | Sequence[str] = "",
    ) -> tuple[Run, Prompt]:
        """What `run` would send to which model: asks no model, stores and writes nothing.

        The data is retrieved, since the prompt is made of it.
        """
        run = self._begin(instruction, params, to, model, dry=True)
        return run, self._prompt(run, self._gather(run))

    def stream(
        self, instruction: str | Path | Instruction, params: Mapping[str, Any] | None = None, **options: Any
    ) -> Stream:
        """As `run`, yielding the answer's text as it arrives and the `Report` last.

        Closing the iterator stops the run at the next piece of text; nothing is written then.
        """
        from trainer.streaming import Stream

        return Stream(lambda on_text: self.run(instruction, params, on_text=on_text, **options))

    @property
    def aio(self) -> AsyncPipeline:
        """The same methods for asyncio hosts: each is awaited, none blocks the loop."""
        from trainer.aio import AsyncPipeline

        return AsyncPipeline(self)

    def find_run(self, reference: str) -> StoredData | None:
        """The run record of a run's id, or of a report's file (by its contents, or else by its path)."""
        store = self.open_store()
        if found := store.query(source=RUNS, prefix=f"{RUNS}:{reference}:", limit=1):
            return found[0]
        path = Path(reference)
        if not path.is_file():
            return None
        digest, place = sha256(path.read_bytes()), str(path.resolve())
        moved = None
        for record in store.query(source=RUNS):
            outputs = record.data["outputs"].values()
            if any(output["sha256"] == digest for output in outputs):
                return record
            if moved is None and any(str(self.config.root / output["path"]) == place for output in outputs):
                moved = record
        return moved

    def keep(self, query: Query, result: RetrievalResult) -> StoredData:
        """Store what a query brought, under `source:subject:YYYYMMDD`, with its lineage as metadata."""
        return keep(self.open_store(), query, result)

    def folder(self, setting: Literal["context", "output"]) -> Path:
        """The folder that a setting of `[pipeline]` names, in the project's."""
        name = getattr(self.settings, setting)
        return self.config.root / str(interpolate(name, f"{setting} in {self._where}"))

    def close(self) -> None:
        """Close every store that was opened."""
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The steps of a run

    def _begin(
        self,
        instruction: str | Path | Instruction,
        params: Any,
        to: Sequence[str],
        model: str | Sequence[str],
        dry: bool = False,
    ) -> Run:
        """Everything that can be found wrong before any work is done, is found here."""
        chosen = instruction if isinstance(instruction, Instruction) else Instruction.load(instruction)
        values = chosen.resolve(params or {})
        named = (model,) if isinstance(model, str) and model else tuple(model)
        configured = interpolate([*self.settings.models], f"model in {self._where}")
        models = tuple(Template(name).fill(values) for name in named or chosen.models or configured)
        formats = dict.fromkeys(routing.format_of(name) for name in to or chosen.formats or self.settings.formats)
        for name in formats:
            routing.chain(self.plugins.names("convert"), "markdown", name)
        for need in chosen.data.values():
            self.plugins.entry("retrieve", need.source)
        info = RunInfo(f"{now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", chosen.name, self.settings.level)
        run = Run(chosen, values, models or (routing.OFFLINE,), tuple(formats), info, self._observers, dry)
        self._guard(run, Stage.INPUT, (Segment(value, "user", "user", name) for name, value in values.items()))
        return run

    def _gather(self, run: Run) -> dict[str, StoredData]:
        """Each record that is needed: the stored one if it is fresh enough, else retrieved and stored."""
        needs = list(run.instruction.data.values())

        def record(need: Need) -> StoredData | None:
            if need.optional and any(not run.params[name] for name in need.variables):
                return None  # asked for by a variable that was left empty
            # What a source declares as verbatim, such as the text of an SQL query, is not a template.
            verbatim = getattr(self.plugins.load("retrieve", need.source), "verbatim", ())
            params = {
                name: value if name in verbatim else fill_values(value, run.params)
                for name, value in need.params.items()
            }
            query = Query(need.source, params)
            stored = self._stored(query, need.max_age)
            if stored is None:
                return self._fetch(run, need, query)
            self._guard_data(run, need.name, stored.data)
            return stored

        if len(needs) < 2:
            found = [record(need) for need in needs]
        else:
            with ThreadPoolExecutor(min(8, len(needs)), thread_name_prefix="trainer-retrieve") as pool:
                found = list(pool.map(record, needs))
        return {need.name: item for need, item in zip(needs, found, strict=True) if item is not None}

    def _stored(self, query: Query, max_age: float | None) -> StoredData | None:
        """The newest record of the same query, if it is not older than `max_age` seconds."""
        if max_age is None:
            return None
        found = self.open_store().query({"metadata.query": query.fingerprint}, limit=1)
        return found[0] if found and (now() - found[0].updated_at).total_seconds() <= max_age else None

    def _fetch(self, run: Run, need: Need, query: Query) -> StoredData | None:
        try:
            with run.step("retrieve", need.name):
                result = self.retrieve(query)
        except Exception as error:
            if not need.optional:
                raise
            run.warnings.append(f"{need.name} is left out: {_first_line(error)}")
            return None
        self._guard_data(run, need.name, result.data)
        with run.step("store", need.name):
            return record_of(query, result) if run.dry else self.keep(query, result)

    def _guard_data(self, run: Run, name: str, data: Any) -> None:
        self._guard(run, Stage.DATA, (Segment("\n".join(_texts(item)), "data", "untrusted", name) for item in (data,)))

    def _prompt(self, run: Run, records: dict[str, StoredData]) -> Prompt:
        with run.step("compose"):
            run.contexts = self._contexts(run)
            strategy = run.instruction.strategy or self.settings.strategy
            prompt = self.compose(Brief(run.instruction, run.params, run.contexts, records, strategy))
        segments = (
            Segment(message.text, message.role, "operator" if message.role == "system" else "untrusted", "prompt")
            for message in prompt.messages
        )
        self._guard(run, Stage.PROMPT, segments)
        return prompt

    def _contexts(self, run: Run) -> list[Context]:
        """Declared contexts must exist; one that an old instruction only mentions may be missing."""
        instruction = run.instruction
        if not (instruction.references if instruction.contexts is None else instruction.contexts):
            return []
        folder = self.folder("context")
        if instruction.contexts is not None:
            return load_contexts(folder, [Template(name).fill(run.params) for name in instruction.contexts])
        found = []
        for reference in instruction.references:
            try:
                found += load_contexts(folder, [reference])
            except InstructionError as error:
                if self.settings.strict:
                    raise
                run.warnings.append(_first_line(error))
        return list({context.path: context for context in found}.values())

    def _answer(self, run: Run, prompt: Prompt, on_text: Callable[[str], None] | None) -> CompletionResult:
        """The answer of the first model that gives one; those that failed before it become warnings."""
        for position, model in enumerate(run.models, 1):
            request = CompletionRequest(model, prompt, dict(run.instruction.params), on_text=on_text)
            try:
                with run.step("complete", model):
                    answer = self.complete(request)
                break
            except Exception as error:
                if position == len(run.models) or isinstance(error, Blocked | GuardFailed):
                    raise
                run.warnings.append(f"{model} was passed over: {_first_line(error)}")
        self._guard(run, Stage.OUTPUT, [Segment(answer.content, "assistant", "untrusted", answer.model)])
        return answer

    def _publish(self, run: Run, prompt: Prompt, answer: CompletionResult, write: bool) -> Report:
        """Convert, write the files, each whole, and put the run into the store."""
        created = now()
        about = front_matter(run, prompt, answer, created)
        documents = self._documents(run, Document(answer.content, "markdown", about))
        files = self._write(run, created, {"json": snapshot(about, prompt), **documents}) if write else {}
        report = Report(
            id=run.info.id, title=run.title, text=answer.content, params=run.params, model=answer.model,
            instruction=str(run.instruction.path), created_at=created, prompt_hash=prompt.hash, files=files,
            documents=documents, sources=sources_of(prompt), findings=run.findings, warnings=run.warnings,
            tokens=answer.tokens_used, cost=answer.cost, seconds=dict(run.seconds),
        )  # fmt: skip
        with run.step("record"):
            record = run_record(report, prompt, answer, about, self.config.root)
            self.open_store().store(f"{RUNS}:{report.id}:{created:%Y%m%d}", record, source=RUNS)
        return report

    def _documents(self, run: Run, document: Document) -> dict[str, Document]:
        """The answer in each format that was asked for, seen by the guards."""
        documents = {"markdown": document}
        for name in run.formats:
            if name not in documents:
                with run.step("convert", name):
                    documents[name] = self.convert(document, name)
        texts = {name: page.content for name, page in documents.items() if name != "markdown"}
        pages = (Segment(text, "document", "untrusted", name) for name, text in texts.items() if isinstance(text, str))
        self._guard(run, Stage.RENDER, pages)
        return documents

    def _write(self, run: Run, created: datetime, documents: Mapping[str, Document]) -> dict[str, Path]:
        """The documents as files, none before all of them are safely on the disk."""
        folder = self.folder("output")
        stem = slug("-".join([run.instruction.name, *run.params.values(), f"{created:%Y%m%d}"]))
        with run.step("write"):
            if not self._swept:
                sweep_parts(folder)
                self._swept = True
            files = {
                name: folder / ("report" if name == "markdown" else name) / f"{stem}.{routing.SUFFIXES.get(name, name)}"
                for name in documents
            }
            write_all({files[name]: to_bytes(page) for name, page in documents.items()})
        return files

    def _guard(self, run: Run, stage: Stage, segments: Iterable[Segment]) -> None:
        """Ask the guards and act on what they found: note it, or stop the run."""
        segments = list(segments) if self.plugins.names("secure") else []
        if not segments:
            return
        with run.step("secure", stage):
            found = self.secure(stage, segments, run.info)
            actions = [(finding, decide(finding, segments[finding.segment], self.settings.level)) for finding in found]
            run.findings += [finding for finding, action in actions if action is not Action.ALLOW]
            blocked = [finding for finding, action in actions if action is Action.BLOCK]
            if blocked:
                first = blocked[0]
                origin = segments[first.segment].origin or stage
                raise Blocked(
                    f"guard '{first.guard}' stopped the run at stage {stage}, in {origin}: {first.message}",
                    f"Change that text; `trainer secure FILE --stage {stage}` shows all.",
                )


def _config(config: Config | Mapping[str, Any] | str | Path | None) -> Config:
    match config:
        case None:
            return Config.find()
        case Config():
            return config
        case Mapping():
            return Config(values=config)
        case _:
            path = Path(config)
            return Config.load(path) if path.is_file() else Config.find(path)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield str(key)
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)


def _first_line(error: BaseException) -> str:
    return error.problem if isinstance(error, TrainerError) else f"{type(error).__name__}: {error}".splitlines()[0]
