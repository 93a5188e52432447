"""For each verb a small plugin that keeps every promise, and others that break one each."""

from __future__ import annotations

import itertools
import json
import re
import time
from array import array
from calendar import monthrange
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import click
from attrs import evolve, field

from trainer import (
    Analysis,
    Brief,
    DataStore,
    Document,
    Finding,
    Message,
    Prompt,
    Query,
    Question,
    RetrievalResult,
    Segment,
    Stage,
    hookimpl,
    plugin,
)
from trainer.errors import ConversionError, RetrievalError, TrainerError

COUNT = itertools.count()
KEPT: list[Any] = []
PAUSE = 0.001  # seconds in which another thread may come between


class Shared:
    """What careless plugins keep their requests in."""

    value: Any = None

    @classmethod
    def passed(cls, value: Any) -> Any:
        """The value that was put here last, which is that of another thread as often as not."""
        cls.value = value
        time.sleep(PAUSE)
        return cls.value


# Sources


@plugin
class Source:
    """Days of a month."""

    saturdays: bool = False
    api_key: str = field(default="", repr=False)

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return self.result(self.month(query))

    def month(self, query: Query) -> date:
        month = query.params.get("month")
        try:
            return date.fromisoformat(f"{month}-01")
        except ValueError as error:
            raise RetrievalError(f"{month!r} is not a month", "Write month=2025-09.") from error

    def result(self, first: date) -> RetrievalResult:
        return RetrievalResult(self.data(first), "days", subject=f"{first:%Y-%m}")

    def data(self, first: date) -> Any:
        last = 5 if self.saturdays else 4
        days = (first.replace(day=day) for day in range(1, monthrange(first.year, first.month)[1] + 1))
        return {
            "month": f"{first:%Y-%m}",
            "days": [day.day for day in days if day.weekday() <= last],
            "key": bool(self.api_key),
        }


class Tuples(Source):
    def data(self, first: date) -> Any:
        return {**super().data(first), "days": (first.year, self.saturdays)}


class Dates(Source):
    def data(self, first: date) -> Any:
        return {**super().data(first), "first": first}


class Nameless(Source):
    def result(self, first: date) -> RetrievalResult:
        return evolve(super().result(first), source="")


class Timeless(Source):
    def result(self, first: date) -> RetrievalResult:
        return evolve(super().result(first), retrieved_at=datetime(2025, 1, 1))  # noqa: DTZ001 - the fault


class TellsPassword(Source):
    def result(self, first: date) -> RetrievalResult:
        return evolve(super().result(first), url="postgresql://me:secret@example.org/days")


class Constant(Source):
    def data(self, first: date) -> Any:
        return {"saturdays": self.saturdays, "key": bool(self.api_key)}


class Fickle(Source):
    def data(self, first: date) -> Any:
        return {**super().data(first), "count": next(COUNT)}


@plugin
class HandsOutItsCache(Source):
    cache: dict[str, Any] = field(factory=dict, init=False)

    def data(self, first: date) -> Any:
        return self.cache.setdefault(str(first), super().data(first))


class ChangesQuery(Source):
    def month(self, query: Query) -> date:
        found = super().month(query)
        query.params["month"] = found.isoformat()
        return found


class KeepsQuery(Source):
    def month(self, query: Query) -> date:
        KEPT.append(query)
        return super().month(query)


class SharesQuery(Source):
    def month(self, query: Query) -> date:
        return super().month(Query("days", Shared.passed({**query.params})))


class RaisesKeyErrors(Source):
    def month(self, query: Query) -> date:
        return super().month(Query("days", {"month": query.params["month"]}))


class RaisesTypeErrors(Source):
    def month(self, query: Query) -> date:
        if not isinstance(query.params.get("month", ""), str):
            raise TypeError("month")
        return super().month(query)


class AnswersAnything(Source):
    def month(self, query: Query) -> date:
        try:
            return super().month(query)
        except RetrievalError:
            return date(2025, 1, 1)


class LeavesHelpless(Source):
    def month(self, query: Query) -> date:
        try:
            return super().month(query)
        except RetrievalError as error:
            raise RetrievalError(error.problem) from error


class RaisesVague(Source):
    def month(self, query: Query) -> date:
        try:
            return super().month(query)
        except RetrievalError as error:
            raise TrainerError(*error.args) from error


@plugin
class Deaf(Source):
    pause: float = 1.0


class Stubborn(Source):
    def data(self, first: date) -> Any:
        return {"first": str(first), "seen": self.saturdays and 0, "key": bool(self.api_key)}


@plugin
class Untyped(Source):
    saturdays: Any = False


@plugin
class Crashes(Source):
    def __attrs_post_init__(self) -> None:
        {False: 1}[self.saturdays]


@plugin
class TellsKey(Source):
    api_key: str = ""


READY = Source()


# Guards


@plugin
class Guard:
    """Finds a word."""

    word: str = "confidential"

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment]) -> Iterator[Finding]:
        for number, segment in enumerate(segments):
            yield from self.inspect(segment.text, number)

    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        for match in re.finditer(re.escape(self.word), text):
            yield Finding("guard", "word", self.message(), "high", number, match.span())

    def message(self) -> Any:
        return f"the word {self.word!r}"


class Blind(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        if text.startswith(self.word):
            yield from super().inspect(text, number)


class Misplaces(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        yield from super().inspect(text, 0)


class Alarms(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        yield Finding("guard", "text", f"{self.word} text", segment=number)


class Faints(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        text.encode()
        yield from super().inspect(text, number)


class Overshoots(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        for found in super().inspect(text, number):
            yield evolve(found, span=(0, len(text) + 1))


class SaysBytes(Guard):
    def message(self) -> Any:
        return b"the word"


class FickleGuard(Guard):
    def message(self) -> Any:
        return f"finding {next(COUNT)}"


class SharesText(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        yield from super().inspect(Shared.passed(text), number)


class KeepsText(Guard):
    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment]) -> Iterator[Finding]:
        KEPT.append(segments)
        return super().secure(stage, segments)


class Quadratic(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        if not re.search(r" +$", text):
            yield from super().inspect(text, number)


class Exponential(Guard):
    def inspect(self, text: str, number: int) -> Iterator[Finding]:
        if not re.search(r"^(a+)+$", text):
            yield from super().inspect(text, number)


# Strategies


@plugin
class Strategy:
    """Background, data as JSON, task."""

    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        messages = [
            Message("system", self.rules(brief)),
            Message("user", "\n".join([*self.data(brief), self.task(brief)])),
        ]
        return Prompt(tuple(messages), brief.instruction, dict(brief.params), dict(brief.records))

    def rules(self, brief: Brief) -> str:
        return "\n".join(["Write a report.", *(context.text for context in brief.contexts)])

    def data(self, brief: Brief) -> list[str]:
        return [f"{name}: {json.dumps(record.data)}" for name, record in brief.records.items()]

    def task(self, brief: Brief) -> str:
        return brief.instruction.body.fill(brief.params)


class ForgetsRecords(Strategy):
    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        return evolve(super().compose(brief), records={})


class LeavesVariables(Strategy):
    def task(self, brief: Brief) -> str:
        return brief.instruction.body.text.replace("of {COMPANY}.", f"of {brief.params['COMPANY']}.")


class ForgetsBackground(Strategy):
    def rules(self, brief: Brief) -> str:
        return "Write a report."


class ForgetsData(Strategy):
    def data(self, brief: Brief) -> list[str]:
        return [f"{name}: {record.ref}" for name, record in brief.records.items()]


class SaysNothing(Strategy):
    @hookimpl
    def compose(self, brief: Brief) -> Prompt:
        prompt = super().compose(brief)
        return evolve(prompt, messages=(*prompt.messages, Message("assistant", " ")))


class TrustsData(Strategy):
    def rules(self, brief: Brief) -> str:
        return "\n".join([super().rules(brief), *self.data(brief)])


class FillsData(Strategy):
    def data(self, brief: Brief) -> list[str]:
        return [line.replace("{COMPANY}", brief.params["COMPANY"]) for line in super().data(brief)]


class FickleStrategy(Strategy):
    def rules(self, brief: Brief) -> str:
        return f"{super().rules(brief)} {next(COUNT)}"


class FollowsOrder(Strategy):
    def rules(self, brief: Brief) -> str:
        return f"{super().rules(brief)} {' '.join(brief.params)}"


class NeedsData(Strategy):
    def data(self, brief: Brief) -> list[str]:
        return [next(iter(brief.records)), *super().data(brief)]


class ChangesBrief(Strategy):
    def task(self, brief: Brief) -> str:
        brief.params.setdefault("TODAY", "2025-01-01")
        return super().task(brief)


class KeepsBrief(Strategy):
    def task(self, brief: Brief) -> str:
        KEPT.append(brief)
        return super().task(brief)


class SharesBrief(Strategy):
    def task(self, brief: Brief) -> str:
        return brief.instruction.body.fill(Shared.passed({**brief.params}))


class CountsData(Strategy):
    def data(self, brief: Brief) -> list[str]:
        return [f"{len(record.data)} fields: {json.dumps(record.data)}" for record in brief.records.values()]


# Conversions


@plugin
class Turn:
    """Text to what it is when read from its end."""

    cost: ClassVar[Any] = 10
    loses: ClassVar[frozenset[str]] = frozenset()

    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        text = self.text(document)
        if text.startswith("not text"):
            raise ConversionError("this is not text", "Give it text.")
        return Document(self.turned(text), to, document.metadata)

    def text(self, document: Document) -> str:
        return document.text

    def turned(self, text: str) -> str | bytes:
        return text[::-1]


class Trims(Turn):
    def turned(self, text: str) -> str | bytes:
        return text.strip()[::-1]


class LosesUnknown(Turn):
    loses = frozenset({"colours"})


class MakesAnother(Turn):
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return super().convert(document, "html")


class ForgetsMetadata(Turn):
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return evolve(super().convert(document, to), metadata={"title": document.metadata.get("title")})


class FickleTurn(Turn):
    def turned(self, text: str) -> str | bytes:
        return f"{text[::-1]}{next(COUNT)}"


class TakesTextOnly(Turn):
    def text(self, document: Document) -> str:
        return re.sub("$^", "", document.content)  # type: ignore[arg-type]  # the fault


class ShowsBytes(Turn):
    def text(self, document: Document) -> str:
        return str(document.content)


class ChangesDocument(Turn):
    def text(self, document: Document) -> str:
        document.metadata["x-own"].append("turned")
        return super().text(document)


class KeepsDocument(Turn):
    def text(self, document: Document) -> str:
        KEPT.append(document)
        return super().text(document)


class SharesDocument(Turn):
    def text(self, document: Document) -> str:
        return str(Shared.passed(document.text))


class RaisesValueErrors(Turn):
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        try:
            return super().convert(document, to)
        except ConversionError as error:
            raise ValueError(error.problem) from error


class ConvertsAnything(Turn):
    @hookimpl
    def convert(self, document: Document, to: str) -> Document:
        return Document(document.text[::-1], to, document.metadata)


class ReadsCarelessly(Turn):
    def turned(self, text: str) -> str | bytes:
        rest = text.split("\n")[3] if text.startswith("# ") else ""
        return f"{rest}{text}"[::-1]


class Encodes(Turn):
    def turned(self, text: str) -> str | bytes:
        text.encode()
        return text[::-1]


# Embedders


@plugin
class Letters:
    """How often each letter stands in a text."""

    letters: str = "abcdefghijklmnopqrstuvwxyz"

    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        rows = [self.row(text) for text in texts]
        return memoryview(array("f", itertools.chain(*rows))).cast("B").cast("f", (len(rows), len(self.letters)))

    def row(self, text: str) -> list[float]:
        return [float(text.lower().count(letter)) for letter in self.letters]


class Doubles(Letters):
    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        rows = [self.row(text) for text in texts]
        return memoryview(array("d", itertools.chain(*rows))).cast("B").cast("d", (len(rows), len(self.letters)))


class Flat(Letters):
    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        rows = [[*self.row(text), 0.0] for text in texts]
        matrix = memoryview(array("f", itertools.chain(*rows)))
        return matrix.cast("B").cast("f", (len(rows), 1, len(self.letters) + 1))


class Neighbourly(Letters):
    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        rows = [[number + len(texts) for number in self.row(text)] for text in texts]
        return memoryview(array("f", itertools.chain(*rows))).cast("B").cast("f", (len(rows), len(self.letters)))


class ClearsTexts(Letters):
    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        answer = super().embed(texts, model)
        if isinstance(texts, list):
            texts.clear()
        return answer


class SharesTexts(Letters):
    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        return super().embed(Shared.passed([*texts]), model)


class Divides(Letters):
    def row(self, text: str) -> list[float]:
        counts = super().row(text)
        return [count / sum(counts) for count in counts]


class HasNoNumber(Letters):
    def row(self, text: str) -> list[float]:
        return [float("nan")] * len(self.letters) if not text else super().row(text)


# Analyses


@plugin
class Tally:
    """How many records each source has."""

    @hookimpl
    def analyze(self, question: Question, store: DataStore) -> Analysis:
        prefix = self.prefix(question)
        if not isinstance(prefix, str):
            raise TrainerError(f"prefix must be text, not {prefix!r}", "Write prefix=a.")
        counts = Counter(record.source for record in store.query(prefix=prefix))
        return Analysis("tally", self.summary(counts), [self.line(*item) for item in sorted(counts.items())])

    def prefix(self, question: Question) -> Any:
        return question.options.get("prefix", "")

    def summary(self, counts: Counter[str]) -> str:
        return f"{len(counts)} sources"

    def line(self, source: str, count: int) -> dict[str, Any]:
        return {"source": source, "records": count}


class TallyOfTuples(Tally):
    def line(self, source: str, count: int) -> dict[str, Any]:
        return {"source": source, "range": (0, count)}


class FickleTally(Tally):
    def summary(self, counts: Counter[str]) -> str:
        return f"{len(counts)} sources, {datetime.now(UTC).isoformat()} {next(COUNT)}"


class MadeUp(Tally):
    @hookimpl
    def analyze(self, question: Question, store: DataStore) -> Analysis:
        super().analyze(question, store)
        return Analysis("tally", f"all is well with {self.prefix(question)}")


class NeedsRecords(Tally):
    def summary(self, counts: Counter[str]) -> str:
        return f"{max(counts)} is the last of {len(counts)} sources"


class WritesToTheStore(Tally):
    @hookimpl
    def analyze(self, question: Question, store: DataStore) -> Analysis:
        answer = super().analyze(question, store)
        store.store("a:1", {"seen": True}, source="a")
        return answer


class ChangesQuestion(Tally):
    def prefix(self, question: Question) -> Any:
        return question.options.setdefault("prefix", "")


class KeepsQuestion(Tally):
    def prefix(self, question: Question) -> Any:
        KEPT.append(question)
        return super().prefix(question)


class SharesQuestion(Tally):
    def prefix(self, question: Question) -> Any:
        return Shared.passed(super().prefix(question))


class RaisesNothing(Tally):
    def prefix(self, question: Question) -> Any:
        return str(super().prefix(question))


# Interceptors


@plugin
class Passes:
    """Lets everything through."""

    @hookimpl(specname="retrieve", wrapper=True)
    def around(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        return (yield)


@plugin
class Swallows:
    @hookimpl(specname="retrieve", wrapper=True)
    def around(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        try:
            return (yield)
        except Exception:
            return RetrievalResult(None, "nothing")


@plugin
class Remembers:
    known: list[RetrievalResult] = field(factory=list, init=False)

    @hookimpl(specname="retrieve", wrapper=True)
    def around(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        self.known.append((yield))
        found: RetrievalResult = self.known[query.params["n"] % 2 * -1]
        return found


@plugin
class SharesAnswers:
    @hookimpl(specname="retrieve", wrapper=True)
    def around(self, query: Query) -> Generator[None, RetrievalResult, RetrievalResult]:
        found: RetrievalResult = Shared.passed((yield))
        return found


# Commands


@click.command()
@click.option("--word", default="hello")
def greet(word: str) -> None:
    """Say a word."""
    click.echo(word)


@click.command()
def unexplained() -> None:
    click.echo("hello")


@click.command()
def fails() -> None:
    """Fail."""
    raise ValueError("not today")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def lenient(words: tuple[str, ...]) -> None:
    """Take anything."""


def plain() -> None:
    """Is no command."""
