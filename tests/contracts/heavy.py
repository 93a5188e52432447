"""A source and a provider that make everybody pay for what only they need."""

from __future__ import annotations

import numpy as np

from trainer_openai import OpenAIProvider

from .plugins import Source


class Heavy(Source):
    """It imports NumPy when it is listed."""

    numbers = np.float64


class HeavyProvider(OpenAIProvider):
    """It imports NumPy when it is listed."""
