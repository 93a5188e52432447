"""The contract of providers, kept in the protocol of SageMaker endpoints with a container that speaks as OpenAI does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trainer.testing.completing import CompleteContract
from trainer_sagemaker import AWSSageMakerProvider


class TestSageMaker(CompleteContract):
    model: ClassVar[str] = "sagemaker/my-endpoint"
    key_variable: ClassVar[str] = "AWS_ACCESS_KEY_ID"
    log_level: ClassVar[int] = logging.INFO  # below, botocore logs every request whole
    excuses: ClassVar[Mapping[str, str]] = {"test_what_is_left_until_a_limit_is_told": "SageMaker does not tell"}

    @pytest.fixture(autouse=True)
    def _no_other_credentials(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-0123456789")
        monkeypatch.delenv("AWS_PROFILE", raising=False)

    def make(self, url: str, key: str) -> Any:
        secret = "secret-0123456789" if key else ""
        return AWSSageMakerProvider(region="us-east-1", endpoint=url, access_key=key, secret_key=secret)
