"""AWS Bedrock as a provider of models."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from typing import Any

from attrs import field

from trainer import hookimpl, plugin
from trainer.errors import BadReply, ConfigError, Truncated
from trainer.instruction import Instruction
from trainer.models import CompletionRequest, CompletionResult, Message, ModelInfo, Prompt, Usage
from trainer.spending import Price
from trainer_bedrock import converse
from trainer_bedrock.aws import Account, Clients, guarded, told

Pieces = Generator[str, None, CompletionResult]
NO_INSTRUCTION = Instruction.parse("A text alone.", "request.md")


@plugin
class AWSBedrockProvider:
    """Any text model of AWS Bedrock: an id (`anthropic.claude-…`), an inference profile (`eu.anthropic.…`), or an ARN.

    Region and credentials are found as by every AWS tool, unless they are set. `endpoint` and `control_endpoint` are
    other addresses for asking models and for listing them (a VPC endpoint). `prices` maps a model to
    `{input = …, output = …, cached = …, written = …}`, in USD per million tokens.
    """

    region: str = ""
    profile: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    endpoint: str = ""
    control_endpoint: str = ""
    prices: dict[str, dict[str, float]] = field(factory=dict)
    _account: Account = field(init=False, repr=False)
    _clients: Clients = field(init=False, repr=False)
    _control: Clients = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        who = (self.region, self.profile, self.access_key, self.secret_key, self.session_token)
        self._account = Account(*who, self.endpoint)
        self._clients = Clients(self._account)
        self._control = Clients(Account(*who, self.control_endpoint))

    @hookimpl
    def complete(self, request: CompletionRequest | str, model: str = "", **params: Any) -> CompletionResult:
        """The answer to a request, or to a text that `model` is asked with `params`."""
        asked = question(request, model, params)
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
        """The same, piece by piece; the generator returns the whole result at its end."""
        return (yield from self._pieces(question(request, model, params)))

    def get_cost(self, model: str, usage: Usage) -> float | None:
        """What so many tokens cost, in USD; `None` if `prices` does not say."""
        table = self.prices.get(model) or self.prices.get(_id(model))
        return Price(**table).cost(usage) if table else None

    def list_models(self) -> Sequence[ModelInfo]:
        """The models that write text in this region, as Bedrock lists them; access to each is a matter of its own."""
        client = self._control.get("bedrock", 30.0)
        answer = guarded(lambda: client.list_foundation_models(byOutputModality="TEXT"), "bedrock", self._account)
        return [
            self._info(card["modelId"])
            for card in answer.get("modelSummaries", ())
            if "TEXT" in card.get("outputModalities", ("TEXT",))
            and card.get("modelLifecycle", {}).get("status") != "LEGACY"
        ]

    def model_info(self, name: str) -> ModelInfo | None:
        """What the settings say of a model, without asking anyone."""
        return self._info(_id(name)) if name in self.prices or _id(name) in self.prices else None

    def check_access(self, model: str) -> None:
        """Ask a model for one token, which costs next to nothing; raises the reason why it cannot be asked.

        `UnknownModel` is that there is none of this name here, `Auth` that the account may not ask it.
        """
        client = self._clients.get("bedrock-runtime", 30.0)
        turns = [{"role": "user", "content": [{"text": "Hi"}]}]
        guarded(
            lambda: client.converse(modelId=_id(model), messages=turns, inferenceConfig={"maxTokens": 1}),
            _id(model),
            self._account,
        )

    def deploy_model(self, model: str, **options: Any) -> str:  # noqa: ARG002
        """Bedrock's models are in service already. Raises `ConfigError`."""
        raise ConfigError(
            f"{model} needs no deployment: Bedrock serves its models", "Request access to it in Bedrock's console."
        )

    def close(self) -> None:
        """Close all connections."""
        self._clients.close()
        self._control.close()

    def _whole(self, asked: CompletionRequest) -> CompletionResult:
        model = _id(asked.model)
        client = self._clients.get("bedrock-runtime", asked.timeout)
        answer = guarded(lambda: client.converse(**converse.body(asked, model)), model, self._account)
        reason = answer.get("stopReason")
        if not reason:
            raise BadReply(
                f"{model}: the server answered with nothing that is an answer", "Look at what answers there."
            )
        return self._result(asked, converse.text(answer), reason, answer.get("usage"))

    def _pieces(self, asked: CompletionRequest) -> Pieces:
        model = _id(asked.model)
        client = self._clients.get("bedrock-runtime", asked.timeout)
        answer = guarded(lambda: client.converse_stream(**converse.body(asked, model)), model, self._account)
        text, reason, counted = "", "", None
        try:
            for event in answer["stream"]:
                if piece := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
                    text += piece
                    yield piece
                reason = event.get("messageStop", {}).get("stopReason") or reason
                counted = event.get("metadata", {}).get("usage") or counted
        except Exception as error:  # botocore lets those of urllib3 and of its parsers through
            raise told(error, model, self._account, text) from None
        finally:
            with suppress(Exception):
                answer["stream"].close()
        if not reason and not text:
            raise BadReply(
                f"{model}: the server answered with nothing that is an answer", "Look at what answers there."
            )
        if not reason:
            raise Truncated(f"{model}: the answer ended before its end", "Try again.", partial=text, retryable=True)
        return self._result(asked, text, reason, counted)

    def _result(self, asked: CompletionRequest, text: str, reason: str, counted: Any) -> CompletionResult:
        finish, usage = converse.finish(reason), converse.usage(counted)
        if not text and finish == "stop":
            raise BadReply(f"{asked.model} answered with nothing", "Try again, or another model.")
        cost = self.get_cost(asked.model, usage) if usage else None
        return CompletionResult(text, asked.model, "bedrock", cost=cost, finish=finish, usage=usage)

    def _info(self, name: str) -> ModelInfo:
        price = self.prices.get(name, {})
        return ModelInfo(name, "bedrock", input_price=price.get("input"), output_price=price.get("output"))


def question(request: CompletionRequest | str, model: str, params: dict[str, Any]) -> CompletionRequest:
    """A request, or the one that a text alone stands for."""
    if isinstance(request, CompletionRequest):
        return request
    return CompletionRequest(model, Prompt((Message("user", request),), NO_INSTRUCTION), params)


def _id(model: str) -> str:
    """A model as Bedrock names it; an ARN has slashes of its own."""
    return model.removeprefix("bedrock/")
