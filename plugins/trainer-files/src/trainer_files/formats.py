"""From the whole text of a file to JSON-like data; a reader raises `ValueError` saying what is wrong and where."""

from __future__ import annotations

import json
import math
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from trainer.errors import TrainerError
from trainer.frontmatter import split_front_matter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUFFIXES = {
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".md": "markdown", ".markdown": "markdown", ".txt": "text",
}  # fmt: skip


def read_json(text: str, _: str) -> Any:
    """JSON as RFC 8259 has it: no NaN, no number beyond a float, no name twice in one object."""
    return parse_json(text)


def parse_json(text: str, line: int = 1) -> Any:
    """The JSON value in `text`, which begins at a line of its file."""

    def constant(word: str) -> float:
        raise ValueError(f"{word} is not JSON{_place(text, word, line)}")

    def number(word: str) -> float:
        value = float(word)
        if math.isinf(value):
            raise ValueError(f"{word[:40]} is too large a number{_place(text, word, line)}")
        return value

    try:
        return json.loads(text, parse_constant=constant, parse_float=number, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno + line - 1}, column {error.colno}") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


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


FORMATS: Mapping[str, Callable[[str, str], Any]] = {"json": read_json, "markdown": read_markdown, "text": read_text}


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


def _place(text: str, word: str, line: int) -> str:
    for match in re.finditer(rf'"(?:[^"\\]|\\.)*"|(?<![\w.+-]){re.escape(word)}', text, re.DOTALL):
        if match[0] == word:
            before = text[: match.start()]
            return f" at line {before.count(chr(10)) + line}, column {len(before) - before.rfind(chr(10))}"
    return ""
