"""Pace: at most so many requests a second, and pauses, for all processes of a machine together."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from trainer.errors import RateLimited, RetrievalError

progress = logging.getLogger("trainer.progress")  # at INFO: what is fetched and waited for, in words for people
TURNS = "CREATE TABLE IF NOT EXISTS turns (name TEXT PRIMARY KEY, seen REAL, next REAL, until REAL)"


class Clock(Protocol):
    """What is asked of a clock; the module `time` is one."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class Limiter:
    """Turns at whoever is called `name`, `rate` a second and `burst` at once, shared through the file `path`.

    It is the generic cell rate algorithm, in SQLite, which lets go of its lock when a process dies. Times are those
    of the monotonic clock, which is one for all processes and set by nobody; should it go back (the machine was
    started anew), what was left to wait is left still.
    """

    def __init__(self, path: Path, name: str, rate: float, burst: int = 1, clock: Clock = time) -> None:
        self._path, self._name, self._clock = path, name, clock
        self._step, self._slack = 1 / rate, (burst - 1) / rate

    def wait(self, end: float, amount: float = 1.0) -> None:
        """Return when it is our turn; the next is after as many steps as `amount` says.

        Raises `RateLimited` at once if our turn is after `end` (monotonic).
        """
        while (left := self._take(amount)) > 0:
            if self._clock.monotonic() + left > end:
                raise RateLimited(
                    f"no request may go to {self._name} for another {left:.0f} s: it was asked too often",
                    "Nothing was sent. Run again after that.",
                    retry_after=left,
                )
            progress.info("waiting %.1f s for a turn at %s", left, self._name)
            self._clock.sleep(left + 0.001)

    def pause(self, seconds: float) -> None:
        """Let nobody have a turn for so long."""
        with self._turns() as (db, now):
            db.execute("UPDATE turns SET until = max(until, ?) WHERE name = ?", (now + seconds, self._name))

    def charge(self, amount: float) -> None:
        """Let the next turn be later by so many steps, or earlier if there were fewer than thought."""
        with self._turns() as (db, _):
            db.execute("UPDATE turns SET next = next + ? WHERE name = ?", (amount * self._step, self._name))

    def _take(self, amount: float) -> float:
        """Take the turn if it has come, else how long it is until then; others may take it first."""
        with self._turns() as (db, now):
            following, until = db.execute("SELECT next, until FROM turns WHERE name = ?", (self._name,)).fetchone()
            left: float = max(following - self._slack, until) - now
            if left <= 0:
                db.execute(
                    "UPDATE turns SET next = ? WHERE name = ?", (max(following, now) + amount * self._step, self._name)
                )
            return left

    @contextmanager
    def _turns(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = OFF")  # what a crash of the machine could harm, it ends anyway
                db.execute("BEGIN IMMEDIATE")
                now = self._clock.monotonic()
                db.execute(TURNS)
                db.execute("INSERT OR IGNORE INTO turns VALUES (?1, ?2, ?2, ?2)", (self._name, now))
                db.execute(
                    "UPDATE turns SET next = next - seen + ?1, until = until - seen + ?1 WHERE seen > ?1", (now,)
                )
                yield db, now
                db.execute("UPDATE turns SET seen = ?", (now,))
                db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise RetrievalError(
                f"turns cannot be kept in {self._path}: {error}",
                "Delete that file, or let the state folder be one that can be written to.",
            ) from error


class ModelPace:
    """Turns at a provider of models: requests and tokens a minute, and the pauses that its servers ask for.

    The two rates are kept for all processes through the file `path`; without them nothing is written. Threads
    of one process stand in line here, so that they do not crowd at the file.
    """

    def __init__(
        self, path: Path, provider: str, requests: float | None, tokens: float | None, clock: Clock = time
    ) -> None:
        self._clock, self._until, self._line = clock, 0.0, threading.Lock()
        self._provider = provider
        self._requests = requests and Limiter(path, f"{provider} (requests)", requests / 60, clock=clock)
        self._tokens = tokens and Limiter(path, f"{provider} (tokens)", tokens / 60, clock=clock)

    def wait(self, tokens: int, end: float) -> None:
        """Return when a request of so many tokens may be sent. Raises `RateLimited` if that is after `end`."""
        while (left := self._until - self._clock.monotonic()) > 0:
            if self._clock.monotonic() + left > end:
                raise RateLimited(
                    f"{self._provider} wants no request for another {left:.0f} s",
                    "Nothing was sent. Run again after that.",
                    retry_after=left,
                )
            progress.info("%s: waiting %.1f s, as it asked", self._provider, left)
            self._clock.sleep(left + 0.001)
        if self._requests or self._tokens:
            with self._line:
                if self._requests:
                    self._requests.wait(end)
                if self._tokens:
                    self._tokens.wait(end, tokens)

    def learn(self, limits: Mapping[str, Any], surplus: int) -> None:
        """Take account of what a server said is left (see `CompletionResult`).

        `surplus` is how many tokens fewer were used than were waited for.
        """
        if self._tokens and surplus:
            self._tokens.charge(-surplus)
        for what in ("requests", "tokens"):
            if limits.get(what) == 0 and (reset := limits.get(f"{what}_reset")):
                self.pause(reset)

    def pause(self, seconds: float) -> None:
        """Let no request go out for so long."""
        self._until = max(self._until, self._clock.monotonic() + seconds)
