"""The beginnings of aggregation pipelines that PostgreSQL answers itself, just as `trainer.aggregation` would."""

# ruff: noqa: S608 - put together from constants and what `conditions` made; values are bound

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from trainer.aggregation import Stage
from trainer.filters import Both, Filter, parse, path_of
from trainer_sql.postgresql.places import EXACT, place_of

ORDER = "updated_at DESC, key"
Run = Callable[[str], Sequence[Sequence[Any]]]


@frozen
class Prefix:
    """What a pipeline begins with: a filter, a slice of what it lets through, and the stages after that."""

    filter: Both
    skip: int
    limit: int | None
    rest: list[Stage]


def split(stages: Sequence[Stage]) -> Prefix:
    """Take what can be taken from the beginning of a pipeline."""
    rest, skip = list(stages), 0
    parts: list[Filter] = []
    limit: int | None = None
    while rest and rest[0].name == "$match":
        parts += parse(rest.pop(0).operand).parts
    while rest and rest[0].name in ("$skip", "$limit"):
        stage = rest.pop(0)
        if stage.name == "$limit":
            limit = stage.operand if limit is None else min(limit, stage.operand)
        else:
            skip, limit = skip + stage.operand, None if limit is None else max(0, limit - stage.operand)
    return Prefix(Both(tuple(parts)), skip, limit, rest)


def answer(prefix: Prefix, where: str, run: Run) -> list[dict[str, Any]] | None:
    """The documents after the next stage, asked of `run` as SQL, if that stage can be done; else `None`."""
    stage = prefix.rest[0] if prefix.rest else None
    if stage and stage.name == "$count":
        [(number,)] = run(f"SELECT count(*) FROM (SELECT FROM trainer_record WHERE {where} {sliced(prefix)}) AS found")
        return [{stage.operand: number}] if number else []
    if stage and stage.name == "$group" and prefix.skip == 0 and prefix.limit is None:
        return _groups(stage.operand, where, run)
    return None


def sliced(prefix: Prefix) -> str:
    """The slice, as SQL."""
    limit = "" if prefix.limit is None else f" LIMIT {prefix.limit:d}"
    return f"ORDER BY {ORDER} OFFSET {prefix.skip:d}{limit}" if prefix.skip or limit else ""


def _groups(operand: Mapping[str, Any], where: str, run: Run) -> list[dict[str, Any]] | None:
    """Numbers of records by the value of one field, each group in the place of its first record."""
    by, counts = operand["_id"], {name: item for name, item in operand.items() if name != "_id"}
    if not isinstance(by, str) or not by.startswith("$") or "." in by:
        return None
    if not all(item in ({"$count": {}}, {"$sum": 1}) and item.get("$sum", 1) is not True for item in counts.values()):
        return None
    place = place_of(path_of(by[1:]))
    rows = run(
        f"SELECT value::text, number FROM (SELECT value, updated_at, key, count(*) OVER (PARTITION BY value) AS number,"
        f" row_number() OVER (PARTITION BY value ORDER BY {ORDER}) AS place"
        f" FROM (SELECT updated_at, key, coalesce((SELECT jsonb_path_query({place})), 'null') AS value"
        f" FROM trainer_record WHERE {where}) AS found) AS ranked WHERE place = 1 ORDER BY {ORDER}"
    )
    values = [(json.loads(value), number) for value, number in rows]
    if not all(_faithful(value) for value, _ in values):
        return None
    return [{"_id": value, **dict.fromkeys(counts, number)} for value, number in values]


def _faithful(value: Any) -> bool:
    """Whether PostgreSQL gives a value back as it was written: large numbers, and zeros, may have been floats."""
    match value:
        case None | bool() | str():
            return True
        case int() | float():
            return 0 < abs(value) < EXACT
        case _:
            return False
