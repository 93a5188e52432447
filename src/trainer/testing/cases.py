"""Random documents, filters and pipelines: few names and few values, so that they meet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

NAMES = ("a", "b", "c")
# Each is a value that some database, driver or parser is known to bend, or to take for another.
SCALARS = (
    None, True, False, 0, 1, 1.0, -1, 2.5, -0.0, 2**53 + 1, 2.0**53, 2**60, 2.0**60, -(2**63), 1e300, 5e-324,
    "", "a", "ab", "b", "1", "true", "null", "A", "é", "\U0010ffff", "%", "'", "\\", "$a",
)  # fmt: skip
WORDS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$not", "$all", "$size", "$elemMatch",
         "$contains", "$startsWith")  # fmt: skip
STAGES = ("$match", "$project", "$addFields", "$group", "$sort", "$skip", "$limit", "$unwind", "$count")
ACCUMULATORS = ("$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet")

Documents = dict[str, dict[str, Any]]
Query = tuple[dict[str, Any], list[dict[str, Any]]]


def cases(seed: int, sets: int, queries: int) -> Iterator[tuple[Documents, list[Query]]]:
    """`sets` sets of documents by key, each with `queries` pairs of a filter and a pipeline."""
    chance = random.Random(seed)  # noqa: S311  # the same cases each time are what is wanted
    for _ in range(sets):
        documents = {f"k{number}": document(chance) for number in range(chance.randint(1, 12))}
        yield documents, [(filter_of(chance), pipeline(chance)) for _ in range(queries)]


def document(chance: random.Random) -> dict[str, Any]:
    """A document, nested up to three levels, with lists on the way and at the end."""
    return {name: _value(chance, 3) for name in chance.sample(NAMES, chance.randint(0, 3))}


def filter_of(chance: random.Random, depth: int = 2) -> dict[str, Any]:
    """A filter; most are short, and some are of the kind that is refused."""
    if depth and chance.random() < 0.2:
        return {
            chance.choice(("$and", "$or", "$nor")): [filter_of(chance, depth - 1) for _ in range(chance.randint(1, 3))]
        }
    return {_path(chance): _tests(chance, depth) for _ in range(chance.choice((1, 1, 1, 2)))}


def pipeline(chance: random.Random) -> list[dict[str, Any]]:
    """A pipeline of up to four stages."""
    return [_stage(chance) for _ in range(chance.randint(0, 4))]


def _value(chance: random.Random, depth: int) -> Any:
    luck = chance.random() if depth else 1
    if luck < 0.2:
        return {name: _value(chance, depth - 1) for name in chance.sample(NAMES, chance.randint(0, 2))}
    if luck < 0.45:
        return [_value(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return chance.choice(SCALARS)


def _path(chance: random.Random) -> str:
    luck = chance.random()
    if luck < 0.06:
        return chance.choice(("_id", "metadata.a", "metadata.a.b", "metadata"))
    return ".".join(chance.choice(NAMES) for _ in range(1 if luck < 0.6 else 2 if luck < 0.9 else 3))


def _scalar(chance: random.Random) -> Any:
    return chance.choice(SCALARS)


def _tests(chance: random.Random, depth: int) -> Any:
    luck = chance.random()
    if luck < 0.25:
        return _scalar(chance)
    if luck < 0.3:
        return _value(chance, 2)
    return dict(_test(chance, chance.choice(WORDS), depth) for _ in range(chance.choice((1, 1, 2))))


def _test(chance: random.Random, word: str, depth: int) -> tuple[str, Any]:
    match word:
        case "$in" | "$nin" | "$all":
            return word, [_scalar(chance) for _ in range(chance.randint(0, 3))]
        case "$exists":
            return word, chance.random() < 0.5
        case "$size":
            return word, chance.randint(0, 3)
        case "$contains" | "$startsWith":
            return word, chance.choice(("", "a", "b", "A", "%", "é", "\\", "'"))
        case "$not":
            return word, dict([_test(chance, chance.choice(WORDS), max(depth - 1, 0))])
        case "$elemMatch" if chance.random() < 0.5:
            return word, filter_of(chance, max(depth - 1, 0))
        case "$elemMatch":
            return word, dict([_test(chance, chance.choice(("$eq", "$ne", "$gt", "$lte", "$in", "$startsWith")), 0)])
        case _:
            return word, _scalar(chance)


def _expression(chance: random.Random) -> Any:
    luck = chance.random()
    return "$" + _path(chance) if luck < 0.8 else {"$literal": _value(chance, 1)} if luck < 0.9 else ["$a", 1]


def _stage(chance: random.Random) -> dict[str, Any]:
    word = chance.choice(STAGES)
    match word:
        case "$match":
            return {word: filter_of(chance)}
        case "$project":
            flag = chance.choice((0, 1, 1))
            fields: dict[str, Any] = {_path(chance): flag for _ in range(chance.randint(1, 2))}
            return {word: fields | ({"d": _expression(chance)} if flag and chance.random() < 0.5 else {})}
        case "$addFields":
            return {word: {chance.choice(("a", "d")): _expression(chance)}}
        case "$group":
            key = chance.choice((None, "$" + _path(chance), {"x": "$a", "y": "$b"}))
            made = {
                f"n{number}": {chance.choice(ACCUMULATORS): _expression(chance)}
                for number in range(chance.randint(0, 2))
            }
            return {word: {"_id": key, **made, "n": {"$count": {}}}}
        case "$sort":
            return {word: {_path(chance): chance.choice((1, -1)) for _ in range(chance.randint(1, 2))}}
        case "$skip" | "$limit":
            return {word: chance.randint(1, 5)}
        case "$unwind":
            path = "$" + _path(chance)
            options = {"path": path, "includeArrayIndex": "i", "preserveNullAndEmptyArrays": chance.random() < 0.5}
            return {word: path if chance.random() < 0.5 else options}
        case _:
            return {word: "n"}
