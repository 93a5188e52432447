"""Limits by the minute, kept the way providers keep them: a bucket that fills evenly."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen
class Limits:
    """Requests and tokens a minute. What flows in within `window` seconds is the largest burst."""

    requests: int | None = None
    tokens: int | None = None
    window: float = 60.0


@define
class Bucket:
    """What is left of one limit."""

    limit: int
    window: float
    level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.level = self.size

    @property
    def size(self) -> float:
        """How much it can hold."""
        return max(1.0, self.limit * self.window / 60)

    def fill(self, now: float) -> None:
        """Let in what has flowed since it was last looked at."""
        if self._at is not None:
            self.level = min(self.size, self.level + (now - self._at) * self.limit / 60)
        self._at = now

    def wait(self, amount: float) -> float:
        """Seconds until so much is there; more than the bucket holds counts as a full bucket."""
        return max(0.0, (min(amount, self.size) - self.level) * 60 / self.limit)

    def reset(self) -> float:
        """Seconds until it is full."""
        return (self.size - self.level) * 60 / self.limit


class Meter:
    """Keeps `Limits`."""

    def __init__(self, limits: Limits) -> None:
        self.buckets = {
            name: Bucket(limit, limits.window)
            for name, limit in (("requests", limits.requests), ("tokens", limits.tokens))
            if limit
        }

    def take(self, tokens: int, now: float) -> float:
        """Take one request of so many tokens; if that is too much, take nothing and return the seconds to wait."""
        amounts = {"requests": 1.0, "tokens": float(tokens)}
        for bucket in self.buckets.values():
            bucket.fill(now)
        wait = max((bucket.wait(amounts[name]) for name, bucket in self.buckets.items()), default=0.0)
        if not wait:
            for name, bucket in self.buckets.items():
                bucket.level -= amounts[name]
        return wait
