"""The plugins that open Redis, alone and before another store, keep the contract of plugins that open stores."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.testing import OpenContract
from trainer_redis import Hybrid, Redis


class TestRedisPlugin(OpenContract):
    plugin = Redis
    name = "redis"
    refused = ("redis://me:hunter2@127.0.0.1:1/0", "redis://127.0.0.1/none")

    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url

    @pytest.fixture
    def settings(self, prefix: str) -> dict[str, Any]:
        return {"prefix": prefix}


class TestHybridPlugin(OpenContract):
    plugin = Hybrid
    name = "hybrid"
    refused = ("hybrid:redis://127.0.0.1:1/0", "hybrid:nothing|nothing")

    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return f"hybrid:{redis_url}|sqlite://"

    @pytest.fixture
    def settings(self, prefix: str) -> dict[str, Any]:
        return {"prefix": prefix}
