"""An instruction: Markdown with optional YAML front matter, and `{NAME}` for what is filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen
from attrs.converters import optional

from trainer.errors import InstructionError
from trainer.frontmatter import split_front_matter
from trainer.settings import read

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PLACEHOLDER = re.compile(rf"\{{\{{({NAME})\}}\}}|(\{{\{{)|\{{({NAME})\}}")
# A Markdown file named in running text; addresses such as https://host/readme.md are none.
REFERENCE = re.compile(r"(?<![\w/.:@\\-])((?:\.{0,2}/)*(?:[\w][\w .-]*?/)*[\w][\w.-]*\.md)\b(?![\w/])")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)$")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Type = Literal["text", "integer", "number", "boolean", "date"]


@frozen
class Template:
    """Text with `{NAME}` variables. `{{NAME}}` stands for the literal `{NAME}` and `{{` for a brace.

    Any other brace is text, so JSON needs no escaping.
    """

    text: str
    first_line: int = 1

    @cached_property
    def variables(self) -> dict[str, int]:
        """Each variable with the number of the line it first stands in."""
        found: dict[str, int] = {}
        for match in PLACEHOLDER.finditer(self.text):
            if match[3]:
                line = self.first_line + self.text.count("\n", 0, match.start())
                found.setdefault(match[3], line)
        return found

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every variable replaced, in one pass: nothing in a value is ever filled again.

        Raises `InstructionError` naming each variable that has no value, with its line.
        """

        if "{" not in self.text:
            return self.text

        def replace(match: re.Match[str]) -> str:
            if match[3]:
                return values[match[3]]
            return f"{{{match[1]}}}" if match[1] else "{"

        try:
            return PLACEHOLDER.sub(replace, self.text)
        except KeyError:
            missing = {name: line for name, line in self.variables.items() if name not in values}
            raise InstructionError(
                f"no value for {', '.join(f'{{{name}}} (line {line})' for name, line in missing.items())}",
                f"Add {' '.join(f'-p {name}=…' for name in missing)}; {{{{NAME}}}} is a literal {{NAME}}.",
            ) from None


def _as_texts(items: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, items))


@frozen
class Variable:
    """A declared variable of an instruction."""

    name: str
    description: str = ""
    default: str | None = field(default=None, converter=optional(str))
    choices: tuple[str, ...] = field(default=(), converter=_as_texts)
    type: Type = "text"

    def check(self, value: str) -> str | None:
        """What is wrong with a value, or `None`."""
        if self.choices and value not in self.choices:
            return f"{self.name} must be one of {', '.join(self.choices)}, not {value!r}"
        try:
            _READERS[self.type](value)
        except ValueError:
            return f"{self.name} must be {_ARTICLE[self.type]}, not {value!r}"
        return None


@frozen
class Need:
    """Data an instruction asks for. `max_age` is in seconds; `None` means always fresh."""

    name: str
    source: str
    params: Mapping[str, Any] = field(factory=dict)
    max_age: float | None = None
    optional: bool = False

    @cached_property
    def variables(self) -> set[str]:
        """The variables that the parameters use."""
        return {name for text in _texts(self.params) for name in Template(text).variables}


@frozen
class Section:
    """A heading of the instruction and the text under it, up to the next heading."""

    title: str
    text: str
    level: int


@frozen
class Instruction:
    """What a report should be: its text and, from the front matter, its inputs, data, models and output.

    `contexts` is `None` when the front matter declares none: then `references` in the text count.
    """

    path: Path
    body: Template
    title: str = ""
    description: str = ""
    input: Mapping[str, Variable] = field(factory=dict)
    contexts: tuple[str, ...] | None = None
    data: Mapping[str, Need] = field(factory=dict)
    models: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    theme: str = ""
    strategy: str = ""
    params: Mapping[str, Any] = field(factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @cached_property
    def variables(self) -> dict[str, int]:
        """Every variable in the title, the data and the text, with its line (0 in the front matter)."""
        found = {name: 0 for text in (self.title, *self.models) for name in Template(text).variables}
        found |= {name: 0 for need in self.data.values() for name in need.variables}
        return found | self.body.variables | {name: 0 for name in self.input if name not in self.body.variables}

    @cached_property
    def references(self) -> dict[str, int]:
        """Markdown files that the text names, outside code, each with its first line."""
        found: dict[str, int] = {}
        for number, line in _prose(self.body):
            for match in REFERENCE.finditer(line):
                found.setdefault(match[1], number)
        return found

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What the report should have sections for: the headings below the first level, with their text."""
        found: list[tuple[str, int, list[str]]] = []
        for _, line in _prose(self.body):
            if heading := HEADING.match(line):
                found.append((heading[2], len(heading[1]), []))
            elif found:
                found[-1][2].append(line)
        return tuple(Section(title, "\n".join(lines).strip(), level) for title, level, lines in found if level > 1)

    def resolve(self, params: Mapping[str, Any]) -> dict[str, str]:
        """`params` with defaults added, as text. Raises one `InstructionError` naming every fault."""
        wanted = self.variables
        values = {name: str(value) for name, value in params.items()}
        for name, variable in self.input.items():
            if variable.default is not None:
                values.setdefault(name, variable.default)
        faults = [f"{name} is not a variable of {self.path.name}" for name in values if name not in wanted]
        faults += [
            f"{name} is missing" + (f" (line {line})" if line else "")
            for name, line in wanted.items()
            if name not in values
        ]
        checks = (variable.check(values[name]) for name, variable in self.input.items() if name in values)
        faults += [fault for fault in checks if fault]
        if faults:
            known = ", ".join(f"{name}: {text}" if text else name for name, text in self._described(wanted)) or "none"
            raise InstructionError(
                f"{self.path.name}: {'; '.join(faults)}", f"Give them with -p NAME=VALUE. Variables: {known}."
            )
        return values

    def _described(self, names: Mapping[str, int]) -> Iterator[tuple[str, str]]:
        for name in names:
            variable = self.input.get(name)
            yield name, variable.description if variable else ""

    @classmethod
    def load(cls, path: str | Path) -> Instruction:
        """Read an instruction file. Raises `InstructionError` if it cannot be read or understood."""
        path = Path(path)
        try:
            return cls.parse(path.read_text(encoding="utf-8-sig"), path)
        except FileNotFoundError:
            raise InstructionError(
                f"no instruction at {path}", "See `ls information/instructions`, or make one with `trainer init`."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InstructionError(
                f"cannot read {path}: {error}", "An instruction is a Markdown file in UTF-8."
            ) from error

    @classmethod
    def parse(cls, text: str, path: str | Path = "instruction.md") -> Instruction:
        """Read an instruction from text; `path` is only its name. Raises `InstructionError`."""
        path = Path(path)
        head, body, line = split_front_matter(text, str(path))
        if not body.strip():
            raise InstructionError(
                f"{path.name} has no text below its front matter", "Write what the report should say."
            )
        return _build(path, head, Template(body, line))


def seconds(text: str | float) -> float:
    """An age such as `15m`, `24h`, `7d` or a number of seconds. Raises `ValueError` for anything else."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = AGE.match(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is not an age such as 15m, 24h or 7d")
    return float(match[1]) * SECONDS[match[2]]


@frozen
class _Output:
    formats: list[str] = field(factory=list)
    theme: str = ""


@frozen
class _Head:
    """The front matter, as it is written."""

    title: str = ""
    description: str = ""
    input: dict[str, Any] = field(factory=dict)
    contexts: list[str] | None = None
    data: dict[str, Any] = field(factory=dict)
    model: str | list[str] = ""
    output: dict[str, Any] = field(factory=dict)
    strategy: str = ""
    params: dict[str, Any] = field(factory=dict)


@frozen
class _Input:
    """A variable, as it is written."""

    description: str = ""
    default: str | int | float | bool | None = None
    choices: list[str | int | float] = field(factory=list)
    type: Type = "text"


def _build(path: Path, table: dict[str, Any], body: Template) -> Instruction:
    """The instruction; one error names every fault, so that a user mends them in one go."""
    values, faults = read(_Head, {key: value for key, value in table.items() if value is not None})
    head = _Head(**values)
    output, more = read(_Output, head.output, "output.")
    faults += more
    instruction = Instruction(
        path=path,
        body=body,
        title=head.title or _first_heading(body) or path.stem.replace("-", " "),
        description=head.description,
        input={str(name): _variable(str(name), value, faults) for name, value in head.input.items()},
        contexts=None if head.contexts is None else tuple(head.contexts),
        data={str(name): _need(str(name), value, faults) for name, value in head.data.items()},
        models=tuple([head.model] if isinstance(head.model, str) and head.model else head.model),
        formats=tuple(output.get("formats", ())),
        theme=output.get("theme", ""),
        strategy=head.strategy,
        params=head.params,
    )
    if faults:
        raise InstructionError(
            f"{path.name}: {'; '.join(faults)}", "Mend the front matter, then `trainer validate` it."
        )
    return instruction


def _variable(name: str, value: Any, faults: list[str]) -> Variable:
    if not re.fullmatch(NAME, name):
        faults.append(f"input.{name} is not a name: letters, digits and _ only")
    values, more = read(_Input, value if isinstance(value, dict) else {"default": value}, f"input.{name}.")
    variable = Variable(name, **values)
    if variable.default is not None and (fault := variable.check(variable.default)):
        more.append(f"the default of {fault}")
    faults += more
    return variable


def _need(name: str, value: Any, faults: list[str]) -> Need:
    if not isinstance(value, dict) or not isinstance(value.get("source"), str):
        faults.append(f"data.{name} must be a table with a source, {{source: file, path: …}}")
        return Need(name, "")
    params = {key: item for key, item in value.items() if key not in {"source", "max_age", "optional"}}
    for key, item in params.items():
        if isinstance(item, dict) and list(item.values()) == [None]:
            faults.append(f'data.{name}.{key}: a variable needs quotes, "{{{next(iter(item))}}}"')
    try:
        max_age = None if value.get("max_age") is None else seconds(value["max_age"])
    except ValueError as error:
        faults.append(f"data.{name}.max_age: {error}")
        max_age = None
    return Need(name, value["source"], params, max_age, bool(value.get("optional", False)))


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no"}:
        raise ValueError(text)
    return text.lower() in {"true", "yes"}


_READERS: Mapping[Type, Any] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "date": date.fromisoformat,
}
_ARTICLE: Mapping[Type, str] = {
    "text": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2025-09-27",
}


def _prose(template: Template) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, line in enumerate(template.text.splitlines(), template.first_line):
        if match := FENCE.match(line):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence):
                fence = ""
        elif not fence:
            yield number, line


def _first_heading(body: Template) -> str:
    headings = (HEADING.match(line) for _, line in _prose(body))
    return next((heading[2] for heading in headings if heading and len(heading[1]) == 1), "")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def fill_values(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with the variables in its texts filled, at any depth."""
    if isinstance(value, str):
        return Template(value).fill(values)
    if isinstance(value, Mapping):
        return {key: fill_values(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill_values(item, values) for item in value]
    return value
