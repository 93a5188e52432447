"""pytest fixtures; import their names in a conftest.py to have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trainer.testing.fake_llm.server import FakeLLM


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    """A `FakeLLM` for one test."""
    with FakeLLM() as llm:
        yield llm
