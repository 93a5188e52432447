"""Models through litellm: one request for each call, nothing tried again, and nothing made up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from typing import Any

from attrs import field

from trainer import hookimpl, plugin
from trainer.errors import BadReply, CompletionError, ConfigError
from trainer.models import CompletionRequest, CompletionResult, ModelInfo, Usage
from trainer_litellm import asking, prices, quiet
from trainer_litellm.faults import Secrets, cut_off, told
from trainer_litellm.limits import limits, plain

Pieces = Generator[str, None, CompletionResult]


class LLMProvider(ABC):
    """A provider of language models. Its `complete` is the verb, and works alone too."""

    @abstractmethod
    def complete(self, request: CompletionRequest | str, model: str = "", **params: Any) -> CompletionResult:
        """The answer to a request, or to a text that `model` is asked with `params`.

        Raises the kinds of `trainer.errors.CompletionError`.
        """

    @abstractmethod
    def stream(self, request: CompletionRequest | str, model: str = "", **params: Any) -> Pieces:
        """The same, piece by piece; the generator returns the whole result at its end. Raises the same."""

    @abstractmethod
    def get_cost(self, model: str, usage: Usage) -> float | None:
        """What so many tokens cost, in USD; `None` if the price is not known."""

    @abstractmethod
    def list_models(self) -> Sequence[ModelInfo]:
        """The models that can be asked."""

    @abstractmethod
    def deploy_model(self, model: str, **options: Any) -> str:
        """Put a model into service; returns the name to ask it by. Raises `ConfigError` where that cannot be done."""


@plugin
class LiteLLMProvider(LLMProvider):
    """Any model that litellm knows, as `provider/name`, with the key of the provider's usual environment variable.

    `provider` stands before the names of models that have none. Where it is set, `api_key`, `api_base` (the server's
    address) and `api_version` may be; they go to that provider only. `params` are litellm's own arguments, such as
    `vertex_project`, for every call. One that the request has too is the request's.
    """

    provider: str = ""
    api_key: str = field(default="", repr=False)
    api_base: str = ""
    api_version: str = ""
    params: dict[str, Any] = field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.api_key or self.api_base) and not self.provider:
            raise ValueError("api_key and api_base need a provider, or they would go to whichever is asked")

    @hookimpl
    def complete(self, request: CompletionRequest | str, model: str = "", **params: Any) -> CompletionResult:
        asked = asking.question(request, model, params)
        if asked.on_text is None:
            return self._whole(asked)
        with closing(self._pieces(asked)) as pieces:
            while True:
                try:
                    text = next(pieces)
                except StopIteration as end:
                    answer: CompletionResult = end.value
                    return answer
                asked.on_text(text)

    def stream(self, request: CompletionRequest | str, model: str = "", **params: Any) -> Pieces:
        return (yield from self._pieces(asking.question(request, model, params)))

    @hookimpl
    def embed(self, texts: Sequence[str], model: str) -> Any:
        import numpy as np

        name = self._name(model)
        litellm, arguments = self._arguments(name)
        try:
            with quiet.unlogged():
                answer = litellm.embedding(name, input=list(texts), **arguments)
            rows = [item["embedding"] for item in sorted(answer.data, key=lambda item: item["index"])]
            if len(rows) != len(texts):
                raise BadReply(f"{name} gave {len(rows)} vectors for {len(texts)} texts", "Try another model.")
            return np.asarray(rows, dtype=np.float32)
        except CompletionError:
            raise
        except Exception as error:  # litellm raises whatever its providers' code does
            raise told(error, name, self._secrets()) from None

    def get_cost(self, model: str, usage: Usage) -> float | None:
        litellm = quiet.load()
        return self._cost(
            self._name(model),
            litellm.Usage(
                prompt_tokens=usage.input,
                completion_tokens=usage.output,
                total_tokens=usage.input + usage.output,
                cache_read_input_tokens=usage.cached,
                cache_creation_input_tokens=usage.written,
            ),
        )

    def list_models(self) -> Sequence[ModelInfo]:
        """The models of litellm's table, without asking anyone."""
        return list(prices.models(self.provider))

    def model_info(self, name: str) -> ModelInfo | None:
        """What litellm's table says of a model, without asking anyone."""
        return prices.model_info(self._name(name))

    def deploy_model(self, model: str, **options: Any) -> str:  # noqa: ARG002
        raise ConfigError(
            f"{model} cannot be deployed through litellm",
            "Deploy it with its provider's own tools, or trainer-sagemaker.",
        )

    def _whole(self, asked: CompletionRequest) -> CompletionResult:
        name = self._name(asked.model)
        litellm, arguments = self._arguments(name, asked)
        raw: list[str] = []
        if name.startswith("ollama"):  # litellm guesses at the tokens if this server does not count them
            arguments["logger_fn"] = lambda call: raw.append(str(call.get("original_response")))
        try:
            with quiet.unlogged():
                response = litellm.completion(**arguments)
        except Exception as error:  # litellm raises whatever its providers' code does
            raise told(error, name, self._secrets()) from None
        choice = next(iter(response.choices), None)
        text = (choice and choice.message.content) or ""
        finish = str(choice.finish_reason) if choice else ""
        counted = None if raw and "eval_count" not in raw[-1] else response.usage
        return self._result(asked, name, text, finish, counted, response)

    def _pieces(self, asked: CompletionRequest) -> Pieces:
        name = self._name(asked.model)
        litellm, arguments = self._arguments(name, asked)
        text, stream, counted = "", None, None
        try:
            with quiet.unlogged():
                stream = litellm.completion(stream=True, stream_options={"include_usage": True}, **arguments)
            for chunk in stream:
                counted = getattr(chunk, "usage", None) or counted
                piece = (chunk.choices[0].delta.content if chunk.choices else "") or ""
                if piece:
                    text += piece
                    yield piece
        except Exception as error:  # litellm raises whatever its providers' code does
            raise told(error, name, self._secrets(), text) from None
        finally:
            _close(stream)
        # litellm says "stop" for a stream that just ends; what the server itself said is kept here.
        finish = stream.received_finish_reason or stream.intermittent_finish_reason
        if not finish:
            raise cut_off(name, text)
        # The last chunk is litellm's own, with a count that is a guess unless the server has sent one.
        told_count = any(getattr(one, "usage", None) for one in stream.chunks)
        return self._result(asked, name, text, str(finish), counted if told_count else None, stream)

    def _result(
        self, asked: CompletionRequest, name: str, text: str, finish: str, counted: Any, answer: Any
    ) -> CompletionResult:
        if not text and finish in ("", "stop"):
            raise BadReply(f"{name} answered with nothing", "Try again, or another model.")
        usage = asking.usage(counted)
        told_limits = limits(plain(answer._hidden_params.get("additional_headers")))
        return CompletionResult(
            text,
            asked.model,
            name.partition("/")[0],
            cost=self._cost(name, counted) if usage else None,
            finish=asking.FINISHES.get(finish, finish),
            metadata={"limits": told_limits} if told_limits else {},
            usage=usage,
        )

    def _cost(self, name: str, counted: Any) -> float | None:
        litellm = quiet.load()
        response = litellm.ModelResponse(model=name, usage=counted)
        try:
            return asking.finite(litellm.completion_cost(completion_response=response, model=name))
        except Exception:  # a price that is not in its table is an error of one kind or another
            return None

    def _name(self, model: str) -> str:
        """The model as litellm names it."""
        name = model.removeprefix("litellm/")
        return name if not self.provider or name.startswith(f"{self.provider}/") else f"{self.provider}/{name}"

    def _arguments(self, name: str, asked: CompletionRequest | None = None) -> tuple[Any, dict[str, Any]]:
        """litellm, and what to call it with. Raises `Auth`, `UnknownModel`, `ConfigError` before anything is sent."""
        asking.check_key(self.api_key, name)
        litellm = quiet.load()
        asking.check_provider(litellm, name)
        if not self.api_key:
            asking.check_environment(litellm, name)
        own = {"api_key": self.api_key, "api_base": self.api_base, "api_version": self.api_version}
        arguments = {**self.params, **{key: value for key, value in own.items() if value}}
        if asked is None:  # nobody stands around `embed` who would try again; litellm may
            return litellm, arguments
        if asked.schema is not None and self._takes_schemas(litellm, name):
            arguments["response_format"] = asking.response_format(asked.schema)
        said = asking.messages(asked.prompt.messages, name)
        limit = asking.default_limit(name, asked.params)
        return litellm, {
            **arguments,
            **limit,
            **asked.params,
            "model": name,
            "messages": said,
            "timeout": asked.timeout,
            "max_retries": 0,
        }

    @staticmethod
    def _takes_schemas(litellm: Any, name: str) -> bool:
        with suppress(Exception):  # for a model that it does not know, it raises
            return "response_format" in (litellm.get_supported_openai_params(model=name) or ())
        return False

    def _secrets(self) -> Secrets:
        return Secrets([self.api_key, *self.params.values()])


def _close(stream: Any) -> None:
    """Hang up, also in the middle of an answer."""
    inner = getattr(stream, "completion_stream", None)
    ends: tuple[Any, ...] = (inner, getattr(inner, "streaming_response", None), getattr(inner, "response", None))
    for one in ends:
        with suppress(Exception):
            one.close()
