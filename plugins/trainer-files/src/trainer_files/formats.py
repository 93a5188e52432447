"""From the text of a file to JSON-like data; a reader raises `ValueError` saying what is wrong and where."""

from __future__ import annotations

import csv
import json
import math
import re
from decimal import Decimal
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from trainer.errors import TrainerError
from trainer.frontmatter import split_front_matter
from trainer.stores import LARGEST_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUFFIXES = {".json": "json", ".csv": "csv", ".tsv": "csv", ".md": "markdown", ".markdown": "markdown", ".txt": "text"}
DELIMITERS = ",;\t|"
SAMPLE = 65_536  # characters that are enough to tell the delimiter
INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")


def read_json(text: str, _: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no number beyond a float, no name twice in one object."""

    def constant(word: str) -> float:
        raise ValueError(f"{word} is not JSON{_place(text, word)}")

    def number(word: str) -> float:
        value = float(word)
        if math.isinf(value):
            raise ValueError(f"{word[:40]} is too large a number{_place(text, word)}")
        return value

    try:
        return json.loads(text, parse_constant=constant, parse_float=number, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_csv(text: str, _: str) -> list[dict[str, Any]]:
    """CSV with a header line, as one dict a row; blank lines are skipped and an empty cell is `None`.

    A cell becomes a number only when nothing of its value is lost: `007`, `1e5`, `+1` and `1_000` stay text.
    """
    lines = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [name.strip() for name in next((row for row in lines if row), [])]
        _check_header(header)
        rows = []
        for row in lines:
            if row and len(row) != len(header):
                raise ValueError(f"line {lines.line_num} has {len(row)} cells, the header has {len(header)}")
            if row:
                rows.append(dict(zip(header, map(_cell, row), strict=True)))
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from error
    return rows


def read_markdown(text: str, name: str) -> dict[str, Any]:
    """The text below the front matter, the file's name, and the front matter as `metadata`."""
    try:
        head, body, _ = split_front_matter(text, name)
    except TrainerError as error:
        raise ValueError(error.problem) from error
    try:
        metadata = json.loads(json.dumps(head, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the front matter has a value that JSON has not: {error}") from error
    return {"text": body, "name": name, "metadata": metadata}


def read_text(text: str, name: str) -> dict[str, Any]:
    """The text and the file's name."""
    return {"text": text, "name": name}


FORMATS: Mapping[str, Callable[[str, str], Any]] = {
    "json": read_json,
    "csv": read_csv,
    "markdown": read_markdown,
    "text": read_text,
}


def format_of(name: str) -> str | None:
    """The format that a file's ending stands for."""
    return SUFFIXES.get(PurePath(name).suffix.lower())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _place(text: str, word: str) -> str:
    for match in re.finditer(rf'"(?:[^"\\]|\\.)*"|(?<![\w.+-]){re.escape(word)}', text, re.DOTALL):
        if match[0] == word:
            before = text[: match.start()]
            return f" at line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
    return ""


def _delimiter(text: str) -> str:
    # csv.Sniffer guesses from letters and quotes and is wrong on one small table in twenty; what holds for
    # every table is that the true delimiter cuts each row into as many cells as the header.
    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample[: sample.rfind("\n") + 1]

    def fit(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(StringIO(sample, newline=""), delimiter=delimiter, strict=True)
        widths: list[int] = []
        try:
            widths.extend(len(row) for row in reader if row)
        except csv.Error:
            if len(text) <= SAMPLE:
                return 0, 0
        if not widths or widths[0] < 2:
            return 0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=fit)


def _check_header(header: list[str]) -> None:
    if not header:
        raise ValueError("it is empty: not even a header line")
    for column, name in enumerate(header, 1):
        if not name:
            raise ValueError(f"column {column} of the header has no name")
        if header.index(name) != column - 1:
            raise ValueError(f"the header names column {name!r} twice")


def _cell(text: str) -> str | int | float | None:
    if not text:
        return None
    if INTEGER.fullmatch(text):
        value = int(text)
        return value if abs(value) <= LARGEST_INTEGER else text
    if DECIMAL.fullmatch(text) and Decimal(repr(number := float(text))) == Decimal(text):
        return number
    return text
