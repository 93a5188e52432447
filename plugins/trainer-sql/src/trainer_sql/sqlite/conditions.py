"""Filters as SQLite's SQL, exactly. Values are bound parameters; only paths, checked before, become text."""

# ruff: noqa: S608 - the only text from outside is a path, which `filters.path_of` has checked and `literal` quotes

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from attrs import evolve, frozen

from trainer.filters import Both, Condition, Either, Filter, Not
from trainer_sql.records import after

MOST = 100  # steps of paths that become SQL: SQLite takes expressions up to a depth of 1000
NESTED = 2  # lists of lists whose elements are looked at in SQL: each doubles its length
TYPES = {"boolean": "'true', 'false'", "number": "'integer', 'real'", "text": "'text'"}

# From the SQL of a value's JSON type, and that of the value, to the SQL of a truth about it.
Test = Callable[[str, str], str]


@frozen
class Where:
    """A filter as SQL: terms that must all be true, their parameters by name, and what SQL cannot say.

    `indexed` says that indexes find the records for which one of the terms is true.
    """

    terms: list[str]
    parameters: dict[str, Any]
    rest: Both
    indexed: bool


def where(filter: Both, declared: Collection[str] = ()) -> Where:
    """What SQL can say of a filter, exactly, and the rest. `declared` are the paths that have indexes."""
    parameters: dict[str, Any] = {}
    writer, indexed = _Writer(parameters, declared), False
    terms: list[str] = []
    rest: list[Filter] = []
    left = MOST
    for part in _conjuncts(filter):
        left -= _size(part)
        term = writer.write(part) if left >= 0 else None
        if term is None:
            rest.append(part)
        else:
            terms.append(f"({term})")
            indexed = indexed or writer.finds(part)
    return Where(terms, parameters, Both(tuple(rest)), indexed)


def place(path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The column where the values of a path of a document are, and the steps inside of it."""
    if path[0] == "_id":
        return "key", path[1:]
    return ("metadata", path[1:]) if path[0] == "metadata" else ("data", path)


def scalar(column: str, steps: tuple[str, ...]) -> str:
    """The value at the end of a direct way: the very text that an index is made with, which alone it serves."""
    return f"json_extract({column}, {literal(steps)})"


def lists(column: str, steps: tuple[str, ...], *, last: bool = True) -> str:
    """Whether a list is met on the way, or (with `last`) at its end: the very text of an index, too."""
    ends = range(1, len(steps) + last)
    return " OR ".join(f"json_type({column}, {literal(steps[:end])}) = 'array'" for end in ends) or "FALSE"


def literal(steps: Iterable[str]) -> str:
    """Steps as an SQL literal of a JSON path."""
    path = "$" + "".join(f'."{step}"' for step in steps)
    return "'" + path.replace("'", "''") + "'"


def _conjuncts(filter: Both) -> Iterator[Filter]:
    for part in filter.parts:
        if isinstance(part, Both):
            yield from _conjuncts(part)
        else:
            yield part


def _size(filter: Filter) -> int:
    match filter:
        case Condition():
            return max(1, len(filter.path)) + (_size(filter.operand) if filter.operator == "element" else 0)
        case Not():
            return 1 + _size(filter.part)
        case _:
            return 1 + sum(map(_size, filter.parts))


class _Writer:
    """Writes parts of a filter as SQL, `None` for those that it cannot say, and gathers their parameters."""

    def __init__(self, parameters: dict[str, Any], declared: Collection[str]) -> None:
        self._parameters = parameters
        self._declared = declared
        self._elements = 0
        self._depth = 0

    def finds(self, filter: Filter) -> bool:
        """Whether indexes find the records for which a filter holds."""
        match filter:
            case Condition(operator="in"):
                return None not in filter.operand and ".".join(filter.path) in self._declared
            case Condition(operator="<" | "<=" | ">" | ">=" | "startsWith"):
                return ".".join(filter.path) in self._declared
            case Either():
                return all(map(self.finds, filter.parts))
            case Both():
                return any(map(self.finds, filter.parts))
            case _:
                return False

    def write(self, filter: Filter, element: str = "") -> str | None:
        """`element` is the row of `json_each` that a filter on elements of a list is about."""
        match filter:
            case Condition(operator="in") if len(kinds := _by_type(filter.operand)) > 1:
                # Each by itself can be looked up in an index, but not one or the other.
                each: tuple[Filter, ...] = tuple(evolve(filter, operand=tuple(operands)) for operands in kinds.values())
                return self.write(Either(each), element)
            case Condition():
                return self._condition(filter, element)
            case Not():
                part = self.write(filter.part, element)
                return None if part is None else f"({part}) IS NOT TRUE"
        parts = [self.write(part, element) for part in filter.parts]
        said = [f"({part})" for part in parts if part is not None]
        if len(said) < len(parts):
            return None
        return " OR ".join(said) or "FALSE" if isinstance(filter, Either) else " AND ".join(said) or "TRUE"

    def _condition(self, condition: Condition, element: str) -> str | None:
        test = self._test(condition)
        if test is None:
            return None
        if not condition.path:
            return test(f"{element}.type", f"{element}.value")
        column, steps = (_object(element), condition.path) if element else place(condition.path)
        if column == "key" and not steps:
            return test("'text'", "key")
        # That nothing is there at all is not said by what is at the end of the direct way.
        if column == "key" or not steps or (len(steps) > 1 and _seeks_null(condition)):
            return None
        return _reached(condition, test, column, steps, in_index=not element and self.finds(condition))

    def _test(self, condition: Condition) -> Test | None:
        operand = condition.operand
        match condition.operator:
            case "exists":
                return lambda kind, _: f"{kind} IS NOT NULL"
            case "in":
                return self._in(operand)
            case "size":
                size = self._bind(operand)
                return lambda kind, value: f"{kind} = 'array' AND json_array_length({_guarded(kind, value)}) = {size}"
            case "contains":
                text = self._bind(operand)
                return lambda kind, value: f"{kind} = 'text' AND instr({value}, {text}) > 0"
            case "startsWith":
                return self._starts(operand)
            case "element":
                return self._element(operand)
            case order:
                bound, types = self._bind(operand), TYPES[_type(operand)]
                return lambda kind, value: f"{kind} IN ({types}) AND {value} {order} {bound}"

    def _in(self, operands: tuple[Any, ...]) -> Test | None:
        """That a value equals one of the operands, which are of one type."""
        kinds = _by_type(operands)
        if not kinds:
            return lambda _, __: "FALSE"
        [name] = kinds
        if name == "other":
            return None
        if name == "null":
            return lambda kind, _: f"{kind} = 'null'"
        equal = f"= {self._bind(operands[0])}" if len(operands) == 1 else f"IN {self._bind_list(operands)}"
        if all(map(_is_plain, operands)):
            # The type is found by reading the whole document once more, so it is asked only where it matters.
            return lambda _, value: f"{value} {equal}"
        return lambda kind, value: f"{kind} IN ({TYPES[name]}) AND {value} {equal}"

    def _starts(self, prefix: str) -> Test:
        low, end = self._bind(prefix), after(prefix)
        high = self._bind(end)

        def test(kind: str, value: str) -> str:
            return f"{kind} = 'text' AND {value} >= {low}" + (f" AND {value} < {high}" if end else "")

        return test

    def _element(self, filter: Filter) -> Test | None:
        if self._depth == NESTED:
            return None
        self._elements += 1
        self._depth += 1
        row = f"x{self._elements}"
        inner = self.write(filter, row)
        self._depth -= 1
        if inner is None:
            return None
        if _of_objects(filter):
            inner = f"{row}.type = 'object' AND ({inner})"
        return lambda kind, value: (
            f"{kind} = 'array' AND EXISTS (SELECT 1 FROM json_each({_guarded(kind, value)}) AS {row} WHERE {inner})"
        )

    def _bind(self, value: Any) -> str:
        name = f"p{len(self._parameters)}"
        if isinstance(value, float):
            # As JSON, so that SQLite reads a number in a filter as it reads the same number in the data.
            self._parameters[name] = repr(value)
            return f"json_extract(:{name}, '$')"
        self._parameters[name] = value
        return f":{name}"

    def _bind_list(self, values: Sequence[Any]) -> str:
        name = f"p{len(self._parameters)}"
        self._parameters[name] = json.dumps(values)
        return f"(SELECT value FROM json_each(:{name}))"


def _by_type(operands: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for operand in operands:
        found.setdefault(_type(operand), []).append(operand)
    return found


def _type(operand: Any) -> str:
    match operand:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "other"


def _is_plain(operand: Any) -> bool:
    """Whether SQLite has no value of another type that it takes for this one: booleans are 1 and 0 to it, and lists
    and objects are their JSON.
    """
    if isinstance(operand, str):
        return not operand.startswith(("[", "{"))
    return type(operand) in (int, float) and operand not in (0, 1)


def _seeks_null(condition: Condition) -> bool:
    return condition.operator == "in" and None in condition.operand


def _of_objects(filter: Filter) -> bool:
    """Whether a filter on elements names fields, so that only objects are meant."""
    match filter:
        case Condition():
            return bool(filter.path)
        case Not():
            return _of_objects(filter.part)
        case _:
            return any(map(_of_objects, filter.parts))


def _object(row: str) -> str:
    """The value of a row if it is an object, else NULL: a text there is not JSON."""
    return f"CASE {row}.type WHEN 'object' THEN {row}.value END"


def _guarded(kind: str, value: str) -> str:
    """A value that is a list, else NULL: SQLite may read a text as JSON before it looks at the type."""
    return f"CASE {kind} WHEN 'array' THEN {value} END"


def _reached(condition: Condition, test: Test, column: str, steps: tuple[str, ...], *, in_index: bool) -> str:
    """That `test` holds for a value which the path reaches, directly or through lists.

    The direct way stands first and by itself, as that is what one index serves; the other serves the rest. They
    begin with the namespace, which stands here, as nowhere else may an index on it tempt SQLite.
    """
    whole = condition.operator in ("exists", "size", "element")
    kind = f"json_type({column}, {literal(steps)})"
    direct = test(kind, scalar(column, steps))
    if _seeks_null(condition):
        direct += f" OR {kind} IS NULL"
    if whole and len(steps) == 1:
        return direct
    # The same words in both ways would be taken out of them.
    here, there = ("ns = :ns AND ", "ns IS :ns AND ") if in_index else ("", "")
    through = f"({lists(column, steps, last=not whole)}) AND EXISTS ({_through_lists(test, column, steps, whole)})"
    return f"({here}({direct})) OR ({there}{through})"


def _through_lists(test: Test, column: str, steps: tuple[str, ...], whole: bool) -> str:
    """The values reached, as rows; each step leads to the object there, or the objects in the list there."""
    *way, last = (literal([step]) for step in steps)
    tables: list[str] = []
    parent = column
    for number, step in enumerate(way):
        tables.append(
            f"json_each(CASE json_type({parent}, {step}) WHEN 'array' THEN json_extract({parent}, {step})"
            f" WHEN 'object' THEN json_array(json_extract({parent}, {step})) END) AS s{number}"
        )
        parent = _object(f"s{number}")
    kind = f"json_type({parent}, {last})"
    if whole:
        return f"SELECT 1 FROM {', '.join(tables)} WHERE {test(kind, f'json_extract({parent}, {last})')}"
    # The members of an object are rows of `json_each` too, and are not values of this path.
    tables.append(f"json_each(CASE {kind} WHEN 'object' THEN NULL ELSE {parent} END, {last}) AS e")
    return f"SELECT 1 FROM {', '.join(tables)} WHERE {test('e.type', 'e.value')}"
