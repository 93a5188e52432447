"""Markdown from a template and data: Jinja's sandbox, in which nothing is called, read or grown beyond a bound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trainer.errors import ConversionError

LONGEST = 1_000_000  # characters of what is rendered, and of a text on the way
TEMPLATE = 100_000  # characters of a template
WORK = 3_000_000  # characters and items that a template handles, in all
LARGEST = 10**18
FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length",
    "list", "lower", "max", "min", "reverse", "sort", "title", "trim", "unique", "upper",
)  # fmt: skip
REFUSED = (
    nodes.Call, nodes.Macro, nodes.CallBlock, nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block,
    nodes.FilterBlock, nodes.AssignBlock, nodes.Pow, nodes.ScopedEvalContextModifier,
)  # fmt: skip
WEIGHED = (nodes.Filter, nodes.Test, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.Concat, nodes.BinExpr)
FAILURES = (
    TemplateError, SyntaxError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError,
)  # fmt: skip


def render(template: str, data: Any) -> str:
    """The template with data filled in: the members of an object by their names, and all of it as `data`.

    There are `if`, `for` and `set`, and the filters of `FILTERS` and `OWN`. A dot leads to a member, never to what
    Python has under that name. Text is put out as it is. Raises `ConversionError` for a template that is wrong, that
    names what is not there, or that takes too long.
    """
    members = {str(key): value for key, value in data.items()} if isinstance(data, Mapping) else {}
    chunks, size = [], 0
    try:
        if len(template) > TEMPLATE:
            raise SecurityError(f"it has more than {TEMPLATE:,} characters")
        for chunk in _Sandbox().from_string(template).generate({"data": data, **members}):
            size += len(chunk)
            if size > LONGEST:
                raise SecurityError(f"what it makes has more than {LONGEST:,} characters")
            chunks.append(chunk)
    except FAILURES as error:
        line = error.lineno if isinstance(error, TemplateSyntaxError | SyntaxError) else None
        raise ConversionError(
            f"the template fails{line}: {error}",
            f"It has `if`, `for`, `set` and the filters join, {', '.join(FILTERS)}.",
        ) from error
    return "".join(chunks)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Renders one template once. Work is bounded and not time: a value counts with its size where it is used."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=_out
        )
        self.work = 0
        self.globals.clear()
        inner = {"weighed": _weighed, "counted": _counted}
        self.filters = {name: self.filters[name] for name in FILTERS} | OWN | inner

    def spend(self, work: int) -> None:
        """Account for work that is about to be done."""
        self.work += work
        if self.work > WORK:
            raise SecurityError(f"it takes more than {WORK:,} steps in all, one for each character that is handled")

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What a dot leads to."""
        return super().getattr(obj, attribute) if isinstance(obj, LoopContext) else self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """What brackets lead to."""
        try:
            return (
                obj[argument]
                if isinstance(obj, Mapping | list | tuple | str)
                else self.undefined(obj=obj, name=argument)
            )
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """What operators make of two numbers, or `+` of two texts."""
        texts = isinstance(left, str) and isinstance(right, str) and operator == "+"
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not texts and not numbers and not any(isinstance(one, Undefined) for one in (left, right)):
            raise SecurityError(f"{operator} is for numbers, and ~ joins texts")
        value = super().call_binop(context, operator, left, right)
        if numbers and abs(value) > LARGEST:
            raise SecurityError("a number grows too large")
        return value

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(REFUSED):
            raise SecurityError(f"{type(node).__name__.lower()} is not for templates of text (line {node.lineno})")
        loops = list(tree.find_all(nodes.For))
        assignments = list(tree.find_all(nodes.Assign))
        for node in [one for one in tree.find_all(WEIGHED) if not isinstance(one, nodes.Getitem) or _is_slice(one)]:
            for given in ("node", "expr", "left", "right", "args", "nodes"):
                _weigh(node, given)
        for assignment in assignments:
            assignment.node = _through("weighed", assignment.node)
        for loop in loops:
            size = nodes.Const(sum(1 for _ in loop.find_all(nodes.Node)))
            loop.iter = _through("counted", loop.iter, size)
        return tree


def _is_slice(node: nodes.Getitem) -> bool:
    return isinstance(node.arg, nodes.Slice)


def _weigh(node: nodes.Node, given: str) -> None:
    match getattr(node, given, None):
        case nodes.Expr() as one:
            setattr(node, given, _through("weighed", one))
        case list() as several:
            setattr(node, given, [_through("weighed", one) for one in several])


def _through(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, list(args), [], None, None, lineno=node.lineno)


def _size(value: Any) -> int:
    match value:
        case str():
            if len(value) > LONGEST:
                raise SecurityError(f"a text grows beyond {LONGEST:,} characters")
            return 1 + len(value)
        case list() | tuple():
            return 1 + sum(map(_size, value))
        case Mapping():
            return 1 + sum(map(_size, value.keys())) + sum(map(_size, value.values()))
    return 1


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    cast(_Sandbox, context.environment).spend(1 if isinstance(value, Mapping) else _size(value))
    return value


@pass_context
def _counted(context: Context, items: Any, size: int) -> Iterator[Any]:
    for item in items:
        cast(_Sandbox, context.environment).spend(size)
        yield item


def _join(items: Any, between: str = "") -> str:
    texts = [str(_out(item)) for item in items]
    if sum(map(len, texts)) + len(str(between)) * len(texts) > LONGEST:
        raise SecurityError(f"a text grows beyond {LONGEST:,} characters")
    return str(between).join(texts)


def _round(value: Any, digits: int = 0) -> float:
    if not isinstance(value, int | float) or not isinstance(digits, int) or not 0 <= digits <= 15:
        raise SecurityError("round takes a number, and how many digits behind the point to keep, at most 15")
    return round(float(value), digits)


def _sum(items: Any) -> Any:
    found = list(items)
    if not all(isinstance(item, int | float) for item in found):
        raise SecurityError("sum is for numbers")
    return sum(found)


def _tojson(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _out(value: Any) -> Any:
    """What is put out: one value. A list can with `join`."""
    if isinstance(value, Undefined):
        return str(value)  # raises
    if isinstance(value, str | int | float | None):
        return "" if value is None else value
    raise SecurityError(f"a {type(value).__name__} cannot be put out; a list can with | join(', '), all with | tojson")


OWN = {"join": _join, "round": _round, "sum": _sum, "tojson": _tojson}
