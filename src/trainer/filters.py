"""The filter language: MongoDB's words read into a tree that knows of no backend, and what it means in Python.

The names and their meaning are MongoDB's (https://www.mongodb.com/docs/manual/reference/operator/query/),
besides `$contains` and `$startsWith`, which look for text as it is. Where MongoDB's own answer depends on its
version, or is hard to foresee, the filter is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from trainer.errors import UnsupportedQuery

DEEPEST = 32
Operator = Literal["in", "<", "<=", ">", ">=", "exists", "size", "contains", "startsWith", "element"]
ORDERS: Mapping[str, Operator] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
TEXTS: Mapping[str, Operator] = {"$contains": "contains", "$startsWith": "startsWith"}
JUNCTIONS = ("$and", "$or", "$nor")
KNOWN = (
    "It knows $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not, $all, $size, $elemMatch, $contains,"
    " $startsWith, $and, $or and $nor."
)
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "contains": operator.contains, "startsWith": str.startswith,
}  # fmt: skip


@frozen
class Condition:
    """What a document must hold at a path.

    A path leads to each object in a list on its way, and at its end to the value there and, if that is a
    list, to each of its elements too. The condition holds if it does for one of the values reached:

    - `in`: equal to one of the operands (a tuple); `None` also equals what is absent;
    - `<`, `<=`, `>`, `>=`: so compared with the operand, and of the operand's kind (text, number, boolean);
    - `contains`, `startsWith`: a text with the operand in it, or at its beginning;
    - `exists`: anything is reached;
    - `size`: a list of so many elements (the elements themselves are not looked at);
    - `element`: a list with an element for which the operand, a `Filter`, holds. Its paths begin at the element,
      which must be an object; a path of no steps is the element itself.
    """

    path: tuple[str, ...]
    operator: Operator
    operand: Any = None


@frozen
class Both:
    """All parts must hold; with no parts, this always holds."""

    parts: tuple[Filter, ...]


@frozen
class Either:
    """One of the parts must hold; with no parts, this never holds."""

    parts: tuple[Filter, ...]


@frozen
class Not:
    """The part must not hold."""

    part: Filter


Filter = Condition | Both | Either | Not
Predicate = Callable[[Mapping[str, Any]], bool]


def parse(filter: Mapping[str, Any] | None) -> Both:
    """The tree of a filter: a conjunction, so that a backend may take the parts that it can do.

    Raises `UnsupportedQuery` naming what is not known, and `StoreError` for operands that JSON does not have.
    """
    from trainer.stores import canonical_json

    canonical_json(filter)
    try:
        return _parse({} if filter is None else filter)
    except RecursionError:
        raise UnsupportedQuery("the filter is nested too deep", "Write it with fewer levels.") from None


def matches(document: Mapping[str, Any], filter: Filter) -> bool:
    """Whether a filter holds for a document: the measure for every store."""
    return predicate(filter)(document)


def predicate(filter: Filter) -> Predicate:
    """A filter as a function of a document, for asking it of many."""
    match filter:
        case Condition():
            return _condition_predicate(filter)
        case Not():
            part = predicate(filter.part)
            return lambda document: not part(document)
        case _:
            parts = [predicate(part) for part in filter.parts]
            if isinstance(filter, Either):
                return lambda document: any(part(document) for part in parts)
            if len(parts) == 1:
                return parts[0]
            return lambda document: all(part(document) for part in parts)


def path_of(name: str) -> tuple[str, ...]:
    """The steps of a dotted path. Raises `UnsupportedQuery` for steps that some backend cannot follow."""
    steps = tuple(name.split("."))
    for step in steps:
        if not step or step.startswith("$") or any(char in '"\\' or char < " " for char in step):
            raise UnsupportedQuery(
                f"the path {name!r} has the part {step!r}, which cannot be looked up",
                'Parts are not empty, and hold no leading $, no ", no \\ and no control characters.',
            )
        if step.isdecimal() and (step == "0" or step[0] != "0"):
            raise UnsupportedQuery(
                f"the path {name!r} has the number {step}, which could be a position in a list",
                "Positions are not supported: query by a name.",
            )
    if len(steps) > DEEPEST:
        raise UnsupportedQuery(f"the path {name[:40]}… has more than {DEEPEST} parts", "Query a shorter path.")
    return steps


def reach(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values at a path, which leads to each object in a list on its way."""
    for position, step in enumerate(path):
        if isinstance(value, Mapping):
            if step not in value:
                return
            value = value[step]
        else:
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, Mapping):
                        yield from reach(item, path[position:])
            return
    yield value


def kind(value: Any) -> int:
    """The rank of a value's kind in MongoDB's order of kinds."""
    match value:
        case None:
            return 1
        case bool():
            return 8
        case int() | float():
            return 2
        case str():
            return 3
        case Mapping():
            return 4
        case _:
            return 5


def order(value: Any) -> tuple[Any, ...]:
    """A key that sorts values of all kinds as MongoDB does, and is equal for equal values (1 and 1.0).

    Null, numbers, text (by code points), objects (by kind, name and value of each field), lists, booleans.
    """
    rank = kind(value)
    if rank == 4:
        return (rank, tuple((kind(value[name]), name, order(value[name])) for name in sorted(value)))
    return (rank, tuple(map(order, value))) if rank == 5 else (rank, value)


def _parse(filter: Any) -> Both:
    if not isinstance(filter, Mapping):
        raise UnsupportedQuery(f"{filter!r} is not a filter", 'A filter is an object such as {"ticker": "AAPL"}.')
    parts: list[Filter] = []
    for name, wanted in filter.items():
        if name in JUNCTIONS:
            if not isinstance(wanted, list | tuple) or not wanted:
                raise UnsupportedQuery(f"{name} takes a list of filters, at least one", KNOWN)
            inner = tuple(_parse(part) for part in wanted)
            parts.append(Both(inner) if name == "$and" else Either(inner) if name == "$or" else Not(Either(inner)))
        elif name.startswith("$"):
            raise _unknown(name)
        else:
            parts += _tests(path_of(name), wanted)
    return Both(tuple(parts))


def _tests(path: tuple[str, ...], wanted: Any) -> list[Filter]:
    """What is asked of one path: a value to be equal to, or an object of operators."""
    if not (isinstance(wanted, Mapping) and any(word.startswith("$") for word in wanted)):
        return [_in(path, "$eq", [wanted])]
    return [_test(path, word, operand) for word, operand in wanted.items()]


def _test(path: tuple[str, ...], word: str, operand: Any) -> Filter:
    if word in ORDERS:
        if operand is None or isinstance(operand, Mapping | list | tuple):
            raise UnsupportedQuery(f"{word} takes text, a number or a boolean", "Compare with one of those.")
        return Condition(path, ORDERS[word], operand)
    if word in TEXTS:
        return Condition(path, TEXTS[word], _typed(word, operand, str, "text"))
    match word:
        case "$eq":
            return _in(path, word, [operand])
        case "$ne":
            return Not(_in(path, word, [operand]))
        case "$in":
            return _in(path, word, _list(word, operand))
        case "$nin":
            return Not(_in(path, word, _list(word, operand)))
        case "$all":
            wanted = tuple(_in(path, word, [item]) for item in _list(word, operand))
            return Both(wanted) if wanted else Either(())
        case "$exists":
            exists = Condition(path, "exists")
            return exists if _typed(word, operand, bool, "true or false") else Not(exists)
        case "$size":
            if isinstance(operand, bool) or not isinstance(operand, int) or operand < 0:
                raise UnsupportedQuery("$size takes a whole number from 0", KNOWN)
            return Condition(path, "size", operand)
        case "$not":
            return Not(Both(tuple(_tests(path, _operators(word, operand)))))
        case "$elemMatch":
            return Condition(path, "element", _element(operand))
        case _:
            raise _unknown(word)


def _in(path: tuple[str, ...], word: str, operands: Any) -> Condition:
    if len(path) > (2 if path[:1] == ("metadata",) else 1) and any(operand is None for operand in operands):
        raise UnsupportedQuery(
            f"{word} with null at {'.'.join(path)} is not supported",
            "Use it with null at the first level, else $exists.",
        )
    if any(_depth(operand) > DEEPEST for operand in operands):
        raise UnsupportedQuery(f"{word} with a value of more than {DEEPEST} levels is not supported", "Ask for a part.")
    return Condition(path, "in", tuple(operands))


def _depth(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list | tuple) else 0


def _equal(value: Any, keys: set[Any]) -> bool:
    try:
        return order(value) in keys
    except RecursionError:  # so deep that it can equal nothing that is asked for
        return False


def _element(operand: Any) -> Filter:
    operators = isinstance(operand, Mapping) and any(word.startswith("$") for word in operand)
    if operators and not any(word in operand for word in JUNCTIONS):
        return Both(tuple(_tests((), _operators("$elemMatch", operand))))
    if not isinstance(operand, Mapping) or not operand:
        raise UnsupportedQuery("$elemMatch takes a filter, or operators", KNOWN)
    return _parse(operand)


def _operators(word: str, operand: Any) -> Any:
    if not isinstance(operand, Mapping) or not operand or not all(name.startswith("$") for name in operand):
        raise UnsupportedQuery(f"{word} takes operators, such as {{{word!r}: {{'$gt': 1}}}}", KNOWN)
    return operand


def _list(word: str, operand: Any) -> Any:
    return _typed(word, operand, list | tuple, "a list")


def _typed(word: str, operand: Any, kind: Any, name: str) -> Any:
    if not isinstance(operand, kind):
        raise UnsupportedQuery(f"{word} takes {name}", KNOWN)
    return operand


def _unknown(word: str) -> UnsupportedQuery:
    return UnsupportedQuery(f"stores know no {word}", KNOWN.replace("It knows", "They know"))


def _condition_predicate(condition: Condition) -> Predicate:
    path, test = condition.path, _value_test(condition)
    whole = condition.operator in ("exists", "size", "element") or not path
    absent = condition.operator == "in" and None in condition.operand

    def holds(document: Mapping[str, Any]) -> bool:
        found = False
        for value in reach(document, path):
            found = True
            if test(value) or (not whole and isinstance(value, list) and any(map(test, value))):
                return True
        return absent and not found

    return holds


def _value_test(condition: Condition) -> Callable[[Any], bool]:
    operand = condition.operand
    match condition.operator:
        case "exists":
            return lambda _: True
        case "in":
            if all(isinstance(item, str) for item in operand):
                return lambda value: isinstance(value, str) and value in operand
            keys = {order(item) for item in operand}
            return lambda value: _equal(value, keys)
        case "size":
            return lambda value: isinstance(value, list) and len(value) == operand
        case "element":
            holds, objects = predicate(operand), _of_objects(operand)
            return lambda value: (
                isinstance(value, list) and any(holds(item) for item in value if not objects or isinstance(item, dict))
            )
        case _:
            compare, rank = COMPARE[condition.operator], kind(operand)
            return lambda value: kind(value) == rank and compare(value, operand)


def _of_objects(filter: Filter) -> bool:
    """Whether a filter on the elements of a list is about fields of objects, not the elements themselves."""
    match filter:
        case Condition():
            return bool(filter.path)
        case Not():
            return _of_objects(filter.part)
        case _:
            return any(map(_of_objects, filter.parts))
