"""Filters as PostgreSQL's SQL. Values are bound parameters; only paths, checked before, become text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from attrs import field, frozen

from trainer.filters import Both, Condition, Either, Filter, Not
from trainer_sql.postgresql.places import CUT, Place, encoded, place_of
from trainer_sql.records import after

RANGES = {"<": "(NULL, {0}, '()')", "<=": "(NULL, {0}, '(]')", ">": "({0}, NULL, '()')", ">=": "({0}, NULL, '[)')"}
NOTHING, ANYTHING = "false", "true"


@frozen
class Translation:
    """SQL that is true for each row that a filter holds for; if it is `exact`, for no others."""

    sql: str
    exact: bool = True


@frozen
class Translator:
    """Translates filters; `parameters` are those of all that it translated, by name.

    `indexed` are the dotted paths with an index, which is asked as well, since it answers more than the filter.
    """

    indexed: Collection[str] = ()
    parameters: dict[str, Any] = field(factory=dict)

    def translate(self, filter: Filter) -> Translation:
        """A filter as a truth about a row of `trainer_record`, which may be NULL where it is false."""
        match filter:
            case Condition():
                return self._condition(filter)
            case Both() if len(filter.parts) > 1 and _window(filter):
                return Translation(self._range(_flat(filter)))
            case Not():
                part = self.translate(filter.part)
                return Translation(f"({part.sql}) IS NOT TRUE") if part.exact else Translation(ANYTHING, exact=False)
            case _:
                parts = [
                    self.translate(part) for part in (filter.parts if isinstance(filter, Either) else together(filter))
                ]
                word, none = ("OR", NOTHING) if isinstance(filter, Either) else ("AND", ANYTHING)
                sql = f" {word} ".join(f"({part.sql})" for part in parts) or none
                return Translation(sql, all(part.exact for part in parts))

    def _condition(self, condition: Condition) -> Translation:
        place, operand = place_of(condition.path), condition.operand
        indexed = ".".join(condition.path) in self.indexed
        match condition.operator:
            case "in":
                return Translation(self._in(condition, place, indexed=indexed))
            case "exists":
                return Translation(f"jsonb_path_exists({place})")
            case "size":
                length = "CASE jsonb_typeof(value) WHEN 'array' THEN jsonb_array_length(value) END"
                return Translation(
                    f"EXISTS (SELECT FROM jsonb_path_query({place}) AS value WHERE {length} = {self._bind(operand)})"
                )
            case "contains":
                text = "CASE jsonb_typeof(value) WHEN 'string' THEN value #>> '{}' END"
                found = f'strpos(({text}) COLLATE "C", {self._bind(operand)}) > 0'
                return Translation(f"EXISTS (SELECT FROM {self._values(place)} WHERE {found})")
            case "startsWith":
                test = self._compared(place, "starts with", operand)
                return Translation(f"{self._begins(place, operand)} AND {test}" if indexed else test)
            case "element":
                return Translation(self.translate(Both(tuple(_implied(condition)))).sql, exact=False)
            case _:
                return Translation(self._range([condition]))

    def _in(self, condition: Condition, place: Place, *, indexed: bool) -> str:
        operands = condition.operand
        if condition.path == ("_id",):
            # Which the primary key finds.
            return f"key = ANY({self._bind([operand for operand in operands if isinstance(operand, str)])}::text[])"
        whole = [operand for operand in operands if isinstance(operand, dict | list | tuple)]
        single = [operand for operand in operands if not isinstance(operand, dict | list | tuple)]
        terms = []
        if single:
            terms.append(self._compared(place, "==", single, "[*]"))
        if whole:
            values = f"{self._bind([encoded(operand) for operand in whole])}::jsonb[]"
            terms.append(f"EXISTS (SELECT FROM {self._values(place)} WHERE value = ANY({values}))")
        if None in operands:
            terms.append(f"NOT jsonb_path_exists({place})")
        test = " OR ".join(terms) or NOTHING
        if indexed and terms and None not in operands:
            hashes = f"trainer_hashes({self._bind([encoded(operand) for operand in operands])}::jsonb[])"
            lists = f"({place.listed}) AND trainer_hashes({place}) && {hashes}"
            return f"({place.hash} = ANY({hashes}) OR {lists}) AND ({test})"
        return test

    def _range(self, conditions: list[Condition]) -> str:
        """Comparisons of one place with texts or with numbers: an index finds what is between the ends at once."""
        place, path = place_of(conditions[0].path), ".".join(conditions[0].path)
        tests = [self._compared(place, each.operator, each.operand) for each in conditions]
        kind = type(conditions[0].operand)
        if path in self.indexed and kind is not bool:
            bounds = [self._bound(each) for each in conditions]
            column, function, range_type = (
                (place.text, "trainer_texts", "trainer_text_range")
                if kind is str
                else (place.number, "trainer_numbers", "numrange")
            )
            alone = " AND ".join(f"({column}) {word} {value}" for word, value in bounds)
            listed = " AND ".join(
                f"{function}({place}) && {range_type}{RANGES[word].format(value)}" for word, value in bounds
            )
            tests.insert(0, f"({alone} OR ({place.listed}) AND {listed})")
        return " AND ".join(tests)

    def _bound(self, condition: Condition) -> tuple[str, str]:
        """The comparison, and the operand, that an index is asked for."""
        word, operand = condition.operator, condition.operand
        if isinstance(operand, str):
            # A text that was cut can be equal to what it was compared with.
            return word if word.endswith("=") else f"{word}=", f"{self._bind(operand[:CUT])}::text"
        return word, f"{self._bind(encoded(operand))}::numeric"

    def _begins(self, place: Place, start: str) -> str:
        least, end = f"{self._bind(start[:CUT])}::text", after(start[:CUT])
        most = f"{self._bind(end)}::text" if end else ""
        alone = f"({place.text}) >= {least}" + (f" AND ({place.text}) < {most}" if most else "")
        listed = f"trainer_texts({place}) && trainer_text_range({least}, {most or 'NULL'}, '[)')"
        return f"({alone} OR ({place.listed}) AND {listed})"

    def _compared(self, place: Place, word: str, operand: Any, each: str = "") -> str:
        """A jsonpath about one of the values, or of the elements of those that are lists."""
        variables = self._bind(encoded({"v": operand}))
        return f"jsonb_path_match({place.arguments(f' {word} $v{each}')}, {variables}::jsonb)"

    def _values(self, place: Place) -> str:
        return (
            f"(SELECT jsonb_path_query({place}) UNION ALL SELECT jsonb_path_query({place.arguments('[*]')}))"
            " AS reached(value)"
        )

    def _bind(self, value: Any) -> str:
        name = f"f{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"


def together(filter: Both) -> list[Filter]:
    """The parts of a conjunction, of which those that make a window stand together."""
    windows: dict[Any, list[Filter]] = {}
    for number, part in enumerate(filter.parts):
        windows.setdefault(_window(part) or number, []).append(part)
    return [parts[0] if len(parts) == 1 else Both(tuple(parts)) for parts in windows.values()]


def _window(filter: Filter) -> Any:
    """What is compared and with which kind of value, if that is all that is asked."""
    match filter:
        case Condition(path, operator, operand) if operator in RANGES:
            return path, str if isinstance(operand, str) else bool if isinstance(operand, bool) else float
        case Both(parts):
            found = {_window(part) for part in parts}
            return found.pop() if len(found) == 1 else None
    return None


def _flat(filter: Filter) -> list[Condition]:
    """The conditions that a window is made of."""
    if isinstance(filter, Both):
        return [condition for part in filter.parts for condition in _flat(part)]
    return [filter] if isinstance(filter, Condition) else []


def _implied(condition: Condition) -> list[Condition]:
    """What has to hold for the whole list if something holds for one of its elements."""
    found = [Condition(condition.path, "exists")]
    parts = list(condition.operand.parts) if isinstance(condition.operand, Both) else [condition.operand]
    while parts:
        match parts.pop():
            case Both(inner):
                parts += inner
            case Condition(steps, "in", operands) if None not in operands:
                found.append(Condition(condition.path + steps, "in", operands))
            case Condition(steps, "<" | "<=" | ">" | ">=" | "contains" | "startsWith" as word, operand):
                found.append(Condition(condition.path + steps, word, operand))
    return found
