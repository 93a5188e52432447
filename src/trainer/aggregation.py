"""Aggregation pipelines: MongoDB's stages over documents, in Python, as every store means them.

Stages and accumulators have MongoDB's names and meaning
(https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/). Expressions are paths
(`"$ticker"`), constants, lists of these and `$literal`. Where MongoDB promises no order (of groups, of a set),
ours is that of first appearance; sums are exact, and rounded once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from trainer.errors import UnsupportedQuery
from trainer.filters import kind, order, parse, path_of, predicate, reach

Document = Mapping[str, Any]
Expression = Callable[[Document], Any]
Accumulator = Callable[[list[Any]], Any]
MISSING = object()  # what an expression yields for a path that leads nowhere


@frozen
class Stage:
    """One stage of a pipeline: its name, its operand as it was given, and what it does to documents."""

    name: str
    operand: Any
    apply: Callable[[Iterable[Document]], Iterable[Document]]


def aggregate(documents: Iterable[Document], pipeline: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a pipeline makes of documents, which are not changed. Raises as `parse_pipeline`."""
    return run(documents, parse_pipeline(pipeline))


def run(documents: Iterable[Document], stages: Iterable[Stage]) -> list[dict[str, Any]]:
    """What stages make of documents."""
    try:
        for stage in stages:
            documents = stage.apply(documents)
        return [dict(document) for document in documents]
    except RecursionError:
        raise UnsupportedQuery(
            "a document is nested too deep for this pipeline", "$project the part you need."
        ) from None


def parse_pipeline(pipeline: Sequence[Mapping[str, Any]]) -> list[Stage]:
    """The stages of a pipeline. Raises `UnsupportedQuery` naming what is not known."""
    from trainer.stores import canonical_json

    if not isinstance(pipeline, list | tuple):
        raise UnsupportedQuery(f"{pipeline!r} is not a pipeline", 'A pipeline is a list such as [{"$count": "n"}].')
    canonical_json(pipeline)
    stages = []
    for number, stage in enumerate(pipeline, 1):
        if not isinstance(stage, Mapping) or len(stage) != 1:
            raise UnsupportedQuery(f"stage {number} of the pipeline is not an object with one name", _known())
        [(name, operand)] = stage.items()
        if name not in STAGES:
            raise UnsupportedQuery(f"stores know no stage {name}", _known())
        stages.append(Stage(name, operand, STAGES[name](operand)))
    return stages


def _match(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    holds = predicate(parse(operand))
    return lambda documents: filter(holds, documents)


def _count(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    name = _name("$count", operand)

    def apply(documents: Iterable[Document]) -> Iterator[Document]:
        if number := sum(1 for _ in documents):
            yield {name: number}

    return apply


def _skip(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    number = _whole("$skip", operand, 0)
    return lambda documents: itertools.islice(documents, number, None)


def _limit(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    number = _whole("$limit", operand, 1)
    return lambda documents: itertools.islice(documents, number)


def _sort(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    fields = _object("$sort", operand)
    if any(isinstance(way, bool) or way not in (1, -1) for way in fields.values()):
        raise UnsupportedQuery("$sort takes 1 or -1 for each path", "1 is from the smallest, -1 from the largest.")
    keys = [(path_of(name), way < 0) for name, way in fields.items()]

    def apply(documents: Iterable[Document]) -> Iterable[Document]:
        found = list(documents)
        for path, descending in reversed(keys):
            found.sort(key=_sort_key(path, max if descending else min), reverse=descending)
        return found

    return apply


def _sort_key(path: tuple[str, ...], choose: Any) -> Callable[[Document], tuple[Any, ...]]:
    """Of several values, the smallest counts from below, the largest from above; an empty list is below null."""

    def key(document: Document) -> tuple[Any, ...]:
        keys = []
        for value in reach(document, path):
            keys += ([order(item) for item in value] or [(0,)]) if isinstance(value, list) else [order(value)]
        return choose(keys, default=order(None))  # type: ignore[no-any-return]

    return key


def _add_fields(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    fields = {
        _name("$addFields", name): _field("$addFields", item) for name, item in _object("$addFields", operand).items()
    }

    def add(document: Document) -> Document:
        changed = {**document, **{name: expression(document) for name, expression in fields.items()}}
        return {name: value for name, value in changed.items() if value is not MISSING}

    return lambda documents: map(add, documents)


def _project(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    fields = _object("$project", operand)
    flags = {path_of(name): bool(item) for name, item in fields.items() if isinstance(item, bool | int | float)}
    computed = {
        _name("$project", name): _field("$project", item)
        for name, item in fields.items()
        if not isinstance(item, bool | int | float)
    }
    with_id = flags.pop(("_id",), None)
    if computed.keys() & {"_id"}:
        with_id = False
    if len(set(flags.values())) > 1 or (computed and False in flags.values()):
        raise UnsupportedQuery("$project mixes fields to keep and to leave out", "Name only one kind; _id may differ.")
    paths = [*flags, *((name,) for name in computed)]
    for one, other in itertools.permutations(paths, 2):
        if other[: len(one)] == one:
            raise UnsupportedQuery(f"$project names {'.'.join(one)} and a part of it", "Name one of them.")
    if False in flags.values() or (not paths and with_id is False):
        tree = _tree([*flags, *([("_id",)] if with_id is False else [])])
        return lambda documents: (_without(document, tree) for document in documents)
    tree = _tree([*flags, *([] if with_id is False else [("_id",)])])

    def project(document: Document) -> Document:
        values = {name: expression(document) for name, expression in computed.items()}
        return {**_only(document, tree), **{name: value for name, value in values.items() if value is not MISSING}}

    return lambda documents: map(project, documents)


def _tree(paths: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
    return tree


def _only(document: Document, tree: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, branch in tree.items():
        if name in document:
            value = _inside(document[name], branch, _only, MISSING) if branch else document[name]
            if value is not MISSING:
                kept[name] = value
    return kept


def _without(document: Document, tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _inside(value, tree[name], _without, value) if name in tree else value
        for name, value in document.items()
        if tree.get(name) != {}
    }


def _inside(value: Any, branch: Mapping[str, Any], change: Any, other: Any) -> Any:
    """`change` on an object, or on each in a list; what is neither is kept or dropped, as `other` says."""
    if isinstance(value, Mapping):
        return change(value, branch)
    if isinstance(value, list):
        items = (_inside(item, branch, change, MISSING if other is MISSING else item) for item in value)
        return [item for item in items if item is not MISSING]
    return other


def _unwind(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    options = {"path": operand} if isinstance(operand, str) else _object("$unwind", operand)
    if unknown := options.keys() - {"path", "includeArrayIndex", "preserveNullAndEmptyArrays"}:
        raise UnsupportedQuery(f"$unwind knows no {min(unknown)}", _known())
    text, keep = options.get("path"), options.get("preserveNullAndEmptyArrays", False)
    if not isinstance(text, str) or not text.startswith("$") or not isinstance(keep, bool):
        raise UnsupportedQuery("$unwind takes a path such as $items", 'Write {"$unwind": "$items"}.')
    path = path_of(text[1:])
    index = _name("$unwind", options["includeArrayIndex"]) if "includeArrayIndex" in options else ""

    def unwind(document: Document) -> Iterator[Document]:
        value = _at(document, path)
        if isinstance(value, list) and value:
            for position, item in enumerate(value):
                yield _with(document, path, item) | ({index: position} if index else {})
        elif keep or (value is not MISSING and value is not None and value != []):
            kept = _with(document, path, MISSING) if value == [] else dict(document)
            yield kept | ({index: None} if index else {})

    return lambda documents: itertools.chain.from_iterable(map(unwind, documents))


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return MISSING
        document = document[step]
    return document


def _with(document: Document, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    if rest:
        return {**document, first: _with(document[first], tuple(rest), value)}
    if value is MISSING:
        return {name: item for name, item in document.items() if name != first}
    return {**document, first: value}


def _group(operand: Any) -> Callable[[Iterable[Document]], Iterable[Document]]:
    fields = dict(_object("$group", operand))
    if "_id" not in fields:
        raise UnsupportedQuery("$group needs an _id", 'Group by a path such as "$ticker", or by null for one group.')
    identify = _expression("$group", fields.pop("_id"))
    made = {_name("$group", name): _accumulator(item) for name, item in fields.items()}

    def apply(documents: Iterable[Document]) -> Iterator[Document]:
        groups: dict[Any, tuple[Any, list[list[Any]]]] = {}
        for document in documents:
            found = identify(document)
            key = None if found is MISSING else found
            _, columns = groups.setdefault(order(key), (key, [[] for _ in made]))
            for column, (expression, _) in zip(columns, made.values(), strict=True):
                column.append(expression(document))
        for key, columns in groups.values():
            results = zip(made, columns, made.values(), strict=True)
            yield {"_id": key, **{name: finish(column) for name, column, (_, finish) in results}}

    return apply


def _accumulator(item: Any) -> tuple[Expression, Accumulator]:
    if not isinstance(item, Mapping) or len(item) != 1 or next(iter(item)) not in ACCUMULATORS:
        raise UnsupportedQuery(f"{item!r} is not an accumulator", f"They are {', '.join(ACCUMULATORS)}.")
    [(word, operand)] = item.items()
    if word == "$count" and operand != {}:
        raise UnsupportedQuery("the accumulator $count takes {}", 'Write {"$count": {}}.')
    return _expression(word, operand), ACCUMULATORS[word]


def _expression(word: str, raw: Any) -> Expression:
    match raw:
        case str() if raw.startswith("$"):
            if raw.startswith("$$"):
                raise UnsupportedQuery(f"{word} with the variable {raw} is not supported", "Use a path: $ticker.")
            path = path_of(raw[1:])
            return lambda document: _value(document, path)
        case {"$literal": constant} if len(raw) == 1:
            return lambda _: constant
        case Mapping():
            if unknown := [name for name in raw if name.startswith("$") or "." in name]:
                raise UnsupportedQuery(f"{word} knows no {unknown[0]} in an expression", "Use a path: $ticker.")
            fields = {name: _expression(word, item) for name, item in raw.items()}
            return lambda document: {
                name: value for name, part in fields.items() if (value := part(document)) is not MISSING
            }
        case list() | tuple():
            parts = [_expression(word, item) for item in raw]
            return lambda document: [None if (value := part(document)) is MISSING else value for part in parts]
        case _:
            return lambda _: raw


def _value(value: Any, path: tuple[str, ...]) -> Any:
    """The value at a path; through a list, the list of what its objects have there."""
    for position, step in enumerate(path):
        if isinstance(value, list):
            found = (_value(item, path[position:]) for item in value)
            return [item for item in found if item is not MISSING]
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = value[step]
    return value


def _field(word: str, item: Any) -> Expression:
    # An object here is a set of nested paths to MongoDB, which are merged into what is there.
    if isinstance(item, Mapping) and "$literal" not in item:
        raise UnsupportedQuery(f"{word} with an object is not supported", "Name the path, or use $literal.")
    return _expression(word, item)


def _numbers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if kind(value) == 2]


def _sum(values: list[Any]) -> Any:
    numbers = _numbers(values)
    if not any(isinstance(number, float) for number in numbers):
        return sum(numbers)
    try:
        if all(isinstance(number, float) or abs(number) < 2**53 for number in numbers):
            return math.fsum(numbers)
        from fractions import Fraction

        return float(sum(map(Fraction, numbers)))
    except OverflowError as error:
        raise UnsupportedQuery("a $sum or $avg is larger than any number that is stored", "Sum fewer.") from error


def _average(values: list[Any]) -> Any:
    numbers = _numbers(values)
    return _sum(numbers) / len(numbers) if numbers else None


def _present(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not MISSING]


def _extreme(choose: Any) -> Accumulator:
    def finish(values: list[Any]) -> Any:
        return choose((value for value in _present(values) if value is not None), key=order, default=None)

    return finish


def _set(values: list[Any]) -> list[Any]:
    found: dict[Any, Any] = {}
    for value in _present(values):
        found.setdefault(order(value), value)
    return list(found.values())


def _first(values: list[Any]) -> Any:
    return None if values[0] is MISSING else values[0]


def _last(values: list[Any]) -> Any:
    return _first(values[-1:])


def _object(word: str, operand: Any) -> Mapping[str, Any]:
    if not isinstance(operand, Mapping) or not operand:
        raise UnsupportedQuery(f"{word} takes an object that is not empty", _known())
    return operand


def _name(word: str, name: Any) -> str:
    if not isinstance(name, str) or len(path_of(name)) != 1:
        raise UnsupportedQuery(f"{word} cannot make {name!r}", "Names are text, without dots.")
    return name


def _whole(word: str, number: Any, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise UnsupportedQuery(f"{word} takes a whole number from {least}", "Give one.")
    return number


def _known() -> str:
    return f"They know {', '.join(STAGES)}, each an object with one name in a list."


STAGES: Mapping[str, Callable[[Any], Callable[[Iterable[Document]], Iterable[Document]]]] = {
    "$match": _match, "$project": _project, "$addFields": _add_fields, "$group": _group, "$sort": _sort,
    "$skip": _skip, "$limit": _limit, "$unwind": _unwind, "$count": _count,
}  # fmt: skip
ACCUMULATORS: Mapping[str, Accumulator] = {
    "$sum": _sum, "$avg": _average, "$min": _extreme(min), "$max": _extreme(max), "$count": len,
    "$first": _first, "$last": _last, "$push": _present, "$addToSet": _set,
}  # fmt: skip
