"""The filter language: MongoDB's words, read into conditions that know nothing of any database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from trainer.errors import UnsupportedQuery
from trainer.stores import canonical_json

DEEPEST = 32
ORDERS: Mapping[str, Literal["<", "<=", ">", ">="]] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
KNOWN = "It knows $eq, $ne, $gt, $gte, $lt, $lte, $in, $exists and $and."


@frozen
class Path:
    """Where a value is: in which column, and the names to follow from there."""

    column: Literal["data", "metadata"]
    steps: tuple[str, ...]


@frozen
class Condition:
    """What a record must hold at a path; `negated` turns the meaning around.

    A path leads through lists as MongoDB's does: to each object in a list on its way, and at its end to the
    list itself and to each of its elements. The condition holds if it does for one of the values reached.
    `in`: equal to one of the operands, which are text, numbers, booleans or `None`; `None` also equals an
    absent value. Orders compare with values of the operand's own kind only. `exists`: any value is reached.
    """

    path: Path
    operator: Literal["in", "exists", "<", "<=", ">", ">="]
    operands: tuple[Any, ...] = ()
    negated: bool = False


def parse(filter: Mapping[str, Any]) -> list[Condition]:
    """The conditions of a filter, all of which must hold.

    Raises `UnsupportedQuery` naming what is not known: other operators, equality with a list or an object,
    positions in lists, and null below the first level, where MongoDB's own rules depend on its version.
    Raises `StoreError` for operands that JSON does not have.
    """
    try:
        canonical_json(filter)
        return list(_parse(filter))
    except RecursionError:
        raise UnsupportedQuery("the filter is nested too deep", "Write it with fewer $and.") from None


def _parse(filter: Any) -> Iterator[Condition]:
    if not isinstance(filter, Mapping):
        raise UnsupportedQuery(f"{filter!r} is not a filter", 'A filter is an object such as {"ticker": "AAPL"}.')
    for name, wanted in filter.items():
        if name == "$and":
            if not isinstance(wanted, list | tuple) or not wanted:
                raise UnsupportedQuery("$and takes a list of filters, at least one", KNOWN)
            for part in wanted:
                yield from _parse(part)
        elif name.startswith("$"):
            raise _unknown(name)
        elif isinstance(wanted, Mapping) and any(word.startswith("$") for word in wanted):
            for word, operand in wanted.items():
                yield _condition(_path(name), word, operand)
        else:
            yield _condition(_path(name), "$eq", wanted)


def _path(name: str) -> Path:
    first, _, rest = name.partition(".")
    column: Literal["data", "metadata"] = "metadata" if first == "metadata" and rest else "data"
    steps = tuple((rest if column == "metadata" else name).split("."))
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
    return Path(column, steps)


def _condition(path: Path, word: str, operand: Any) -> Condition:
    if word in ORDERS:
        return Condition(path, ORDERS[word], (_scalar(path, word, operand, null=False),))
    if word in ("$eq", "$ne"):
        return Condition(path, "in", (_scalar(path, word, operand),), negated=word == "$ne")
    if word == "$in":
        if not isinstance(operand, list | tuple):
            raise UnsupportedQuery("$in takes a list", KNOWN)
        return Condition(path, "in", tuple(_scalar(path, word, item) for item in operand))
    if word == "$exists":
        if not isinstance(operand, bool):
            raise UnsupportedQuery("$exists takes true or false", KNOWN)
        return Condition(path, "exists", negated=not operand)
    raise _unknown(word)


def _scalar(path: Path, word: str, operand: Any, *, null: bool = True) -> Any:
    if isinstance(operand, Mapping | list | tuple):
        raise UnsupportedQuery(f"{word} with a list or an object is not supported", "Compare the values in it.")
    if operand is None and not (null and len(path.steps) == 1):
        raise UnsupportedQuery(
            f"{word} with null at {'.'.join(path.steps)} is not supported",
            "Use $eq or $ne with null at the first level, else $exists.",
        )
    return operand


def _unknown(word: str) -> UnsupportedQuery:
    return UnsupportedQuery(f"the store knows no {word}", KNOWN)
