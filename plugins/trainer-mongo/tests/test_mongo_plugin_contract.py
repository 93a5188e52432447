"""The plugin that opens MongoDB keeps the contract of plugins that open stores."""

from __future__ import annotations

import pytest

from trainer.testing import OpenContract
from trainer_mongo import MongoDB

from .wire_peer import WirePeer


class TestMongoDBPlugin(OpenContract):
    plugin = MongoDB
    name = "mongodb"
    refused = ("mongodb://me:hunter2@127.0.0.1:1/none?serverSelectionTimeoutMS=50",)

    @pytest.fixture
    def url(self, peer: WirePeer) -> str:
        return peer.uri
