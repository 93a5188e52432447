"""The source `yahoo` keeps the contract of sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.testing import RetrieveContract
from trainer.testing.contract import HEAVY
from trainer.testing.replay import Answer, ReplayServer
from trainer_yahoo import Yahoo

PAYLOADS = Path(__file__).parent / "payloads"
NONE = Answer({"quoteSummary": {"result": None, "error": {"code": "Not Found", "description": "No data"}}}, 404)


class TestYahoo(RetrieveContract):
    plugin = Yahoo
    heavy = tuple({*HEAVY} - {"httpx"})  # which is what asks
    queries = ({"symbol": "NWND.L"}, {"symbol": "NWND.L", "view": "quote"})
    refused = ({}, {"symbol": "NONE"}, {"symbol": "NWND.L", "view": "unknown"})

    @pytest.fixture
    def settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with ReplayServer() as server:
            page = server.add("/quote/AAPL", Answer(b"a page", headers={"Set-Cookie": "A3=d; Path=/"}))
            server.add("/v1/test/getcrumb", "cRuMb12345x")
            server.replay(PAYLOADS / "summary.json", "/v10/finance/quoteSummary/NWND.L")
            server.replay(PAYLOADS / "chart.json", "/v8/finance/chart/NWND.L")
            server.replay(PAYLOADS / "quote.json", "/v7/finance/quote")
            server.missing = NONE
            folders = {"cache": "cache", "state": "state", "root": str(tmp_path)}
            yield {"base_url": server.url, "page_url": page, "rate": 1e6, **folders}
