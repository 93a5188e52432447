"""An instruction: Markdown with optional YAML front matter, and `{NAME}` for what is filled in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from attrs import field, fields, frozen
from attrs.converters import optional

from trainer.catalog import did_you_mean
from trainer.errors import InstructionError
from trainer.frontmatter import split_front_matter
from trainer.settings import read

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PLACEHOLDER = re.compile(rf"\{{\{{({NAME})\}}\}}|(\{{\{{)|\{{({NAME})\}}")
BRACES = re.compile(rf"\{{({NAME})\}}|\{{")
JINJA_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
JINJA_NAME = re.compile(rf"\{{\{{-?\s*({NAME})\s*-?\}}\}}")
# A Markdown file named in running text; addresses such as https://host/readme.md are none.
REFERENCE = re.compile(r"(?<![\w/.:@\\-])((?:\.{0,2}/)*(?:[\w][\w .-]*?/)*[\w][\w.-]*\.md)\b(?![\w/])")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)$")
OF_NEED = ("source", "max_age", "optional", "stale_if_error")  # what else stands there goes to the source
MOST = 20  # faults of YAML that are looked for in one file
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Type = Literal["text", "integer", "number", "boolean", "date"]
Engine = Literal["text", "jinja", "json", "xml"]
ENGINES: Mapping[str, Engine] = {".json": "json", ".xml": "xml"}  # by a file's ending


@frozen
class Problem:
    """One fault: its line (0: in no one line), what it is, what to do, and whether it stops a run."""

    line: int
    message: str
    remedy: str
    fatal: bool = True


def literal(text: str) -> str:
    """`text` as a template that stands for just that text, whatever braces are in it."""
    return BRACES.sub(lambda match: f"{{{match[0]}}}" if match[1] else "{{", text)


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
    """A declared variable of an instruction.

    Without a `default` it has to be given. `choices` are the values allowed, all if empty; `type` says what a value
    is read as.
    """

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

    def read(self, value: str) -> Any:
        """A value in its own type: text, an `int`, a `float`, a `bool` or a `date`. Raises `ValueError`."""
        return _READERS[self.type](value)


@frozen
class Need:
    """Data an instruction asks for. `max_age` is in seconds; `None` means always fresh.

    `stale_if_error` is how old, in seconds, a stored record may be that is used when the source fails (RFC 5861);
    `None` means that none is.
    """

    name: str
    source: str
    params: Mapping[str, Any] = field(factory=dict)
    max_age: float | None = None
    optional: bool = False
    stale_if_error: float | None = None

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

    `contexts` is `None` when the front matter declares none: then `references` in the text count. `schema` is a
    JSON schema that the model's answer has to fit. `engine` says how `body` is filled. `context_tokens` and
    `data_tokens` limit what of either a prompt may hold (`None`: as is configured). `source` is the whole file.
    `outline` is the body as a `{NAME}` template in Markdown, where it is something else.
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
    schema: Mapping[str, Any] | None = None
    engine: Engine = "text"
    context_tokens: int | None = None
    data_tokens: int | None = None
    source: str = field(default="", repr=False)
    outline: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @cached_property
    def variables(self) -> dict[str, int]:
        """Every variable in the title, the data and the text, with its line (0 in the front matter)."""
        found = {name: 0 for text in (self.title, *self.models) for name in Template(text).variables}
        found |= {name: 0 for need in self.data.values() for name in need.variables}
        # What a Jinja template uses, only its engine knows; all of it has to be declared.
        used = {} if self.engine == "jinja" else self.body.variables
        return found | used | {name: 0 for name in self.input if name not in used}

    def line(self, *keys: str | int) -> int:
        """The line of the file in which the front matter says this, or what is nearest above it; 0 if it does not."""
        while keys:
            if line := self._places.get(keys):
                return line
            keys = keys[:-1]
        return 0

    @cached_property
    def _places(self) -> dict[tuple[str | int, ...], int]:
        return places(self.source)

    @cached_property
    def references(self) -> dict[str, int]:
        """Markdown files that the text names, outside code, each with its first line."""
        found: dict[str, int] = {}
        body = self.body
        if self.engine == "jinja":
            text = JINJA_TAG.sub(lambda tag: "\n" * tag[0].count("\n"), body.text)
            body = Template(text, body.first_line)
        for number, line in _prose(body):
            for match in REFERENCE.finditer(line):
                found.setdefault(match[1], number)
        return found

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What the report should have sections for: the headings below the first level, with their text."""
        found: list[tuple[str, int, list[str]]] = []
        for _, line in _prose(Template(self.outline) if self.outline else self.body):
            if heading := HEADING.match(line):
                found.append((heading[2], len(heading[1]), []))
            elif found:
                found[-1][2].append(line)
        return tuple(Section(title, "\n".join(lines).strip(), level) for title, level, lines in found if level > 1)

    def resolve(self, params: Mapping[str, Any]) -> dict[str, str]:
        """`params` with defaults added, as text. Raises one `InstructionError` naming every fault."""
        wanted = self.variables

        def at(name: str) -> str:
            line = wanted.get(name) or self.line("input", name)
            return f" (line {line})" if line else ""

        values = {name: str(value) for name, value in params.items()}
        for name, variable in self.input.items():
            if variable.default is not None:
                values.setdefault(name, variable.default)
        faults = [
            f"{name} is not a variable of {self.path.name}{did_you_mean(name, wanted)}"
            for name in values
            if name not in wanted
        ]
        faults += [f"{name} is missing{at(name)}" for name in wanted if name not in values]
        checks = {name: variable.check(values[name]) for name, variable in self.input.items() if name in values}
        faults += [f"{fault}{at(name)}" for name, fault in checks.items() if fault]
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
        return cls.parse(cls.text_of(path), path)

    @staticmethod
    def text_of(path: str | Path) -> str:
        """The text of an instruction file. Raises `InstructionError` if it cannot be read."""
        path = Path(path)
        try:
            return path.read_text(encoding="utf-8-sig")
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
        """Read an instruction from text; `path` is only its name. Raises one `InstructionError` for all faults."""
        instruction, problems = cls.examine(text, path)
        if len(problems) == 1 and not problems[0].line:
            raise InstructionError(problems[0].message, problems[0].remedy)
        if problems:
            name = f"{path}: "
            told = "; ".join(
                f"{one.message.removeprefix(name)} (line {one.line})" if one.line else one.message for one in problems
            )
            raise InstructionError(f"{Path(path).name}: {told}", "Mend the front matter, then `trainer validate` it.")
        return instruction

    @classmethod
    def examine(cls, text: str, path: str | Path = "instruction.md") -> tuple[Instruction, list[Problem]]:
        """What can be understood of an instruction, and everything that is wrong with its file."""
        path, problems, head = Path(path), [], None
        while head is None:
            try:
                head, body, line = split_front_matter(text, str(path))
            except InstructionError as error:
                place, told = _place(error.__cause__)
                problems.append(Problem(place, told or error.problem, error.remedy))
                text, unread = _without(text, place), text
                if text == unread or len(problems) > MOST:
                    head, body, line = {}, _below(text), 1
                    line += text[: len(text) - len(body)].count("\n")
        if not body.strip():
            message = f"{path.name} has no text below its front matter"
            problems.append(Problem(0, message, "Write what the report should say."))
        instruction, faults = _build(path, head, Template(body, line), text)
        return instruction, problems + [_problem(instruction, fault) for fault in faults]


def seconds(text: str | float) -> float:
    """An age such as `15m`, `24h`, `7d` or a number of seconds. Raises `ValueError` for anything else."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = AGE.match(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is not an age such as 15m, 24h or 7d")
    return float(match[1]) * SECONDS[match[2]]


def age(seconds: float) -> str:
    """Seconds as an age such as `15m`, in the largest unit that there is a whole one of, rounded down."""
    unit = next((unit for unit in "dhm" if seconds >= SECONDS[unit]), "s")
    return f"{max(0, seconds) // SECONDS[unit]:.0f}{unit}"


@frozen
class _Output:
    formats: list[str] = field(factory=list)
    theme: str = ""
    schema: dict[str, Any] | None = None


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
    engine: Engine = "text"
    budget: dict[str, Any] = field(factory=dict)


@frozen
class _Budget:
    """How many tokens of each a prompt may hold."""

    context: int | None = None
    data: int | None = None


@frozen
class _Input:
    """A variable, as it is written."""

    description: str = ""
    default: str | int | float | bool | None = None
    choices: list[str | int | float] = field(factory=list)
    type: Type = "text"


def _build(path: Path, table: dict[str, Any], body: Template, source: str) -> tuple[Instruction, list[str]]:
    """The instruction, and every fault of its front matter, so that a user mends them in one go."""
    values, faults = read(_Head, {key: value for key, value in table.items() if value is not None})
    head = _Head(**values)
    output, more = read(_Output, head.output, "output.")
    budget, most = read(_Budget, head.budget, "budget.")
    faults += more + most
    faults += [f"budget.{key} must be more than 0, not {value}" for key, value in budget.items() if value <= 0]
    engine: Engine = values.get("engine") or ENGINES.get(path.suffix.lower(), "text")
    instruction = Instruction(
        path=path,
        body=body,
        title=head.title or _first_heading(body, engine) or path.stem.replace("-", " "),
        description=head.description,
        input={str(name): _variable(str(name), value, faults) for name, value in head.input.items()},
        contexts=None if head.contexts is None else tuple(head.contexts),
        data={str(name): _need(str(name), value, faults) for name, value in head.data.items()},
        models=tuple([head.model] if isinstance(head.model, str) and head.model else head.model),
        formats=tuple(output.get("formats", ())),
        theme=output.get("theme", ""),
        strategy=head.strategy,
        params=head.params,
        schema=output.get("schema"),
        engine=engine,
        context_tokens=budget.get("context"),
        data_tokens=budget.get("data"),
        source=source,
    )
    return instruction, faults


def _problem(instruction: Instruction, fault: str) -> Problem:
    """A fault with the line of the longest key of the front matter that it names, and what to do about it."""
    named = [
        keys
        for keys in instruction._places
        if re.search(rf"(?<![\w.]){re.escape('.'.join(map(str, keys)))}(?!\w|\.\w)", fault)
    ]
    table = fault.removeprefix("unknown key ").rpartition(".")[0].partition(".")[0]
    known = {"": _Head, "input": _Input, "output": _Output, "budget": _Budget}
    remedy = "Mend this line of the front matter."
    if fault.startswith("unknown key ") and table in known:
        remedy = f"Known {'keys' if not table else f'keys of {table}'}: {', '.join(_names(known[table]))}."
    return Problem(instruction.line(*max(named, key=len)) if named else 0, fault, remedy)


def _names(cls: type) -> list[str]:
    return [item.name for item in fields(cls)]


def places(source: str) -> dict[tuple[str | int, ...], int]:
    """The line of each key and each item of a list in the front matter of a file; none if it cannot be read."""
    import yaml

    try:
        _, body, line = split_front_matter(source)
        head = source[: len(source) - len(body)].splitlines(keepends=True)[1 : line - 2]
        root = yaml.compose("".join(head), yaml.SafeLoader)
    except (InstructionError, yaml.YAMLError):
        return {}
    found: dict[tuple[str | int, ...], int] = {}

    def visit(node: Any, keys: tuple[str | int, ...]) -> None:
        pairs: list[tuple[Any, Any, Any]] = []
        if isinstance(node, yaml.MappingNode):
            pairs = [(key.value, key, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pairs = [(number, item, item) for number, item in enumerate(node.value)]
        for name, place, value in pairs:
            if isinstance(name, str | int):
                found[*keys, name] = place.start_mark.line + 2
                visit(value, (*keys, name))

    visit(root, ())
    return found


def _place(error: Any) -> tuple[int, str]:
    """Where front matter is no YAML, and why not; 0 where that cannot be said."""
    if (mark := getattr(error, "problem_mark", None)) is None:
        return 0, ""
    # Of what is not closed, the beginning is the place to mend.
    begun = error.context_mark if re.match("while (scanning|parsing a flow)", error.context or "") else None
    return (begun or mark).line + 2, "the front matter is not YAML: " + ", ".join(
        filter(None, (error.context, error.problem))
    )


def _without(text: str, line: int) -> str:
    """`text` with the entry of its front matter that a line is part of left blank; as it is for line 0."""
    lines = text.splitlines(keepends=True)
    close = next((number for number, one in enumerate(lines) if number and one.rstrip() == "---"), 0)
    tops = [number for number in range(1, close) if re.match(r"[^\s#]", lines[number])]
    start = max((number for number in tops if number < line), default=close)
    end = min((number for number in tops if number >= line), default=close)
    return "".join([*lines[:start], *["\n"] * (end - start), *lines[max(start, end) :]])


def _below(text: str) -> str:
    """What stands below front matter that cannot be read."""
    return next(iter(re.split(r"^---[ \t]*\r?\n", text, maxsplit=2, flags=re.MULTILINE)[2:]), "") or text


def _variable(name: str, value: Any, faults: list[str]) -> Variable:
    if not re.fullmatch(NAME, name):
        faults.append(f"input.{name} is not a name: letters, digits and _ only")
    values, more = read(_Input, value if isinstance(value, dict) else {"default": value}, f"input.{name}.")
    variable = Variable(name, **values)
    if variable.default is not None and (fault := variable.check(variable.default)):
        more.append(f"input.{name}: the default of {fault}")
    plain = Variable(name, type=variable.type)
    more += [f"input.{name}.choices: {fault}" for choice in variable.choices if (fault := plain.check(choice))]
    faults += more
    return variable


def _need(name: str, value: Any, faults: list[str]) -> Need:
    if not isinstance(value, dict) or not isinstance(value.get("source"), str):
        faults.append(f"data.{name} must be a table with a source, {{source: file, path: …}}")
        return Need(name, "")
    params = {key: item for key, item in value.items() if key not in OF_NEED}
    for key, item in params.items():
        if isinstance(item, dict) and list(item.values()) == [None]:
            faults.append(f'data.{name}.{key}: a variable needs quotes, "{{{next(iter(item))}}}"')
    ages: dict[str, float | None] = {}
    for key, flags in (("max_age", {}), ("stale_if_error", {"True": math.inf, "False": None, "None": None})):
        age = value.get(key)
        try:
            ages[key] = flags[str(age)] if str(age) in flags else None if age is None else seconds(age)
        except ValueError as error:
            faults.append(f"data.{name}.{key}: {error}")
    return Need(name, value["source"], params, optional=bool(value.get("optional", False)), **ages)


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


def _first_heading(body: Template, engine: Engine) -> str:
    if engine == "jinja":
        text = JINJA_NAME.sub(r"{\1}", JINJA_TAG.sub("", body.text))
        body = Template("\n".join(line for line in text.split("\n") if "{{" not in line))
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
