"""What containers on endpoints read and write. SageMaker itself only hands bytes on."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from attrs import frozen

from trainer.errors import ConfigError
from trainer.models import CompletionRequest, Usage

FINISHES = {"eos_token": "stop", "stop_sequence": "stop", "content_filter": "filter"}


@frozen
class Part:
    """What is read from an answer, or from a piece of one. `finish` is empty as long as it goes on."""

    text: str = ""
    finish: str = ""
    usage: Usage | None = None
    error: str = ""


class Format(ABC):
    """The requests and answers of a kind of container."""

    streams: ClassVar[bool] = True

    @abstractmethod
    def body(self, request: CompletionRequest, *, stream: bool) -> dict[str, Any]:
        """What to send, as JSON."""

    @abstractmethod
    def whole(self, answer: Any) -> Part:
        """An answer in one piece. Raises `KeyError`, `IndexError` or `TypeError` if it is none."""

    @abstractmethod
    def piece(self, event: Any) -> Part:
        """A piece of a stream. Raises the same."""


class OpenAI(Format):
    """`messages` and `choices`, as vLLM, SGLang, LMI and Text Generation Inference (Messages API) take them."""

    def body(self, request: CompletionRequest, *, stream: bool) -> dict[str, Any]:
        told: dict[str, Any] = {
            "messages": [{"role": one.role, "content": one.text} for one in request.prompt.messages],
            **request.params,
        }
        if request.schema is not None:
            written = {"name": "answer", "schema": dict(request.schema)}
            told["response_format"] = {"type": "json_schema", "json_schema": written}
        return told | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})

    def whole(self, answer: Any) -> Part:
        choice = answer["choices"][0]
        return Part(choice["message"]["content"] or "", _finish(choice), _usage(answer))

    def piece(self, event: Any) -> Part:
        if event.get("error"):
            return Part(error=str(event["error"]))
        choice: Mapping[str, Any] = next(iter(event.get("choices") or ()), {})
        return Part(choice.get("delta", {}).get("content") or "", _finish(choice), _usage(event))


class TGI(Format):
    """`inputs` and `generated_text`, as Hugging Face's containers take them; the prompt is one text."""

    def body(self, request: CompletionRequest, *, stream: bool) -> dict[str, Any]:
        params = dict(request.params)
        if "max_tokens" in params:
            params["max_new_tokens"] = params.pop("max_tokens")
        params = {"details": True, "return_full_text": False, **params}
        if request.schema is not None:
            params["grammar"] = {"type": "json", "value": dict(request.schema)}
        return {"inputs": joined(request), "parameters": params, **({"stream": True} if stream else {})}

    def whole(self, answer: Any) -> Part:
        first = answer[0] if isinstance(answer, list) else answer
        details = first.get("details") or {}
        # Older containers tell no details; what they send is whole.
        return Part(first["generated_text"] or "", FINISHES.get(details.get("finish_reason", "eos_token"), "length"))

    def piece(self, event: Any) -> Part:
        if event.get("error"):
            return Part(error=str(event["error"]))
        token, details = event.get("token") or {}, event.get("details") or {}
        reason = details.get("finish_reason") or ""
        return Part("" if token.get("special") else token.get("text") or "", FINISHES.get(reason, reason))


@frozen
class Template(Format):
    """A container of one's own. It answers in one piece.

    `request` is the body: a text that is `{prompt}`, `{messages}` or the `{name}` of a parameter stands for that value,
    and is left out if there is none. `answer` is where the text is in the answer, such as `outputs.0.text`.
    """

    request: Mapping[str, Any]
    answer: str
    streams: ClassVar[bool] = False

    def body(self, request: CompletionRequest, *, stream: bool) -> dict[str, Any]:  # noqa: ARG002
        values = {
            **request.params,
            "prompt": joined(request),
            "messages": [{"role": one.role, "content": one.text} for one in request.prompt.messages],
        }
        filled: dict[str, Any] = _filled(self.request, values)
        return filled

    def whole(self, answer: Any) -> Part:
        for step in self.answer.split("."):
            answer = answer[int(step)] if isinstance(answer, list) else answer[step]
        if not isinstance(answer, str | None):
            raise TypeError(f"there is no text at {self.answer}")
        return Part(answer or "", "stop")

    def piece(self, event: Any) -> Part:
        return self.whole(event)


NAMED: Mapping[str, Format] = {"openai": OpenAI(), "tgi": TGI()}


def format_of(name: str, templates: Mapping[str, Mapping[str, Any]]) -> Format:
    """The format of that name, ours or one of the settings. Raises `ConfigError` if there is none."""
    if name in NAMED:
        return NAMED[name]
    try:
        return Template(dict(templates[name]["request"]), str(templates[name]["answer"]))
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join([*NAMED, *templates])
        raise ConfigError(
            f"there is no format {name!r} for SageMaker, or it lacks `request` or `answer`",
            f"Known are {known}; write others into [sagemaker.templates.{name}].",
        ) from error


def joined(request: CompletionRequest) -> str:
    """The prompt as one text, for models that know no roles."""
    return "\n\n".join(message.text for message in request.prompt.messages)


def events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """The JSON values of a stream of server-sent events or of JSON lines, whatever the chunks it comes in.

    Raises `ValueError` for a line that is neither.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from _values(lines)
    yield from _values([rest])


def _values(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        text = line.strip()
        if text.startswith((b":", b"event:", b"id:", b"retry:")):
            continue
        text = text.removeprefix(b"data:").strip()
        if text and text != b"[DONE]":
            yield json.loads(text)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """A template with its names replaced; what stands for nothing is `None`, and left out of tables."""
    if isinstance(value, Mapping):
        filled = {key: _filled(item, values) for key, item in value.items()}
        return {key: item for key, item in filled.items() if item is not None}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return values.get(value[1:-1])
    return value


def _finish(choice: Mapping[str, Any]) -> str:
    reason = str(choice.get("finish_reason") or "")
    return FINISHES.get(reason, reason)


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    given = answer.get("usage")
    if not given or "prompt_tokens" not in given:
        return None
    cached = (given.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(given["prompt_tokens"], given.get("completion_tokens", 0), cached)
