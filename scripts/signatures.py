"""A Griffe extension: classes of attrs show what they are made with, as functions do.

Griffe reads the code and does not run it, so it sees an attrs class without the `__init__` that attrs writes. This
adds it, from the class's fields and those of its bases.
"""

from __future__ import annotations

from typing import Any, cast

from griffe import (
    Attribute,
    Class,
    Expr,
    ExprCall,
    ExprKeyword,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind as Kind,
    Parameters,
)

MAKERS = {"define", "frozen", "plugin"}


class AttrsSignatures(Extension):
    """Gives every class of attrs in a package its `__init__`."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """When a package was read."""
        complete(pkg)


def complete(parent: Module | Class) -> None:
    """Give the classes below a module or a class their `__init__`, where attrs makes one."""
    for member in parent.members.values():
        if member.is_alias or not (member.is_class or member.is_module):
            continue
        if isinstance(member, Class) and "__init__" not in member.members and made(member):
            parameters = Parameters(Parameter("self", kind=Kind.positional_or_keyword), *fields(member))
            member.set_member("__init__", Function("__init__", parameters=parameters, parent=member))
        complete(cast("Module | Class", member))


def made(cls: Class) -> bool:
    """Whether attrs makes the class."""
    return any(str(decorator.value).partition("(")[0].rpartition(".")[2] in MAKERS for decorator in cls.decorators)


def fields(cls: Class) -> list[Parameter]:
    """What the class is made with: its bases' fields, then its own; those that only a name can fill come last."""
    found = {}
    for each in (*reversed(cls.mro()), cls):
        if made(each):
            for member in each.members.values():
                if not member.is_alias and isinstance(member, Attribute) and (parameter := field(member)):
                    found[parameter.name] = parameter
    return sorted(found.values(), key=lambda parameter: parameter.kind is Kind.keyword_only)


def field(attribute: Attribute) -> Parameter | None:
    """The parameter that fills a field; `None` if there is none."""
    only_of_class = "class-attribute" in attribute.labels and "instance-attribute" not in attribute.labels
    if attribute.annotation is None or only_of_class or "property" in attribute.labels:
        return None
    default, options = attribute.value, options_of(attribute.value)
    if options is not None:
        if str(options.get("init")) == "False":
            return None
        factory = options.get("factory")
        default = f"{factory}()" if factory is not None and str(factory).isidentifier() else factory and "…"
        default = options.get("default", default)
    kind = Kind.keyword_only if options and str(options.get("kw_only")) == "True" else Kind.positional_or_keyword
    return Parameter(attribute.name.lstrip("_"), annotation=attribute.annotation, kind=kind, default=default)


def options_of(value: str | Expr | None) -> dict[str, str | Expr] | None:
    """The arguments of `field(…)`, if the value is that."""
    if not isinstance(value, ExprCall) or str(value.function).rpartition(".")[2] != "field":
        return None
    return {argument.name: argument.value for argument in value.arguments if isinstance(argument, ExprKeyword)}
