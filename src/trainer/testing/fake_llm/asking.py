"""What is asked of the fake server, and what it may be told to answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import deep_iterable, ge, instance_of, le, optional

Finish = Literal["stop", "length", "filter"]
Operation = Literal["complete", "embed", "list", "show", "version", "count", "unknown"]

SECRET = re.compile(r"authorization|key|token|secret|cookie|signature", re.IGNORECASE)


@frozen
class Part:
    """A piece of a prompt: who speaks, the text, and whether the asker marked it as the end of a prefix to cache."""

    role: str
    text: str = field(validator=instance_of(str))
    cache: bool = False


@frozen
class Ask:
    """What a request asks for, whatever protocol it was written in.

    `operation` is `complete`, `embed`, or one of those that look things up. `schema` is the JSON schema that the answer
    has to follow, `texts` is what to embed, `style` is the protocol's own word for the form of the answer.
    """

    operation: Operation
    model: str = field(default="", validator=instance_of(str))
    parts: tuple[Part, ...] = ()
    stream: bool = False
    max_tokens: int | None = field(default=None, validator=optional([instance_of(int), ge(1)]))
    schema: Mapping[str, Any] | None = field(default=None, validator=optional(instance_of(dict)))
    texts: tuple[str, ...] = field(default=(), validator=deep_iterable(instance_of(str)))
    dimensions: int | None = field(default=None, validator=optional([instance_of(int), ge(1), le(8192)]))
    style: str = ""


def _hidden(headers: Mapping[str, str]) -> str:
    return repr({name: "…" if SECRET.search(name) else value for name, value in headers.items()})


def _without_query(path: str) -> str:
    return repr(path.partition("?")[0])


@frozen
class Request:
    """A request that arrived.

    `path` has its query, `headers` are by lower-case name, `at` is in seconds of a monotonic clock, `connection` counts
    from 1, and so does `number`. Keys are kept, so that a test can look at them, but `repr` does not show them.
    """

    method: str
    path: str = field(repr=_without_query)
    headers: Mapping[str, str] = field(repr=_hidden)
    body: bytes = field(repr=False)
    at: float
    connection: int
    number: int
    protocol: str = ""
    ask: Ask = Ask("unknown")

    @property
    def json(self) -> Any:
        """The parsed body; None if it is empty or no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self.ask.model

    @property
    def stream(self) -> bool:
        """Whether the answer is wanted in pieces."""
        return self.ask.stream

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema that the answer has to follow."""
        return self.ask.schema

    @property
    def prompt(self) -> str:
        """All text of the prompt, one part a line; or what is to be embedded."""
        return "\n".join([part.text for part in self.ask.parts] or self.ask.texts)


@frozen
class Usage:
    """Tokens: `input` is all that were read, `cache_read` and `cache_write` are parts of it."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0


@frozen
class Reply:
    """What the model says.

    `usage` is counted from the texts unless it is given; None leaves it out of the answer. `model` is the name that the
    answer gives for its model, if not the one that was asked. `headers` are added to the answer.
    """

    text: str = ""
    finish: Finish = "stop"
    usage: Usage | Literal["counted"] | None = "counted"
    model: str = ""
    headers: Mapping[str, str] = field(factory=dict)
