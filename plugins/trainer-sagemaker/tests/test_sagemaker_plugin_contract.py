"""The plugin keeps the contract of providers, whatever its settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainer.testing import FakeLLM, ProviderContract
from trainer_sagemaker import AWSSageMakerProvider


@pytest.fixture(scope="module")
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


class TestPlugin(ProviderContract):
    plugin = AWSSageMakerProvider
    name = "sagemaker"
    model = "my-endpoint"

    @pytest.fixture
    def settings(self, llm: FakeLLM) -> dict[str, Any]:
        return {"region": "us-east-1", "endpoint": llm.url, "access_key": "AKIATEST", "secret_key": "secret-test"}
