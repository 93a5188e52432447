"""AWS SageMaker endpoints with a text-generation container. Source: botocore's service model, and the containers' docs.

A body with `inputs` is Text Generation Inference's own form, one with `messages` that of OpenAI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from attrs import evolve

from trainer.testing.fake_llm import openai
from trainer.testing.fake_llm.asking import Ask, Part, Request, Usage
from trainer.testing.fake_llm.dialect import MESSAGES, Dialect, Failure, Said, Stream, body, dumps, refuse
from trainer.testing.fake_llm.eventstream import CONTENT_TYPE, event, exception
from trainer.testing.fake_llm.faults import Kind, Problem

PATH = re.compile(r"^/endpoints/(?P<name>[^/]+)/invocations(?P<stream>-response-stream)?$")
FINISH = {"stop": "eos_token", "length": "length", "filter": "stop_sequence"}
ERRORS: Mapping[Kind, tuple[int, str]] = {
    "rate_limited": (429, "ThrottlingException"),
    "quota": (400, "ServiceQuotaExceededException"),
    "unauthorized": (403, "UnrecognizedClientException"),
    "forbidden": (403, "AccessDeniedException"),
    "too_long": (424, "ModelError"),
    "bad_request": (424, "ModelError"),
    "moderated": (424, "ModelError"),
    "unknown_model": (400, "ValidationError"),
    "server_error": (500, "InternalFailure"),
    "unavailable": (503, "ServiceUnavailable"),
    "overloaded": (424, "ModelError"),
}
WORDS: Mapping[Kind, str] = {
    **MESSAGES,
    "too_long": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000",
    "overloaded": "Model is overloaded",
}
CONTAINER: Mapping[Kind, tuple[int, str]] = {"overloaded": (429, "overloaded")}
"""What the container said when SageMaker says `ModelError`, where that is not 422 `validation`."""


class SageMaker(Dialect):
    """`/endpoints/NAME/invocations` and `/endpoints/NAME/invocations-response-stream`."""

    name: ClassVar[str] = "sagemaker"
    stream_type: ClassVar[str] = CONTENT_TYPE

    def read(self, request: Request) -> Ask | None:
        found = PATH.match(request.path.partition("?")[0])
        if not found:
            return None
        name, stream = unquote(found["name"]), bool(found["stream"])
        value = body(request)
        if "messages" in value:
            ask = openai.asked(value, name)
            style = f"openai {ask.style} {'stream' if ask.stream else ''}"
            return evolve(ask, stream=stream, style=style)
        parameters = value.get("parameters") or {}
        if not isinstance(value.get("inputs"), str):
            raise refuse("Failed to deserialize the JSON body: missing field `inputs`")
        style = " ".join(["tgi", "details" * bool(parameters.get("details")), "stream" * bool(value.get("stream"))])
        part = Part("user", value["inputs"])
        return Ask("complete", name, (part,), stream, parameters.get("max_new_tokens"), style=style)

    def plain(self, ask: Ask, said: Said) -> Any:
        if "openai" in ask.style:
            return openai.completion(ask, said)
        answer: dict[str, Any] = {"generated_text": said.text}
        if "details" in ask.style:
            answer["details"] = _details(said)
        return [] if said.shape == "empty" else [answer]

    def stream(self, ask: Ask, said: Said) -> Stream:
        if "stream" not in ask.style:  # the container was not told to: its whole answer is one part
            return Stream([], [part(dumps(self.plain(ask, said)).encode())], [])
        inner = openai.chunks(ask, said) if "openai" in ask.style else _tokens(said)
        return Stream(*([part(frame) for frame in frames] for frames in inner))

    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:
        raise NotImplementedError("embeddings are not asked here")

    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:
        raise NotImplementedError("nothing is looked up here")

    def failure(self, problem: Problem, ask: Ask) -> Failure:
        status, kind = ERRORS[problem.kind]
        message = problem.message or WORDS[problem.kind]
        told: dict[str, Any] = {"Message": message}
        if kind == "ModelError":
            code, word = CONTAINER.get(problem.kind, (422, "validation"))
            original = dumps({"error": message, "error_type": word})
            told = {
                "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
                "Message": f'Received client error ({code}) from primary with message "{original}".',
                "OriginalStatusCode": code,
                "OriginalMessage": original,
                "LogStreamArn": f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/{ask.model}",
            }
        return Failure(problem.status or status, told, {"x-amzn-errortype": kind, **problem.headers})

    def error_frame(self, problem: Problem, ask: Ask) -> bytes:  # noqa: ARG002
        message = problem.message or WORDS[problem.kind]
        if problem.kind in {"server_error", "unavailable"}:
            return exception("InternalStreamFailure", {"Message": message})
        return exception("ModelStreamError", {"Message": message, "ErrorCode": "StreamBroken"})

    def headers(self, request: Request) -> Mapping[str, str]:
        return {"x-amzn-requestid": f"00000000-0000-4000-8000-{request.number:012d}"}

    def odd(self, frame: bytes) -> bytes:
        return event("SomethingNew", b"unknown") + frame


def part(data: bytes) -> bytes:
    """A piece of the container's answer."""
    return event("PayloadPart", data)


def _details(said: Said) -> dict[str, Any]:
    tokens = said.usage.output if said.usage else len(said.pieces)
    return {"finish_reason": FINISH[said.finish], "generated_tokens": tokens, "seed": None}


def _tokens(said: Said) -> Stream:
    """Text Generation Inference's stream: a token an event, the last with the whole text."""
    if said.shape == "empty":
        return Stream([], [], [])
    last = len(said.pieces) - 1
    frames = []
    for index, piece in enumerate(said.pieces):
        token = {"id": index, "text": None if said.shape == "null" else piece, "logprob": -0.1, "special": False}
        whole = {"generated_text": said.text, "details": _details(said)}
        rest = whole if index == last else {"generated_text": None, "details": None}
        frames.append(f"data:{dumps({'index': index + 1, 'token': token, **rest})}\n\n".encode())
    return Stream([], frames[:-1], frames[-1:])
