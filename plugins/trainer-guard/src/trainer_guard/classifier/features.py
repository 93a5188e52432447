"""What the heads see of a folded text: hashed n-grams of words, of their stems and of concepts, each with its place.

Importing this imports numpy: `classifier` does so when it is first asked.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainer_guard.classifier.lexicon import CONCEPTS, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.uint32]
    Hashes = NDArray[np.uint64]
    Kinds = NDArray[np.uint8]
    Places = NDArray[np.intp]

BITS = 17
CHUNK = 32_768  # characters that are looked at together: what is computed about them stays in the processor's cache
BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
INVERSE = pow(BASE, -1, 2**64)
FAR = 120  # characters between two concepts that are still said together
DIGIT = 48  # stands for every number
GAP, WORD, EACH, OTHER = range(4)  # kinds of characters: space, letter or digit, a word by itself, a sign


class Plain(NamedTuple):
    """A text as codes: a number is one digit, and of equal signs or spaces in a row there is one.

    `kinds` says of each code whether it is part of a word; `origins` holds its place in the folded text, and one more
    for the end.
    """

    codes: Ints
    kinds: Kinds
    origins: Places


class Grams(NamedTuple):
    """Features of one kind: where they are and which."""

    at: Places
    slots: Places


def plain(folded: str) -> Plain:
    """The codes of a folded text."""
    if folded.isascii():
        codes = _small()[np.frombuffer(folded.encode("ascii"), np.uint8)]
        kinds = _table()[:128][codes]
    else:
        codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32)
        codes = np.where(codes < 128, _small()[codes & 127], codes)
        kinds = _table()[np.minimum(codes, 0xFFFF)]
    keep = np.ones(codes.size + 1, np.bool_)
    keep[1:-1] = (codes[1:] != codes[:-1]) | (kinds[1:] == WORD) | (kinds[1:] == EACH)
    keep[1:-1] &= (codes[1:] != DIGIT) | (codes[:-1] != DIGIT)
    origins = np.flatnonzero(keep)
    return Plain(codes[origins[:-1]].astype(np.uint32), kinds[origins[:-1]], origins)


@cache
def _small() -> NDArray[np.uint8]:
    """ASCII, with one space for all spaces and controls, and one digit for all."""
    table = np.arange(128, dtype=np.uint8)
    table[:33] = table[127] = 32
    table[48:58] = DIGIT
    return table


@cache
def _table() -> Kinds:
    """The kind of each character of the basic plane."""
    table = np.full(0x10000, WORD, np.uint8)
    table[:128] = OTHER
    table[32] = GAP
    for first, last in ((48, 57), (97, 122)):
        table[first : last + 1] = WORD
    for first, last in ((0x80, 0xBF), (0x2000, 0x2BFF), (0x3000, 0x303F), (0xD800, 0xDFFF)):
        table[first : last + 1] = OTHER
    for code in (0x60C, 0x61B, 0x61F, 0x6D4, 0x964, 0x965, 0xD7, 0xF7, 0x5BE, 0x30FB):
        table[code] = OTHER
    for first, last in ((0xE00, 0xEFF), (0x1780, 0x17FF), (0x3041, 0x30FA), (0x30FC, 0x30FF), (0x3400, 0x9FFF)):
        table[first : last + 1] = EACH
    return table


def grams(codes: Ints, kinds: Kinds) -> Iterator[Grams]:
    """Every feature of at most `CHUNK` codes."""
    starts, ends = _words(kinds)
    before = codes[np.maximum(starts - 1, 0)]
    # A table of numbers says nothing, and neither do tags of one letter: `<i>` is no I.
    said = (ends - starts > 1) | ((codes[starts] != DIGIT) & (before != ord("<")) & (before != ord("/")))
    starts, ends = starts[said], ends[said]
    if starts.size:
        sums = np.zeros(codes.size + 1, np.uint64)
        forth, back = _powers()
        np.cumsum(codes * forth[: codes.size], out=sums[1:])
        first, scale = sums[starts], back[starts]
        yield from _phrases((sums[ends] - first) * scale, starts)
        yield from _stems((sums[np.minimum(ends, starts + 5)] - first) * scale, starts)
        yield from _thoughts(starts, _concepts(sums, first, scale, starts, ends))


def _words(kinds: Kinds) -> tuple[Places, Places]:
    inside = np.zeros(kinds.size + 2, np.bool_)
    np.equal(kinds, WORD, out=inside[1:-1])
    edge = inside[1:] != inside[:-1]
    each = kinds == EACH
    if not each.any():
        edges = np.flatnonzero(edge)
        return edges[::2], edges[1::2]
    starts, ends = edge & inside[1:], edge & inside[:-1]
    starts[:-1] |= each
    ends[1:] |= each
    return np.flatnonzero(starts), np.flatnonzero(ends)


@cache
def _powers() -> tuple[Hashes, Hashes]:
    def powers(base: int) -> Hashes:
        table = np.full(CHUNK + 1, base, np.uint64)
        table[0] = 1
        return np.multiply.accumulate(table)

    return powers(BASE), powers(INVERSE)


def _slot(hashes: Hashes, salt: int) -> Places:
    mixed = (hashes ^ (hashes >> HALF)) * SALTS[salt]
    return (mixed >> TOP).astype(np.intp)


HALF, TOP = np.uint64(29), np.uint64(64 - BITS)
SALTS = [np.uint64((BASE * (2 * salt + 1)) % 2**64) for salt in range(10)]
TWICE, THRICE = np.uint64(0xD6E8FEB86659FD93), np.uint64(0xA5A3564E27F8862B)


def _phrases(words: Hashes, starts: Places) -> Iterator[Grams]:
    pairs = words[:-1] * TWICE + words[1:]
    yield Grams(starts, _slot(words, 1))
    yield Grams(starts[:-1], _slot(pairs, 2))
    yield Grams(starts[:-2], _slot(pairs[:-1] * THRICE + words[2:], 3))
    yield Grams(starts[:-2], _slot(words[:-2] * TWICE + words[2:], 4))


def _stems(stems: Hashes, starts: Places) -> Iterator[Grams]:
    yield Grams(starts, _slot(stems, 5))
    yield Grams(starts[:-1], _slot(stems[:-1] * TWICE + stems[1:], 6))


def _thoughts(starts: Places, concepts: NDArray[np.uint8]) -> Iterator[Grams]:
    said = np.flatnonzero(concepts)
    at, which = starts[said], concepts[said] * np.uint64(INVERSE)
    yield Grams(at, _slot(which, 7))
    for apart in range(1, min(4, said.size)):
        near = np.flatnonzero(at[apart:] - at[:-apart] <= FAR)
        pairs = which[near] * TWICE + which[near + apart]
        yield Grams(at[near], _slot(pairs, 8))
        if apart == 2:
            yield Grams(at[near], _slot(pairs * THRICE + which[near + 1], 9))


SLOTS = 15  # bits of a place in the table of stems


@cache
def _lexicon() -> tuple[NDArray[np.bool_], Hashes, NDArray[np.uint8]]:
    """Which beginnings of a word are worth looking up; hashes of stems by their top bits; the concepts of those."""
    begins, keys, values = (
        np.zeros(1 << SLOTS, np.bool_),
        np.zeros(1 << SLOTS, np.uint64),
        np.zeros(1 << SLOTS, np.uint8),
    )
    for number, stems in enumerate(CONCEPTS.values(), 1):
        for stem, whole in stems:
            key = _hash(stem) + (BASE if whole else 0)
            slot = (key * BASE % 2**64) >> (64 - SLOTS)
            begins[(_hash(stem[:2]) * BASE % 2**64) >> (64 - SLOTS)] = True
            if keys[slot] in {0, key % 2**64}:
                keys[slot], values[slot] = key % 2**64, number
    return begins, keys, values


def _hash(stem: str) -> int:
    return sum(ord(char) * pow(BASE, at, 2**64) for at, char in enumerate(stem)) % 2**64


def _concepts(sums: Hashes, first: Hashes, scale: Hashes, starts: Places, ends: Places) -> NDArray[np.uint8]:
    """The concept of each word, 0 for none: that of the longest stem the text goes on with from its start."""
    begins, keys, values = _lexicon()
    last, top = sums.size - 1, np.uint64(64 - SLOTS)
    two = (sums[np.minimum(starts + 2, last)] - first) * scale
    worth = begins[(two * np.uint64(BASE)) >> top] | (ends - starts == 1)
    found = np.zeros(starts.size, np.uint8)
    some = np.flatnonzero(worth)
    if not some.size:
        return found
    reach = np.minimum(starts[some] + np.arange(1, LONGEST + 1)[:, None], last)
    hashes = (sums[reach] - first[some]) * scale[some]
    said = np.zeros((2 * LONGEST, some.size), np.uint8)
    for which, keyed in enumerate((hashes, hashes + np.uint64(BASE))):
        slot = (keyed * np.uint64(BASE)) >> top
        said[which::2] = values[slot] * (keys[slot] == keyed)
    said[1::2] *= reach == ends[some]
    longest = 2 * LONGEST - 1 - (said[::-1] != 0).argmax(axis=0)
    found[some] = said[longest, np.arange(some.size)]
    return found
