"""What all tests share: contracts tell their values, and one module's leftovers cost no other module time."""

import gc

import pytest

pytest.register_assert_rewrite("trainer.testing.stores", "trainer.testing.completing")


@pytest.fixture(autouse=True, scope="module")
def short_memory() -> None:
    """Keep what earlier modules left out of garbage collection, which takes its time from whoever is measured."""
    gc.collect()
    gc.freeze()
