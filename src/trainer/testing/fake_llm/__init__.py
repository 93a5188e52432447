"""A server on this machine that answers like those of language models, and fails the way they do."""

from __future__ import annotations

from trainer.testing.fake_llm.asking import Ask, Part, Reply, Request, Usage
from trainer.testing.fake_llm.faults import Fault
from trainer.testing.fake_llm.limits import Limits
from trainer.testing.fake_llm.schemas import obey
from trainer.testing.fake_llm.server import FakeLLM

__all__ = ["Ask", "FakeLLM", "Fault", "Limits", "Part", "Reply", "Request", "Usage", "obey"]
