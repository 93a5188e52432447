"""A plugin of pytest: which entry points of our distributions no collected contract is about, written to a file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trainer.testing import AnswerContract, CommandContract, StoreContract

# What these answer is looked at by a contract that is given an object, and not the class.
OBJECTS = {"store": StoreContract, "complete": AnswerContract}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write each entry point that is not covered, as `distribution role.name`."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.cls]
    contracts = {(item.path, item.cls) for item in items}
    missing = [
        f"{folder.name} {role}.{name}"
        for folder in sorted(session.config.rootpath.glob("plugins/trainer-*"))
        for role, name, plugin in offered(folder)
        if not covered(role, name, plugin, [cls for path, cls in contracts if folder in path.parents])
    ]
    Path(os.environ["TRAINER_UNCOVERED"]).write_text(json.dumps(missing))


def offered(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """The roles, names and objects of a distribution's entry points."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for group, entries in project.get("entry-points", {}).items():
        for name, value in entries.items():
            module, _, attribute = value.partition(":")
            yield group.removeprefix("trainer."), name, getattr(import_module(module), attribute)


def covered(role: str, name: str, plugin: Any, contracts: list[Any]) -> bool:
    """Whether a contract of that role is about the plugin, or about the class whose answer is its own."""
    if role == "command":
        return any(issubclass(one, CommandContract) and one.command is plugin for one in contracts)
    if role in OBJECTS and not any(issubclass(one, OBJECTS[role]) for one in contracts):
        return False
    return any(
        getattr(one, "role", "") == role and is_of(plugin, one.plugin, role) and (role != "convert" or one.name == name)
        for one in contracts
    )


def is_of(plugin: Any, tested: Any, verb: str) -> bool:
    """Whether what is tested is the plugin, or what it is made of: the same method answers."""
    if plugin is tested:
        return True
    both = isinstance(plugin, type) and isinstance(tested, type)
    return both and issubclass(plugin, tested) and getattr(plugin, verb, None) is getattr(tested, verb, "")
