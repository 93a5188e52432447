"""Everything that is wrong with an instruction, found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer import routing
from trainer.contexts import find_context
from trainer.errors import InstructionError, PathRefused, TrainerError
from trainer.instruction import Instruction, Problem, Template

if TYPE_CHECKING:
    from trainer.pipeline import Pipeline

__all__ = ["Problem", "check", "validate"]


def validate(pipeline: Pipeline, path: Path) -> list[Problem]:
    """Every problem of the instruction at `path`, those that stop a run first."""
    try:
        instruction, found = Instruction.examine(Instruction.text_of(path), path)
    except InstructionError as error:
        return [Problem(0, error.problem, error.remedy)]
    found += check(instruction, pipeline.folder("context"), pipeline.settings.strict)
    found += [*_plugins(pipeline, instruction), *_body(pipeline, instruction)]
    return sorted(dict.fromkeys(found), key=lambda problem: (not problem.fatal, problem.line))


def check(instruction: Instruction, folder: Path, strict: bool = False) -> list[Problem]:
    """What is wrong with the variables of an instruction and with the contexts it takes from `folder`."""
    return [*_variables(instruction), *_contexts(instruction, folder, strict)]


def _variables(instruction: Instruction) -> Iterator[Problem]:
    declared = instruction.input
    used = {name: instruction.line("title") for name in Template(instruction.title).variables}
    used |= {name: instruction.line("model") for model in instruction.models for name in Template(model).variables}
    used |= {name: instruction.line("data", need.name) for need in instruction.data.values() for name in need.variables}
    # What a Jinja template uses is its engine's to tell.
    used |= {} if instruction.engine == "jinja" else instruction.body.variables
    for name, line in used.items():
        if declared and name not in declared:
            remedy = f"Add it under input:, or write {{{{{name}}}}} for a literal brace."
            yield Problem(line, f"{{{name}}} is not declared", remedy, False)
    for name in declared if instruction.engine != "jinja" else ():
        if name not in used:
            line = instruction.line("input", name)
            yield Problem(line, f"input {name} is never used", "Use it, or take it out.", False)


def _contexts(instruction: Instruction, folder: Path, strict: bool) -> Iterator[Problem]:
    declared = {name: instruction.line("contexts", place) for place, name in enumerate(instruction.contexts or ())}
    named = instruction.references if instruction.contexts is None else declared
    if len(declared) < len(instruction.contexts or ()):
        line = instruction.line("contexts")
        yield Problem(line, "a context is listed twice", "Take one out; it is used once.", False)
    for reference, line in named.items():
        if Template(reference).variables:
            continue
        try:
            path = find_context(folder, reference)
            if not path.read_text(encoding="utf-8-sig").strip():
                yield Problem(line, f"the context {reference} is empty", "Write it, or take the name out.", False)
        except TrainerError as error:
            needed = reference in declared or strict or isinstance(error, PathRefused)
            yield Problem(line, error.problem, error.remedy, needed)
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(line, f"cannot read the context {reference}: {error}", "A context is Markdown in UTF-8.")


def _plugins(pipeline: Pipeline, instruction: Instruction) -> Iterator[Problem]:
    plugins, settings = pipeline.plugins, pipeline.settings
    known = plugins.names("complete")
    models = [model for model in instruction.models or settings.models if not Template(model).variables]
    line = instruction.line
    needs = [need for need in instruction.data.values() if need.source]
    wanted = [("retrieve", need.source, line("data", need.name, "source")) for need in needs]
    wanted.append(("compose", instruction.strategy or settings.strategy, line("strategy")))
    places = {model: line("model", place) for place, model in enumerate(instruction.models)}
    wanted += [("complete", routing.provider(model, known), places.get(model, 0)) for model in models]
    for verb, name, place in wanted:
        try:
            plugins.entry(verb, name)
        except TrainerError as error:
            # A model may be missing as long as another one of the list is there.
            fatal = verb != "complete" or not any(routing.provider(model, known) in known for model in models)
            yield Problem(place, error.problem, error.remedy, fatal)
    for place, name in enumerate(instruction.formats):
        try:
            routing.chain(plugins.names("convert"), "markdown", routing.format_of(name))
        except TrainerError as error:
            yield Problem(line("output", "formats", place), error.problem, error.remedy)


def _body(pipeline: Pipeline, instruction: Instruction) -> list[Problem]:
    """What the plugin that composes finds wrong with the body, if it has a method `problems` to say so."""
    name = instruction.strategy or pipeline.settings.strategy
    try:
        find = getattr(pipeline.plugins.load("compose", name), "problems", None)
    except TrainerError:
        return []
    return list(find(instruction, (pipeline.folder("context"),))) if find else []
