"""The assertions of contracts tell their values, whichever test imports them first."""

import pytest

pytest.register_assert_rewrite("trainer.testing.stores", "trainer.testing.completing")
