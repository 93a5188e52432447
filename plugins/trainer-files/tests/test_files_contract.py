"""The source `file` keeps the contract of sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.testing import RetrieveContract
from trainer_files import File


class TestFile(RetrieveContract):
    plugin = File
    queries = (
        {"path": "prices.json"},
        {"path": "days.csv", "where": {"day": "Tue"}, "limit": 1},
        {"path": "notes/*.md"},
    )
    refused = ({}, {"path": "absent.json"}, {"path": "../outside.json"}, {"path": "broken.json"}, {"path": "*.gone"})
    changes = {"max_bytes": 3}  # noqa: RUF012

    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "prices.json").write_text(json.dumps({"prices": [1, 2.5, None], "ä": {"b": True}}))
        (tmp_path / "broken.json").write_text("{")
        (tmp_path / "days.csv").write_text("day,n\nMon,1\nTue,2\nTue,3\n")
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "one.md").write_text("# One\n")
        return {"root": str(tmp_path)}
