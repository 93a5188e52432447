"""What the headers of an answer say of limits: what is left, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)(ms|s)?)?")
NAMES = (("x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
         ("anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset"))  # fmt: skip
PREFIX = "llm_provider-"  # before the names of headers, as litellm hands them on


def plain(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """Headers by lower-case name, without what litellm puts before it."""
    return {name.lower().removeprefix(PREFIX): str(value) for name, value in (headers or {}).items()}


def limits(headers: Mapping[str, str]) -> dict[str, float]:
    """`requests`, `tokens` that are left, `requests_reset`, `tokens_reset` in seconds, each if it is told.

    The headers are those of OpenAI, which most servers send, and of Anthropic.
    """
    found: dict[str, float] = {}
    for what in ("requests", "tokens"):
        for left, reset in NAMES:
            if (value := headers.get(left.format(what), "")).isdecimal():
                found[what] = int(value)
            if (seconds := wait(headers.get(reset.format(what), ""))) is not None:
                found[f"{what}_reset"] = seconds
    return found


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to be left alone (`Retry-After`, RFC 9110, section 10.2.3)."""
    return wait(headers.get("retry-after", ""))


def wait(text: str) -> float | None:
    """Seconds from now: of a number, a duration (`1m2.5s`), or a date by RFC 9110 or RFC 3339."""
    text = text.strip()
    if not text:
        return None
    if match := DURATION.fullmatch(text):
        hours, minutes, rest, unit = match.groups()
        try:
            seconds = float(rest or 0) / (1000 if unit == "ms" else 1)
        except ValueError:
            return None
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
    for read, slack in ((datetime.fromisoformat, 1), (parsedate_to_datetime, 0)):
        try:
            date = read(text)
        except (ValueError, TypeError):
            continue
        # Anthropic cuts its dates to whole seconds: the moment may be anywhere within the one that is told.
        left = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC) + timedelta(seconds=slack)
        return max(0.0, left.total_seconds())
    return None
