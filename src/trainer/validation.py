"""Everything that is wrong with an instruction, found without running it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer import formats, routing
from trainer.catalog import did_you_mean
from trainer.contexts import find_context
from trainer.errors import AmbiguousPlugin, InstructionError, PathRefused, TrainerError, UnknownPlugin
from trainer.instruction import Instruction, Need, Problem, Template
from trainer.settings import interpolate

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
    declared: dict[str, int] = {}
    for place, name in enumerate(instruction.contexts or ()):
        line = instruction.line("contexts", place)
        if declared.setdefault(name, line) != line:
            yield Problem(line, f"the context {name} is listed twice", "Take one out; it is used once.", False)
    named = instruction.references if instruction.contexts is None else declared
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
    wanted.append(("store", routing.scheme(str(interpolate(settings.store))), 0))
    places = {model: line("model", place) for place, model in enumerate(instruction.models)}
    wanted += [("complete", routing.provider(model, known), places.get(model, 0)) for model in models]
    for verb, name, place in wanted:
        try:
            plugins.entry(verb, name)
        except TrainerError as error:
            # A model may be missing as long as another one of the list is there.
            fatal = verb != "complete" or not any(routing.provider(model, known) in known for model in models)
            yield Problem(place, error.problem, error.remedy, fatal)
    for need in needs:
        yield from _params(pipeline, instruction, need)
    others = _others(pipeline) if "any" in known else set()
    for model in models:
        prefix = model.partition("/")[0]
        if others and routing.provider(model, known) == "any" and prefix not in ("any", *others):
            message = f"no provider {prefix} is known{did_you_mean(prefix, [*known, *others])}"
            yield Problem(places.get(model, 0), message, "`trainer models` lists those that are.", False)
    for place, name in enumerate(instruction.formats):
        try:
            formats.check(plugins.names("convert"), "markdown", formats.format_of(name))
        except TrainerError as error:
            yield Problem(line("output", "formats", place), error.problem, error.remedy)


def _params(pipeline: Pipeline, instruction: Instruction, need: Need) -> Iterator[Problem]:
    """Parameters that a source does not have, or lacks, if it has a method `get_schema` to say so."""
    line = instruction.line("data", need.name, "source")
    try:
        schema: dict[str, Any] = getattr(pipeline.plugins.load("retrieve", need.source), "get_schema", dict)()
    except (UnknownPlugin, AmbiguousPlugin):
        return
    except TrainerError as error:  # such as a key that is not set here
        yield Problem(line, error.problem, error.remedy, False)
        return
    choices = [schema, *schema.get("anyOf", ())]
    known = [name for choice in choices for name in choice.get("properties", ())]
    others = any(choice.get("additionalProperties") for choice in choices)
    for name in need.params if known and not others else ():
        if name not in known:
            message = f"the source {need.source} has no parameter {name}{did_you_mean(name, known)}"
            place = instruction.line("data", need.name, name)
            yield Problem(place, message, f"It has {', '.join(dict.fromkeys(known))}.")
    for name in schema.get("required", ()):
        if name not in need.params:
            message = f"data.{need.name} lacks {name}, which the source {need.source} needs"
            yield Problem(line, message, f"Add {name}.")


def _others(pipeline: Pipeline) -> set[str]:
    """The providers whose models are known to the plugin that takes every other model."""
    with suppress(TrainerError):
        return {model.provider for model in getattr(pipeline.plugins.load("complete", "any"), "list_models", list)()}
    return set()


def _body(pipeline: Pipeline, instruction: Instruction) -> list[Problem]:
    """What the plugin that composes finds wrong besides, if it has a method `problems` to say so."""
    for name in (instruction.strategy, pipeline.settings.strategy):
        with suppress(TrainerError):
            if find := getattr(pipeline.plugins.load("compose", name), "problems", None):
                return list(find(instruction, (pipeline.folder("context"),)))
    return []
