"""A plan as a new project: files that appear whole or not at all, and records with their history."""

from __future__ import annotations

import tomllib
from pathlib import Path

from attrs import field, frozen

from trainer.config import FILE, Config
from trainer.errors import ConfigError, PathRefused
from trainer.paths import confine, sweep_parts, write_all, write_atomic
from trainer.pipeline import Pipeline
from trainer_migrate.planning import Plan
from trainer_migrate.snapshots import keep


@frozen
class Done:
    """What was done: how many records are new and how many were there, files written, and files `kept` as they were."""

    stored: int = 0
    unchanged: int = 0
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = field(default=())


def compare(plan: Plan) -> tuple[list[str], list[str]]:
    """The files that are to be written, and those that are there already with other contents."""
    missing, other = [], []
    for target in plan.files:
        try:
            path = confine(plan.new, target)
            if not path.exists():
                missing.append(target)
            elif not path.is_file() or path.read_bytes() != plan.content(target):
                other.append(target)
        except (PathRefused, OSError):
            other.append(target)
    return missing, other


def apply(plan: Plan, *, force: bool = False) -> Done:
    """Write the new project; what is there already in the same form is left, and with `force` what differs is replaced.

    Records come first and `trainer.toml` last: running it again finishes what was stopped. Raises `StoreError` if the
    store cannot be opened, `ConfigError` if a file cannot be written.
    """
    missing, other = compare(plan)
    targets = [*missing, *(other if force else [])]
    config = _config(plan, written=FILE in targets)
    try:
        plan.new.mkdir(parents=True, exist_ok=True)
        sweep_parts(plan.new)
        stored, unchanged = 0, 0
        if plan.snapshots:
            with Pipeline(config=config) as pipeline:
                stored, unchanged = keep(pipeline.open_store(), plan.reader, plan.snapshots)
        for target in targets:
            if isinstance(plan.files[target], Path):
                write_atomic(confine(plan.new, target), plan.content(target))
        made = [target for target in targets if not isinstance(plan.files[target], Path)]
        write_all({confine(plan.new, target): plan.content(target) for target in made})
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename or plan.new}: {error.strerror}", "Mend that, and run it again: it goes on."
        ) from error
    return Done(stored, unchanged, tuple(targets), () if force else tuple(other))


def _config(plan: Plan, *, written: bool) -> Config:
    """The settings that the new project will have."""
    path = plan.new / FILE
    if not written and path.is_file():
        return Config.load(path)
    return Config(root=plan.new, values=tomllib.loads(plan.content(FILE).decode()))
