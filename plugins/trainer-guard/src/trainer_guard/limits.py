"""How much may come in: which values a parameter may have, and how often somebody may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from attrs import define, field, validators

from trainer import Finding, RunInfo, Stage, hookimpl, plugin
from trainer_guard.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainer import Segment

GUARD = "limits"
PLAIN = (str, int, float, bool, type(None))


def check_values(
    values: Mapping[str, Any], allowed: Mapping[str, Sequence[str]], blocked: Sequence[str]
) -> list[Finding]:
    """What speaks against the parameters `values`, by their order as segments.

    A value must be text, a number, a truth value or nothing; one of those in `allowed` under its name, if it has
    any there; and hold none of the words in `blocked`, whatever their case or disguise.
    """
    words = [(word, fold(word)) for word in blocked]
    found = []
    for number, (name, value) in enumerate(values.items()):
        if not isinstance(value, PLAIN):
            found.append(_finding("type", f"{name!r} is a {type(value).__name__}", number))
        elif name in allowed and str(value) not in allowed[name]:
            found.append(_finding("allow-list", f"{name!r} is none of {', '.join(allowed[name])}", number))
        else:
            folded = fold(str(value))
            found += [
                _finding("block-list", f"{name!r} holds {word!r}", number) for word, plain in words if plain in folded
            ]
    return found


def _finding(category: str, message: str, segment: int) -> Finding:
    return Finding(GUARD, category, message, "high", segment, deterministic=True)


@define
class RateLimiter:
    """Lets each user ask `requests` times in `seconds`, all at once or spread out: a token bucket for each.

    `clock` tells seconds. At most `users` are remembered; the one longest unseen is forgotten first, unless
    it would gain by that: then it is the newcomer who waits.
    """

    requests: int = field(default=0, validator=validators.ge(0))
    seconds: float = field(default=60.0, validator=validators.gt(0))
    clock: Callable[[], float] = time.monotonic
    users: int = field(default=100_000, validator=validators.ge(1))
    _buckets: OrderedDict[str, tuple[float, float]] = field(init=False, factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def allow(self, user: str) -> bool:
        """Whether `user` may ask now; if so, this counts as asking."""
        return self.wait(user) == 0

    def wait(self, user: str) -> float:
        """Seconds until `user` may ask: 0 if now, and then this counts as asking."""
        with self._lock:
            at = self.clock()
            if user not in self._buckets and len(self._buckets) >= self.users and not self._forget(at):
                return self.seconds / self.requests
            left = self._left(user, at)
            if left < 1:
                self._buckets[user] = (left, at)
                return (1 - left) * self.seconds / self.requests
            self._buckets[user] = (left - 1, at)
            self._buckets.move_to_end(user)
            return 0.0

    def _left(self, user: str, at: float) -> float:
        left, then = self._buckets.get(user, (float(self.requests), at))
        # A billionth more, so that who waits exactly as long as told is let in.
        return min(self.requests, left + max(at - then, 0) * self.requests / self.seconds + 1e-9)

    def _forget(self, at: float) -> bool:
        eldest = next(iter(self._buckets))
        if self._left(eldest, at) < self.requests:
            return False
        del self._buckets[eldest]
        return True


@plugin
class Limits:
    """The guard `limits`: each user may start `requests` runs in `seconds`, counted in this process; 0 is no limit.

    Who the user is, the host says (`Pipeline.run(…, user=…)`), and nothing in a request does; those of whom it says
    nothing are one user together. What is outside of a run (`trainer secure`) is not counted.
    """

    requests: int = field(default=0, validator=validators.ge(0))
    seconds: float = field(default=60.0, validator=validators.gt(0))
    _limiter: RateLimiter = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._limiter = RateLimiter(max(self.requests, 1), self.seconds)

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:  # noqa: ARG002
        """One finding at the start of a run that comes too early."""
        counted = self.requests and run.id and stage is Stage.INPUT
        wait = self._limiter.wait(run.user) if counted else 0
        return [_finding("rate-limit", f"too many requests; the next may come in {wait:.1f} s", 0)] if wait else []
