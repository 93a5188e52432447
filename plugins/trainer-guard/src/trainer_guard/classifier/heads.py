"""A head: weights of features, from which the score of every window of a text follows, and how rare that score is.

Importing this imports numpy: `classifier` does so when it is first asked.
"""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_left
from functools import cache
from importlib import resources
from math import inf, log2
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainer.calibration import PIECE
from trainer_guard.classifier.features import BITS, CHUNK, grams, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from trainer_guard.classifier.features import Plain

WEIGHTS = "weights.npz"
SHA256 = "d2325b44fd5737f7ab504d10948ec97d2ac0c3537e6ba28de0f98ce50e65b854"
LEAST = 12  # codes; what is shorter counts as that long, so that one word alone is no attack


class Hot(NamedTuple):
    """A passage of a folded text, its score, and how often harmless text has one as high."""

    start: int
    end: int
    score: float
    rate: float


class Head:
    """A linear scorer of windows.

    `weights` are those of the features, in units of `scale`; `windows` the sizes in codes of the windows it looks at,
    each with its bias. `toll` is taken off each time the size of a text doubles that of the first of them, since the
    highest of many scores is high by chance. `harmless` are the scores of pieces of harmless text in ascending order,
    the highest of them at least, and `pieces` is the number of all.
    """

    def __init__(
        self,
        weights: NDArray[np.int8],
        scale: float,
        windows: Sequence[tuple[int, float]],
        toll: float = 0.0,
        harmless: Sequence[float] = (),
        pieces: int = 0,
    ) -> None:
        self.weights = weights
        self.scale = scale
        self.windows = windows
        self.toll = toll
        self.harmless = harmless
        self.pieces = pieces

    def rate(self, score: float) -> float:
        """The share of harmless pieces of text with such a score: one more than were counted, of one more."""
        return (1 + len(self.harmless) - bisect_left(self.harmless, score)) / (1 + self.pieces)

    def limit(self, rate: float) -> float:
        """The score above which harmless text is as rare as `rate`, or as the rarest or most frequent that is known."""
        allowed = int(rate * (1 + self.pieces)) - 1
        return self.harmless[max(-allowed - 1, -len(self.harmless))] if allowed >= 0 and self.harmless else inf

    def score(self, folded: str) -> float:
        """The highest score of a window of the text; of no text, none is lower."""
        sums = self._sums(plain(folded))
        return max(float(self._scores(sums, *window).max()) for window in self.windows) if sums.size > 1 else -inf

    def hot(self, folded: str, rate: float) -> Iterator[Hot]:
        """The passages that harmless text has no more often than `rate`, in order."""
        text = plain(folded)
        sums = self._sums(text)
        limit = self.limit(rate)
        scored = [(size, self._scores(sums, size, bias)) for size, bias in self.windows]
        if not any(scores.size and scores.max() > limit for _, scores in scored):
            return
        best = np.full(len(sums), -np.inf, np.float32)
        reach = np.zeros(len(sums), np.intp)
        for size, scores in scored:
            starts = np.flatnonzero(scores > limit)
            best[starts] = np.maximum(best[starts], scores[starts])
            reach[starts] = np.maximum(reach[starts], np.minimum(starts + size, len(sums) - 1))
        starts = np.flatnonzero(reach)
        ends = np.maximum.accumulate(reach[starts])
        cuts = np.flatnonzero(starts[1:] >= ends[:-1]) + 1
        for first, last in zip([0, *cuts], [*cuts, len(starts)], strict=True):
            start, end = int(starts[first]), int(ends[last - 1])
            score = float(best[starts[first:last]].max())
            start, end = _hottest(sums, start, end)
            yield Hot(int(text.origins[start]), int(text.origins[end - 1]) + 1, score, self.rate(score))

    def _sums(self, text: Plain) -> NDArray[np.int64]:
        """The sum of all weights before each place."""
        codes, kinds, _ = text
        heat = np.zeros(codes.size, np.int32)
        for at in range(0, codes.size, CHUNK):
            found = list(grams(codes[at : at + CHUNK], kinds[at : at + CHUNK]))
            if found:
                where, index = map(np.concatenate, zip(*found, strict=True))
                part = heat[at : at + CHUNK]
                part[:] = np.bincount(where, self.weights[index], part.size)  # sums of integers, and so exact
        sums = np.zeros(codes.size + 1, np.int64)
        np.cumsum(heat, out=sums[1:])
        return sums

    def _scores(self, sums: NDArray[np.int64], size: int, bias: float) -> NDArray[np.float32]:
        """The score of the window that begins at each place."""
        size = max(min(size, sums.size - 1), 1)
        unit = np.float32(self.scale / max(size, LEAST) ** 0.5)
        chance = self.toll * log2(max(min(sums.size - 1, PIECE) / self.windows[0][0], 1))
        return (sums[size:] - sums[:-size]).astype(np.float32) * unit + np.float32(bias - chance)


def _hottest(sums: NDArray[np.int64], start: int, end: int) -> tuple[int, int]:
    """The part of a window whose weights sum up to most."""
    part = sums[start : end + 1]
    low = np.minimum.accumulate(part)
    last = int((part - low).argmax())
    first = int(part[: last + 1].argmin())
    return (start + first, start + last) if last > first else (start, end)


def saved(heads: dict[str, Head]) -> bytes:
    """Heads as the bytes of an `.npz` file, always the same for the same heads."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, head in heads.items():
        arrays[f"{name}.weights"] = head.weights
        arrays[f"{name}.windows"] = np.array([(head.scale, head.pieces), (0, head.toll), *head.windows], np.float64)
        arrays[f"{name}.harmless"] = np.array(head.harmless, np.float32)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # the stubs take names for options
    return file.getvalue()


def read(raw: bytes) -> dict[str, Head]:
    """The heads in the bytes of an `.npz` file."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        return {
            name: _head(*(arrays[f"{name}.{part}"] for part in ("weights", "windows", "harmless")))
            for name in sorted({key.split(".")[0] for key in arrays})
        }


def _head(weights: NDArray[np.int8], windows: NDArray[np.float64], harmless: NDArray[np.float32]) -> Head:
    (scale, pieces), (_, toll), *sizes = windows.tolist()
    if weights.size != 1 << BITS:
        raise ValueError(f"a head needs {1 << BITS} weights, and there are {weights.size}")
    return Head(weights, scale, [(int(size), bias) for size, bias in sizes], toll, harmless.tolist(), int(pieces))


@cache
def shipped() -> dict[str, Head]:
    """The heads that come with the plugin, once their file is known to be the one that was trained."""
    raw = resources.files(__package__).joinpath(WEIGHTS).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise ValueError(f"the weights of the guard 'classifier' are not those that belong to it: {WEIGHTS}")
    return read(raw)
