"""The contract of providers, kept through litellm in the protocols of OpenAI, Anthropic and Ollama."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from trainer.testing.completing import CompleteContract
from trainer_litellm import AnthropicProvider, OllamaProvider, OpenAIProvider

# pydantic warns of code in litellm at the end of every stream; Python shows such warnings to nobody by default.
# It keeps so many clients and drops the others unclosed; nobody but these tests asks hundreds of servers.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the:DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


class TestOpenAI(CompleteContract):
    model: ClassVar[str] = "openai/gpt-4o"
    key_variable: ClassVar[str] = "OPENAI_API_KEY"

    def make(self, url: str, key: str) -> Any:
        return OpenAIProvider(api_key=key, api_base=f"{url}/v1")


class TestAnthropic(CompleteContract):
    model: ClassVar[str] = "anthropic/claude-sonnet-4-5"
    excuses: ClassVar[Mapping[str, str]] = {
        "test_a_schema_reaches_the_server": "litellm closes the objects of a schema (additionalProperties), as Anthropic wants",
        "test_tokens_that_nobody_counted_are_unknown-plain": "litellm cannot read Anthropic's answer without a count",
    }
    key_variable: ClassVar[str] = "ANTHROPIC_API_KEY"

    def make(self, url: str, key: str) -> Any:
        return AnthropicProvider(api_key=key, api_base=url)


class TestOllama(CompleteContract):
    model: ClassVar[str] = "ollama_chat/llama3"
    excuses: ClassVar[Mapping[str, str]] = {
        "filter": "Ollama has no word for a filter",
        "test_tokens_read_from_a_cache_are_part_of_the_prompt": "Ollama does not tell what it had in its cache",
        "test_what_is_left_until_a_limit_is_told": "Ollama has no limits",
    }

    def make(self, url: str, key: str) -> Any:
        return OllamaProvider(api_key=key, api_base=url)
