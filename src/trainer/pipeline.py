"""The pipeline: retrieve → store → compose → secure → complete → convert, and what a run leaves behind."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from attrs import evolve

from trainer import formats, parts, routing
from trainer.auditing import FILE as AUDIT, AuditLog
from trainer.calibration import FILE as RATES, Calibration
from trainer.completing import Models, joined
from trainer.config import Config, Settings
from trainer.contexts import load_contexts
from trainer.errors import Blocked, Budget, GuardFailed, InstructionError, NotFound, RetrievalError, TrainerError
from trainer.guarding import FAILED, Action, Shown, Verdict, check, clean, edited, failure, judge, moved, texts, within
from trainer.instruction import Instruction, Need, Template, age, fill_values
from trainer.lineage import MARKS, front_matter, keep, placed, record_of, run_record, sha256, snapshot, sources_of, sums
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
from trainer.plugins import Plugins
from trainer.runs import Run, log
from trainer.settings import interpolate
from trainer.stores import DataStore, StoredData, canonical_json, content_hash
from trainer.structured import repair_turn

if TYPE_CHECKING:
    from trainer.aio import AsyncPipeline
    from trainer.spending import Purse
    from trainer.streaming import Stream

RUNS = "trainer.run"
GUARD_SECONDS = 120.0
BLOCKED = ".trainer/blocked"  # answers that a guard stopped, by their run


class Pipeline:
    """The eight verbs as typed methods, and `run`, which makes a report of them.

    Without `plugins` it uses what is installed; with `plugins`, a mapping of `verb.name` to an instance, a
    class or `module:Class`, exactly those, and discovers nothing. `config` is a `Config`, a folder or file to
    find `trainer.toml` from, or a mapping of tables; without it, `trainer.toml` is looked for from here up.
    `observers` are called with each `Event` of a run; one that fails is logged and passed over.

    A pipeline may be used by many threads at once. Close it, or use it in a `with`, to close its stores and plugins.
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
        self.models = Models(self.plugins, self.config, self.open_store)
        self._lock = threading.Lock()
        self._swept = False
        self._hung: set[tuple[str, str]] = set()  # run and guard
        self._canary = f"canary-{secrets.token_hex(16)}"  # one for all runs: models' caches know a prompt by its start
        self.audit = AuditLog(self.config.root / AUDIT)
        self._calibration = Calibration.load(self.config.root / RATES)
        self._where = self.config.where("pipeline")

    # The verbs

    def retrieve(self, query: Query) -> RetrievalResult:
        """Fetch what `query` asks of `query.source`. Raises `RetrievalError`, or what the source raises."""
        return self.plugins.call("retrieve", query.source, RetrievalResult, query=query)

    def open_store(self, url: str = "") -> DataStore:
        """The store at `url` (empty: the configured one), opened once, shared until the pipeline closes.

        It is in the configured namespace; `DataStore.within` leads to others.
        """
        url = interpolate(url or self.settings.store, f"store in {self._where}")
        with self._lock:
            if url not in self._stores:
                store: DataStore = self.plugins.call("store", routing.scheme(url), DataStore, url=url)  # type: ignore[type-abstract]  # only isinstance is asked of it
                namespace = self.settings.namespace
                self._stores[url] = store.within(namespace) if namespace else store
            return self._stores[url]

    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo | None = None) -> list[Finding]:
        """What all guards find in `segments`. That a guard fails, or hangs, is a finding of its own: `guard-failed`."""
        info = run or RunInfo("", level=self.settings.level)
        names = self.plugins.names("secure")
        found = [finding for name in names for finding in self._ask(name, stage, segments, info)]
        return self._calibration.apply(found) if self._calibration else found

    def _ask(self, name: str, stage: Stage, segments: Sequence[Segment], info: RunInfo) -> list[Finding]:
        self.plugins.load("secure", name)  # one that cannot be set up is an error at every level

        def found() -> list[Finding]:
            answers = self.plugins.call("secure", name, list, stage=stage, segments=segments, run=info)
            findings = [finding for answer in answers for finding in answer]
            check(findings, segments)
            return findings

        try:
            if (info.id, name) in self._hung:  # it would only cost the run the same time again
                raise TimeoutError
            return within(GUARD_SECONDS, found)
        except Exception as error:
            if isinstance(error, TimeoutError) and info.id:
                self._hung.add((info.id, name))
            return [failure(name, error)]

    def compose(self, brief: Brief) -> Prompt:
        """A prompt of instruction, contexts and records, in the way `brief.strategy` names."""
        return self.plugins.call("compose", brief.strategy, Prompt, brief=brief)

    def complete(self, request: CompletionRequest, *, purses: Sequence[Purse] = ()) -> CompletionResult:
        """The whole answer of `request.model`, with the policy of `[completion]` around the call.

        `purses` are limits of its cost, beside that of a day which may be configured. Raises a `CompletionError`:
        `Truncated` for an answer that ends before its end, `Budget` for one that could cost too much, ….
        """
        answer = self.models.complete(request, purses)
        told = {"model": answer.model, "tokens": answer.tokens_used, "cost": answer.cost}
        log.info("%(model)s answered: %(tokens)s tokens, %(cost)s USD", told, extra=told)
        return answer

    def convert(
        self, document: Document, to: str, *, via: str = "", made: dict[tuple[str, ...], Document] | None = None
    ) -> Document:
        """`document` in another format, by the chain of conversions that keeps most of it at the least cost.

        `via` names an engine, a conversion or a format that must be passed. The way is chosen anew after each step,
        since a step may learn what the document has and what its theme asks for. `made` keeps what was made of
        this document, for the next format. Raises `ConversionError`.
        """
        target, made = formats.format_of(to), {} if made is None else made
        done: tuple[str, ...] = ()
        while document.format != target:
            edge, *_ = formats.best(self.plugins, document.format, target, document.metadata, via, self.settings.via)
            via, done = "" if formats.passes([edge], via) else via, (*done, edge.name)
            if len(set(done)) < len(done):
                raise formats.unreachable((), document.format, target)
            if done not in made:
                made[done] = self.plugins.call("convert", edge.name, Document, document=document, to=edge.target)
            document = made[done]
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
        on_restart: Callable[[], None] | None = None,
        write: bool = True,
        run_id: str = "",
        purses: Sequence[Purse] = (),
        user: str = "",
        via: str = "",
    ) -> Report:
        """Make the report that `instruction` describes and write it below the output folder.

        `params` fill the instruction's variables. `to` names formats beside Markdown, and `model` one model
        or several in order of preference; without them the instruction's, then the configured ones are taken.
        `on_text` is called with each piece of the answer as it arrives, and `on_restart` when those so far are void;
        without it, an answer that breaks off after its first piece is not asked for again. Files are written last,
        all or none; without `write` there are none, and `Report.documents` holds what they would hold.
        `run_id` names the run, if it is to have a certain name; `purses` are limits of its cost, beside those
        that are configured; `user` is who asks, for limits that are kept by user. `via` names an engine, a
        conversion or a format that must be passed on the way to those formats that can be reached through it.
        """
        with self._begin(instruction, params, to, model, run_id=run_id, user=user, via=via) as run:
            records = self._gather(run)
            prompt = self._prompt(run, records)
            answer = self._answer(run, prompt, on_text, on_restart, purses)
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
        via: str = "",
    ) -> tuple[Run, Prompt]:
        """What `run` would send to which model: asks no model, stores and writes nothing.

        The data is retrieved, since the prompt is made of it.
        """
        with self._begin(instruction, params, to, model, dry=True, via=via) as run:
            return run, self._prompt(run, self._gather(run))

    def stream(
        self, instruction: str | Path | Instruction, params: Mapping[str, Any] | None = None, **options: Any
    ) -> Stream:
        """As `run`, yielding the answer's text as it arrives and the `Report` last.

        Closing the iterator stops the run at the next piece of text; nothing is written then.
        """
        from trainer.streaming import Stream

        return Stream(lambda on_text: self.run(instruction, params, on_text=on_text, **options))

    @cached_property
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
            if digest in sums(record.data):
                return record
            outputs = record.data["outputs"].values()
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
        """Close every store that was opened, and every plugin that was built and has a `close`."""
        self.models.close()
        if "aio" in self.__dict__:
            self.__dict__.pop("aio").stop()
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()
        self.plugins.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The steps of a run

    @contextmanager
    def _begin(
        self,
        instruction: str | Path | Instruction,
        params: Any,
        to: Sequence[str],
        model: str | Sequence[str],
        dry: bool = False,
        run_id: str = "",
        user: str = "",
        via: str = "",
    ) -> Iterator[Run]:
        """A run under way. Everything that can be found wrong before any work is done, is found here."""
        chosen = instruction if isinstance(instruction, Instruction) else Instruction.load(instruction)
        values = chosen.resolve(params or {})
        named = (model,) if isinstance(model, str) and model else tuple(model)
        configured = interpolate([*self.settings.models], f"model in {self._where}")
        models = tuple(Template(name).fill(values) for name in named or chosen.models or configured)
        aims = formats.aims(self.plugins, "markdown", to or chosen.formats or self.settings.formats, via)
        sample = Document(f"# {chosen.title}", "markdown", {"theme": chosen.theme})
        for name, way in aims.items() if chosen.theme else ():  # the first step looks it up, before a model is paid
            for edge in formats.best(self.plugins, "markdown", name, {}, way)[:1]:
                self.plugins.call("convert", edge.name, Document, document=sample, to=edge.target)
        for need in chosen.data.values():
            self.plugins.entry("retrieve", need.source)
        name = run_id or f"{now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        info = RunInfo(name, chosen.name, self.settings.level, user=user)
        run = Run(chosen, values, models or (routing.OFFLINE,), aims, info, self._observers, dry)
        given = [Segment(value, "user", "user", name) for name, value in values.items()]
        with run.under_way():
            self._guard(run, Stage.INPUT, given or [Segment("", "user", "user")])  # if only to show who asks
            yield run

    def _gather(self, run: Run) -> dict[str, StoredData]:
        """Each record that is needed: the stored one if it is fresh enough, else retrieved and stored.

        Nothing is stored before all is there: a run that lacks data leaves the store as it was.
        """
        needs = list(run.instruction.data.values())

        def found(need: Need) -> StoredData | tuple[Query, RetrievalResult] | None:
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
            return evolve(stored, data=self._guard_data(run, need.name, stored.data))

        if len(needs) < 2:
            items = [found(need) for need in needs]
        else:
            with ThreadPoolExecutor(min(8, len(needs)), thread_name_prefix="trainer-retrieve") as pool:
                contexts = [copy_context() for _ in needs]
                items = list(pool.map(lambda context, need: context.run(found, need), contexts, needs))
        return {
            need.name: item if isinstance(item, StoredData) else self._keep(run, need, *item)
            for need, item in zip(needs, items, strict=True)
            if item is not None
        }

    def _stored(self, query: Query, max_age: float | None) -> StoredData | None:
        """The newest record of the same query, if it is not older than `max_age` seconds."""
        if max_age is None:
            return None
        found = self.open_store().query({"metadata.query": query.fingerprint}, limit=1)
        return found[0] if found and (now() - found[0].updated_at).total_seconds() <= max_age else None

    def _fetch(self, run: Run, need: Need, query: Query) -> StoredData | tuple[Query, RetrievalResult] | None:
        try:
            with run.step("retrieve", need.name):
                result = self.retrieve(query)
        except Exception as error:
            if stale := self._stale(run, need, query, error):
                return stale
            if not need.optional:
                raise
            run.warnings.append(f"{need.name} is left out: {_first_line(error)}")
            return None
        return query, evolve(result, data=self._guard_data(run, need.name, result.data))

    def _keep(self, run: Run, need: Need, query: Query, result: RetrievalResult) -> StoredData:
        with run.step("store", need.name):
            return record_of(query, result) if run.dry else self.keep(query, result)

    def _stale(self, run: Run, need: Need, query: Query, error: Exception) -> StoredData | None:
        """The stored record that may be used while its source fails, marked as stale; `None` if there is none."""
        if not isinstance(error, RetrievalError) or isinstance(error, NotFound):
            return None
        stored = self._stored(query, need.stale_if_error)
        if stored is None:
            return None
        why = f"{age((now() - stored.updated_at).total_seconds())} old, because {_first_line(error)}"
        run.warnings.append(f"{need.name} is stale: {why}")
        data = self._guard_data(run, need.name, stored.data)
        return evolve(stored, data=data, metadata={**stored.metadata, "stale": why})

    def _guard_data(self, run: Run, name: str, data: Any) -> Any:
        """`data` as far as it may go on: at the level strict, what looks like an attack is cut out."""
        segments = (Segment("\n".join(texts(item)), "data", "untrusted", name) for item in (data,))
        verdict = self._guard(run, Stage.DATA, segments)
        return edited(data, verdict.edits.get(0, ())) if verdict else data

    def _prompt(self, run: Run, records: dict[str, StoredData]) -> Prompt:
        with run.step("compose"):
            run.contexts = self._contexts(run)
            strategy = run.instruction.strategy or self.settings.strategy
            brief = Brief(run.instruction, run.params, run.contexts, records, strategy, (self.folder("context"),))
            prompt = self.compose(brief)
            prompt = prompt.marked(self._canary) if self.plugins.names("secure") else prompt
        run.warnings += [f"{part.name}: {part.note}" for part in prompt.parts if part.note]
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

    def _answer(
        self, run: Run, prompt: Prompt, on_text: Any, on_restart: Any, purses: Sequence[Purse]
    ) -> CompletionResult:
        """The answer of the first model that gives one; those that failed before it become warnings."""
        purses = [*purses, *self.models.allowances()]
        shown = Shown(lambda: self._holders(run), on_text, on_restart) if on_text else None
        for position, model in enumerate(run.models, 1):
            request = CompletionRequest(
                model,
                prompt,
                dict(run.instruction.params),
                self.models.policy.timeout,
                shown.text if shown else None,
                run.instruction.schema,
                shown.restart if shown and on_restart else None,
            )
            try:
                with run.step("complete", model):
                    answer = self.complete(request, purses=purses)
                break
            except Exception as error:
                if position == len(run.models) or isinstance(error, Blocked | GuardFailed | Budget):
                    raise
                run.warnings.append(f"{model} was passed over: {_first_line(error)}")
        text = run.instruction.body.text
        background = {"instruction": fill_values(text, run.params) if run.instruction.engine == "text" else text}
        background |= {context.name: context.text for context in run.contexts}
        run.info = evolve(run.info, records=prompt.records, background=background)
        answer = self._mended(run, request, answer, purses)
        if shown:
            shown.close()
        verdict = self._guard(run, Stage.OUTPUT, [Segment(answer.content, "assistant", "untrusted", answer.model)])
        if verdict is None:
            return answer
        told = run.info.told
        told |= {name: moved(told[name], verdict.edits.get(0, ())) for name in MARKS if name in told}
        return evolve(answer, content=verdict.texts[0])

    def _mended(
        self, run: Run, request: CompletionRequest, first: CompletionResult, purses: Sequence[Purse]
    ) -> CompletionResult:
        """The better of two answers, where a guard has the model asked to mend the first; its cost is that of both."""
        guard = next(iter(self._offering("mend")), None)
        if guard is None or request.model.startswith("offline/"):  # which would say the same again
            return first
        answers = [first]

        def ask(problem: str) -> str:
            self._guard(run, Stage.PROMPT, [Segment(problem, "user", "untrusted", "repair")])
            turn = repair_turn(request.prompt, first.content, problem)
            with run.step("complete", request.model):
                again = evolve(request, prompt=turn, on_text=None, on_restart=None)
                answers.append(self.complete(again, purses=purses))
            return answers[-1].content

        try:
            better, note = guard.mend(first.content, run.info, ask)
        except Exception as error:
            better, note = False, f"the answer was not mended: {_first_line(error)}"
        run.warnings += [note] if note else []
        second = answers[-1]
        if not better:
            return first if second is first else joined(second, first, repaired=False)
        if request.on_restart and request.on_text:
            request.on_restart()
            request.on_text(second.content)
        return joined(first, second)

    def _offering(self, method: str) -> list[Any]:
        """The guards that offer something beside `secure`."""
        guards = [self.plugins.load("secure", name) for name in self.plugins.names("secure")]
        return [guard for guard in guards if hasattr(guard, method)]

    def _holders(self, run: Run) -> list[Any]:
        """What holds back leaks from an answer that is shown as it arrives: one from each guard that offers it."""
        return [guard.stream(run.info) for guard in self._offering("stream")]

    def _publish(self, run: Run, prompt: Prompt, answer: CompletionResult, write: bool) -> Report:
        """Convert, write the files, each whole, and put the run into the store."""
        created = now()
        about = front_matter(run, prompt, answer, created)
        data = {name: record.data for name, record in prompt.records.items()}
        documents = self._documents(run, Document(answer.content, "markdown", {**about, "records": data}))
        files = self._write(run, created, {"json": snapshot(about, prompt), **documents}) if write else {}
        report = Report(
            id=run.info.id, title=run.title, text=answer.content, params=run.params, model=answer.model,
            instruction=str(run.instruction.path), created_at=created, prompt_hash=prompt.hash, files=files,
            documents=documents, sources=sources_of(prompt), findings=run.findings, warnings=run.warnings,
            tokens=answer.tokens_used, cost=answer.cost, seconds=dict(run.seconds),
        )  # fmt: skip
        with run.step("record"):
            record = run_record(report, prompt, answer, about, run.info.told, self.config.root)
            parts.keep(self.open_store(), prompt)
            self.open_store().store(f"{RUNS}:{report.id}:{created:%Y%m%d}", record, source=RUNS)
        return report

    def _documents(self, run: Run, document: Document) -> dict[str, Document]:
        """The answer in each format that was asked for, seen by the guards."""
        documents = {"markdown": document}
        made: dict[tuple[str, ...], Document] = {}
        for name, via in run.aims.items():
            if name not in documents:
                with run.step("convert", name):
                    documents[name] = self.convert(document, name, via=via, made=made)
        texts = {name: page.content for name, page in documents.items() if name != "markdown"}
        pages = (Segment(text, "document", "untrusted", name) for name, text in texts.items() if isinstance(text, str))
        self._guard(run, Stage.RENDER, pages)
        return documents

    def _write(self, run: Run, created: datetime, documents: Mapping[str, Document]) -> dict[str, Path]:
        """The documents as files, none before all of them are safely on the disk."""
        folder = self.folder("output")
        words = [*run.params.values()]
        if any(slug(word) != word or "-" in word for word in words):  # two such could end up under one name
            words.append(content_hash(canonical_json(words))[:8])
        stem = slug("-".join([run.instruction.name, *words, f"{created:%Y%m%d}"]))
        with run.step("write"):
            if not self._swept:
                sweep_parts(folder)
                self._swept = True
            files = {
                name: folder / ("report" if name == "markdown" else name) / f"{stem}.{formats.SUFFIXES.get(name, name)}"
                for name in documents
            }
            places = (placed(page, files[name]) for name, page in documents.items())
            write_all({path: content for place in places for path, content in place.items()})
        return files

    def _guard(self, run: Run, stage: Stage, segments: Iterable[Segment]) -> Verdict | None:
        """Ask the guards and act on what they found: note it, cut it out, or stop the run."""
        segments = list(segments) if self.plugins.names("secure") else []
        if not segments:
            return None
        with run.step("secure", stage):
            verdict = judge(stage, segments, self.secure(stage, segments, run.info), self.settings.level)
            if not run.dry:
                self.audit.record(run.info, stage, segments, verdict)
            run.findings += verdict.at_least(Action.NOTE)
            for finding, action in verdict.decisions:
                if action is Action.REVIEW:
                    run.warnings.append(f"look at this before you use it: guard '{finding.guard}': {finding.message}")
            if blocked := verdict.at_least(Action.BLOCK):
                first = next((finding for finding in blocked if finding.category == FAILED), blocked[0])
                origin = segments[first.segment].origin or stage
                told = [finding.message for finding in blocked if finding.guard == first.guard]
                more = f"; and {len(told) - 3:,} more" if len(told) > 3 else ""
                problem = (
                    f"guard '{first.guard}' stopped the run at stage {stage}, in {origin}: {'; '.join(told[:3])}{more}"
                )
                if first.category == FAILED:
                    raise GuardFailed(problem, "Mend that guard, or switch it off in [plugins] disable.")
                remedy = f"Change that text; `trainer secure FILE --stage {stage}` shows all."
                raise Blocked(problem, self._set_aside(run, segments, verdict) if stage is Stage.OUTPUT else remedy)
        return verdict

    def _set_aside(self, run: Run, segments: Sequence[Segment], verdict: Verdict) -> str:
        """Keep an answer that was stopped, since it was paid for, without its leaks; returns what to do with it."""
        path = self.config.root / BLOCKED / f"{slug(run.info.id)}.md"
        write_all({path: clean(segments[0].text, verdict)})
        return f"The answer is kept in {path}. Use it as you see fit, or run again at a milder level."


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


def _first_line(error: BaseException) -> str:
    return error.problem if isinstance(error, TrainerError) else f"{type(error).__name__}: {error}".splitlines()[0]
