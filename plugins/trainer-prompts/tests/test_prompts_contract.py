"""The three strategies keep the contract of strategies."""

from __future__ import annotations

from trainer.testing import ComposeContract
from trainer_prompts import Hierarchical, Parallel, Sequential


class TestSequential(ComposeContract):
    plugin = Sequential


class TestParallel(ComposeContract):
    plugin = Parallel


class TestHierarchical(ComposeContract):
    plugin = Hierarchical
