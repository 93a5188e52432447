"""The plugin keeps the contract of providers, whatever its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainer.testing import FakeLLM, ProviderContract
from trainer_bedrock import AWSBedrockProvider


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


class TestPlugin(ProviderContract):
    plugin = AWSBedrockProvider
    name = "bedrock"
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"

    @pytest.fixture
    def settings(self, llm: FakeLLM) -> dict[str, Any]:
        return {"region": "us-east-1", "endpoint": llm.url, "access_key": "AKIATEST", "secret_key": "secret-test"}
