"""How much of a document is worked on, so that no text can hold a machine for long."""

from __future__ import annotations

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
EMPHASIS = 10_000_000  # squares of the marks of emphasis in a paragraph, added up: what finding them all takes grows so
ELEMENTS = 200_000  # of HTML
WORK = 2_500_000  # steps of reading one text; the machines this was measured on take 0.5 to 1 µs for each

# What reading, setting and writing the signs of a text takes at most, in steps.
WEIGHTS = {
    "\n": 25, "#": 10, "*": 9, "_": 9, "`": 9, "~": 9, "[": 12, "]": 6, "<": 9, ">": 10, "\\": 9, "$": 12, "@": 20,
    "|": 5, "-": 5, "+": 5, ":": 3, "=": 1, "://": 35, "www.": 35, ". ": 8,
    "\n  ": 20, "\n    ": 40, "\n        ": 80,
}  # fmt: skip
LETTERS = 20  # others that take a step
PIECE = 20_000  # letters that are weighed at a time


class Budget:
    """Work that reading one text may take, in steps: no clock decides what becomes of it."""

    def __init__(self, work: int = WORK) -> None:
        self.left = work
        self._emphasis = EMPHASIS

    def emphasis(self, marks: int) -> bool:
        """Whether the emphasis of a paragraph with so many marks is looked for."""
        self._emphasis -= marks * marks if marks <= MARKS else 0
        return marks <= MARKS and self._emphasis >= 0

    def spend(self, steps: int) -> None:
        """Account for work that is about to be done. Raises `ConversionError` if there was too much of it."""
        self.left -= steps
        if self.left < 0:
            raise too_much("its marks nest or repeat in ways that take too long to read")


def readable(text: str, work: int = WORK) -> int:
    """Where a text is to be cut so that what is before it takes no more than `work`; its length if it need not be.

    It is cut at the end of a paragraph, or else of a line.
    """
    if _weight(text) <= work:
        return len(text)
    end = 0
    while end < len(text):
        following = text.find("\n", end + PIECE) + 1 or len(text)
        work -= _weight(text[end:following])
        if work < 0:
            break
        end = following
    paragraph = text.rfind("\n\n", max(0, end - PIECE), end)
    return paragraph + 2 if paragraph > 0 else end


def _weight(text: str) -> int:
    return len(text) // LETTERS + sum(weight * text.count(sign) for sign, weight in WEIGHTS.items())


def too_much(reason: str) -> ConversionError:
    """The error for a document that is over a limit."""
    return ConversionError(
        f"the document is refused: {reason}", "Split it, or keep long data out of the text and in a file of its own."
    )
