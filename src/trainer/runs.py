"""A run: what was asked, what has been found on the way, and its steps with the time they took."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from attrs import define, field

from trainer import logs
from trainer.instruction import Instruction, Template
from trainer.models import Context, Event, Finding, RunInfo

log = logging.getLogger("trainer.run")


@define
class Run:
    """A run, planned or under way: what was asked, and what has been found so far.

    `aims` maps each format beside Markdown to what the way to it has to pass: an engine, a conversion, a format, or "".
    """

    instruction: Instruction
    params: dict[str, str]
    models: tuple[str, ...]
    aims: Mapping[str, str]
    info: RunInfo
    observers: Sequence[Callable[[Event], None]] = ()
    dry: bool = False
    contexts: list[Context] = field(factory=list)
    findings: list[Finding] = field(factory=list)
    warnings: list[str] = field(factory=list)
    seconds: dict[str, float] = field(factory=dict)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats beside Markdown."""
        return tuple(self.aims)

    @property
    def title(self) -> str:
        """The report's title with its variables filled."""
        return Template(self.instruction.title).fill(self.params)

    @contextmanager
    def under_way(self) -> Iterator[Run]:
        """While this lasts, what is logged says that it is of this run."""
        begun, before, ended = time.perf_counter(), logs.current.set((self.info.id, "")), "failed"
        log.info("%s begins", self.info.instruction)
        try:
            yield self
            ended = "ends"
        finally:
            log.info("%s %s, %.3f s", self.info.instruction, ended, time.perf_counter() - begun)
            logs.current.reset(before)

    def step(self, name: str, detail: str = "") -> Step:
        """A context that times a step, tells observers of it, and notes on an error where it happened."""
        return Step(self, name, detail)


@define
class Step:
    """One step of a run, as a context."""

    run: Run
    name: str
    detail: str
    begun: float = 0.0
    before: Any = None

    def __str__(self) -> str:
        return f"{self.name} {self.detail}".rstrip()

    def __enter__(self) -> None:
        self.begun, self.before = time.perf_counter(), logs.current.set((self.run.info.id, self.name))
        log.debug("%s begins", self)
        self._tell("begin", None)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = time.perf_counter() - self.begun
        if error is not None:
            error.add_note(f"at step {self.name}")
        else:
            self.run.seconds[self.name] = round(self.run.seconds.get(self.name, 0) + seconds, 6)
        ended = "ends" if error is None else f"failed: {type(error).__name__}"  # what it says may quote a text
        log.info("%s %s, %.3f s", self, ended, seconds, extra={"seconds": round(seconds, 6)})
        self._tell("end" if error is None else "failed", seconds)
        logs.current.reset(self.before)

    def _tell(self, state: Literal["begin", "end", "failed"], seconds: float | None) -> None:
        for observer in self.run.observers:
            try:
                observer(Event(self.run.info.id, self.name, state, self.detail, seconds))
            except Exception:
                log.warning("an observer failed at %s %s", self.name, state, exc_info=True)
