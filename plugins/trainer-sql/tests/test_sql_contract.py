"""The contract of every store, kept by SQLite on a file and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("trainer.testing.stores")

from trainer.stores import DataStore  # noqa: E402 - the line above must come first
from trainer.testing.stores import Clock, StoreContract  # noqa: E402
from trainer_sql import SQLiteStore  # noqa: E402


class TestOnAFile(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock) -> Iterator[DataStore]:
        with SQLiteStore(f"sqlite:///{tmp_path}/store.db", clock=clock) as store:
            yield store


class TestInMemory(StoreContract):
    queries = 200  # the engine is the same

    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[DataStore]:
        with SQLiteStore("sqlite://", clock=clock) as store:
            yield store
