"""The contract of every store, kept by the MongoDB store: with the wire peer, and with a server if there is one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from trainer.stores import DataStore
from trainer.testing.stores import Clock, StoreContract
from trainer_mongo import MongoDBStore

from .wire_peer import WirePeer

SERVER = os.environ.get("TRAINER_TEST_MONGODB_URI", "")


class TestOnTheWirePeer(StoreContract):
    queries = int(os.environ.get("TRAINER_QUERIES", "400"))

    @pytest.fixture
    def store(self, peer: WirePeer, clock: Clock) -> Iterator[DataStore]:
        with MongoDBStore(peer.uri, clock=clock) as store:
            yield store


class TestOnAServer(StoreContract):
    __test__ = bool(SERVER)

    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[DataStore]:
        from pymongo import MongoClient

        name = f"trainer_test_{uuid.uuid4().hex}"
        with MongoDBStore(SERVER, database=name, clock=clock) as store:
            yield store
        with MongoClient(SERVER) as client:
            client.drop_database(name)


@pytest.mark.skipif(not SERVER, reason="TRAINER_TEST_MONGODB_URI names no MongoDB server: only the wire peer was asked")
def test_the_contract_was_run_with_a_server() -> None:
    assert TestOnAServer.__test__
