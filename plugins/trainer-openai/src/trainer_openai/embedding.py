"""Vectors: texts in batches that servers take, and their answers as one matrix."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from trainer.errors import ConfigError
from trainer_openai.replies import Bad

MOST = 256  # texts in a request; OpenAI takes 2,048
LARGEST = 300_000  # bytes in a request; OpenAI takes 300,000 tokens, and a token has at least a byte


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, so many at a time that a server takes them; one that is too long stands alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "replace"))
        if batch and (len(batch) == MOST or size + length > LARGEST):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def matrix(bad: Bad, counted: Iterable[tuple[int, Any]]) -> Any:
    """The answers, each with the number of vectors it should have, as a float32 matrix.

    Vectors are lists of numbers or little-endian float32 in base64. Raises `BadReply` where some are missing, double or
    of different lengths, `ConfigError` without numpy.
    """
    try:
        import numpy as np
    except ImportError as error:
        raise ConfigError(
            "vectors need numpy, which is missing", "Run `pip install 'trainer-openai[embed]'`."
        ) from error

    rows: list[Any] = []
    for count, value in counted:
        data = value.get("data") if isinstance(value, Mapping) else None
        try:
            found = {item["index"]: _vector(np, item["embedding"]) for item in data or []}
        except (AttributeError, TypeError, KeyError, ValueError, binascii.Error):
            raise bad("vectors that cannot be read", value) from None
        if not isinstance(data, list) or len(data) != count or found.keys() != set(range(count)):
            raise bad(f"other than {count} vectors", value)
        rows += [found[index] for index in range(count)]
    if len({row.shape for row in rows}) > 1:
        raise bad("vectors of different lengths", sorted({len(row) for row in rows}))
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)


def _vector(np: Any, value: Any) -> Any:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float32)
    row = np.asarray(value, np.float32)
    if row.ndim != 1:
        raise ValueError("not a row")
    return row
