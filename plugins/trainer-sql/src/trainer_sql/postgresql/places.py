"""Where the values at a path are, in the words of PostgreSQL: a column and a jsonpath."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from trainer.stores import ENCODER

CUT = 100  # characters of a text that its index holds
EXACT = 2**53  # from here on, floats are integers, and their shortest text is not their value


@frozen
class Place:
    """The SQL of a JSON document and the jsonpath, in lax mode, from there to the values.

    In lax mode, a path leads through each list on its way to the objects in it, as it does in filters.
    """

    document: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        """As the arguments of a function."""
        return self.arguments()

    def arguments(self, test: str = "") -> str:
        """The document, and the path with something behind it."""
        path = "$" + "".join(f'."{step}"' for step in self.steps)
        return f"{self.document}, {literal(path + test)}::jsonpath"

    @property
    def hash(self) -> str:
        """The hash of the value there, if no list is on the way."""
        return f"jsonb_hash_extended({self._value}, 0)"

    @property
    def listed(self) -> str:
        """That a list is there, or on the way."""
        ends = range(1, len(self.steps) + 1)
        return " OR ".join(f"jsonb_typeof({self._direct(end)}) = 'array'" for end in ends) or "false"

    @property
    def number(self) -> str:
        """The number there, if no list is on the way."""
        return f"CASE jsonb_typeof({self._value}) WHEN 'number' THEN ({self._value})::numeric END"

    @property
    def text(self) -> str:
        """The beginning of the text there, if no list is on the way."""
        text = f"CASE jsonb_typeof({self._value}) WHEN 'string' THEN ({self._value}) #>> '{{}}' END"
        return f'left({text}, {CUT}) COLLATE "C"'

    @property
    def indexes(self) -> list[str]:
        """The indexes that serve this place, whose expressions queries have to hold in this very text."""
        if self.document not in ("fields", "about"):
            return []  # the primary key serves it
        return [
            f"btree (({self.hash}))",
            f"btree (({self.number}))",
            f"btree (({self.text}))",
            f"gin (trainer_hashes({self})) WITH (fastupdate = off) WHERE {self.listed}",
            f"gist (trainer_numbers({self})) WHERE {self.listed}",
            f"gist (trainer_texts({self})) WHERE {self.listed}",
        ]

    @property
    def _value(self) -> str:
        return self._direct(len(self.steps))

    def _direct(self, end: int) -> str:
        steps = ",".join(f'"{step}"' for step in self.steps[:end])
        return f"{self.document} #> {literal(f'{{{steps}}}')}"


def place_of(path: tuple[str, ...]) -> Place:
    """Where the values at a path of a document are, which `filters.path_of` has checked."""
    match path:
        case ("_id", *steps):
            return Place("to_jsonb(key)", tuple(steps))
        case ("metadata", *steps):
            return Place("about", tuple(steps))
        case _:
            return Place("fields", path)


def literal(text: str) -> str:
    """A text as SQL, for a statement that is sent with parameters."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def exact(text: str) -> str:
    """JSON in which the decimal value of every number is its value in Python."""
    # Only floats that are written with an exponent can be meant.
    return ENCODER.encode(json.loads(text, parse_float=_whole)) if "e+" in text else text


def encoded(value: Any) -> str:
    """A value as such JSON."""
    return exact(ENCODER.encode(value))


def _whole(text: str) -> float:
    number = float(text)
    return int(number) if abs(number) >= EXACT else number
