"""The source `sec` keeps the contract of sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.testing import RetrieveContract
from trainer.testing.contract import HEAVY
from trainer.testing.replay import ReplayServer
from trainer_sec import SEC


class TestSEC(RetrieveContract):
    plugin = SEC
    heavy = tuple({*HEAVY} - {"httpx"})  # which is what asks
    queries = ({"ticker": "NWND"}, {"cik": "43"})
    refused = ({}, {"ticker": "NONE"}, {"ticker": "NWND", "view": "unknown"})
    changes = {"user_agent": ""}  # noqa: RUF012

    @pytest.fixture
    def settings(self, tmp_path: Path, edgar: ReplayServer) -> dict[str, Any]:
        urls = dict.fromkeys(("base_url", "archives_url", "search_url"), edgar.url)
        folders = {"cache": "cache", "state": "state", "root": str(tmp_path)}
        return {"user_agent": "Jane Doe jane@example.org", "rate": 10.0, **urls, **folders}
