"""The contract of providers: with a key, without one, and in one piece."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("trainer.testing.completing")

from trainer.testing.completing import CompleteContract  # noqa: E402 - the line above must come first
from trainer_openai import LlamaCppProvider, OllamaProvider, OpenAIProvider  # noqa: E402


class TestWithAKey(CompleteContract):
    model = "openai/fake-large"
    key_variable = "OPENAI_API_KEY"

    def make(self, url: str, key: str) -> Any:
        return OpenAIProvider(base_url=f"{url}/v1", api_key=key)


class TestWithoutAKey(CompleteContract):
    model = "ollama/fake-large"

    def make(self, url: str, key: str) -> Any:
        return OllamaProvider(base_url=f"{url}/v1", api_key=key)


class TestInOnePiece(CompleteContract):
    model = "llamacpp/fake-large"
    in_pieces = False

    def make(self, url: str, key: str) -> Any:
        return LlamaCppProvider(base_url=f"{url}/v1/", api_key=key, streaming=False)
