"""Conditions as SQLite's SQL. Values are bound parameters; only paths, checked before, become text."""

# ruff: noqa: S608 - the only text from outside is a path, which `filters` has checked and `_literal` quotes

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from trainer_sql.filters import Condition, Path

# Paths that an index serves. An index serves an expression in the very text that it was made with, so the
# migration that makes it writes it as `_reached` does.
INDEXED = {Path("metadata", ("query",))}

# From the SQL of a value's JSON type, and that of the value, to the SQL of a truth about it.
Test = Callable[[str, str], str]


def where(conditions: Iterable[Condition]) -> tuple[list[str], dict[str, str]]:
    """One SQL expression for each condition, and their parameters by name."""
    terms: list[str] = []
    parameters: dict[str, str] = {}
    for number, condition in enumerate(conditions):
        operands = _by_types(condition.operands)
        names = {types: f"c{number}_{index}" for index, types in enumerate(operands)}
        # Bound as JSON, so that SQLite reads a number in a filter as it reads the same number in the data.
        parameters |= {names[types]: json.dumps(values) for types, values in operands.items()}
        reached = _reached(condition, _test(condition, names))
        terms.append(f"({reached}) IS NOT TRUE" if condition.negated else f"({reached})")
    return terms, parameters


def indexed(condition: Condition) -> bool:
    """Whether an index finds the records of this condition by itself."""
    return (
        condition.path in INDEXED
        and condition.operator == "in"
        and not condition.negated
        and all(isinstance(operand, str) for operand in condition.operands)
    )


def _by_types(operands: Iterable[Any]) -> dict[str, list[Any]]:
    """Operands by the JSON types, as SQLite names them, of the values that they are compared with."""
    found: dict[str, list[Any]] = {}
    for operand in operands:
        match operand:
            case None:
                types = "'null'"
            case bool():
                types = "'true', 'false'"
            case str():
                types = "'text'"
            case _:
                types = "'integer', 'real'"
        found.setdefault(types, []).append(operand)
    return found


def _test(condition: Condition, names: dict[str, str]) -> Test:
    def compare(types: str, kind: str, value: str) -> str:
        if types == "'null'":
            return f"{kind} = 'null'"
        if condition.operator == "in":
            return f"{kind} IN ({types}) AND {value} IN (SELECT value FROM json_each(:{names[types]}))"
        return f"{kind} IN ({types}) AND {value} {condition.operator} json_extract(:{names[types]}, '$[0]')"

    def test(kind: str, value: str) -> str:
        if condition.operator == "exists":
            return f"{kind} IS NOT NULL"
        return " OR ".join(compare(types, kind, value) for types in names) or "FALSE"

    return test


def _reached(condition: Condition, test: Test) -> str:
    """That `test` holds for a value which the path reaches, directly or through lists.

    The direct way stands first and by itself, as that is what an index serves.
    """
    column, steps = condition.path.column, condition.path.steps
    whole = _literal(steps)
    direct = test(f"json_type({column}, {whole})", f"json_extract({column}, {whole})")
    if None in condition.operands:
        direct += f" OR json_type({column}, {whole}) IS NULL"
    lists = (f"json_type({column}, {_literal(steps[:end])}) = 'array'" for end in range(1, len(steps) + 1))
    return f"{direct} OR (({' OR '.join(lists)}) AND EXISTS ({_through_lists(condition, test)}))"


def _through_lists(condition: Condition, test: Test) -> str:
    """The values reached, as rows; each step leads to the object there, or the objects in the list there."""
    *steps, last = (_literal([step]) for step in condition.path.steps)
    tables: list[str] = []
    parent: str = condition.path.column
    for number, step in enumerate(steps):
        tables.append(
            f"json_each(CASE json_type({parent}, {step}) WHEN 'array' THEN json_extract({parent}, {step})"
            f" WHEN 'object' THEN json_array(json_extract({parent}, {step})) END) AS s{number}"
        )
        # A text among the rows is not JSON, and SQLite may parse it before it looks at the type.
        parent = f"CASE s{number}.type WHEN 'object' THEN s{number}.value END"
    kind = f"json_type({parent}, {last})"
    if condition.operator == "exists":
        return f"SELECT 1 FROM {', '.join(tables)} WHERE {test(kind, '')}" if tables else "SELECT 1"
    # The members of an object are rows of `json_each` too, and are not values of this path.
    tables.append(f"json_each(CASE {kind} WHEN 'object' THEN NULL ELSE {parent} END, {last}) AS e")
    return f"SELECT 1 FROM {', '.join(tables)} WHERE {test('e.type', 'e.value')}"


def _literal(steps: Iterable[str]) -> str:
    path = "$" + "".join(f'."{step}"' for step in steps)
    return "'" + path.replace("'", "''") + "'"
