"""What a command is doing: its steps, and a line for what is fetched and waited for, gone when it is done."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.models import Event


class Progress(logging.Handler):
    """As a context, it shows on a terminal what is logged under `trainer.progress`; `step` is an observer of runs."""

    def __init__(self, *, shown: bool) -> None:
        super().__init__()
        self._shown, self._stack = shown, ExitStack()
        self._said: dict[str, str] = {}

    def __enter__(self) -> None:
        if self._shown:
            from rich.console import Console

            logger = logging.getLogger("trainer.progress")
            self._status = self._stack.enter_context(Console(stderr=True).status(""))
            logger.addHandler(self)
            self._stack.callback(logger.removeHandler, self)
            logger.setLevel(logging.INFO)
            self._stack.callback(logger.setLevel, logging.NOTSET)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Show the last that each logger said on one line, cut to the terminal's width."""
        from rich.text import Text

        self._said[record.name] = "".join(char if char.isprintable() else " " for char in record.getMessage())
        self._status.update(Text(", ".join(self._said.values()), no_wrap=True, overflow="ellipsis"))

    def step(self, event: Event) -> None:
        """Show that a step has begun, or leave a line about how it ended."""
        if not self._shown:
            return
        from rich.markup import escape

        if event.state == "begin":
            self._said.clear()
            logging.getLogger("trainer.progress").info("%s %s", event.step, event.detail)
            return
        mark = "[green]✓[/]" if event.state == "end" else "[red]✗[/]"
        line = f"{mark} {event.step:<9} {escape(event.detail):<40} {event.seconds or 0:6.2f} s"
        self._status.console.print(line, highlight=False)
