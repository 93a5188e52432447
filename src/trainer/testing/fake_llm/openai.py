"""OpenAI's chat completions, embeddings and models, as OpenAI, Azure and the many compatible servers speak them.

Sources: the API reference of OpenAI, and of Azure OpenAI for what its paths add (`/openai/deployments/NAME/…`: content
filter results, and a first chunk without choices).
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping, Sequence
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

PATH = re.compile(
    r"(?:/deployments/(?P<deployment>[^/]+))?/(?P<what>chat/completions|embeddings|models(?:/(?P<id>.+))?)$"
)
FINISH = {"stop": "stop", "length": "length", "filter": "content_filter"}
ERRORS: Mapping[Kind, tuple[int, str, str | None]] = {
    "rate_limited": (429, "requests", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key"),
    "forbidden": (403, "permission_error", "permission_denied"),
    "too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "bad_request": (400, "invalid_request_error", None),
    "moderated": (400, "invalid_request_error", "content_policy_violation"),
    "unknown_model": (404, "invalid_request_error", "model_not_found"),
    "server_error": (500, "server_error", None),
    "unavailable": (503, "server_error", None),
    "overloaded": (503, "server_error", None),
}
WORDS: Mapping[Kind, str] = {
    **MESSAGES,
    "unauthorized": "Incorrect API key provided.",
    "too_long": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. "
    "Please reduce the length of the messages.",
    "moderated": "Your request was rejected as a result of our safety system.",
    "unknown_model": "The model does not exist or you do not have access to it.",
    "overloaded": "The engine is currently overloaded, please try again later",
}
AZURE_FILTER = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
    "Please modify your prompt and retry."
)
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class OpenAI(Dialect):
    """Whatever ends with `/chat/completions`, `/embeddings` or `/models`."""

    name: ClassVar[str] = "openai"

    def read(self, request: Request) -> Ask | None:
        found = PATH.search(request.path.partition("?")[0])
        if not found:
            return None
        style = "azure" if found["deployment"] else ""
        if found["what"].startswith("models"):
            return Ask("show", found["id"]) if found["id"] else Ask("list")
        value = body(request)
        model = found["deployment"] or value.get("model")
        if not isinstance(model, str) or not model:
            raise refuse("you must provide a model parameter")
        if found["what"] == "embeddings":
            given = value.get("input")
            wanted = (given,) if isinstance(given, str) else tuple(given or ())
            if not wanted or not all(isinstance(text, str) for text in wanted):
                raise refuse("'input' must be a text, or a list of texts that is not empty.")
            coding = value.get("encoding_format", "float")
            return Ask("embed", model, texts=wanted, dimensions=value.get("dimensions"), style=coding)
        return asked(value, model, style)

    def plain(self, ask: Ask, said: Said) -> Any:
        return completion(ask, said)

    def stream(self, ask: Ask, said: Said) -> Stream:
        return chunks(ask, said)

    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:
        data = [
            {"object": "embedding", "index": index, "embedding": packed(item) if ask.style == "base64" else item}
            for index, item in enumerate(vectors)
        ]
        tokens = {"prompt_tokens": usage.input, "total_tokens": usage.input}
        return {"object": "list", "data": data, "model": ask.model, "usage": tokens}

    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:  # noqa: ARG002
        cards = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fake"} for name in models]
        if ask.operation == "list":
            return {"object": "list", "data": cards}
        return next((card for card in cards if card["id"] == ask.model), {**cards[0], "id": ask.model})

    def failure(self, problem: Problem, ask: Ask) -> Failure:
        status, kind, code = ERRORS[problem.kind]
        message = problem.message or WORDS[problem.kind]
        if problem.kind == "moderated" and "azure" in ask.style:
            code, message = "content_filter", problem.message or AZURE_FILTER
        about = {"message": message, "type": kind, "param": None, "code": code}
        return Failure(problem.status or status, {"error": about}, problem.headers)

    def error_frame(self, problem: Problem, ask: Ask) -> bytes:
        return sse(self.failure(problem, ask).body)

    def limit_headers(self, name: str, limit: int, left: int, reset: float) -> Mapping[str, str]:
        minutes, seconds = divmod(reset, 60)
        told = f"{minutes:.0f}m{seconds:.3f}s" if minutes else f"{seconds:.3f}s"
        return {
            f"x-ratelimit-limit-{name}": str(limit),
            f"x-ratelimit-remaining-{name}": str(left),
            f"x-ratelimit-reset-{name}": told,
        }


def asked(value: Mapping[str, Any], model: str, style: str = "") -> Ask:
    """What the body of a chat completion asks for."""
    parts = tuple(
        Part(str(message.get("role", "")), text, cache)
        for message in messages(value)
        for text, cache in texts(message.get("content"))
    )
    shape = value.get("response_format") or {}
    schema = shape["json_schema"]["schema"] if shape.get("type") == "json_schema" else None
    options = value.get("stream_options") or {}
    if options and not value.get("stream"):
        raise refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    words = " ".join([style, "usage" if options.get("include_usage") else ""]).strip()
    most = value.get("max_completion_tokens") or value.get("max_tokens")
    return Ask("complete", model, parts, bool(value.get("stream")), most, schema, style=words)


def usage(used: Usage) -> dict[str, Any]:
    """Tokens as OpenAI tells them: what came from the cache is a part of the prompt."""
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def completion(ask: Ask, said: Said) -> dict[str, Any]:
    """A chat completion in one piece."""
    message = {"role": "assistant", "content": said.text, "refusal": None}
    choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[said.finish]}
    answer = {**_top(said, "chat.completion"), "choices": [] if said.shape == "empty" else [choice]}
    if "azure" in ask.style:
        choice["content_filter_results"] = SAFE
        answer["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return answer | ({"usage": usage(said.usage)} if said.usage else {})


def chunks(ask: Ask, said: Said) -> Stream:
    """A chat completion as server-sent events; the last says how many tokens, if it was asked for."""
    top = _top(said, "chat.completion.chunk")
    wanted = "usage" in ask.style and said.usage is not None
    extra: dict[str, Any] = {"usage": None} if wanted else {}

    def frame(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**top, "choices": [] if said.shape == "empty" else [choice], **extra})

    azure = {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]}
    head = [sse({**top, "id": "", "created": 0, "model": "", **azure})] if "azure" in ask.style else []
    head.append(frame({"role": "assistant", "content": None if said.shape == "null" else "", "refusal": None}))
    tail = [frame({}, FINISH[said.finish])]
    if wanted and said.usage:
        tail.append(sse({**top, "choices": [], "usage": usage(said.usage)}))
    deltas = [frame({"content": piece}) for piece in said.pieces] if said.shape == "whole" else []
    return Stream(head, deltas, [*tail, sse("[DONE]")])


def packed(vector: Sequence[float]) -> str:
    """Little-endian 32-bit floats in base64, which OpenAI's own client asks for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _top(said: Said, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-fake-{said.number}",
        "object": kind,
        "created": said.created,
        "model": said.model,
        "system_fingerprint": "fp_fake",
    }
