"""Bodies in Jinja: a part of the language that cannot read, call, or grow beyond a bound.

The language is that of Jinja without calls, macros, imports and blocks. It is checked before anything is rendered, so
that what is not allowed is found by `trainer validate`, and rendered in Jinja's own sandbox besides.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field, frozen
from jinja2 import DictLoader, StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context as Values, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trainer.contexts import find_context
from trainer.errors import InstructionError, PathRefused
from trainer.instruction import Problem, Template as Text
from trainer.models import Part
from trainer.paths import confine

if TYPE_CHECKING:
    from trainer import Instruction

LONGEST = 1_000_000  # characters of a text, and of what is rendered
STEPS = 10_000  # of all loops together
LARGEST = 10**18
INCLUDES = 200  # files rendered, each as often as it is included

STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Include)
EXPRESSIONS = (
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Keyword,
    nodes.Getitem, nodes.Slice, nodes.Getattr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg,
    nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat,
)  # fmt: skip
FILTERS = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower",
    "max", "min", "round", "sort", "sum", "title", "trim", "unique", "upper",
)  # fmt: skip
TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "float", "ge", "gt", "in", "integer", "le", "lt",
    "ne", "none", "number", "odd", "string", "undefined",
)  # fmt: skip
ALLOWED = "if, for, set, include, raw, and the filters " + ", ".join(FILTERS)
SCALARS = (str, int, float, type(None))


@frozen
class File:
    """A file of the template, and the names of those that it includes, with the line of each."""

    path: Path
    text: str
    tree: nodes.Template
    includes: tuple[tuple[str, int], ...] = ()


@define
class Template:
    """An instruction's Jinja body with all files that it includes, by whatever path it gets to them.

    `problems` is everything found wrong; with `strict`, a fatal one raises an `InstructionError` that names all.
    """

    instruction: Instruction
    folders: Sequence[Path] = ()
    strict: bool = True
    problems: list[Problem] = field(factory=list, init=False)
    _files: dict[str, File] = field(factory=dict, init=False)  # by the name they are included by; "" is the body

    def __attrs_post_init__(self) -> None:
        self._read("", self.instruction.path, self.instruction.body.text)
        if not self._circles(("",)):
            self._check_size()
        self._check_names()
        fatal = [problem for problem in self.problems if problem.fatal]
        if self.strict and fatal:
            told = "; ".join(f"{one.message} (line {one.line})" if one.line else one.message for one in fatal)
            raise InstructionError(f"{self.instruction.path.name}: {told}", fatal[0].remedy)

    @property
    def includes(self) -> tuple[Part, ...]:
        """The files that are included, each once."""
        files = {
            file.path: Part("include", name, file.text, 0, file.path) for name, file in self._files.items() if name
        }
        return tuple(files.values())

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with `values` filled in. Raises `InstructionError` with the line of what fails."""
        sandbox = Sandbox({name: file.text for name, file in self._files.items()})
        chunks, size = [], 0
        try:
            for chunk in sandbox.get_template("").generate(dict(values)):
                size += len(chunk)
                if size > LONGEST:
                    raise SecurityError(f"it grows beyond {LONGEST:,} characters")
                chunks.append(chunk)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise InstructionError(
                f"{self.instruction.path.name}: the template fails{self._place(error)}: {error}",
                "`trainer validate` the instruction; values have the type that input: declares.",
            ) from error
        return "".join(chunks)

    def _place(self, error: Exception) -> str:
        """The line of the body that was being rendered."""
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "top-level template code"
        ]
        line = (frames[0].lineno or 0) + self.instruction.body.first_line - 1 if frames else 0
        return f" in line {line}" if line else ""

    def _read(self, name: str, path: Path, text: str) -> None:
        """Parse a file and those it includes."""
        try:
            tree = CHECKER.parse(text)
        except RecursionError:
            self._blame(name, 1, "this is nested too deeply", "Write it flatter.")
            tree = nodes.Template([], lineno=1)
        except TemplateSyntaxError as error:
            self._blame(name, error.lineno, f"this is not Jinja: {error.message}", "Mend that line.")
            tree = nodes.Template([], lineno=1)
        found: list[tuple[str, int]] = []
        self._files[name] = File(path, text, tree)
        for node in _nodes(tree):
            if not isinstance(node, nodes.Include):
                if fault := _fault(node):
                    self._blame(name, node.lineno, f"{fault} is not allowed in a prompt", f"Allowed are {ALLOWED}.")
            elif isinstance(node.template, nodes.Const) and isinstance(node.template.value, str):
                found.append((node.template.value, node.lineno))
            else:
                remedy = 'Write {% include "file.md" %}.'
                self._blame(name, node.lineno, "include without the name of one file in quotes", remedy)
        self._files[name] = File(path, text, tree, tuple(found))
        for wanted, line in found:
            if wanted not in self._files:
                self._include(name, wanted, line)

    def _include(self, name: str, wanted: str, line: int) -> None:
        try:
            path = self._find(wanted)
            text = path.read_text(encoding="utf-8-sig")
        except (InstructionError, PathRefused) as error:
            self._blame(name, line, error.problem, error.remedy)
        except (OSError, UnicodeDecodeError) as error:
            self._blame(name, line, f"cannot read {wanted}: {error}", "Name a file in UTF-8.")
        else:
            self._read(wanted, path, text)

    def _find(self, wanted: str) -> Path:
        """The file of that name beside the instruction, or in one of the folders; nowhere else."""
        own = self.instruction.path.resolve().parent
        if self.instruction.path.is_file() and (path := confine(own, wanted)).is_file():
            return path
        missing = InstructionError(f"there is no file {wanted} to include", "Put it beside the instruction.")
        for folder in self.folders:
            try:
                return find_context(folder, wanted)
            except InstructionError as error:
                missing = error
        raise missing

    def _circles(self, chain: tuple[str, ...], seen: set[str] | None = None) -> bool:
        """Whether files include each other, each such chain being told."""
        seen = set() if seen is None else seen
        found = False
        for name, line in self._files[chain[-1]].includes:
            if name in chain:
                told = " → ".join(one or self.instruction.path.name for one in (*chain[chain.index(name) :], name))
                self._blame(chain[-1], line, f"files include each other: {told}", "Take one of these includes out.")
                found = True
            elif name in self._files and name not in seen:
                found |= self._circles((*chain, name), seen)
        seen.add(chain[-1])
        return found

    def _check_size(self) -> None:
        counts: dict[str, int] = {}

        def count(name: str) -> int:
            if name not in counts:
                counts[name] = 1 + sum(count(one) for one, _ in self._files[name].includes if one in self._files)
            return counts[name]

        if count("") > INCLUDES:
            message = f"{count('') - 1:,} includes, one in another, are too many"
            self._blame("", 1, message, f"At most {INCLUDES:,} are rendered.")

    def _check_names(self) -> None:
        """Every name that is used has to be an input, or be set somewhere."""
        wanted = dict(self.instruction.variables)
        names = [(name, node) for name, file in self._files.items() for node in file.tree.find_all(nodes.Name)]
        given = {node.name for _, node in names if node.ctx == "store"} | {"loop"}
        used = {node.name for _, node in names if node.ctx == "load"}
        told: set[str] = set()
        for name, node in names:
            if node.name not in wanted and node.name not in given and node.name not in told:
                told.add(node.name)
                self._blame(name, node.lineno, f"{node.name} is not declared", "Add it under input:.")
        for unused in set(self.instruction.input) - used - self._front():
            line = self.instruction.line("input", unused)
            self.problems.append(Problem(line, f"input {unused} is never used", "Use it, or take it out.", False))

    def _front(self) -> set[str]:
        """What the front matter itself uses."""
        own = self.instruction
        texts = (own.title, *own.models)
        found = {name for text in texts for name in Text(text).variables}
        return found.union(*(need.variables for need in own.data.values()))

    def _blame(self, name: str, line: int, message: str, remedy: str) -> None:
        if name:  # in a file that is included
            self.problems.append(Problem(0, f"{name}, line {line}: {message}", remedy))
        else:
            self.problems.append(Problem(line + self.instruction.body.first_line - 1, message, remedy))


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's own sandbox, in which nothing grows beyond a bound."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(files), undefined=StrictUndefined, finalize=_scalar, trim_blocks=True, lstrip_blocks=True
        )
        self.steps = 0
        self.globals.clear()
        own = {"join": _join, "counted": _counted, "kept": _kept}
        self.filters = {name: self.filters[name] for name in FILTERS} | own
        self.tests = {name: self.tests[name] for name in TESTS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = _through("counted", loop.iter)
        for assignment in list(tree.find_all(nodes.Assign)):
            assignment.node = _through("kept", assignment.node)
        return tree

    def call_binop(self, context: Values, operator: str, left: Any, right: Any) -> Any:
        if any(isinstance(one, Undefined) for one in (left, right)):
            return super().call_binop(context, operator, left, right)
        texts = isinstance(left, str) and isinstance(right, str) and operator == "+"
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not texts and not numbers:
            raise SecurityError(f"{operator} is for numbers, and ~ joins texts")
        return _bounded(super().call_binop(context, operator, left, right))


def _nodes(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    for child in tree.iter_child_nodes():
        yield from _nodes(child)


def _fault(node: nodes.Node) -> str:
    """What is not allowed about a node, or nothing."""
    if isinstance(node, nodes.Filter) and (node.node is None or node.name not in FILTERS):
        return f"the filter {node.name}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"the test {node.name}"
    if isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
        return f".{node.attr}"
    if isinstance(node, nodes.For) and node.recursive:
        return "recursive"
    return "" if isinstance(node, (*STATEMENTS, *EXPRESSIONS)) else f"'{type(node).__name__.lower()}'"


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)


def _scalar(value: Any) -> Any:
    """What is put out: one value, not a list or anything of Jinja's own."""
    if isinstance(value, Undefined):
        return str(value)  # raises
    if isinstance(value, SCALARS) or type(value).__name__ == "date":
        return "" if value is None else value
    raise SecurityError(f"a {type(value).__name__} cannot be put out; a list can with | join(', ')")


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > LARGEST:
        raise SecurityError("a number grows too large")
    if isinstance(value, str) and len(value) > LONGEST:
        raise SecurityError(f"a text grows beyond {LONGEST:,} characters")
    return value


def _kept(value: Any) -> Any:
    """What `set` may keep: one value or a list of them, so that none is nested in another again and again."""
    if isinstance(value, Undefined):
        return str(value)  # raises
    if isinstance(value, list | tuple):
        if len(value) > STEPS:
            raise SecurityError(f"a list grows beyond {STEPS:,} items")
        return [_bounded(_scalar(item)) for item in value]
    return _bounded(_scalar(value)) if value is not None else None


@pass_context
def _counted(context: Values, items: Any) -> Iterator[Any]:
    sandbox = cast(Sandbox, context.environment)
    for item in items:
        sandbox.steps += 1
        if sandbox.steps > STEPS:
            raise SecurityError(f"its loops take more than {STEPS:,} steps")
        yield item


def _join(items: Any, between: str = "") -> str:
    texts = [str(_scalar(item)) for item in items]
    if sum(map(len, texts)) + len(between) * len(texts) > LONGEST:
        raise SecurityError(f"a text grows beyond {LONGEST:,} characters")
    return str(between).join(texts)


CHECKER = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
