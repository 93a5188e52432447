"""Bedrock's `converse`: requests and answers. Source: its API reference (Converse, ConverseStream, CachePointBlock)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trainer.models import CompletionRequest, Message, Usage

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filtered": "filter",
    "guardrail_intervened": "filter",
}
MARKS = 4  # as many cache points as a request may have
CACHING = ("anthropic.claude", "amazon.nova")  # families that take them; the others refuse the request
INFERENCE = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop": "stopSequences",
}


def body(request: CompletionRequest, model: str) -> dict[str, Any]:
    """The arguments of `converse`.

    Common parameters take Bedrock's names, fields of `converse` itself (`guardrailConfig`, …) stay what they are, and
    all others go to the model as they are.
    """
    marks = _marks(request.prompt.messages, model)
    system, turns = list[dict[str, Any]](), list[dict[str, Any]]()
    for message in request.prompt.messages:
        blocks: list[dict[str, Any]] = [{"text": message.text}]
        if id(message) in marks:
            blocks.append({"cachePoint": {"type": "default"}})
        if message.role == "system":
            system += blocks
        elif turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += blocks  # roles have to take turns
        else:
            turns.append({"role": message.role, "content": blocks})
    arguments = {"modelId": model, "messages": turns, **_params(request.params)}
    if system:
        arguments["system"] = system
    if request.schema is not None:
        arguments["outputConfig"] = _shape(request.schema)
    return arguments


def _params(params: Mapping[str, Any]) -> dict[str, Any]:
    inference, own, rest = dict[str, Any](), dict[str, Any](), dict[str, Any]()
    for name, value in params.items():
        if name in INFERENCE:
            inference[INFERENCE[name]] = [value] if name == "stop" and isinstance(value, str) else value
        elif name.endswith(("Config", "Fields", "FieldPaths", "Metadata", "serviceTier")):
            own[name] = value
        else:
            rest[name] = value
    if inference:
        own["inferenceConfig"] = {**own.get("inferenceConfig", {}), **inference}
    if rest:
        own["additionalModelRequestFields"] = {**own.get("additionalModelRequestFields", {}), **rest}
    return own


def _marks(messages: tuple[Message, ...], model: str) -> set[int]:
    """Which messages a cache point comes after: the last that are marked, as each stands for all before it."""
    if not any(family in model for family in CACHING):
        return set()
    return {id(message) for message in [one for one in messages if one.cache][-MARKS:]}


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    written = {"name": "answer", "schema": json.dumps(schema)}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": written}}}


def text(answer: Mapping[str, Any]) -> str:
    """The text of an answer; what a model thought on the way is not part of it."""
    content = answer.get("output", {}).get("message", {}).get("content") or []
    return "".join(block.get("text") or "" for block in content)


def finish(reason: str) -> str:
    """Why an answer ended, in our words where there is one."""
    return FINISHES.get(reason, reason)


def usage(given: Mapping[str, Any] | None) -> Usage | None:
    """Tokens; Bedrock counts those of its cache apart from the rest of the prompt."""
    if not given or "inputTokens" not in given:
        return None
    cached, written = given.get("cacheReadInputTokens") or 0, given.get("cacheWriteInputTokens") or 0
    return Usage(given["inputTokens"] + cached + written, given.get("outputTokens", 0), cached, written)
