"""From our requests to litellm's arguments, and from its answers to ours."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from trainer.catalog import did_you_mean
from trainer.completing import LARGEST_ANSWER
from trainer.errors import Auth, ConfigError, UnknownModel
from trainer.instruction import Instruction
from trainer.models import CompletionRequest, Message, Prompt, Usage

FINISHES = {"content_filter": "filter"}
MARKS = 4  # as many beginnings as Anthropic and Bedrock keep
# Their models are told what to keep; the others find out themselves, and some refuse marks.
MARKED = {"bedrock": ("claude", "nova"), "vertex_ai": ("claude",), "openrouter": ("claude",), "databricks": ("claude",)}


NO_INSTRUCTION = Instruction.parse("A text alone.", "request.md")


def question(request: CompletionRequest | str, model: str, params: Mapping[str, Any]) -> CompletionRequest:
    """A request, or the one that a text alone stands for."""
    if isinstance(request, CompletionRequest):
        return request
    return CompletionRequest(model, Prompt((Message("user", request),), NO_INSTRUCTION), dict(params))


def messages(asked: Iterable[Message], model: str) -> list[dict[str, Any]]:
    """Messages as OpenAI writes them; parts to be cached are marked where the model's provider wants marks."""
    every = list(asked)
    marked = {id(message) for message in [one for one in every if one.cache][-MARKS:]} if takes_marks(model) else set()
    return [{"role": one.role, "content": _marked(one.text) if id(one) in marked else one.text} for one in every]


def takes_marks(model: str) -> bool:
    """Whether a model's provider has to be told what to cache."""
    provider, _, name = model.partition("/")
    return provider == "anthropic" or any(word in name for word in MARKED.get(provider, ()))


def _marked(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema as OpenAI asks for it, which litellm translates."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}


def usage(given: Any) -> Usage | None:
    """litellm's count of tokens; `None` where it made up zeros."""
    if given is None or not (given.prompt_tokens or given.completion_tokens):
        return None
    details = getattr(given, "prompt_tokens_details", None)
    cached = getattr(given, "cache_read_input_tokens", None) or getattr(details, "cached_tokens", None) or 0
    written = getattr(given, "cache_creation_input_tokens", None) or 0
    return Usage(int(given.prompt_tokens), int(given.completion_tokens), int(cached), int(written))


def default_limit(model: str, params: Mapping[str, Any]) -> dict[str, int]:
    """How long an answer of Anthropic may be, who has to be told; litellm would say the most that the model can."""
    told = not model.startswith("anthropic/") or params.keys() & {"max_tokens", "max_completion_tokens"}
    return {} if told else {"max_tokens": LARGEST_ANSWER}


def check_key(key: str, model: str) -> None:
    """Raises `ConfigError` for a key that no HTTP header can carry."""
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"the key for {model} has characters that no key has (a line end?)", "Write the key alone into api_key."
        )


def check_provider(litellm: Any, model: str) -> None:
    """Raises `UnknownModel` if nobody is known by the prefix of `model`."""
    prefix = model.partition("/")[0]
    known = [str(getattr(one, "value", one)) for one in litellm.provider_list]
    if prefix not in known:
        raise UnknownModel(
            f"neither a plugin nor litellm answers to complete '{prefix}'{did_you_mean(prefix, known)}",
            "Write the model as provider/name.",
        )


def check_environment(litellm: Any, model: str) -> None:
    """Raises `Auth`, naming the variable, if the provider of `model` wants a key and there is none."""
    if model.startswith("azure"):
        return  # it may be a token of Entra ID instead
    found = litellm.validate_environment(model=model)
    missing = [name for name in found["missing_keys"] if name.endswith("_API_KEY")]
    for name in missing:
        check_key(os.environ.get(name, ""), model)
    if missing:
        raise Auth(f"{model} needs a key: {' or '.join(missing)} is not set", f"Run `export {missing[0]}=…` first.")


def finite(cost: Any) -> float | None:
    """A cost in USD, if it is one."""
    return float(cost) if isinstance(cost, int | float) and math.isfinite(cost) and cost >= 0 else None
