"""A provider for any server that speaks OpenAI's chat completions, embeddings and models."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field

from trainer import CompletionRequest, CompletionResult, hookimpl, plugin
from trainer.errors import Auth, CompletionError, ConfigError, Transport, Truncated
from trainer.models import ModelInfo
from trainer_openai import embedding, faults
from trainer_openai.connection import Connection
from trainer_openai.limits import limits
from trainer_openai.replies import DONE, Reading
from trainer_openai.sse import events

if TYPE_CHECKING:
    import httpx

CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")  # as servers call it


@plugin
class CompatibleProvider:
    """Any server that speaks OpenAI's protocol at `base_url`.

    `api_key` is sent as a bearer token; without it, that of the provider's environment variable, read when it is
    used. `headers` are sent too. `timeout` is in seconds of silence, for lists of models and for vectors; a completion
    brings its own. Answers are read in pieces, so that silence can be told from a long answer; a server that
    cannot do so needs `streaming = false`. One instance serves any number of threads.
    """

    provider: ClassVar[str] = "compatible"
    """The prefix of its models."""
    variable: ClassVar[str] = ""
    """The environment variable with the key."""
    needs_key: ClassVar[bool] = False
    advice: ClassVar[Mapping[type, str]] = {}
    """What to do about kinds of error, where that is special."""

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    headers: dict[str, str] = field(factory=dict, repr=False)
    timeout: float = 60.0
    streaming: bool = True
    _connection: Connection = field(init=False, repr=False)
    _known: dict[str, ModelInfo] = field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        advice = {**self.advice}
        if self.variable:
            advice.setdefault(Auth, f"Check {self.variable}, or api_key under [{self.provider}] in trainer.toml.")
        self._connection = Connection(self.provider, self.base_url, self._key, self.headers, advice)

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        """The answer, by one request; what `trainer.errors.CompletionError` lists if there is none."""
        with closing(self.stream(request)) as pieces:
            while True:
                try:
                    piece = next(pieces)
                except StopIteration as end:
                    answer: CompletionResult = end.value
                    return answer
                if request.on_text:
                    request.on_text(piece)

    def stream(self, request: CompletionRequest) -> Generator[str, None, CompletionResult]:
        """The answer in pieces as they arrive; what the generator returns is the whole. Closing it ends the request."""
        reading = Reading(self._connection.bad)
        body = self._body(request)
        self._check_key()
        try:
            with self._connection.ask("/chat/completions", body, request.timeout, request.name) as response:
                kind = response.headers.get("content-type", "")
                if self.streaming and not kind.startswith(("application/json", "text/html")):
                    yield from self._pieces(response, reading, request)
                else:
                    yield from self._whole(response, reading, request)
            reading.check(request.model)
        except CompletionError as error:
            # The reason why an answer ends is the model's word that this is all: what breaks later takes nothing away.
            if not (isinstance(error, Transport) and reading.finish):
                error.partial = reading.text
                raise
        told = {**reading.names, **({"limits": left} if (left := limits(response.headers)) else {})}
        return CompletionResult(
            reading.text, request.model, self.provider, finish=reading.finish, usage=reading.usage, metadata=told
        )

    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        """A float32 matrix, one row for each text in their order; `model` may have the provider's prefix.

        Raises `ConfigError` without numpy, and what `complete` raises.
        """
        self._check_key()
        name = model.removeprefix(f"{self.provider}/")
        replies = ((len(batch), self._embedded(batch, name)) for batch in embedding.batches(texts))
        return embedding.matrix(self._connection.bad, replies)

    def list_models(self) -> Sequence[ModelInfo]:
        """The models that the server has, by name, with their context where it tells."""
        self._check_key()
        with self._connection.ask("/models", None, self.timeout) as response:
            value = self._connection.json(response)
        cards = value.get("data") if isinstance(value, Mapping) else None
        if not isinstance(cards, list):
            raise self._connection.bad("no list of models", value)
        models = [_info(card, self.provider) for card in cards if isinstance(card, Mapping) and card.get("id")]
        self._known = {model.name: model for model in models}
        return sorted(models, key=lambda model: model.name)

    def model_info(self, name: str) -> ModelInfo | None:
        """What `list_models` found about a model; asks nobody, and prices are never known."""
        return self._known.get(name)

    def close(self) -> None:
        """Close the connections to the server."""
        self._connection.close()

    def params(self, request: CompletionRequest) -> dict[str, Any]:
        """The parameters of a request in the server's words."""
        return dict(request.params)

    def _body(self, request: CompletionRequest) -> bytes:
        body = self.params(request)
        if request.schema is not None:
            shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(request.schema)}}
            body.setdefault("response_format", shape)
        body["model"] = request.name
        body["messages"] = [{"role": one.role, "content": one.text} for one in request.prompt.messages]
        body["stream"] = self.streaming
        if self.streaming:
            body["stream_options"] = {**body.get("stream_options", {}), "include_usage": True}
        return _dumped(body, f"the request to {request.model}")

    def _pieces(self, response: httpx.Response, reading: Reading, request: CompletionRequest) -> Generator[str]:
        done = False
        for data in events(self._connection.chunks(response)):
            done = done or data == DONE
            if done or not data:
                continue  # read on to the end of the answer, so that the connection can be used again
            value = self._connection.parse(data)
            if told := faults.complaint(value):
                raise self._connection.fault(told, response.headers, request.name)
            if piece := reading.take(value, "delta"):
                yield piece
        if not reading.finish and done and not reading.pieces:
            raise self._connection.bad("a stream without an answer", DONE)
        if not reading.finish:
            raise Truncated(f"the answer of {request.model} breaks off", "Try again, or another model.", retryable=True)

    def _whole(self, response: httpx.Response, reading: Reading, request: CompletionRequest) -> Generator[str]:
        value = self._connection.json(response)
        if told := faults.complaint(value):
            raise self._connection.fault(told, response.headers, request.name)
        if piece := reading.take(value, "message"):
            yield piece
        reading.finish = reading.finish or "unknown"

    def _embedded(self, texts: Sequence[str], name: str) -> Any:
        body = _dumped({"model": name, "input": list(texts), "encoding_format": "base64"}, f"the texts for {name}")
        with self._connection.ask("/embeddings", body, self.timeout, name) as response:
            value = self._connection.json(response)
        if told := faults.complaint(value):
            raise self._connection.fault(told, response.headers, name)
        return value

    def _key(self) -> str:
        return self.api_key or (os.environ.get(self.variable, "") if self.variable else "")

    def _check_key(self) -> None:
        if self.needs_key and not self._key():
            raise Auth(
                f"{self.provider} needs a key, and there is none",
                f"Run `export {self.variable}=…`, or set api_key under [{self.provider}] in trainer.toml.",
            )


def local(start: str) -> Mapping[type, str]:
    """What to do about a server on this machine that does not answer."""
    return {Transport: f"Is it running? {start}"}


def _info(card: Mapping[str, Any], provider: str) -> ModelInfo:
    meta = card.get("meta")
    sizes = [card.get(name) for name in CONTEXTS]
    sizes += [meta.get("n_ctx"), meta.get("n_ctx_train")] if isinstance(meta, Mapping) else []  # llama.cpp
    return ModelInfo(str(card["id"]), provider, context=next((size for size in sizes if isinstance(size, int)), None))


def _dumped(value: Any, what: str) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{what} cannot be written as JSON: {error}", "Check the model's parameters.") from error
