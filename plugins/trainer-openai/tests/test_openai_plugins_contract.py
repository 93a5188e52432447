"""Each server's plugin keeps the contracts of providers and of embedders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainer.testing import EmbedContract, FakeLLM, ProviderContract
from trainer_openai import LlamaCppProvider, LMStudioProvider, OllamaProvider, OpenAIProvider, VLLMProvider

SERVERS = {
    "llamacpp": LlamaCppProvider, "lmstudio": LMStudioProvider, "ollama": OllamaProvider, "openai": OpenAIProvider,
    "vllm": VLLMProvider,
}  # fmt: skip


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


class Served:
    """A server that all settings lead to."""

    @pytest.fixture
    def settings(self, llm: FakeLLM) -> dict[str, Any]:
        return {"base_url": f"{llm.url}/v1", "api_key": "sk-test"}


class Provides(Served, ProviderContract):
    model = "fake-large"
    unread = frozenset({"timeout"})  # which is for lists of models and for vectors
    changes = {"base_url": "http://127.0.0.1:1/v1"}  # noqa: RUF012 - as a plugin's author writes it


class Embeds(Served, EmbedContract):
    model = "fake-embed"
    unread = frozenset({"streaming"})  # which is for completions
    changes = {"base_url": "http://127.0.0.1:1/v1"}  # noqa: RUF012


for _name, _plugin in SERVERS.items():
    for _contract in (Provides, Embeds):
        _called = f"Test{_plugin.__name__}{_contract.__name__}"
        globals()[_called] = type(_called, (_contract,), {"plugin": _plugin, "name": _name, "__module__": __name__})
