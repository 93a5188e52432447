"""The plugins that open SQLite and PostgreSQL keep the contract of plugins that open stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.testing import OpenContract
from trainer_sql import PostgreSQL, PostgreSQLStore, SQLite


class TestSQLitePlugin(OpenContract):
    plugin = SQLite
    name = "sqlite"
    refused = ("sqlite:////dev/null/store.db",)

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/store.db"


class TestPostgreSQLPlugin(OpenContract):
    plugin = PostgreSQL
    name = "postgresql"
    refused = ("postgresql://me:hunter2@127.0.0.1:1/none",)

    @pytest.fixture
    def url(self, postgresql: str) -> Iterator[str]:
        yield f"{self.name}{postgresql.removeprefix('postgresql')}"
        with PostgreSQLStore(postgresql) as store:
            store._database.execute("DELETE FROM trainer_record RETURNING 1")
            store._database.execute("DELETE FROM trainer_history RETURNING 1")


class TestPostgresPlugin(TestPostgreSQLPlugin):
    name = "postgres"
