"""The source `rest` keeps the contract of sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.testing import RetrieveContract
from trainer.testing.contract import HEAVY
from trainer.testing.replay import Answer, ReplayServer
from trainer_rest import Rest


class TestRest(RetrieveContract):
    plugin = Rest
    heavy = tuple({*HEAVY} - {"httpx"})  # which is what asks
    queries = ({"api": "items", "id": "7"}, {"api": "items", "id": "8"})
    refused = ({}, {"api": "unknown"}, {"api": "items", "id": "9"}, {"url": "http://127.0.0.1:1/elsewhere"})

    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with ReplayServer() as server:
            server.add("/v1/items/7", {"id": 7, "tags": ["a"]})
            server.add("/v1/items/8", {"id": 8, "tags": []})
            server.missing = Answer({"error": "not found"}, 404)
            yield {
                "hosts": [server.url],
                "apis": {"items": {"url": f"{server.url}/v1/items/{{id}}"}},
                "rate": 1e6,
                "retries": 0,
                "root": str(tmp_path),
                "state": "state",
            }
