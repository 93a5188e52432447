"""Write what is derived from the code in docs/reference: hooks, configuration and command line.

`python scripts/reference.py` writes; `--check` writes nothing and fails when something is stale. The text above the
mark of each page is written by hand and stays.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import click

from trainer import config, hookspecs, instruction, models, stores
from trainer.catalog import VERBS
from trainer.cli import COMMANDS, HEAD
from trainer.cli.group import trainer

ROOT = Path(__file__).parents[1]
MARK = "<!-- What follows is written by scripts/reference.py from the code: change that, then run `make tables`. -->\n"
VALUES: dict[str, Any] = {
    name: value for module in (instruction, stores, models) for name, value in vars(module).items()
}
STOPS = "The run stops."
RAISES = "The error reaches the caller; no step of a run calls this verb."

# Per verb: whom a call goes to, and what a failure does to a run.
ROUTES = {
    "retrieve": (
        "the plugin that `query.source` names",
        f"{STOPS} Data that the instruction calls `optional` is left out instead, with a warning.",
    ),
    "store": ("the plugin that the URL's scheme names: `sqlite` for `sqlite:///reports.db`", STOPS),
    "secure": (
        "every guard that is installed and not switched off",
        "At `strict` the run stops with exit code 3; below, that it failed is a finding, which the report shows.",
    ),
    "compose": ("the plugin that `brief.strategy` names", STOPS),
    "complete": (
        "the plugin that the prefix of `request.model` names (`openai` for `openai/gpt-4o`), or else to `any`",
        f"After a `TrainerError` the next model of the list is asked, with a warning; else: {STOPS.lower()}",
    ),
    "convert": (
        "the plugins on the best chain of conversions between the two formats; each is named after its own",
        f"{STOPS} No file is written.",
    ),
    "embed": ("the plugin that the prefix of `model` names, as for `complete`", RAISES),
    "analyze": ("the plugin that `question.name` names", RAISES),
}


def hooks() -> str:
    """The eight verbs, and every class that their arguments and answers are made of."""
    parts = []
    for verb in VERBS:
        hook = getattr(hookspecs, verb)
        whom, failure = ROUTES[verb]
        values = ", ".join(f"[{name}](#{name.lower()})" for name in names(kinds(hook)))
        parts.append(
            f"## {verb}\n\n`{signature(hook)}`\n\n{prose(hook)}\n\n- A call goes to {whom}.\n"
            f"- Values: {values or 'texts, and a matrix'}.\n- When it fails: {failure}\n"
        )
    return "\n".join([*parts, "## Values\n", *map(value, mentioned())])


def signature(function: Callable[..., Any]) -> str:
    """A function as it is declared: `name(arguments) -> answer`."""
    # Annotations are text here, so they stand in quotes of their own.
    return function.__name__ + re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))


def prose(thing: Any) -> str:
    """A docstring as Markdown, each paragraph on one line."""
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def kinds(thing: Any) -> str:
    """The annotations of a function, or of the fields of a class, or of its methods if it has no fields."""
    if attrs.has(thing):
        return " ".join(str(field.type) for field in attrs.fields(thing))
    if isinstance(thing, type):
        return " ".join(kinds(item) for item in vars(thing).values() if inspect.isfunction(item))
    return " ".join(map(str, thing.__annotations__.values()))


def names(annotations: str) -> list[str]:
    """The classes of trainer that annotations name."""
    words = dict.fromkeys(re.findall(r"\b[A-Z]\w+", annotations))
    return [word for word in words if getattr(VALUES.get(word), "__module__", "").startswith("trainer.")]


def mentioned() -> list[str]:
    """Every class that verbs and runs speak of, in the order in which they are met."""
    found = [name for verb in VERBS for name in names(kinds(getattr(hookspecs, verb)))] + ["Event", "Report"]
    for name in found:  # the list grows while it is read
        found += [other for other in names(kinds(VALUES[name])) if other not in found]
    return list(dict.fromkeys(found))


def value(name: str) -> str:
    """One class: its docstring, its fields, and its members or methods."""
    cls = VALUES[name]
    parts = [f"### {name}\n\n{prose(cls)}"]
    if attrs.has(cls):
        rows = [f"| `{field.name}` | `{kind(field.type)}` | {default(field)} |" for field in attrs.fields(cls)]
        parts.append("\n".join(["| field | type | default |", "|---|---|---|", *rows]))
    if issubclass(cls, str):
        lines = [f"- `{item.name}`: `{item.value!r}`" for item in VALUES[name]]
    else:
        lines = [line for key, item in vars(cls).items() if not key.startswith("_") and (line := member(key, item))]
    return "\n\n".join([*parts, "\n".join(lines)]).rstrip() + "\n"


def member(name: str, item: Any) -> str:
    """A line for a property or a method of a class; empty for anything else."""
    item = getattr(item, "__func__", item)
    if isinstance(item, property):
        head = name
    elif inspect.isfunction(item):
        head = re.sub(r"\((self|cls)(, )?", "(", signature(item))
    else:
        return ""
    return f"- `{head}`: {' '.join(prose(item).split())}"


def kind(annotation: Any) -> str:
    """An annotation for a cell of a table, with the names of literal types written out."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for name, alias in VALUES.items():
        if get_origin(alias) is Literal:
            text = re.sub(rf"\b{name}\b", inspect.formatannotation(alias).replace("typing.", ""), text)
    return text.replace("|", r"\|")


def default(field: Any) -> str:
    """A default as it would be written; `required` for none."""
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # the stubs call this class a function
        factory = field.default.factory
        return f"`{factory()!r}`" if factory in (dict, list) else "the current time"
    return "required" if field.default is attrs.NOTHING else f"`{field.default!r}`"


def configuration() -> str:
    """The tables of trainer.toml, the shipped plugins' among them."""
    parts = [table("pipeline", config.Settings), table("plugins", config.Choices)]
    parts += [table(name, cls, f" ({verb}, {place})") for verb, name, cls, place in shipped() if attrs.has(cls)]
    return "\n".join(parts)


def shipped() -> Iterator[tuple[str, str, Any, str]]:
    """Role, name, class or command, and distribution of each entry point in this repository."""
    projects = [tomllib.loads(path.read_text())["project"] for path in ROOT.glob("plugins/*/pyproject.toml")]
    found = [
        (group.removeprefix("trainer."), name, target, project["name"])
        for project in projects
        for group, points in project.get("entry-points", {}).items()
        for name, target in points.items()
    ]
    for verb, name, target, distribution in sorted(found):
        module, _, attribute = target.partition(":")
        yield verb, name, getattr(import_module(module), attribute), distribution


def table(name: str, cls: type, more: str = "") -> str:
    """One table: what its class says of itself, and its settings."""
    types_of, rows = get_type_hints(cls), []
    for field in attrs.fields(cls):
        if field.init:
            initial = "the project's folder" if field.name == "root" else toml_default(field)
            rows.append(f"| `{field.alias}` | {words(types_of[field.name])} | {initial} |")
    listed = "\n".join(["| setting | type | default |", "|---|---|---|", *rows]) if rows else "It takes no settings."
    return f"## [{name}]{more}\n\n{prose(cls)}\n\n{listed}\n"


def words(annotation: Any) -> str:
    """A type in the words of TOML."""
    plain = {str: "text", int: "integer", float: "number", bool: "`true` or `false`", Path: "path"}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in plain:
        return plain[annotation]
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(words(choice) for choice in arguments if choice is not types.NoneType))
    if origin is Literal:
        return ", ".join(f"`{toml(choice)}`" for choice in arguments)
    return f"list: {words(arguments[0])} each" if origin in (list, tuple) else "table"


def toml_default(field: Any) -> str:
    """A default as it is written in TOML, which has no word for nothing."""
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # as above
        return f"`{field.default.factory()!r}`"
    if field.default is attrs.NOTHING:
        return "required"
    return "not set" if field.default is None else f"`{toml(field.default)}`"


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:_}" if isinstance(value, int | float) else f'"{value}"'


def cli() -> str:
    """The help of every command, those of the shipped plugins at the end, 80 columns wide."""
    listing = "\n".join(f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items())
    parts = [f"## trainer\n\n```text\n{HEAD}\n{listing}\n```\n"]
    top = click.Context(
        trainer, info_name="trainer", terminal_width=80, color=False, help_option_names=["-h", "--help"]
    )
    for name, (target, _) in COMMANDS.items():
        module, _, attribute = target.partition(":")
        parts += explain(getattr(import_module(module), attribute), name, top)
    for role, name, command, _ in shipped():
        parts += explain(command, name, top) if role == "command" else ()
    return "\n".join(parts)


def explain(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    """The help of a command and of those below it."""
    context = click.Context(command, info_name=name, parent=parent)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"## {context.command_path}\n\n```text\n{text}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from explain(command.commands[child], child, context)


def wanted() -> dict[Path, str]:
    """Each page as it should be."""
    pages = {"hooks": hooks(), "configuration": configuration(), "cli": cli()}
    found = {}
    for name, text in pages.items():
        path = ROOT / "docs" / "reference" / f"{name}.md"
        found[path] = f"{path.read_text().partition(MARK)[0]}{MARK}\n{text}"
    return found


def main() -> int:
    """Write, or with `--check` compare."""
    stale = {path: text for path, text in wanted().items() if path.read_text() != text}
    for path, text in stale.items():
        if "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is stale: run `make tables`", file=sys.stderr)
        else:
            path.write_text(text)
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
