"""A source that makes everybody pay for what only it needs."""

from __future__ import annotations

import numpy as np

from .plugins import Source


class Heavy(Source):
    """It imports NumPy when it is listed."""

    numbers = np.float64
