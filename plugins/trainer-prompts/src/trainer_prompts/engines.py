"""The task of a prompt: an instruction's body with its variables filled, by the engine that it asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from trainer.errors import InstructionError
from trainer.instruction import Problem, Variable, literal
from trainer.models import Part

if TYPE_CHECKING:
    from trainer import Instruction
    from trainer_prompts.structured import Structure


@frozen
class Task:
    """The filled text; the same as a Markdown template, where the body is none; and the files it includes."""

    text: str
    outline: str = ""
    includes: tuple[Part, ...] = ()


def fill(instruction: Instruction, params: Mapping[str, str], folders: Sequence[Path] = ()) -> Task:
    """The task, with every variable filled once: nothing that stands in a value is ever filled again.

    Jinja gets each value in the type that it is declared with, and may include files of the instruction's folder and of
    `folders`; `{"years": "{YEARS}"}` of JSON becomes a number if the variable is one. Raises `InstructionError` naming
    what is wrong with the body, with the line.
    """
    if instruction.engine == "text":
        return Task(instruction.body.fill(params).strip())
    if instruction.engine == "jinja":
        from trainer_prompts.jinja import Template

        template = Template(instruction, folders)
        text = template.render(_typed(instruction, params)).strip()
        return Task(text, literal(text), template.includes)
    body = _structure(instruction)
    return Task(body.fill(params, _typed(instruction, params)), body.outline)


def problems(instruction: Instruction, folders: Sequence[Path] = ()) -> list[Problem]:
    """Everything that is wrong with the body of an instruction, found without filling it."""
    if instruction.engine == "text" or not instruction.body.text.strip():
        return []
    if instruction.engine == "jinja":
        from trainer_prompts.jinja import Template

        return Template(instruction, folders, strict=False).problems
    try:
        _structure(instruction)
    except InstructionError as error:
        return [Problem(getattr(error, "line", 0), error.problem, error.remedy)]
    return []


def includes(instruction: Instruction, folders: Sequence[Path] = ()) -> tuple[Part, ...]:
    """The files that the body of an instruction includes, as far as they can be read."""
    if instruction.engine != "jinja":
        return ()
    from trainer_prompts.jinja import Template

    return Template(instruction, folders, strict=False).includes


def _structure(instruction: Instruction) -> Structure:
    from trainer_prompts import structured

    read = {"json": structured.from_json, "xml": structured.from_xml}[instruction.engine]
    return read(instruction.body, instruction.path.name)


def _typed(instruction: Instruction, params: Mapping[str, str]) -> dict[str, Any]:
    def read(name: str, value: str) -> Any:
        variable = instruction.input.get(name, Variable(name))
        try:
            found = variable.read(value)
        except ValueError as error:
            raise InstructionError(str(variable.check(value)), f"Give it with -p {name}=….") from error
        return found if not isinstance(found, float) or math.isfinite(found) else value

    return {name: read(name, value) for name, value in params.items()}
