"""The source `database` keeps the contract of sources."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trainer.testing import RetrieveContract
from trainer.testing.contract import HEAVY
from trainer_database import Database


class TestDatabase(RetrieveContract):
    plugin = Database
    heavy = tuple({*HEAVY} - {"sqlalchemy"})  # which is what asks
    queries = (
        {"query": "SELECT * FROM prices ORDER BY day"},
        {"query": "SELECT price FROM prices WHERE day = :day", "day": "Mon"},
        {"query": "SELECT count(*) AS n FROM days", "connection": "other"},
    )
    refused = (
        {},
        {"query": "DELETE FROM prices"},
        {"query": "SELECT * FROM absent"},
        {"query": "SELECT price FROM prices WHERE day = :day"},
        {"query": "SELECT 1", "connection": "unknown"},
    )
    changes = {"max_rows": 1}  # noqa: RUF012

    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, Any]:
        for name, table in (("main.db", "prices"), ("other.db", "days")):
            with closing(sqlite3.connect(tmp_path / name)) as db:
                db.execute(f"CREATE TABLE {table} (day TEXT, price REAL)")
                db.executemany(f"INSERT INTO {table} VALUES (?, ?)", [("Mon", 1.5), ("Tue", None)])
                db.commit()
        return {"url": "sqlite:///main.db", "urls": {"other": "sqlite:///other.db"}, "root": str(tmp_path)}
