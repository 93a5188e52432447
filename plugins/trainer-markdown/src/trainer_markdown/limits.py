"""How much of a document is worked on, so that no text can hold a machine for long."""

from __future__ import annotations

import time

from trainer.errors import ConversionError

SIZE = 5_000_000  # bytes of Markdown
SIGNS = {
    "|": 250_000,  # each is at most one table cell to parse
    "&": 100_000,  # the sanitiser's time grows with the square of these two within one paragraph
    "\u00a0": 100_000,
}
CELLS = 250_000  # table cells written, with those that short rows are filled up with
DEPTH = 100  # levels of the tree: the sanitiser's time grows with the square of the depth
MARKS = 400  # runs of `*` and `_` in one paragraph: the parser's time grows with their square and more
ADDRESSES = 10_000_000  # characters of link targets: one definition can be referred to a million times
SECONDS = 3.0  # of this thread's processor time, for reading


class Budget:
    """Processor time that a conversion may use."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._end = time.thread_time() + seconds
        self._checks = 0

    def check(self) -> None:
        """Look at the clock each eighth time, because it is slow to read."""
        self._checks += 1
        if self._checks % 8 == 0:
            self.look()

    @property
    def spent(self) -> bool:
        """Whether the time is used up."""
        return time.thread_time() > self._end

    def look(self) -> None:
        """Raise `ConversionError` once the time is used up."""
        if self.spent:
            raise too_much(f"it needs more than {SECONDS:g} s of processor time to read")


def too_much(reason: str) -> ConversionError:
    """The error for a document that is over a limit."""
    return ConversionError(
        f"the document is refused: {reason}", "Split it, or keep long data out of the text and in a file of its own."
    )
