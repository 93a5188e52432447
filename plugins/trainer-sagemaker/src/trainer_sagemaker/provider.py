"""AWS SageMaker endpoints as a provider of models."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

from attrs import field

from trainer import hookimpl, plugin
from trainer.errors import BadReply, Truncated
from trainer.models import CompletionRequest, CompletionResult, ModelInfo, Usage
from trainer_bedrock.aws import Account, Clients, guarded, kind_of, told
from trainer_bedrock.provider import question
from trainer_sagemaker import deployment
from trainer_sagemaker.formats import Format, Part, events, format_of

Pieces = Generator[str, None, CompletionResult]


@plugin
class AWSSageMakerProvider:
    """Models on SageMaker endpoints: a model's name is that of its endpoint.

    `format` is what the containers speak: `openai` (messages and choices), `tgi` (inputs and generated_text), or the
    name of one in `templates`, whose `request` is the body with `{prompt}`, `{messages}` and parameters in it, and
    whose `answer` is where the text is (`outputs.0.text`). `formats` maps an endpoint to a format other than that.
    Region and credentials are found as by every AWS tool, unless they are set. `endpoint` and `control_endpoint` are
    other addresses for asking models and for deploying them.
    """

    region: str = ""
    profile: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    endpoint: str = ""
    control_endpoint: str = ""
    format: str = "openai"
    formats: dict[str, str] = field(factory=dict)
    templates: dict[str, dict[str, Any]] = field(factory=dict)
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
        """The answer to a request, or to a text that the endpoint `model` is asked with `params`."""
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

    def get_cost(self, model: str, usage: Usage) -> float | None:  # noqa: ARG002
        """`None`: an endpoint costs money by the hour, not by the token."""
        return None

    def list_models(self) -> Sequence[ModelInfo]:
        """The endpoints that are in service."""
        client = self._control.get("sagemaker", 30.0)
        pages = client.get_paginator("list_endpoints").paginate(StatusEquals="InService")
        found = guarded(lambda: [one for page in pages for one in page["Endpoints"]], "sagemaker", self._account)
        return [ModelInfo(one["EndpointName"], "sagemaker") for one in found]

    def deploy_model(
        self,
        model: str,
        *,
        image: str,
        role: str,
        name: str = "",
        instance_type: str = "ml.g5.xlarge",
        instances: int = 1,
        environment: dict[str, str] | None = None,
        wait: float = 3600.0,
    ) -> str:
        """Put a model into service on an endpoint of its own; returns the endpoint's name.

        `model` is where it lies in S3 (`s3://…/model.tar.gz`), or the id by which a Hugging Face image fetches it. The
        endpoint is called `name`, or after the model. With `wait` 0 (seconds) it may not be in service yet. It costs
        money until `delete_endpoint`. Raises the kinds of `CompletionError`, and `ConfigError` if it fails to start.
        """
        stored = model.startswith("s3://")
        told_environment = {**({} if stored else {"HF_MODEL_ID": model}), **(environment or {})}
        plan = deployment.Plan(
            name or _endpoint_name(model),
            image,
            role,
            model if stored else "",
            instance_type,
            instances,
            told_environment,
        )
        client = self._control.get("sagemaker", 30.0)
        deployment.deploy(client, self._account, plan)
        if wait:
            deployment.wait(lambda: self._describe(plan.name), plan.name, wait)
        return plan.name

    def endpoint_status(self, name: str) -> str:
        """`InService`, `Creating`, `Failed`, … Raises `UnknownModel` if there is no such endpoint."""
        return str(self._describe(name)["EndpointStatus"])

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint with its configuration and models. Raises `UnknownModel` if there is none."""
        deployment.remove(self._control.get("sagemaker", 30.0), self._account, name)

    def close(self) -> None:
        """Close all connections."""
        self._clients.close()
        self._control.close()

    def _describe(self, name: str) -> Any:
        client = self._control.get("sagemaker", 30.0)
        return guarded(lambda: client.describe_endpoint(EndpointName=name), f"the endpoint {name}", self._account)

    def _whole(self, asked: CompletionRequest) -> CompletionResult:
        kind, arguments = self._arguments(asked, stream=False)
        client = self._clients.get("sagemaker-runtime", asked.timeout)
        name = asked.name

        def ask() -> bytes:
            body: bytes = client.invoke_endpoint(**arguments)["Body"].read()
            return body

        raw = guarded(ask, name, self._account)
        try:
            part = kind.whole(json.loads(raw))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _unreadable(name) from None
        return _result(asked, part.text, part.finish, part.usage)

    def _pieces(self, asked: CompletionRequest) -> Pieces:
        kind, arguments = self._arguments(asked, stream=True)
        if not kind.streams:
            answer = self._whole(asked)
            yield answer.content
            return answer
        client, name = self._clients.get("sagemaker-runtime", asked.timeout), asked.name
        body = guarded(lambda: client.invoke_endpoint_with_response_stream(**arguments)["Body"], name, self._account)
        text, finish, usage = "", "", None
        try:
            for event in events(_payloads(body)):
                part = kind.piece(event)
                if part.error:
                    break
                if part.text:
                    text += part.text
                    yield part.text
                finish, usage = part.finish or finish, part.usage or usage
            else:
                part = Part()
        except Exception as error:  # botocore lets those of urllib3 and of its parsers through
            raise told(error, name, self._account, text) from None
        finally:
            with suppress(Exception):
                body.close()
        if part.error:
            words = self._account.mask(part.error)[:300]
            raise kind_of("ModelStreamError", 0, words.lower())(f"{name}: {words}", "Try again later.", partial=text)
        if not finish and not text:
            raise _unreadable(name)
        if not finish:
            raise Truncated(f"{name}: the answer ended before its end", "Try again.", partial=text, retryable=True)
        return _result(asked, text, finish, usage)

    def _arguments(self, asked: CompletionRequest, *, stream: bool) -> tuple[Format, dict[str, Any]]:
        kind = format_of(self.formats.get(asked.name, self.format), self.templates)
        body = json.dumps(kind.body(asked, stream=stream)).encode()
        return kind, {"EndpointName": asked.name, "ContentType": "application/json", "Body": body}


def _payloads(body: Any) -> Iterator[bytes]:
    for event in body:
        if part := event.get("PayloadPart"):
            yield part["Bytes"]


def _result(asked: CompletionRequest, text: str, finish: str, usage: Usage | None) -> CompletionResult:
    if not text and finish in ("", "stop"):
        raise BadReply(f"{asked.name} answered with nothing", "Try again, or look at the container's log.")
    return CompletionResult(text, asked.model, "sagemaker", finish=finish or "stop", usage=usage)


def _unreadable(name: str) -> BadReply:
    return BadReply(f"{name}: the answer is not of its format", "Set the format that the container speaks.")


def _endpoint_name(model: str) -> str:
    """A name of letters, digits and hyphens, at most 63, as SageMaker wants it."""
    tail = model.rstrip("/").rpartition("/")[2].removesuffix(".tar.gz")
    return "".join(char if char.isalnum() and char.isascii() else "-" for char in tail).strip("-")[:63] or "model"
