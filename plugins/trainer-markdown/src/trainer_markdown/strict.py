"""JSON as its standard has it, and no more: no NaN, no number beyond those that Python holds, no key twice."""

from __future__ import annotations

import json
import math
from typing import Any


def loads(text: str) -> Any:
    """The value of JSON text. Raises `ValueError`, or `RecursionError` if it nests too deeply."""
    return DECODER.decode(text)


def _refused(word: str) -> Any:
    raise ValueError(f"{word[:50]} is no number that JSON can be read with")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refused(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)[:50]!r} stands twice in one object")
    return members


DECODER = json.JSONDecoder(parse_constant=_refused, parse_float=_finite, object_pairs_hook=_unique)
