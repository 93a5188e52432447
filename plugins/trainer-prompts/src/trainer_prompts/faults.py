"""What is wrong with an instruction, as far as it can be told without what else is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.instruction import Problem
from trainer_prompts.background import shortened
from trainer_prompts.engines import problems

if TYPE_CHECKING:
    from trainer import Instruction


def faults(instruction: Instruction, folders: Sequence[Path], tokens: int | None = None) -> Iterator[Problem]:
    """What is wrong with the body, the background in `folders` and the schema of an instruction.

    `tokens` is how many background may take, where the instruction does not say. The schema is checked where
    `jsonschema` is installed.
    """
    yield from problems(instruction, folders)
    yield from shortened(instruction, folders, tokens)
    if instruction.schema is not None:
        yield from _schema(instruction, dict(instruction.schema))


def _schema(instruction: Instruction, schema: dict[str, Any]) -> Iterator[Problem]:
    try:
        from jsonschema.validators import validator_for
    except ImportError:
        return
    kind = validator_for(schema)
    for error in kind(kind.META_SCHEMA).iter_errors(schema):
        line = instruction.line("output", "schema", *error.absolute_path)
        yield Problem(line, f"the schema is not a JSON schema: {error.message}", "Mend this part of it.")
