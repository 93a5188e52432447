"""What the headers of an answer say of limits: what is left, and how long to wait."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0  # seconds: nobody is believed who says to wait for more than a day
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def limits(headers: Mapping[str, str]) -> dict[str, float]:
    """`requests` and `tokens` that are left, `requests_reset` and `tokens_reset` in seconds, each if it is told.

    The headers are OpenAI's `x-ratelimit-…`, which most compatible servers send too.
    """
    found: dict[str, float] = {}
    for what in ("requests", "tokens"):
        left, reset = headers.get(f"x-ratelimit-remaining-{what}"), headers.get(f"x-ratelimit-reset-{what}")
        if left is not None and left.isdecimal():
            found[what] = int(left)
        if reset is not None and (seconds := duration(reset)) is not None:
            found[f"{what}_reset"] = seconds
    return found


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `Retry-After` (RFC 9110, section 10.2.3), or until the limit that is used up is reset."""
    given = number(headers.get("retry-after-ms", ""))
    if given is not None:
        return min(given / 1000, LONGEST)
    text = headers.get("retry-after", "").strip()
    if text:
        given = number(text)
        return _until(text) if given is None else min(given, LONGEST)
    told = limits(headers)
    return max((told.get(f"{what}_reset", 0.0) for what in ("requests", "tokens") if told.get(what) == 0), default=None)


def duration(text: str) -> float | None:
    """`1h6m0s`, `17ms` or `1.5` (seconds) in seconds; `None` for anything else."""
    seconds = number(text)
    if seconds is None and PART.sub("", text.strip()) == "":
        seconds = sum(float(value) * UNITS[unit] for value, unit in PART.findall(text)) if text.strip() else None
    return None if seconds is None else min(seconds, LONGEST)


def number(text: str) -> float | None:
    """A number that is neither negative nor endless; `None` for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
    return min(max(wait.total_seconds(), 0.0), LONGEST)
