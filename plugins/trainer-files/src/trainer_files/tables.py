"""Tables, row by row: CSV, JSON Lines and Parquet; only what is wanted of them is ever held.

Each reader takes an open file and a `Selection`, and raises `ValueError` saying what is wrong and where.
"""

from __future__ import annotations

import base64
import csv
import importlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO, TextIO

from trainer.errors import RetrievalError
from trainer.stores import LARGEST_INTEGER
from trainer_files.formats import parse_json
from trainer_files.reading import TooLarge
from trainer_files.selection import Selection, as_cell, first_twice

DELIMITERS = ",;\t|"
SAMPLE = 65_536  # characters that are enough to tell the delimiter
LONGEST_LINE = 16_000_000  # characters: a file without line ends is not read into memory to find that out
Rows = Iterator[Any]


def csv_rows(file: TextIO, selection: Selection) -> Rows:
    """CSV with a header line, as one dict a row; blank lines are skipped and an empty cell is `None`.

    A cell becomes a number only when nothing of its value is lost: `007`, `1e5`, `+1` and `1_000` stay text.
    """
    head = file.read(SAMPLE) + file.readline(LONGEST_LINE)
    lines = csv.reader(
        chain(io.StringIO(head, newline=""), _lines(file)), delimiter=_delimiter(head, len(head) < SAMPLE), strict=True
    )
    try:
        header = [name.strip() for name in next((row for row in lines if row), [])]
        _check_header(header)
        selection.check(header)
        place = {name: position for position, name in enumerate(header)}
        kept = [(name, place[name]) for name in selection.columns or header]
        for row in lines:
            if row and len(row) != len(header):
                raise ValueError(f"line {lines.line_num} has {len(row)} cells, the header has {len(header)}")
            if row and selection.matches(lambda name, row=row: as_cell(row[place[name]])):  # type: ignore[misc]  # mypy knows no defaults of lambdas
                yield {name: as_cell(row[position]) for name, position in kept}
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from error


def jsonl_rows(file: TextIO, selection: Selection) -> Rows:
    """JSON Lines: one value a line, blank lines are skipped. Columns and conditions need objects; absent is `None`."""
    names = selection.names
    for number, line in enumerate(_lines(file), 1):
        if line.isspace():
            continue
        value = parse_json(line, number)
        if not names:
            yield value
        elif not isinstance(value, dict):
            raise ValueError(f"line {number} is no object, so it has no columns")
        elif selection.matches(value.get):
            yield selection.cut(value)


def json_rows(data: Any, selection: Selection) -> Rows:
    """The rows of a JSON array. Raises `RetrievalError` for other data."""
    if not isinstance(data, list):
        raise RetrievalError("columns, where and limit are for rows, which this file has not", "Leave them out.")
    for number, row in enumerate(data, 1):
        if selection.names and not isinstance(row, dict):
            raise ValueError(f"item {number} is no object, so it has no columns")
        if not selection.names:
            yield row
        elif selection.matches(row.get):
            yield selection.cut(row)


def take(rows: Rows, limit: int | None, most: int) -> tuple[list[Any], int, bool]:
    """The first rows, the characters that they hold, and whether there are more than `limit`.

    Raises `TooLarge` for more than `most` characters.
    """
    found: list[Any] = []
    held = 0
    for row in rows:
        if len(found) == limit:
            return found, held, True
        held += sum(len(str(cell)) for cell in row.values()) if isinstance(row, dict) else len(str(row))
        if held > most:
            raise TooLarge
        found.append(row)
    return found, held, False


def parquet_rows(file: BinaryIO, selection: Selection) -> Rows:
    """Parquet by pyarrow. Dates and times become ISO 8601, decimals numbers where nothing is lost, bytes base64.

    NaN is `None`. Raises `RetrievalError` without pyarrow.
    """
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise RetrievalError(
            "Parquet is read by the package pyarrow, which is not installed", "pip install 'trainer-files[parquet]'"
        ) from error
    try:
        content = parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        header = content.schema_arrow.names
        _check_header(header)
        selection.check(header)
        for batch in content.iter_batches(4096, columns=selection.names or None):
            for found in batch.to_pylist():
                row = {name: plain(name, value) for name, value in found.items()}
                if selection.matches(row.get):
                    yield selection.cut(row)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error


def plain(name: str, value: Any) -> Any:
    """A value of the column `name` as JSON has it. Raises `ValueError` for infinity and for types without a form."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER else str(value)
        case float() if not math.isinf(value):
            return None if math.isnan(value) else value
        case Decimal():
            number = as_cell(f"{value:f}")
            return str(value) if number is None else number
        case date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{Decimal(value // timedelta(microseconds=1)).scaleb(-6).normalize():f}S"
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case list() | tuple():
            return [plain(name, item) for item in value]
        case Mapping():
            return {str(key): plain(name, item) for key, item in value.items()}
    raise ValueError(f"column {name!r} holds {value!r:.40}, which JSON does not have")


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE:,} characters")
        yield line


def _delimiter(sample: str, whole: bool) -> str:
    # csv.Sniffer guesses from letters and quotes and is wrong on one small table in twenty; what holds for
    # every table is that the true delimiter cuts each row into as many cells as the header.
    def fit(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, strict=True)
        widths: list[int] = []
        try:
            widths.extend(len(row) for row in reader if row)
        except csv.Error:
            if whole:
                return 0, 0
        if not widths or widths[0] < 2:
            return 0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=fit)


def _check_header(header: Sequence[str]) -> None:
    if not header:
        raise ValueError("it is empty: not even a header line")
    for column, name in enumerate(header, 1):
        if not name:
            raise ValueError(f"column {column} of the header has no name")
    if (twice := first_twice(header)) is not None:
        raise ValueError(f"the header names column {twice!r} twice")
