"""The class that writes without a model keeps the contract of providers."""

from __future__ import annotations

from trainer.testing import ProviderContract
from trainer_offline import Offline


class TestOfflinePlugin(ProviderContract):
    plugin = Offline
    name = "offline"
    model = "report"
