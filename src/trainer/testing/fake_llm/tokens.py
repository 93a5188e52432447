"""Tokens and vectors without a model: words are tokens, and a text's vector is the sum of its words' directions."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from itertools import accumulate

from trainer.testing.fake_llm.asking import Ask, Reply, Usage

PIECE = re.compile(r"\S+\s*|\s+")


def words(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


def pieces(text: str) -> list[str]:
    """A text in the pieces that a stream brings: words with the space behind them."""
    return PIECE.findall(text)


def vector(text: str, dimensions: int) -> list[float]:
    """A vector of length 1, the same for the same text and near for texts that share words."""
    sums = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()) or [""]:
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        sums[seed % dimensions] += 1.0 if seed >> 63 else -1.0
    length = math.sqrt(sum(value * value for value in sums))
    if not length:
        sums[0] = length = 1.0
    return [value / length for value in sums]


class PrefixCache:
    """Which beginnings of prompts a provider has read before.

    Where the asker marks what to cache, only marked beginnings are kept; where it does not, all parts are, as with
    providers that cache by themselves. Beginnings of fewer than `minimum` tokens are not.
    """

    def __init__(self, count: Callable[[str], int], minimum: int) -> None:
        self.count, self.minimum = count, minimum
        self._seen: set[bytes] = set()

    def usage(self, provider: str, ask: Ask, reply: Reply, *, marked: bool) -> Usage:
        """The tokens of a request and its answer; what can be kept is kept from now on, for this provider and model."""
        sizes = [self.count(part.text) for part in ask.parts] or [self.count(text) for text in ask.texts]
        read = written = 0
        for size, key, cache in zip(
            accumulate(sizes), self._keys(provider, ask), (p.cache for p in ask.parts), strict=False
        ):
            if size < self.minimum or (marked and not cache):
                continue
            if key in self._seen:
                read, written = size, 0
            else:
                self._seen.add(key)
                written = size - read
        return Usage(sum(sizes), self.count(reply.text), read, written if marked else 0)

    @staticmethod
    def _keys(provider: str, ask: Ask) -> Iterator[bytes]:
        state = hashlib.blake2b(f"{provider}\0{ask.model}".encode(), digest_size=16)
        for part in ask.parts:
            state.update(f"\0{part.role}\0{part.text}".encode())
            yield state.digest()
