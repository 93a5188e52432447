"""A peer for each test, and a store that speaks to it by the real driver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("trainer.testing.stores")

from trainer.testing.stores import Clock  # noqa: E402 - the line above must come first
from trainer_mongo import MongoDBStore  # noqa: E402

from .wire_peer import WirePeer  # noqa: E402


@pytest.fixture
def peer() -> Iterator[WirePeer]:
    peer = WirePeer()
    yield peer
    peer.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mongo(peer: WirePeer) -> Iterator[MongoDBStore]:
    with MongoDBStore(f"{peer.uri}/test") as store:
        yield store
