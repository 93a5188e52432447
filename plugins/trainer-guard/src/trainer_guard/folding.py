"""Text as a model may read it, in small plain letters, with the way back to the offsets of the original."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cached_property, lru_cache

SPECIAL = re.compile(r"[^\t\n\r -~]")
RUN = re.compile(r"[^\t\n\r -~]+")
ORDINARY = bytes([9, 10, 13, *range(32, 127)])


class Folded:
    """`text` without its disguises: `folded` is compatibility-decomposed (NFKD) and case-folded, without
    combining marks, controls and invisible characters; tag characters are read as the letters they hide.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the characters come from that `folded[start:end]` is made of."""
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, at: int) -> int:
        places, origins = self._anchors
        index = bisect_right(places, at) - 1
        return origins[index] + at - places[index]

    @cached_property
    def _anchors(self) -> tuple[list[int], list[int]]:
        """Places in `folded` at which the distance to the original changes, and their origins."""
        places, origins, drift = [0], [0], 0
        for match in SPECIAL.finditer(self.text):
            origin, size = match.start(), len(_fold(match[0]))
            if size != 1:
                place = origin + drift
                places += [*range(place, place + size), place + size]
                origins += [*[origin] * size, origin + 1]
                drift += size - 1
        return places, origins


def fold(text: str, *, lower: bool = True) -> str:
    """`text` as `Folded` reads it; ASCII letters keep their case if `lower` is false."""
    plain = text if ordinary(text) else RUN.sub(lambda run: "".join(map(_fold, run[0])), text)
    return plain.lower() if lower else plain


def ordinary(text: str) -> bool:
    """Whether `text` is ASCII that everybody sees, as nearly all text is: told ten times as fast as by a pattern."""
    return text.isascii() and not text.encode().translate(None, ORDINARY)


@lru_cache(maxsize=8192)
def _fold(char: str) -> str:
    if "\U000e0020" <= char <= "\U000e007e":
        return chr(ord(char) - 0xE0000).lower()
    plain = unicodedata.normalize("NFKD", char).casefold()
    return "".join(part for part in plain if unicodedata.category(part) not in _UNSEEN)


_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})
