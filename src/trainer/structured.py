"""Answers that have to fit a JSON schema: what is wrong with one, and the turn that asks to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from trainer.errors import ConfigError
from trainer.models import Message, Prompt

ASK = "This does not fit the schema: {}\nAnswer again, with nothing but JSON that fits it."
FENCED = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL | re.IGNORECASE)


def unfenced(text: str) -> str:
    """The text without the Markdown fence that models like to put around JSON."""
    match = FENCED.match(text)
    return match[1] if match else text


def fault(text: str, schema: Mapping[str, Any]) -> str | None:
    """What keeps an answer from fitting a JSON schema, with its place; `None` if it fits.

    Raises `ConfigError` for a schema that is none, and where `jsonschema` is not installed.
    """
    try:
        from jsonschema import SchemaError, validators
    except ImportError as error:
        raise ConfigError(
            "the answer is to fit a schema, and nothing here checks that", "Run `pip install 'trainer-core[schema]'`."
        ) from error
    try:
        data = json.loads(unfenced(text))
    except ValueError as error:
        return f"it is not JSON: {error}"
    kind = validators.validator_for(schema)
    try:
        kind.check_schema(dict(schema))
    except SchemaError as error:
        raise ConfigError(f"the schema is not a JSON schema: {error.message}", "Mend it in the instruction.") from error
    found = sorted(kind(schema).iter_errors(data), key=lambda one: list(map(str, one.absolute_path)))
    return f"{found[0].json_path}: {found[0].message[:500]}" if found else None


def repair_turn(prompt: Prompt, answer: str, ask: str) -> Prompt:
    """The prompt followed by an answer that is not good enough, and by what is asked for instead."""
    return evolve(prompt, messages=(*prompt.messages, Message("assistant", answer), Message("user", ask)))
