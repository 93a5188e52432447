"""What litellm knows of models: its table of prices and limits, read from its package without a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trainer.models import ModelInfo

TABLE = "model_prices_and_context_window_backup.json"
FAMILIES = {"bedrock_converse": "bedrock", "cohere_chat": "cohere"}


def model_info(model: str) -> ModelInfo | None:
    """What is known of `provider/name`; `None` if it is not in the table."""
    provider, _, name = model.partition("/")
    table = entries()
    for key in (model, name):
        entry = table.get(key)
        if entry and provider_of(entry) == provider:
            return _info(key, entry)
    return None


def models(provider: str = "") -> Iterator[ModelInfo]:
    """Every model for chats in the table, or those of one provider."""
    for key, entry in entries().items():
        if entry.get("mode") == "chat" and provider in ("", provider_of(entry)):
            yield _info(key, entry)


def provider_of(entry: Mapping[str, Any]) -> str:
    """The prefix that a model of the table is asked by."""
    name = str(entry.get("litellm_provider", ""))
    return FAMILIES.get(name, name.partition("-")[0])


def entries() -> Mapping[str, Mapping[str, Any]]:
    """The table: that of a program which has imported litellm, with what it added, or else the package's file."""
    loaded = sys.modules.get("litellm")
    table: Mapping[str, Mapping[str, Any]] = getattr(loaded, "model_cost", None) or _shipped()
    return table


@cache
def _shipped() -> Mapping[str, Mapping[str, Any]]:
    spec = find_spec("litellm")  # which imports nothing; the import takes seconds
    folder = Path(spec.origin or "").parent if spec else Path()
    table: Mapping[str, Mapping[str, Any]] = json.loads((folder / TABLE).read_text(encoding="utf-8"))
    return table


def _info(key: str, entry: Mapping[str, Any]) -> ModelInfo:
    provider = provider_of(entry)
    return ModelInfo(
        key.removeprefix(f"{provider}/"),
        provider,
        context=_whole(entry.get("max_input_tokens")),
        output=_whole(entry.get("max_output_tokens")),
        input_price=_million(entry.get("input_cost_per_token")),
        output_price=_million(entry.get("output_cost_per_token")),
    )


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _million(value: Any) -> float | None:
    return round(value * 1e6, 9) if isinstance(value, int | float) else None
