"""What every protocol of language models has to say, in its own words."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from attrs import frozen

from trainer.testing.fake_llm.asking import Ask, Finish, Request, Usage
from trainer.testing.fake_llm.faults import Kind, Problem

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"

MESSAGES: Mapping[Kind, str] = {
    "rate_limited": "Rate limit reached. Please try again later.",
    "quota": "You exceeded your current quota, please check your plan and billing details.",
    "unauthorized": "The API key is not valid.",
    "forbidden": "You may not use this model.",
    "too_long": "The prompt is longer than the model's context.",
    "bad_request": "The request is not valid.",
    "moderated": "The request was rejected by the safety system.",
    "unknown_model": "The model does not exist.",
    "server_error": "The server had an error while processing your request.",
    "unavailable": "The service is unavailable.",
    "overloaded": "The service is overloaded, please try again later.",
}


class Refusal(Exception):
    """A request that a real server would refuse."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def refuse(message: str) -> Refusal:
    """A refusal with status 400."""
    return Refusal(Problem("bad_request", message))


@frozen
class Said:
    """What the model says to one request. `pieces` are its text; `usage` None means that nothing is said of it."""

    number: int
    model: str
    pieces: Sequence[str]
    finish: Finish
    usage: Usage | None
    shape: Literal["whole", "null", "empty"]
    created: int

    @property
    def text(self) -> str | None:
        """The text, or null where it should be."""
        return None if self.shape == "null" else "".join(self.pieces)


class Stream(NamedTuple):
    """The frames of a stream: what comes before the text, the text, what comes after it."""

    head: list[bytes]
    deltas: list[bytes]
    tail: list[bytes]


class Failure(NamedTuple):
    """An error as it is sent."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Dialect(ABC):
    """A protocol: reads requests and writes answers."""

    name: ClassVar[str]
    stream_type: ClassVar[str] = SSE
    marks_cache: ClassVar[bool] = False
    """Whether the asker marks what to cache."""

    @abstractmethod
    def read(self, request: Request) -> Ask | None:
        """What is asked; None if the path is not of this protocol. Raises `Refusal` where a real server would."""

    @abstractmethod
    def plain(self, ask: Ask, said: Said) -> Any:
        """The answer in one piece, as JSON."""

    @abstractmethod
    def stream(self, ask: Ask, said: Said) -> Stream:
        """The answer in pieces."""

    @abstractmethod
    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:
        """The answer to texts that are embedded, as JSON."""

    @abstractmethod
    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:
        """The answer to any other request, as JSON. `tokens` are those of the prompt."""

    @abstractmethod
    def failure(self, problem: Problem, ask: Ask) -> Failure:
        """An error instead of an answer."""

    @abstractmethod
    def error_frame(self, problem: Problem, ask: Ask) -> bytes:
        """An error in the middle of a stream."""

    def headers(self, request: Request) -> Mapping[str, str]:
        """What is in the head of every answer."""
        return {"x-request-id": f"req_fake_{request.number}"}

    def limit_headers(self, name: str, limit: int, left: int, reset: float) -> Mapping[str, str]:  # noqa: ARG002
        """How a limit is told; most say nothing."""
        return {}

    def odd(self, frame: bytes) -> bytes:
        """A frame with what the format allows and few expect."""
        return odd_sse(frame)


dumps = json.JSONEncoder(ensure_ascii=False).encode
"""JSON with its characters as they are, so that they can be cut in two."""


def sse(value: Any, event: str = "") -> bytes:
    """A server-sent event."""
    data = value if isinstance(value, str) else dumps(value)
    return (f"event: {event}\n" if event else "").encode() + f"data: {data}\n\n".encode()


def odd_sse(frame: bytes) -> bytes:
    """An event with a comment, fields that nobody knows, and fields in several lines, as the HTML standard has it."""
    lines = [": a comment", "id: 7", "retry: 1000", "unknown: field", "nothing"]
    for line in frame.decode().split("\n"):
        name, _, value = line.partition(": ")
        if name == "data" and ", " in value:
            first, _, rest = value.partition(", ")
            lines += [f"data:{first},", f"data: {rest}"]
        elif name == "event":
            lines += ["event: replaced", line]
        elif line:
            lines.append(line)
    return ("\n".join(lines) + "\n\n").encode()


def texts(content: Any) -> list[tuple[str, bool]]:
    """The texts of a message's content, each with whether a prefix to cache ends there.

    Reads the shapes of OpenAI and Anthropic (`type: text`, `cache_control`) and of Bedrock (`text`, `cachePoint`).
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [(content, False)]
    found: list[tuple[str, bool]] = []
    for block in content:
        if not isinstance(block, dict):
            raise refuse("messages: content has to be a text or a list of blocks.")
        if "cachePoint" in block:
            found[-1:] = [(found[-1][0], True)] if found else []
        elif isinstance(block.get("text"), str):
            found.append((block["text"], "cache_control" in block))
    return found


def body(request: Request) -> dict[str, Any]:
    """The request's body; raises `Refusal` if it is no JSON object."""
    value = request.json
    if not isinstance(value, dict):
        raise refuse("The body of your request is not a JSON object.")
    return value


def messages(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages of a body; raises `Refusal` if there are none."""
    found = value.get("messages")
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        raise refuse("messages: Field required, a list with at least one message.")
    return found
