"""Everything that is wrong with an instruction, found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from trainer import routing
from trainer.contexts import find_context
from trainer.errors import PathRefused, TrainerError
from trainer.instruction import Instruction, Template
from trainer.pipeline import Pipeline


@frozen
class Problem:
    """One fault: its line (0: in no one line), what it is, what to do, and whether it stops a run."""

    line: int
    message: str
    remedy: str
    fatal: bool = True


def validate(pipeline: Pipeline, path: Path) -> list[Problem]:
    """Every problem of the instruction at `path`, those that stop a run first."""
    try:
        instruction = Instruction.load(path)
    except TrainerError as error:
        return [Problem(0, error.problem, error.remedy)]
    found = [*_variables(instruction), *_contexts(pipeline, instruction), *_plugins(pipeline, instruction)]
    return sorted(found, key=lambda problem: (not problem.fatal, problem.line))


def _variables(instruction: Instruction) -> Iterator[Problem]:
    used = instruction.body.variables
    front = Instruction(
        instruction.path, Template(""), instruction.title, data=instruction.data, models=instruction.models
    ).variables
    declared = instruction.input
    for name, line in used.items():
        if declared and name not in declared:
            yield Problem(
                line,
                f"{{{name}}} is not declared",
                f"Add it under input:, or write {{{{{name}}}}} for a literal brace.",
                False,
            )
    for name in declared:
        if name not in used and name not in front:
            yield Problem(0, f"input {name} is never used", "Use it, or take it out.", False)


def _contexts(pipeline: Pipeline, instruction: Instruction) -> Iterator[Problem]:
    folder = pipeline.folder("context")
    declared = dict.fromkeys(instruction.contexts or (), 0)
    named = instruction.references if instruction.contexts is None else declared
    for reference, line in named.items():
        if Template(reference).variables:
            continue
        try:
            find_context(folder, reference)
        except TrainerError as error:
            needed = reference in declared or pipeline.settings.strict or isinstance(error, PathRefused)
            yield Problem(line, error.problem, error.remedy, needed)


def _plugins(pipeline: Pipeline, instruction: Instruction) -> Iterator[Problem]:
    plugins, settings = pipeline.plugins, pipeline.settings
    wanted = [("retrieve", need.source) for need in instruction.data.values()]
    wanted.append(("compose", instruction.strategy or settings.strategy))
    known = plugins.names("complete")
    models = [model for model in instruction.models or settings.models if not Template(model).variables]
    wanted += [("complete", routing.provider(model, known)) for model in models]
    for verb, name in wanted:
        try:
            plugins.entry(verb, name)
        except TrainerError as error:
            # A model may be missing as long as another one of the list is there.
            fatal = verb != "complete" or not any(routing.provider(model, known) in known for model in models)
            yield Problem(0, error.problem, error.remedy, fatal)
    for name in instruction.formats:
        try:
            routing.chain(plugins.names("convert"), "markdown", routing.format_of(name))
        except TrainerError as error:
            yield Problem(0, error.problem, error.remedy)
