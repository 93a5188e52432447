"""The rows of a batch: a file of parameters, checked before anything is run."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.errors import InstructionError, StoreError
from trainer.instruction import Instruction
from trainer.stores import checked_text

SHOWN = 5  # faults that a message names


def read_rows(path: Path, instruction: Instruction, params: Mapping[str, str]) -> list[dict[str, str]]:
    """The parameters in a file: CSV with a header, or JSON Lines with an object on each line (`.jsonl`), in UTF-8.

    `params` are for every row; a row's own come first. An empty cell, or `null`, is a value that is not given. Raises
    one `InstructionError` that names the lines which cannot be run.
    """
    faults, rows = dict[str, list[int]](), list[dict[str, str]]()
    try:
        for number, row in _raw_rows(path):
            try:
                rows.append(_checked(instruction.resolve({**params, **row})))
            except (InstructionError, StoreError) as error:
                faults.setdefault(error.problem.removeprefix(f"{instruction.path.name}: "), []).append(number)
    except (OSError, csv.Error, ValueError, RecursionError) as error:
        raise InstructionError(
            f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else error}",
            "Give CSV with a header line, or JSON Lines named .jsonl, in UTF-8. Nothing was run.",
        ) from error
    if faults or not rows:
        shown = "; ".join(f"{_lines(numbers)}: {fault}" for fault, numbers in [*faults.items()][:SHOWN])
        more = f"; and {len(faults) - SHOWN} more faults" if len(faults) > SHOWN else ""
        raise InstructionError(
            f"{path} does not fit {instruction.path.name}: {shown or 'it has no row'}{more}",
            f"Mend the file: a column for each of {', '.join(instruction.variables)}. Nothing was run.",
        )
    return rows


def _lines(numbers: list[int]) -> str:
    return f"line {numbers[0]}" + (f" and {len(numbers) - 1} others" if len(numbers) > 1 else "")


def _checked(row: dict[str, str]) -> dict[str, str]:
    for name, value in row.items():
        checked_text(f"value of {name}", value)
    return row


def _raw_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".jsonl":
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _object(number, line)
            return
        reader = csv.DictReader(file, strict=True)
        header = [name.strip() for name in reader.fieldnames or ()]
        if len({*header}) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise ValueError(f"its header has {twice!r} twice")
        reader.fieldnames = header
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} has not as many fields as the header")
            yield reader.line_num, {name: value for name, value in row.items() if value}


def _object(number: int, line: str) -> dict[str, str]:
    """A line of JSON as texts: what is not text is written as JSON."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"line {number} is not an object")  # noqa: TRY004  # what is read is the file's fault
    texts = {name: item if isinstance(item, str) else json.dumps(item) for name, item in value.items()}
    return {name: text for name, text in texts.items() if value[name] is not None}
