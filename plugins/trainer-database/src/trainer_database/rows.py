"""From what a driver answers to JSON-like rows in which nothing was rounded."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from trainer.errors import RetrievalError
from trainer.stores import LARGEST_INTEGER


def checked_columns(names: Iterable[str]) -> list[str]:
    """The names of the columns. Raises `RetrievalError` if one stands twice: a dict would lose a value."""
    columns = list(names)
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise RetrievalError(
            f"the query answers with two columns of the name {twice!r}", f"Rename one of them: … AS {twice}_2."
        )
    return columns


def as_dicts(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """One dict a row. Raises `RetrievalError` naming the row and column of a value that JSON has no form for."""
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        found.append({})
        for column, item in zip(columns, row, strict=True):
            try:
                found[-1][column] = plain(item)
            except (TypeError, ValueError) as error:
                raise RetrievalError(
                    f"row {number}, column {column!r} {error}",
                    "Make it a number, a text or NULL in the query, for example with CAST(… AS TEXT) or NULLIF.",
                ) from error
    return found


def plain(value: Any) -> Any:
    """`value` as JSON has it; the README says which type becomes what.

    Raises `ValueError` for NaN and infinity, `TypeError` for a type without a form.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else str(value)
        case float():
            return _finite(value)
        case Decimal():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{Decimal(value // timedelta(microseconds=1)).scaleb(-6).normalize():f}S"
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode("ascii")
        case UUID():
            return str(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
    raise TypeError(f"is a {type(value).__name__}, which JSON does not have")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"is {value}, which JSON does not have")
    return value


def _number(value: Decimal) -> int | float | str:
    """A number when it is written back with the same value, else its digits as text."""
    if not value.is_finite():
        raise ValueError(f"is {value}, which JSON does not have")
    if value.adjusted() > 18 or value.adjusted() < -300:
        return str(value)
    if int(value.as_tuple().exponent) >= 0:
        whole = int(value)
        return whole if abs(whole) <= LARGEST_INTEGER else str(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)
