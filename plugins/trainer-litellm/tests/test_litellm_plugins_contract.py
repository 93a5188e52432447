"""The plugin for any model, of which all others are made, keeps the contracts of providers and of embedders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainer.testing import EmbedContract, FakeLLM, ProviderContract
from trainer_litellm import LiteLLMProvider

# See test_litellm_contract.py.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the:DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


class Served:
    @pytest.fixture
    def settings(self, llm: FakeLLM) -> dict[str, Any]:
        return {"provider": "openai", "api_base": f"{llm.url}/v1", "api_key": "sk-test"}


class TestAny(Served, ProviderContract):
    plugin = LiteLLMProvider
    name = "any"
    model = "gpt-4o"


class TestAnyEmbedder(Served, EmbedContract):
    plugin = LiteLLMProvider
    name = "any"
    model = "text-embedding-3-small"
