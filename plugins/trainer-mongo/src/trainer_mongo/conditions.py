"""Filters in MongoDB's own form.

Values stand only where the server takes them for values: in the list of `$in`, after an operator of comparison (which
takes no objects), and escaped in `$regex`. Names stand only in paths that `trainer.filters.path_of` let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from trainer.filters import Both, Condition, Either, Filter, Not
from trainer_mongo.rows import searchable

# A query is a document, and MongoDB promises to take one of 100 levels.
NESTED = 10  # levels of $and, $or and $nor
DEEPEST = 40  # levels of data that $elemMatch looks through; `rows.LEVELS` has room for a value there
FLATTEST = 20  # levels of objects to be equal to
LARGEST = 2**20  # bytes of values to be equal to: a command holds 16 MiB
LONGEST = 1000  # characters of text to look for: a pattern holds 32 KiB
NOTHING: dict[str, Any] = {"_id": {"$in": []}}
ORDERS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


class Query(NamedTuple):
    """A filter for the server. If it is not `exact`, it lets more through than was asked for, never less."""

    query: dict[str, Any]
    exact: bool


def translate(filter: Filter) -> Query:
    """The part of a filter that the server can answer."""
    return _translate(filter, NESTED) or Query({}, exact=False)


def field_of(path: tuple[str, ...]) -> str | None:
    """Where the value at a path of a record's document stands in its row; `None` if nothing can be there."""
    if path[0] == "_id":
        return "key" if len(path) == 1 else None
    return ".".join(path if path[0] == "metadata" else ("data", *path))


def _translate(filter: Filter, room: int) -> Query | None:
    if not room:
        return None
    match filter:
        case Condition():
            field = field_of(filter.path)
            return _condition(filter, field) if field else None
        case Not():
            part = _translate(filter.part, room - 1)
            # What lets too much through, turned round, would let too little through.
            return Query({"$nor": [part.query]}, exact=True) if part and part.exact else None
        case Both():
            parts = [_translate(part, room - 1) for part in filter.parts]
            found = [part for part in parts if part]
            if len(found) == 1 == len(parts):
                return found[0]
            return Query(_all(part.query for part in found), all(part is not None and part.exact for part in parts))
        case Either():
            if not filter.parts:
                return Query(NOTHING, exact=True)
            found = [part for part in (_translate(part, room - 1) for part in filter.parts) if part]
            if len(found) < len(filter.parts):
                return None
            return Query({"$or": [part.query for part in found]}, all(part.exact for part in found))


def _all(queries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    wanted = [query for query in queries if query]
    return {"$and": wanted} if wanted else {}


def _condition(condition: Condition, field: str) -> Query | None:
    test = _test(condition, _levels(condition))
    return Query({field: test[0]}, test[1]) if test else None


def _levels(condition: Condition) -> int:
    """How many levels a path may pass: each of its steps may lead through a list."""
    return 2 * len(condition.path) + 1


def _test(condition: Condition, levels: int) -> tuple[dict[str, Any], bool] | None:
    """What is asked of a value, and whether that is exact."""
    operand = condition.operand
    match condition.operator:
        case "in":
            return _in(operand)
        case "exists":
            return {"$exists": True}, True
        case "size":
            return ({"$size": operand}, False) if operand < 2**31 else None
        case "contains":
            return {"$regex": re.escape(operand[:LONGEST])}, len(operand) <= LONGEST
        case "startsWith":
            return {"$regex": f"^{re.escape(operand[:LONGEST])}"}, len(operand) <= LONGEST
        case "element":
            inner = _element(operand, levels)
            return ({"$elemMatch": inner}, False) if inner else None
        case order:
            return {ORDERS[order]: operand}, True


def _in(operands: tuple[Any, ...]) -> tuple[dict[str, Any], bool] | None:
    import bson

    scalars = not any(isinstance(item, Mapping | list | tuple) for item in operands)
    # Lists are left to Python: whether the elements of a list that are lists count is not the same everywhere.
    if not scalars and (any(isinstance(item, list | tuple) for item in operands) or _deep(operands)):
        return None
    wanted = [searchable(item) for item in operands]
    if len(bson.encode({"": wanted})) > LARGEST:
        return None
    return {"$in": wanted}, scalars and None not in operands


def _element(filter: Filter, levels: int) -> dict[str, Any] | None:
    """What is asked of an element of a list: of the fields of an object, or of a value itself."""
    parts = filter.parts if isinstance(filter, Both) else (filter,)
    own = [part for part in parts if isinstance(part, Condition) and not part.path]
    if own:
        test = next((test for part in own if (test := _test(part, levels))), None)
        return test[0] if test else None
    found = [
        {".".join(part.path): test[0]}
        for part in parts
        if isinstance(part, Condition)
        and (deeper := levels + _levels(part)) <= DEEPEST
        and (test := _test(part, deeper))
    ]
    return _all(found) or None


def _deep(value: Any, levels: int = FLATTEST) -> bool:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return bool(items) and (not levels or any(_deep(item, levels - 1) for item in items))
