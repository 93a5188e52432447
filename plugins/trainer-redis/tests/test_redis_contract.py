"""The contract of every store, kept by Redis."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("trainer.testing.stores")

from trainer.stores import DataStore  # noqa: E402 - the line above must come first
from trainer.testing.stores import Clock, StoreContract  # noqa: E402
from trainer_redis import HybridStore, RedisStore  # noqa: E402
from trainer_sql import SQLiteStore  # noqa: E402


def opened(store: HybridStore) -> HybridStore:
    """The store, once its cache is in use."""
    while store._coherence.readable() is None:
        time.sleep(0.005)
    return store


class TestRedis(StoreContract):
    has_indexes = False
    queries = int(os.environ.get("TRAINER_QUERIES", "600"))

    @pytest.fixture
    def store(self, redis_url: str, prefix: str, clock: Clock) -> Iterator[DataStore]:
        with RedisStore(redis_url, prefix=prefix, clock=clock) as store:
            yield store


class TestHybrid(StoreContract):
    queries = 200  # they go to the store behind

    @pytest.fixture
    def store(self, redis_url: str, prefix: str, clock: Clock) -> Iterator[DataStore]:
        behind = SQLiteStore("sqlite://", clock=clock)
        with opened(HybridStore(redis_url, behind, prefix=prefix, lease=0.02, clock=clock)) as store:
            yield store
