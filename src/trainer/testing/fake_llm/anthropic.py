"""Anthropic's messages. Source: its API reference (messages, streaming, errors, prompt caching, rate limits)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from trainer.testing.fake_llm.asking import Ask, Part, Request, Usage
from trainer.testing.fake_llm.dialect import (
    MESSAGES,
    Dialect,
    Failure,
    Said,
    Stream,
    body,
    messages,
    refuse,
    sse,
    texts,
)
from trainer.testing.fake_llm.faults import Kind, Problem

FINISH = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}
ERRORS: Mapping[Kind, tuple[int, str]] = {
    "rate_limited": (429, "rate_limit_error"),
    "quota": (402, "billing_error"),
    "unauthorized": (401, "authentication_error"),
    "forbidden": (403, "permission_error"),
    "too_long": (400, "invalid_request_error"),
    "bad_request": (400, "invalid_request_error"),
    "moderated": (400, "invalid_request_error"),
    "unknown_model": (404, "not_found_error"),
    "server_error": (500, "api_error"),
    "unavailable": (503, "api_error"),
    "overloaded": (529, "overloaded_error"),
}
WORDS: Mapping[Kind, str] = {
    **MESSAGES,
    "too_long": "prompt is too long: 200001 tokens > 200000 maximum",
    "overloaded": "Overloaded",
    "unauthorized": "invalid x-api-key",
    "quota": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
}


class Anthropic(Dialect):
    """`/v1/messages`, `/v1/messages/count_tokens`, and `/v1/models` with the header `anthropic-version`."""

    name: ClassVar[str] = "anthropic"
    marks_cache: ClassVar[bool] = True

    def read(self, request: Request) -> Ask | None:
        path = request.path.partition("?")[0]
        if path.endswith(("/messages", "/messages/count_tokens")):
            if "anthropic-version" not in request.headers:
                raise refuse("anthropic-version: header is required")
            value = body(request)
            if not value.get("model"):
                raise refuse("model: Field required")
            if path.endswith("count_tokens"):
                return Ask("count", value["model"], asked(value, "").parts)
            if not isinstance(value.get("max_tokens"), int):
                raise refuse("max_tokens: Field required")
            return asked(value, value["model"])
        if "anthropic-version" not in request.headers or "/v1/models" not in path:
            return None
        name = path.partition("/v1/models")[2].strip("/")
        return Ask("show", name) if name else Ask("list")

    def plain(self, ask: Ask, said: Said) -> Any:  # noqa: ARG002
        return message(said)

    def stream(self, ask: Ask, said: Said) -> Stream:  # noqa: ARG002
        return Stream(*([sse(item, item["type"]) for item in part] for part in events(said)))

    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:
        raise NotImplementedError("Anthropic has no embeddings")

    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:
        if ask.operation == "count":
            return {"input_tokens": tokens}
        cards = [card(name) for name in models]
        if ask.operation == "show":
            return card(ask.model)
        return {"data": cards, "has_more": False, "first_id": models[0], "last_id": models[-1]}

    def failure(self, problem: Problem, ask: Ask) -> Failure:  # noqa: ARG002
        status, kind = ERRORS[problem.kind]
        about = {"type": kind, "message": problem.message or WORDS[problem.kind]}
        return Failure(problem.status or status, {"type": "error", "error": about}, problem.headers)

    def error_frame(self, problem: Problem, ask: Ask) -> bytes:
        return sse(self.failure(problem, ask).body, "error")

    def headers(self, request: Request) -> Mapping[str, str]:
        return {"request-id": f"req_fake_{request.number}"}

    def limit_headers(self, name: str, limit: int, left: int, reset: float) -> Mapping[str, str]:
        moment = (datetime.now(UTC) + timedelta(seconds=reset)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            f"anthropic-ratelimit-{name}-limit": str(limit),
            f"anthropic-ratelimit-{name}-remaining": str(left),
            f"anthropic-ratelimit-{name}-reset": moment,
        }


def asked(value: Mapping[str, Any], model: str) -> Ask:
    """What the body of a message asks for; the prompt is tools, system and messages, in the order of the cache."""
    parts = [Part("system", text, cache) for text, cache in texts(value.get("system"))]
    for item in messages(value):
        if item.get("role") not in {"user", "assistant"}:
            raise refuse('messages: Unexpected role. The Messages API accepts a top-level "system" parameter instead.')
        parts += [Part(item["role"], text, cache) for text, cache in texts(item.get("content"))]
    if sum(part.cache for part in parts) > 4:
        raise refuse("A maximum of 4 blocks with cache_control may be provided.")
    shape = (value.get("output_config") or {}).get("format") or value.get("output_format") or {}
    return Ask("complete", model, tuple(parts), bool(value.get("stream")), value.get("max_tokens"), shape.get("schema"))


def usage(used: Usage) -> dict[str, Any]:
    """Tokens as Anthropic tells them: `input_tokens` are those that the cache had nothing to do with."""
    return {
        "input_tokens": used.input - used.cache_read - used.cache_write,
        "cache_creation_input_tokens": used.cache_write,
        "cache_read_input_tokens": used.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": used.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": used.output,
        "service_tier": "standard",
    }


def message(said: Said) -> dict[str, Any]:
    """An answer in one piece."""
    return _top(said) | {
        "content": [] if said.shape == "empty" else [{"type": "text", "text": said.text}],
        "stop_reason": FINISH[said.finish],
        **({"usage": usage(said.usage)} if said.usage else {}),
    }


def events(said: Said) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """An answer as events: before the text, the text, after it."""
    whole = said.shape == "whole"
    started = {**usage(said.usage), "output_tokens": 1} if said.usage else None
    opened = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": "" if whole else None},
    }
    head: list[dict[str, Any]] = [
        {"type": "message_start", "message": _top(said) | ({"usage": started} if started else {})},
        *([] if said.shape == "empty" else [opened]),
        {"type": "ping"},
    ]
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in (said.pieces if whole else ())
    ]
    told = {"usage": {"output_tokens": said.usage.output}} if said.usage else {}
    tail: list[dict[str, Any]] = [
        *([] if said.shape == "empty" else [{"type": "content_block_stop", "index": 0}]),
        {"type": "message_delta", "delta": {"stop_reason": FINISH[said.finish], "stop_sequence": None}, **told},
        {"type": "message_stop"},
    ]
    return head, deltas, tail


def card(name: str) -> dict[str, Any]:
    """A model as it is listed."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"}


def _top(said: Said) -> dict[str, Any]:
    return {
        "id": f"msg_fake_{said.number}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
