"""The contract of every store, kept by PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("trainer.testing.stores")

from trainer.stores import DataStore  # noqa: E402 - the line above must come first
from trainer.testing.stores import Clock, StoreContract  # noqa: E402
from trainer_sql import PostgreSQLStore  # noqa: E402


class TestOnAServer(StoreContract):
    @pytest.fixture
    def store(self, postgresql: str, clock: Clock) -> Iterator[DataStore]:
        # Not waiting for the disk makes the same answers, sooner.
        with PostgreSQLStore(f"{postgresql}%20-csynchronous_commit%3Doff", clock=clock) as store:
            yield store
            store._database.execute("DELETE FROM trainer_record RETURNING 1")
            store._database.execute("DELETE FROM trainer_history RETURNING 1")
