"""From what a server says is wrong to the error it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from trainer.errors import Auth, CompletionError, ContextLength, Filtered, Overloaded, Quota, RateLimited, UnknownModel
from trainer_openai.limits import retry_after

QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
CONTEXT = {"context_length_exceeded", "exceed_context_size_error"}  # the second is llama.cpp's
FILTER = {"content_filter", "content_policy_violation", "moderation_blocked"}
LIMIT = {"rate_limit_exceeded", "rate_limit_error"}
# What servers without a code for it say: vLLM, LM Studio, llama.cpp and llama-cpp-python, each in several versions.
TOO_LONG = re.compile(
    r"maximum (context|model) length|context (length|size|window) (of only|has been exceeded)"
    r"|(exceeds?|greater than) (the )?(available )?context (length|size|window)|too long to fit into the model",
    re.IGNORECASE,
)
TAG = re.compile(r"<[^>]*>|\s+")
LONGEST_QUOTE = 300


@frozen
class Complaint:
    """What a server says is wrong. `status` is HTTP's, or 0 where there is none; `words` are its codes and types."""

    status: int
    message: str
    words: frozenset[str]
    param: str = ""


def read(status: int, body: bytes) -> Complaint:
    """The complaint in the body of an answer, JSON or not."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Complaint(status, TAG.sub(" ", body.decode("utf-8", "replace")).strip(), frozenset())
    return complaint(value, status) or Complaint(status, body.decode("utf-8", "replace"), frozenset())


def complaint(value: Any, status: int = 0) -> Complaint | None:
    """The complaint in an answer or in a piece of a stream; `None` if it is none.

    It is `{"error": {"message": …, "type": …, "code": …}}`; some servers leave the outer or the inner object away.
    """
    if not isinstance(value, Mapping):
        return None
    told = value if value.get("object") == "error" else value.get("error") or value.get("detail")
    if not told:
        return None
    if not isinstance(told, Mapping):
        return Complaint(status, told if isinstance(told, str) else json.dumps(told), frozenset())
    code = told.get("code")
    if not status and isinstance(code, int) and 400 <= code < 600:
        status = code
    words = frozenset(word for word in (code, told.get("type")) if isinstance(word, str))
    return Complaint(status, str(told.get("message") or ""), words, str(told.get("param") or ""))


def error(
    who: str, model: str, told: Complaint, headers: Mapping[str, str], advice: Mapping[type, str]
) -> CompletionError:
    """What is to be raised; `advice` are the provider's own remedies for kinds of error."""
    quoted = told.message[:LONGEST_QUOTE] or "no reason given"
    status = f" ({told.status})" if told.status else ""
    kind = _kind(told)
    remedy = advice.get(kind) or REMEDIES[kind]
    if told.param == "stream":
        remedy = "Set `streaming = false` for this provider in trainer.toml."
    wait = retry_after(headers) if kind in (RateLimited, Overloaded) else None
    return kind(f"{who} {WHAT[kind].format(model=model)}{status}: {quoted}", remedy, retry_after=wait)


def masked(told: Complaint, message: str) -> Complaint:
    """The complaint with another message."""
    return evolve(told, message=message)


def _kind(told: Complaint) -> type[CompletionError]:
    status, words = told.status, told.words
    if words & QUOTA or status == 402:
        return Quota
    if words & CONTEXT or status == 413 or (status in (0, 400, 422, 500) and TOO_LONG.search(told.message)):
        return ContextLength
    if words & FILTER:
        return Filtered
    if status in (401, 403) or "invalid_api_key" in words:
        return Auth
    if status == 404 or "model_not_found" in words:
        return UnknownModel
    if status == 429 or words & LIMIT:
        return RateLimited
    # What breaks off a stream without a status or a known code is the server's own failure.
    if not status or status in (408, 409, 425) or status >= 500:
        return Overloaded
    return CompletionError


WHAT: Mapping[type[CompletionError], str] = {
    Auth: "does not accept the key",
    CompletionError: "refuses the request",
    ContextLength: "finds the prompt too long for {model}",
    Filtered: "holds the answer back by its filter",
    Overloaded: "cannot answer now",
    Quota: "says that the account is used up",
    RateLimited: "was asked too often",
    UnknownModel: "has no model {model}",
}
REMEDIES: Mapping[type[CompletionError], str] = {
    Auth: "Check the key, and what it may be used for.",
    CompletionError: "Check the parameters and settings of the model.",
    ContextLength: "Give less data or background, or use a model with a longer context.",
    Filtered: "Word the instruction differently, or use another model.",
    Overloaded: "Try again later, or use another model.",
    Quota: "Look at the account's plan and billing, or use another model.",
    RateLimited: "Try again later, or set requests_per_minute under [completion] in trainer.toml.",
    UnknownModel: "Check the model's name, and base_url in the settings.",
}
