"""AWS Bedrock: `converse`, `invoke`, both with streams, and the list of models. Source: botocore's service models.

What `invoke` reads and answers is the model family's own: Anthropic, Llama, Mistral, Nova, Titan; others are taken to
speak as OpenAI does.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from trainer.testing.fake_llm import anthropic, openai
from trainer.testing.fake_llm.asking import Ask, Part, Request, Usage
from trainer.testing.fake_llm.dialect import (
    MESSAGES,
    Dialect,
    Failure,
    Said,
    Stream,
    body,
    dumps,
    messages,
    refuse,
    texts,
)
from trainer.testing.fake_llm.eventstream import CONTENT_TYPE, event, exception
from trainer.testing.fake_llm.faults import Kind, Problem

PATH = re.compile(r"^/model/(?P<model>[^/]+)/(?P<what>converse|invoke)(?P<stream>-stream|-with-response-stream)?$")
MODELS = re.compile(r"^/foundation-models(?:/(?P<model>[^/]+))?$")
FAMILY = re.compile(r"(?:^|[./])(anthropic|meta|mistral|amazon\.nova|amazon\.titan-embed|amazon\.titan)")
FINISH = {"stop": "end_turn", "length": "max_tokens", "filter": "content_filtered"}
ERRORS: Mapping[Kind, tuple[int, str]] = {
    "rate_limited": (429, "ThrottlingException"),
    "quota": (400, "ServiceQuotaExceededException"),
    "unauthorized": (403, "UnrecognizedClientException"),
    "forbidden": (403, "AccessDeniedException"),
    "too_long": (400, "ValidationException"),
    "bad_request": (400, "ValidationException"),
    "moderated": (400, "ValidationException"),
    "unknown_model": (404, "ResourceNotFoundException"),
    "server_error": (500, "InternalServerException"),
    "unavailable": (503, "ServiceUnavailableException"),
    "overloaded": (503, "ServiceUnavailableException"),
}
WORDS: Mapping[Kind, str] = {
    **MESSAGES,
    "rate_limited": "Too many requests, please wait before trying again.",
    "too_long": "Input is too long for requested model.",
}
IN_STREAM = {"ThrottlingException", "InternalServerException", "ServiceUnavailableException", "ValidationException"}


class Bedrock(Dialect):
    """`/model/ID/…` and `/foundation-models`."""

    name: ClassVar[str] = "bedrock"
    stream_type: ClassVar[str] = CONTENT_TYPE
    marks_cache: ClassVar[bool] = True

    def read(self, request: Request) -> Ask | None:
        path = request.path.partition("?")[0]
        if found := MODELS.match(path):
            return Ask("show", unquote(found["model"])) if found["model"] else Ask("list")
        found = PATH.match(path)
        if not found:
            return None
        model, stream = unquote(found["model"]), bool(found["stream"])
        value = body(request)
        return converse(value, model, stream) if found["what"] == "converse" else invoked(value, model, stream)

    def plain(self, ask: Ask, said: Said) -> Any:
        match ask.style:
            case "anthropic":
                return anthropic.message(said)
            case "converse" | "amazon.nova":
                return _converse(said)
            case "openai":
                return openai.completion(ask, said)
        return _family(ask.style, said, said.text or "", last=True)

    def stream(self, ask: Ask, said: Said) -> Stream:
        match ask.style:
            case "converse":
                return Stream(*([event(kind, value) for kind, value in part] for part in _events(said)))
            case "amazon.nova":
                return Stream(*([_chunk({kind: value}) for kind, value in part] for part in _events(said)))
            case "anthropic":
                return Stream(*([_chunk(item) for item in part] for part in anthropic.events(said)))
            case "openai":
                frames = openai.chunks(ask, said)
                return Stream(*([_chunk(_data(frame)) for frame in part if b"[DONE]" not in frame] for part in frames))
        pieces = said.pieces if said.shape == "whole" else ()
        deltas = [_chunk(_family(ask.style, said, piece, last=False)) for piece in pieces]
        return Stream([], deltas, [_chunk(_family(ask.style, said, "", last=True))])

    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:  # noqa: ARG002
        return {"embedding": vectors[0], "inputTextTokenCount": usage.input}

    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:  # noqa: ARG002
        if ask.operation == "show":
            return {"modelDetails": card(ask.model)}
        return {"modelSummaries": [card(name) for name in models]}

    def failure(self, problem: Problem, ask: Ask) -> Failure:  # noqa: ARG002
        status, kind = ERRORS[problem.kind]
        told = {"message": problem.message or WORDS[problem.kind]}
        return Failure(problem.status or status, told, {"x-amzn-errortype": kind, **problem.headers})

    def error_frame(self, problem: Problem, ask: Ask) -> bytes:  # noqa: ARG002
        kind = ERRORS[problem.kind][1]
        kind = kind if kind in IN_STREAM else "ModelStreamErrorException"
        return exception(kind[0].lower() + kind[1:], {"message": problem.message or WORDS[problem.kind]})

    def headers(self, request: Request) -> Mapping[str, str]:
        return {"x-amzn-requestid": f"00000000-0000-4000-8000-{request.number:012d}"}

    def odd(self, frame: bytes) -> bytes:
        return event("somethingNew", {"unknown": "field"}) + frame


def converse(value: Mapping[str, Any], model: str, stream: bool) -> Ask:
    """What the body of `converse` asks for."""
    parts = [Part("system", text, cache) for text, cache in texts(value.get("system"))]
    for item in messages(value):
        parts += [Part(str(item.get("role", "")), text, cache) for text, cache in texts(item.get("content"))]
    most = (value.get("inferenceConfig") or {}).get("maxTokens")
    shape = ((value.get("outputConfig") or {}).get("textFormat") or {}).get("structure", {}).get("jsonSchema", {})
    schema = json.loads(shape["schema"]) if "schema" in shape else None
    return Ask("complete", model, tuple(parts), stream, most, schema, style="converse")


def invoked(value: Mapping[str, Any], model: str, stream: bool) -> Ask:
    """What the body of `invoke` asks for, which is the model family's own."""
    found = FAMILY.search(model)
    family = found[1] if found else "openai"
    match family:
        case "anthropic":
            if "anthropic_version" not in value or not isinstance(value.get("max_tokens"), int):
                raise refuse("Malformed input request: anthropic_version and max_tokens are required.")
            ask = anthropic.asked(value, model)
            return Ask("complete", model, ask.parts, stream, ask.max_tokens, ask.schema, style=family)
        case "amazon.nova":
            ask = converse(value, model, stream)
            return Ask("complete", model, ask.parts, stream, ask.max_tokens, ask.schema, style=family)
        case "openai":
            ask = openai.asked({**value, "stream": stream}, model)
            return Ask("complete", model, ask.parts, stream, ask.max_tokens, ask.schema, style=family)
    text = value.get("inputText", value.get("prompt"))
    if not isinstance(text, str):
        raise refuse("Malformed input request: the prompt is missing.")
    if family == "amazon.titan-embed":
        return Ask("embed", model, texts=(text,), dimensions=value.get("dimensions"))
    titan = (value.get("textGenerationConfig") or {}).get("maxTokenCount")
    most = titan or value.get("max_gen_len") or value.get("max_tokens")
    return Ask("complete", model, (Part("user", text),), stream, most, style=family)


def card(name: str) -> dict[str, Any]:
    """A model as it is listed."""
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{name}",
        "modelId": name,
        "modelName": name,
        "providerName": name.partition(".")[0],
        "inputModalities": ["TEXT"],
        "outputModalities": ["EMBEDDING" if "embed" in name else "TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _usage(used: Usage) -> dict[str, int]:
    return {
        "inputTokens": used.input - used.cache_read - used.cache_write,
        "outputTokens": used.output,
        "totalTokens": used.input + used.output,
        "cacheReadInputTokens": used.cache_read,
        "cacheWriteInputTokens": used.cache_write,
    }


def _converse(said: Said) -> dict[str, Any]:
    content = [] if said.shape == "empty" else [{"text": said.text}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": FINISH[said.finish],
        "metrics": {"latencyMs": 1},
        **({"usage": _usage(said.usage)} if said.usage else {}),
    }


def _events(said: Said) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]], list[tuple[str, Any]]]:
    pieces = said.pieces if said.shape == "whole" else ()
    deltas: list[tuple[str, Any]] = [
        ("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0}) for piece in pieces
    ]
    told = {"usage": _usage(said.usage)} if said.usage else {}
    tail: list[tuple[str, Any]] = [
        *([] if said.shape == "empty" else [("contentBlockStop", {"contentBlockIndex": 0})]),
        ("messageStop", {"stopReason": FINISH[said.finish]}),
        ("metadata", {**told, "metrics": {"latencyMs": 1}}),
    ]
    return [("messageStart", {"role": "assistant"})], deltas, tail


def _family(family: str, said: Said, text: str, *, last: bool) -> dict[str, Any]:
    """The answer of a family that has no frame of its own around the pieces of a stream."""
    used = said.usage or Usage(0, 0)
    content = None if said.shape == "null" else text
    stopped = ({"stop": "stop", "length": "length", "filter": "stop"} if family != "amazon.titan" else TITAN)[
        said.finish
    ]
    match family:
        case "meta":
            counts = {"prompt_token_count": used.input, "generation_token_count": used.output} if said.usage else {}
            return {"generation": content, **counts, "stop_reason": stopped if last else None}
        case "mistral":
            outputs = [{"text": content, "stop_reason": stopped if last else None}]
            return {"outputs": [] if said.shape == "empty" else outputs}
    results = [{"tokenCount": used.output, "outputText": content, "completionReason": stopped if last else None}]
    return {"inputTextTokenCount": used.input, "results": [] if said.shape == "empty" else results}


TITAN = {"stop": "FINISH", "length": "LENGTH", "filter": "CONTENT_FILTERED"}


def _chunk(value: Any) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(dumps(value).encode()).decode()})


def _data(frame: bytes) -> Any:
    return json.loads(frame.removeprefix(b"data: "))
