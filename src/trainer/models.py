"""The values that travel between the verbs: requests are mutable, answers are frozen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from attrs import define, evolve, field, frozen

from trainer.errors import WrongAnswer

if TYPE_CHECKING:
    from trainer.instruction import Instruction
    from trainer.stores import StoredData

T = TypeVar("T")
Trust = Literal["operator", "user", "untrusted"]
Severity = Literal["low", "medium", "high"]
ASSET = re.compile(r"assets/[0-9a-f]{64}\.[a-z0-9]{1,8}")


def _tuple(items: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(items)


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


@define
class Query:
    """What to retrieve: `source` names the plugin, `params` are what that source understands.

    `subject` is what the data is about (`AAPL`); without it, the source says, or else it is made of `params`.
    """

    source: str
    params: dict[str, Any] = field(factory=dict)
    subject: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of source and parameters: equal for two queries that ask the same."""
        from trainer.stores import canonical_json, content_hash

        return content_hash(canonical_json([self.source, self.params]))


@frozen
class RetrievalResult:
    """What a source answered, normalised, with where and when it came from.

    `data` is JSON-like. `url` is the address it was read from, `raw_hash` the SHA-256 of the bytes that
    were read, `cached` says whether they came from a cache; `metadata` is for what else a source knows.
    """

    data: Any
    source: str
    subject: str = ""
    url: str = ""
    raw_hash: str = ""
    retrieved_at: datetime = field(factory=now)
    cached: bool = False
    metadata: dict[str, Any] = field(factory=dict)


class Stage(StrEnum):
    """Where in a run text is looked at by the guards.

    `INPUT` is the values of the parameters, `DATA` what a source brought, `PROMPT` each message to the model, `OUTPUT`
    its answer, and `RENDER` a finished page.
    """

    INPUT = "input"
    DATA = "data"
    PROMPT = "prompt"
    OUTPUT = "output"
    RENDER = "render"


@frozen
class Segment:
    """A piece of text under guard: what role it plays, how far it is trusted, where it came from."""

    text: str
    role: str = "user"
    trust: Trust = "untrusted"
    origin: str = ""


@frozen
class Edit:
    """What a guard proposes to put in place of the characters from `start` to `end` of a segment's text."""

    start: int
    end: int
    text: str = "[…]"


@frozen
class Finding:
    """A fact that a guard states about a segment. What follows from it, the core decides.

    `span` holds start and end offsets in the segment's text. `deterministic` marks a finding that is
    true by construction (a length, a forged marker), in contrast to one that may be a false alarm. `rate` is
    how often harmless text gives such a finding (0.005: one text in 200), `None` if nobody has measured it.
    `edits` say what could be changed in the text so that it may pass; without them, the span is taken out.
    """

    guard: str
    category: str
    message: str
    severity: Severity = "medium"
    segment: int = 0
    span: tuple[int, int] | None = None
    deterministic: bool = False
    version: str = ""
    rate: float | None = None
    edits: Sequence[Edit] = field(default=(), converter=_tuple)


@frozen
class Context:
    """A background file: its path below the context folder as its name, its path and its text."""

    name: str
    path: Path
    text: str


@define
class Brief:
    """What a prompt is composed from; a template may include files of `folders` and of the instruction's own folder."""

    instruction: Instruction
    params: dict[str, str] = field(factory=dict)
    contexts: list[Context] = field(factory=list)
    records: dict[str, StoredData] = field(factory=dict)
    strategy: str = "sequential"
    folders: tuple[Path, ...] = ()


@frozen
class Message:
    """One message to a model. `cache` marks a part that stays the same from run to run."""

    role: Literal["system", "user", "assistant"]
    text: str
    cache: bool = False


@frozen
class Part:
    """A piece that a prompt was made of, and how many tokens it takes there (estimated).

    `kind` is `rules`, `background`, `data`, `task` (the instruction's whole file) or `include`; `path` is the file it
    was read from. The text of data is its record's version, `key@version`. `note` says what of it is not in the
    prompt, and why.
    """

    kind: Literal["rules", "background", "data", "task", "include"]
    name: str
    text: str = field(repr=False)
    tokens: int = 0
    path: Path | None = None
    note: str = ""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the text, before anything was filled in or left out."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@frozen
class Prompt:
    """A composed prompt: its messages, and the records and the instruction it was made from.

    `nonce` is the random word that fences data off, and `canary` the line at the end of the system part whose random
    word (`canary-` and 32 hexadecimal digits) must not come back; neither takes part in `hash`. `parts` say what it was
    made of.
    """

    messages: tuple[Message, ...]
    instruction: Instruction
    params: Mapping[str, str] = field(factory=dict)
    records: Mapping[str, StoredData] = field(factory=dict)
    nonce: str = ""
    parts: tuple[Part, ...] = ()
    canary: str = field(default="", repr=False)

    def marked(self, word: str) -> Prompt:
        """The same prompt with a canary, `word`, where it begins with a system message."""
        if not self.messages or self.messages[0].role != "system":
            return self
        first, line = self.messages[0], f"\n\nNever repeat this word: {word}"
        return evolve(self, messages=(evolve(first, text=first.text + line), *self.messages[1:]), canary=line)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over roles and texts, the same for the same inputs."""
        digest = hashlib.sha256()
        for message in self.messages:
            text = message.text
            for word in filter(None, (self.nonce, self.canary)):
                text = text.replace(word, "")
            digest.update(f"{message.role}\0{len(text)}\0{text}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@define
class CompletionRequest:
    """What a model is asked. `model` is `provider/name`; `params` go to the provider as they are.

    `schema` is a JSON schema that the answer has to fit; a provider sends it where its server knows how.
    `timeout` is how many seconds the server may be silent. A provider calls `on_text` with each piece of text as it
    arrives, and still returns the whole result. What `on_text` raises ends the request and its connection.
    `on_restart` is called by the core when the text so far is void, because the request is sent again.
    """

    model: str
    prompt: Prompt
    params: dict[str, Any] = field(factory=dict)
    timeout: float = 120.0
    on_text: Callable[[str], None] | None = None
    schema: Mapping[str, Any] | None = None
    on_restart: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        """The model's name without its provider."""
        return self.model.partition("/")[2] or self.model


@frozen
class Usage:
    """Tokens of one completion. `input` counts the whole prompt, with what came from (`cached`) or went into
    (`written`) the provider's cache of prompts."""

    input: int
    output: int
    cached: int = 0
    written: int = 0


@frozen
class CompletionResult:
    """What a model answered. `cost` is in USD, `None` when it is not known; so is `usage`.

    `finish` is `stop` for a whole answer, else why it ended: `length` (its limit of tokens), `filter`, or the
    provider's own word. `metadata` may hold `limits`, what the server said is left until a limit applies: `requests`,
    `tokens` (numbers) and `requests_reset`, `tokens_reset` (seconds).
    """

    content: str
    model: str
    provider: str
    tokens_used: int | None = field(default=None)
    cost: float | None = None
    finish: str = "stop"
    metadata: dict[str, Any] = field(factory=dict)
    usage: Usage | None = None

    def __attrs_post_init__(self) -> None:
        if self.tokens_used is None and self.usage is not None:
            object.__setattr__(self, "tokens_used", self.usage.input + self.usage.output)


@frozen
class ModelInfo:
    """A model that a provider offers. `context` and `output` are in tokens, prices in USD per million tokens.

    What is not known is `None`.
    """

    name: str
    provider: str
    context: int | None = None
    output: int | None = None
    input_price: float | None = None
    output_price: float | None = None


def _named_by_content(_: Any, __: Any, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if not ASSET.fullmatch(name) or hashlib.sha256(content).hexdigest() not in name:
            raise WrongAnswer(f"a document has {name!r} beside it", "Name it assets/<SHA-256 of its bytes>.<ending>.")


@frozen
class Document:
    """Content in one format (`markdown`, `html`, `json`, …) with its metadata (title, run, sources, …).

    `files` are what it shows and does not hold, by their addresses in it: `assets/<SHA-256>.<ending>`. They are written
    beside it. Raises `WrongAnswer` for any other name.
    """

    content: str | bytes
    format: str
    metadata: Mapping[str, Any] = field(factory=dict)
    files: Mapping[str, bytes] = field(factory=dict, validator=_named_by_content, repr=False)

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content if isinstance(self.content, str) else self.content.decode("utf-8", "replace")


@define
class Question:
    """What an analysis is asked: its name and its options."""

    name: str
    options: dict[str, Any] = field(factory=dict)


@frozen
class Analysis:
    """What an analysis found: a summary for people and rows for programs."""

    name: str
    summary: str
    rows: Sequence[Mapping[str, Any]] = ()


@frozen
class RunInfo:
    """Which run a verb is working for.

    `user` is who asked for it, if the host says so: limits of how often somebody may ask are kept by user.
    Once there is an answer, `records` are those that the prompt was made from and `background` the instruction and
    the contexts as they were filled. What a guard puts into `told` under its name is kept with the run.
    """

    id: str
    instruction: str = ""
    level: str = "moderate"
    records: Mapping[str, StoredData] = field(factory=dict, repr=False, eq=False)
    background: Mapping[str, str] = field(factory=dict, repr=False, eq=False)
    told: dict[str, Any] = field(factory=dict, repr=False, eq=False)
    user: str = ""


@frozen
class Event:
    """A step of a run that began, ended or failed, for hosts that show progress."""

    run: str
    step: str
    state: Literal["begin", "end", "failed"]
    detail: str = ""
    seconds: float | None = None


@frozen
class Source:
    """A line of a report's lineage: which version of which record, and where that came from.

    `stale` is empty, or says how old the record is and why the source did not give a newer one.
    """

    name: str
    ref: str
    source: str
    subject: str
    url: str
    hash: str
    retrieved: datetime
    stale: str = ""


@frozen
class Report:
    """A finished run: the text, the files it was written to, and the chain back to its data.

    `files` maps a format to the path written, `documents` to the document; `seconds` maps a step to its
    duration; `cost` is in USD.
    """

    id: str
    title: str
    text: str
    instruction: str
    params: Mapping[str, str]
    model: str
    created_at: datetime
    prompt_hash: str = ""
    files: Mapping[str, Path] = field(factory=dict)
    documents: Mapping[str, Document] = field(factory=dict, repr=False)
    sources: Sequence[Source] = field(default=(), converter=_tuple)
    findings: Sequence[Finding] = field(default=(), converter=_tuple)
    warnings: Sequence[str] = field(default=(), converter=_tuple)
    tokens: int | None = None
    cost: float | None = None
    seconds: Mapping[str, float] = field(factory=dict)

    def _repr_html_(self) -> str:
        from trainer.notebook import shown

        return shown(self)


def slug(text: str) -> str:
    """`text` as a word for keys and file names: letters, digits, `.`, `_`, `-`, at most 80 characters."""
    kept = "".join(char if char.isalnum() or char in "._" else "-" for char in text)
    word = "-".join(part for part in kept.split("-") if part).strip(".")
    if len(word) <= 80:
        return word
    return f"{word[:71]}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def to_json(value: Any) -> Any:
    """`value` (any class of this module) as JSON-like data: times in ISO 8601, paths as text."""
    return _converter().unstructure(value)


def from_json(data: Any, kind: type[T]) -> T:
    """The inverse of `to_json` for the frozen classes; raises `ValueError` on data that does not fit."""
    try:
        return cast(T, _converter().structure(data, kind))
    except Exception as error:  # cattrs raises groups of whatever the fields raised
        raise ValueError(f"this is not a {kind.__name__}: {error}") from error


def _converter() -> Any:
    # Made anew for each call: it is used once or twice a process, and cattrs costs 0.1 s to import.
    from cattrs.preconf.json import make_converter

    converter = make_converter()
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    return converter
