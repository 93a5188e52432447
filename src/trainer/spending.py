"""Money: what a completion costs, and limits that hold however many ask at once."""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from trainer.errors import Budget, VersionConflict
from trainer.models import Usage

if TYPE_CHECKING:
    from trainer.stores import DataStore

SPENDING = "trainer.spending"


@frozen
class Price:
    """USD per million tokens: of the prompt, of the answer, and of prompt tokens read from or put into a cache."""

    input: float
    output: float
    cached: float | None = None
    written: float | None = None

    def cost(self, usage: Usage) -> float:
        """What so many tokens cost, in USD."""
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.written is None else self.written
        plain = usage.input - usage.cached - usage.written
        total = plain * self.input + usage.cached * cached + usage.written * written + usage.output * self.output
        return total / 1e6


class Purse(Protocol):
    """A limit on what is spent, in USD: an amount is reserved before it may be spent, and settled after."""

    def reserve(self, amount: float) -> str:
        """Put an amount aside and return its name. Raises `Budget` if the limit does not allow for it."""

    def settle(self, name: str, cost: float) -> None:
        """Say what of a reservation was really spent."""


class Allowance:
    """A limit in this process, for one run.

    Where others have reserved what is missing, `reserve` waits: they may need less.
    """

    def __init__(self, limit: float, what: str = "this run", spent: float = 0.0) -> None:
        self.limit, self.spent, self._what = limit, spent, what
        self._reserved: dict[str, float] = {}
        self._change = threading.Condition(threading.RLock())

    def reserve(self, amount: float) -> str:
        """As `Purse.reserve`."""
        with self._change:
            while self.spent + sum(self._reserved.values()) + amount > self.limit:
                if not self._reserved or self.spent + amount > self.limit:
                    raise self._refusal(amount)
                self._change.wait()
            name = uuid.uuid4().hex
            self._reserved[name] = amount
            return name

    def settle(self, name: str, cost: float) -> None:
        """As `Purse.settle`."""
        with self._change:
            del self._reserved[name]
            self.spent += cost
            self._change.notify_all()

    def _refusal(self, amount: float) -> Budget:
        return _refusal(self._what, self.limit, self.spent, amount)


class StoreAllowance(Allowance):
    """A limit that all processes with the same store share, under the record `key`.

    A process draws more than it needs at once, at most a twentieth of the limit, and gives back what is left when it is
    closed. What a process had drawn when it was killed counts as spent: it may have been.
    """

    def __init__(self, store: DataStore, key: str, limit: float, what: str = "this batch") -> None:
        super().__init__(0.0, what)
        self._store, self._key, self._all = store, key, limit

    def reserve(self, amount: float) -> str:
        """As `Purse.reserve`."""
        with self._change:
            missing = self.spent + sum(self._reserved.values()) + amount - self.limit
            if missing > 0:
                self._draw(missing)
            return super().reserve(amount)

    def close(self) -> None:
        """Give back what was drawn and not spent."""
        with self._change:
            left = self.limit - self.spent - sum(self._reserved.values())
            if left > 0:
                self.limit -= left
                self._store.update(self._key, lambda data: {**data, "drawn": data["drawn"] - left})

    def _draw(self, amount: float) -> None:
        """Draw at least so much, if there is as much; else only what others of this process have reserved is left."""
        drawn = 0.0

        def take(data: dict[str, Any]) -> dict[str, Any]:
            nonlocal drawn
            there = self._all - data["drawn"]
            drawn = min(there, max(amount, self._all / 20)) if amount <= there else 0.0
            return {**data, "drawn": data["drawn"] + drawn}

        with suppress(VersionConflict):
            if not self._store.exists(self._key):
                self._store.store(self._key, {"drawn": 0.0}, source=SPENDING, if_version=0)
        self._store.update(self._key, take)
        if drawn == 0.0 and not self._reserved:
            raise self._refusal(amount)
        self.limit += drawn

    def _refusal(self, amount: float) -> Budget:
        held = self._store.retrieve(self._key)
        return _refusal(self._what, self._all, held.data["drawn"] if held else 0.0, amount)


def _refusal(what: str, limit: float, spent: float, amount: float) -> Budget:
    return Budget(
        f"{what} may cost {limit:.6g} USD; {spent:.6g} are spent, and one more answer may cost {amount:.6g}",
        "Nothing was sent. Allow for more, or for shorter answers (max_tokens).",
    )
