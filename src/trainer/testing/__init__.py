"""For those who write plugins: contracts that a plugin must keep, and real parts to test against."""

from typing import Any

_FAKE = {"FakeLLM", "Fault", "Limits", "Reply", "Usage", "obey"}


def __getattr__(name: str) -> Any:
    if name not in _FAKE:
        raise AttributeError(f"module 'trainer.testing' has no attribute {name!r}")
    from trainer.testing import fake_llm

    return getattr(fake_llm, name)
