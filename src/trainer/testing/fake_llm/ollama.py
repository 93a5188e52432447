"""Ollama's own API. Source: docs/api.md of Ollama. Its `/v1` is read by the OpenAI protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from trainer.testing.fake_llm.asking import Ask, Operation, Part, Request, Usage
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
from trainer.testing.fake_llm.faults import Kind, Problem

FINISH = {"stop": "stop", "length": "length", "filter": "stop"}
STATUS: Mapping[Kind, int] = {
    "rate_limited": 429, "quota": 429, "unauthorized": 401, "forbidden": 403, "too_long": 400, "bad_request": 400,
    "moderated": 400, "unknown_model": 404, "server_error": 500, "unavailable": 503, "overloaded": 503,
}  # fmt: skip
LOOKUPS: Mapping[str, Operation] = {"/api/tags": "list", "/api/ps": "list", "/api/version": "version", "/": "version"}
DETAILS = {
    "format": "gguf",
    "family": "fake",
    "families": ["fake"],
    "parameter_size": "1B",
    "quantization_level": "Q4_K_M",
}
PIECE_NS = 1_000_000
"""Nanoseconds that a token takes, by what the answers say."""


class Ollama(Dialect):
    """`/api/chat`, `/api/generate`, `/api/embed`, `/api/tags`, `/api/show`, `/api/version`."""

    name: ClassVar[str] = "ollama"
    stream_type: ClassVar[str] = "application/x-ndjson"

    def read(self, request: Request) -> Ask | None:
        path = request.path.partition("?")[0]
        if path in LOOKUPS:
            return Ask(LOOKUPS[path], style="root" if path == "/" else "")
        if path not in {"/api/chat", "/api/generate", "/api/embed", "/api/show"}:
            return None
        value = body(request)
        model = value.get("model")
        if not isinstance(model, str) or not model:
            raise refuse("model is required")
        if path == "/api/show":
            return Ask("show", model)
        if path == "/api/embed":
            given = value.get("input") or ()
            wanted = (given,) if isinstance(given, str) else tuple(given)
            return Ask("embed", model, texts=wanted, dimensions=value.get("dimensions"))
        shape = value.get("format")
        most = (value.get("options") or {}).get("num_predict")
        return Ask(
            "complete",
            model,
            _parts(value, path),
            value.get("stream", True),
            most if most and most > 0 else None,
            shape if isinstance(shape, dict) else None,
            style=path.rpartition("/")[2],
        )

    def plain(self, ask: Ask, said: Said) -> Any:
        return self._line(ask, said, said.text or "", done=True)

    def stream(self, ask: Ask, said: Said) -> Stream:
        whole = said.shape == "whole"
        deltas = [ndjson(self._line(ask, said, piece, done=False)) for piece in (said.pieces if whole else ())]
        return Stream([], deltas, [ndjson(self._line(ask, said, "", done=True))])

    def embedded(self, ask: Ask, vectors: list[list[float]], usage: Usage) -> Any:
        times = {"total_duration": PIECE_NS, "load_duration": 0, "prompt_eval_count": usage.input}
        return {"model": ask.model, "embeddings": vectors, **times}

    def looked_up(self, ask: Ask, models: Sequence[str], tokens: int) -> Any:  # noqa: ARG002
        if ask.operation == "version":
            return "Ollama is running" if ask.style == "root" else {"version": "0.12.0"}
        if ask.operation == "show":
            info = {"general.architecture": "fake", "fake.context_length": 8192}
            return {"details": DETAILS, "model_info": info, "capabilities": ["completion"], "template": "{{ .Prompt }}"}
        cards = [
            {
                "name": name,
                "model": name,
                "modified_at": "2025-01-01T00:00:00Z",
                "size": 1_000_000_000,
                "digest": hashlib.sha256(name.encode()).hexdigest(),
                "details": DETAILS,
            }
            for name in models
        ]
        return {"models": cards}

    def failure(self, problem: Problem, ask: Ask) -> Failure:
        told = f"model '{ask.model}' not found" if problem.kind == "unknown_model" else MESSAGES[problem.kind]
        return Failure(problem.status or STATUS[problem.kind], {"error": problem.message or told}, problem.headers)

    def error_frame(self, problem: Problem, ask: Ask) -> bytes:
        return ndjson(self.failure(problem, ask).body)

    def headers(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def odd(self, frame: bytes) -> bytes:
        return b"\n" + frame.replace(b"{", b'{"unknown": {"field": 1}, ', 1)

    def _line(self, ask: Ask, said: Said, text: str, *, done: bool) -> dict[str, Any]:
        content = None if said.shape == "null" else text
        line: dict[str, Any] = {"model": said.model, "created_at": "2025-01-01T00:00:00.000000Z"}
        if said.shape != "empty":
            chat = ask.style == "chat"
            line |= {"message": {"role": "assistant", "content": content}} if chat else {"response": content}
        line["done"] = done
        if done:
            line["done_reason"] = FINISH[said.finish]
        if done and said.usage:
            read, written = said.usage.input, said.usage.output
            line |= {
                "total_duration": (read + written) * PIECE_NS,
                "load_duration": 0,
                "prompt_eval_count": read,
                "prompt_eval_duration": read * PIECE_NS,
                "eval_count": written,
                "eval_duration": written * PIECE_NS,
            }
        return line


def ndjson(value: Any) -> bytes:
    """A line of JSON."""
    return (dumps(value) + "\n").encode()


def _parts(value: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    if path == "/api/chat":
        return tuple(
            Part(str(item.get("role", "")), text) for item in messages(value) for text, _ in texts(item.get("content"))
        )
    return tuple(Part(role, value[key]) for role, key in (("system", "system"), ("user", "prompt")) if value.get(key))
