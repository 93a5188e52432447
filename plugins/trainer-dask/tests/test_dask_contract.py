"""The executor `dask` keeps the contract of executors, on workers that are processes and die."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trainer.testing import ExecuteContract
from trainer_dask import Dask


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster whose parts are processes of their own, and which starts anew what died."""
    from distributed.deploy.subprocess import SubprocessCluster

    with SubprocessCluster(n_workers=2, threads_per_worker=4, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


class TestDask(ExecuteContract):
    plugin = Dask

    @pytest.fixture
    def settings(self, scheduler: str) -> dict[str, Any]:
        return {"address": scheduler}
