"""Where a template is rendered: Jinja's own sandbox, in which nothing runs or grows beyond a bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jinja2 import DictLoader, StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context as Values, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 1_000_000  # characters of a text, and of what is rendered
STEPS = 10_000  # of all loops together
WORK = 10_000_000  # characters and items that are handled, and nodes that are passed, by all of a template
LARGEST = 10**18
DIGITS = 15  # that `round` can be asked for

FILTERS = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower",
    "max", "min", "round", "sort", "sum", "title", "trim", "unique", "upper",
)  # fmt: skip
TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "float", "ge", "gt", "in", "integer", "le", "lt",
    "ne", "none", "number", "odd", "string", "undefined",
)  # fmt: skip
SCALARS = (str, int, float, type(None))
# Nodes whose cost follows from the size of what they are given, and the names under which they hold that.
WEIGHED = (nodes.Filter, nodes.Test, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.Concat, nodes.BinExpr)
GIVEN = ("node", "expr", "left", "right", "args", "nodes")


class Sandbox(ImmutableSandboxedEnvironment):
    """Renders one template once. What goes beyond a bound raises `SecurityError`, long before it is felt.

    What is bounded is work and not time, so that a template fails everywhere or nowhere: each value counts with its
    size wherever something is made of it, before that is made, and each file and each step of a loop with its nodes.
    """

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(files), undefined=StrictUndefined, finalize=_scalar, trim_blocks=True, lstrip_blocks=True
        )
        self.steps = self.work = 0
        self.globals.clear()
        own = {
            "join": _join, "sum": _sum, "round": _round, "counted": _counted, "kept": _kept, "weighed": _weighed,
            "passed": _passed,
        }  # fmt: skip
        self.filters = {name: self.filters[name] for name in FILTERS} | own
        self.tests = {name: self.tests[name] for name in TESTS}

    def spend(self, work: int) -> None:
        """Account for work that is about to be done."""
        self.work += work
        if self.work > WORK:
            raise SecurityError(f"it takes more than {WORK:,} steps in all, one for each character that is handled")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        loops = [(loop, nodes.Const(_size_of(loop))) for loop in tree.find_all(nodes.For)]
        whole = nodes.Const(_size_of(tree))
        for node in list(tree.find_all(WEIGHED)):
            for given in GIVEN:
                _weigh(node, given)
        for assignment in list(tree.find_all(nodes.Assign)):
            assignment.node = _through("kept", assignment.node)
        for loop, size in loops:
            loop.iter = _through("counted", loop.iter, size)
        tree.body.insert(0, nodes.Output([_through("passed", whole)], lineno=1))
        return tree

    def call_binop(self, context: Values, operator: str, left: Any, right: Any) -> Any:
        if any(isinstance(one, Undefined) for one in (left, right)):
            return super().call_binop(context, operator, left, right)
        texts = isinstance(left, str) and isinstance(right, str) and operator == "+"
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not texts and not numbers:
            raise SecurityError(f"{operator} is for numbers, and ~ joins texts")
        return _bounded(super().call_binop(context, operator, left, right))


def _size_of(tree: nodes.Node) -> int:
    return sum(1 for _ in tree.find_all(nodes.Node))


def _weigh(node: nodes.Node, given: str) -> None:
    match getattr(node, given, None):
        case nodes.Expr() as one:
            setattr(node, given, _through("weighed", one))
        case list() as several:
            setattr(node, given, [_through("weighed", one) for one in several])


def _through(name: str, node: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, list(args), [], None, None, lineno=node.lineno)


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


def _size(value: Any) -> int:
    if isinstance(value, str):
        return 1 + len(value)
    return 1 + sum(map(_size, value)) if isinstance(value, list | tuple) else 1


@pass_context
def _weighed(context: Values, value: Any) -> Any:
    """The value, when something is about to be made of it."""
    cast(Sandbox, context.environment).spend(_size(value))
    return value


@pass_context
def _passed(context: Values, size: int) -> str:
    """Nothing, where a file of that size begins to be rendered."""
    cast(Sandbox, context.environment).spend(size)
    return ""


@pass_context
def _counted(context: Values, items: Any, size: int) -> Iterator[Any]:
    """The items that a loop of that size goes through."""
    sandbox = cast(Sandbox, context.environment)
    for item in items:
        sandbox.steps += 1
        if sandbox.steps > STEPS:
            raise SecurityError(f"its loops take more than {STEPS:,} steps")
        sandbox.spend(size)
        yield item


def _join(items: Any, between: str = "") -> str:
    texts = [str(_scalar(item)) for item in items]
    if sum(map(len, texts)) + len(str(between)) * len(texts) > LONGEST:
        raise SecurityError(f"a text grows beyond {LONGEST:,} characters")
    return str(between).join(texts)


def _sum(items: Any) -> Any:
    found = list(items)
    if not all(isinstance(item, int | float) for item in found):
        raise SecurityError("sum is for numbers")
    return _bounded(sum(found))


def _round(value: Any, precision: int = 0, method: str = "common") -> float:
    if not isinstance(value, int | float) or not isinstance(precision, int) or not 0 <= precision <= DIGITS:
        raise SecurityError(f"round takes a number, and how many digits behind the point to keep, at most {DIGITS}")
    if method == "common":
        return round(float(value), precision)
    if method not in ("ceil", "floor"):
        raise SecurityError("round rounds with common, ceil or floor")
    whole: int = (math.ceil if method == "ceil" else math.floor)(value * 10**precision)
    return float(whole / 10**precision)
