"""Grounding: every figure in a text is looked up in the records that the text was written from."""

from __future__ import annotations

from trainer_guard.grounding.grounding import Grounding
from trainer_guard.grounding.guard import Grounded
from trainer_guard.grounding.result import Figure, GroundingResult, Origin, Quote, Status

__all__ = ["Figure", "Grounded", "Grounding", "GroundingResult", "Origin", "Quote", "Status"]
