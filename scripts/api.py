"""Write tests/recorded/api.txt: every name that plugins and hosts may rely on, with arguments, fields and defaults.

`python scripts/api.py` writes; `--check` writes nothing and fails when something differs. What the names promise is in
docs/reference/api-policy.md: read it before changing one.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, get_origin

import attrs
from reference import signature

import trainer
from trainer import errors, hookspecs, testing
from trainer.catalog import ROLES, VERBS

ROOT = Path(__file__).parents[1]
LINE = re.compile(r"^ *(from trainer(?:\.\w+)* import [\w, ]+)$", re.MULTILINE)
PLACE = ROOT / "tests/recorded/api.txt"


def hooks() -> Iterator[str]:
    """The verbs, and how pluggy calls them."""
    for verb in VERBS:
        hook = getattr(hookspecs, verb)
        yield signature(hook)
        yield from (f"    {name}: {value}" for name, value in sorted(hook.trainer_spec.items()) if value)


def public() -> dict[str, list[str]]:
    """The names of each module that are promised: what `trainer`, its errors and its tests offer, and others import.

    Those others are the pages of the documentation, the blueprints of plugins, and the plugins of this repository.
    """
    found = {
        "trainer": set(trainer.__all__) - {"__version__"},
        "trainer.testing": set(testing._WHERE),
        "trainer.errors": {name for name, value in vars(errors).items() if isinstance(value, type)},
    }
    pages = ("README.md", "docs/**/*.md", "plugins/*/README.md", "src/trainer/blueprints/**/*.txt")
    shown = [LINE.findall(path.read_text()) for pattern in pages for path in ROOT.glob(pattern)]
    for code in ["\n".join(chain(*shown)), *(path.read_text() for path in ROOT.glob("plugins/*/src/**/*.py"))]:
        for module, name in imported(ast.parse(code)):
            found.setdefault(module, set()).add(name)
    told: set[tuple[str, int]] = set()
    for module, names in found.items():  # a name that several modules have is told of the first one
        things = {name: (name, id(getattr(import_module(module), name))) for name in names}
        found[module] = {name for name, thing in things.items() if thing not in told}
        told |= set(things.values())
    return {module: sorted(names) for module, names in sorted(found.items()) if names}


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of what a file takes from the core: `from trainer.http import Policy`, or `http.Policy`."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("trainer."):
            for alias in node.names:
                if node.module == "trainer" and alias.name not in trainer.__all__:
                    modules.add(alias.asname or alias.name)
                else:
                    yield str(node.module), alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield f"trainer.{node.value.id}", node.attr


def described(name: str, value: Any) -> Iterator[str]:
    """A class with its members, a function with its arguments, or the kind of anything else."""
    if inspect.isfunction(value):
        yield called(name, value)
    elif isinstance(value, type):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"    {line}" for line in members(value))
    elif get_origin(value):
        yield f"{name} = {inspect.formatannotation(value).replace('typing.', '')}"
    else:
        yield f"{name}: {type(value).__name__}"


def called(name: str, function: Callable[..., Any]) -> str:
    """A function as it is called under a name; defaults that have no text of their own by their names."""
    head = signature(function).removeprefix(function.__name__)
    return name + re.sub(r"<(?:function (\S+) at \w+|module '(\w+)'[^>]*)>", lambda match: match[1] or match[2], head)


def members(cls: type) -> Iterator[str]:
    """The fields of a class, its attributes, and its methods but tests and those with an underscore."""
    if issubclass(cls, Enum):
        yield from (f"{item.name} = {item.value!r}" for item in cls)
        return
    fields = attrs.fields_dict(cls) if attrs.has(cls) else {}
    for field in fields.values():
        if field.init and not field.name.startswith("_"):
            yield f"{field.alias}: {text(field.type)}{default(field)}{'' if not field.kw_only else '  (by name)'}"
    written = inspect.get_annotations(cls)
    for name in sorted({*written, *vars(cls)} - fields.keys()):
        if name.startswith(("_", "test_")) and name != "__init__":
            continue
        value = inspect.getattr_static(cls, name, None)
        function = getattr(value, "__func__", value)
        if isinstance(value, property):
            yield f"{name} -> {text(value.fget.__annotations__['return'])}"
        elif inspect.isfunction(function):
            if name != "__init__" or (function.__qualname__ == f"{cls.__qualname__}.__init__" and not fields):
                yield called(name, function)
        elif name in written:
            yield f"{name}: {text(written[name])}"
        elif isinstance(value, str | int | float):
            yield f"{name} = {value!r}"


def text(annotation: Any) -> str:
    """An annotation as it is written."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def default(field: Any) -> str:
    """` = default`; nothing for a field that must be given."""
    if inspect.isfunction(field.default):
        return f" = {field.default.__name__}"
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]  # the stubs call this class a function
        return f" = {field.default.factory.__name__}()"
    return "" if field.default is attrs.NOTHING else f" = {field.default!r}"


def wanted() -> str:
    """The file as it should be."""
    parts = ["# hooks", *hooks(), "", "# groups of entry points", *(f"trainer.{role}" for role in ROLES)]
    for module, names in public().items():
        parts += ["", f"# {module}"]
        for name in names:
            parts += described(name, getattr(import_module(module), name))
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write, or with `--check` compare."""
    now, kept = wanted(), PLACE.read_text() if PLACE.exists() else ""
    if "--check" not in sys.argv:
        PLACE.write_text(now)
        return 0
    for line in difflib.unified_diff(kept.splitlines(), now.splitlines(), "recorded", "now", lineterm="", n=2):
        print(line)
    if now != kept:
        print("If this is meant, see docs/reference/api-policy.md and run `python scripts/api.py`.", file=sys.stderr)
    return int(now != kept)


if __name__ == "__main__":
    sys.exit(main())
