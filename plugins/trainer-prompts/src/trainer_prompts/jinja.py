"""Bodies in Jinja: a part of the language that cannot read, call, or grow beyond a bound.

The language is that of Jinja without calls, macros, imports and blocks. It is checked before anything is rendered, so
that what is not allowed is found by `trainer validate`, and rendered in Jinja's own sandbox besides.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trainer.contexts import find_context
from trainer.errors import InstructionError, PathRefused
from trainer.instruction import Problem, Template as Text
from trainer.models import Part
from trainer.paths import confine
from trainer_prompts.sandbox import FILTERS, LONGEST, TESTS, Sandbox

if TYPE_CHECKING:
    from trainer import Instruction

INCLUDES = 200  # files rendered, each as often as it is included
DEEPEST = 60  # levels of a file's tree
MOST = 10_000  # nodes of all files together: Python takes a second to compile them
BROKEN = 20  # lines that are not Jinja, of which a file is read without

STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Include)
EXPRESSIONS = (
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Keyword,
    nodes.Getitem, nodes.Slice, nodes.Getattr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg,
    nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat,
)  # fmt: skip
# How many arguments a filter may have that would take more: those would look into what a value holds.
ARGUMENTS = {"join": 1, "max": 1, "min": 1, "sort": 2, "sum": 0, "unique": 1}
NAMED = {"attribute", "start"}
# What a template may make Jinja, Python's compiler or the template itself raise.
FAILURES = (
    TemplateError, SyntaxError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError,
)  # fmt: skip
ALLOWED = "if, for, set, include, raw, and the filters " + ", ".join(FILTERS)


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
    _nodes: int = field(default=0, init=False)
    _broken: bool = field(default=False, init=False)  # whether a line was left out that is not Jinja
    _files: dict[str, File] = field(factory=dict, init=False)  # by the name they are included by; "" is the body

    def __attrs_post_init__(self) -> None:
        self._read("", self.instruction.path, self.instruction.body.text)
        if not self._circles(("",)):
            self._check_size()
        self._check_names()
        fatal = [problem for problem in self.problems if problem.fatal]
        if not fatal and not self.strict:
            self._check_code()
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
        chunks, size = [], 0
        try:
            for chunk in self._sandbox().get_template("").generate(dict(values)):
                size += len(chunk)
                if size > LONGEST:
                    raise SecurityError(f"it grows beyond {LONGEST:,} characters")
                chunks.append(chunk)
        except FAILURES as error:
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
        tree = self._parsed(name, text)
        self._nodes += sum(1 for _ in _nodes(tree))
        if self._nodes > MOST:
            message = f"with this file the template has more than {MOST:,} values, texts and tags"
            self._blame(name, 1, message, "Write it shorter, or as plain text.")
            tree = nodes.Template([], lineno=1)
        if deep := next((node for node, depth in _nodes(tree) if depth > DEEPEST), None):
            self._blame(name, deep.lineno, "this is nested too deeply", "Write it flatter.")
            tree = nodes.Template([], lineno=1)
        found: list[tuple[str, int]] = []
        self._files[name] = File(path, text, tree)
        for node, _ in _nodes(tree):
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

    def _parsed(self, name: str, text: str) -> nodes.Template:
        """The tree of a text without the lines that are not Jinja, each of which is told."""
        if len(text) > LONGEST:
            self._blame(name, 1, f"this has more than {LONGEST:,} characters", "Write it shorter.")
            return nodes.Template([], lineno=1)
        lines = text.split("\n")
        for _ in range(BROKEN):
            try:
                return CHECKER.parse("\n".join(lines))
            except RecursionError:
                self._blame(name, 1, "this is nested too deeply", "Write it flatter.")
                break
            except (TemplateSyntaxError, ValueError) as error:
                line, message = getattr(error, "lineno", 1), getattr(error, "message", error)
            self._blame(name, line, f"this is not Jinja: {message}", "Mend that line.")
            self._broken = True
            if not lines[line - 1]:
                break
            lines[line - 1] = ""
        return nodes.Template([], lineno=1)

    def _include(self, name: str, wanted: str, line: int) -> None:
        if len(self._files) > INCLUDES:
            self._blame(name, line, f"more than {INCLUDES:,} files are included", "Put some of them into one.")
            return
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

    def _check_code(self) -> None:
        """What Python does not compile, such as more than twenty loops in one another."""
        sandbox = self._sandbox()
        for name in self._files:
            try:
                sandbox.get_template(name)
            except FAILURES as error:
                self._blame(name, 1, f"the template cannot be used: {error}", "Write it shorter and flatter.")

    def _sandbox(self) -> Sandbox:
        return Sandbox({name: file.text for name, file in self._files.items()})

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
        for unused in set(self.instruction.input) - used - self._front() if not self._broken else ():
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


def _nodes(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Each node with its depth, in the order of the text."""
    ahead = [(tree, 0)]
    while ahead:
        node, depth = ahead.pop()
        yield node, depth
        ahead += [(child, depth + 1) for child in reversed(list(node.iter_child_nodes()))]


def _fault(node: nodes.Node) -> str:
    """What is not allowed about a node, or nothing."""
    if isinstance(node, nodes.Filter):
        if node.node is None or node.name not in FILTERS:
            return f"the filter {node.name}"
        named = NAMED.intersection(keyword.key for keyword in node.kwargs)
        if named or node.dyn_args or node.dyn_kwargs or len(node.args) > ARGUMENTS.get(node.name, len(node.args)):
            return f"what is given to the filter {node.name}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"the test {node.name}"
    if isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
        return f".{node.attr}"
    if isinstance(node, nodes.For) and node.recursive:
        return "recursive"
    return "" if isinstance(node, (*STATEMENTS, *EXPRESSIONS)) else f"'{type(node).__name__.lower()}'"


CHECKER = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
