"""`trainer models`: what can be used here, with what is known of it."""

from __future__ import annotations

import os
from typing import Any

import click

from trainer.cli.console import JSON, note, print_json, print_rows


@click.command()
@click.argument("providers", nargs=-1)
@JSON
def models(providers: tuple[str, ...], as_json: bool) -> None:
    """List the language models that can be used here: of PROVIDERS, or of all that are in reach.

    Prices are in USD per million tokens, context is in tokens; a dash is what is not known.
    """
    from trainer.pipeline import Pipeline
    from trainer.reach import KEYS, SERVERS, answers
    from trainer.routing import provider

    with Pipeline() as pipeline:
        names = pipeline.plugins.names("complete")
        chosen = list(providers)
        if not chosen:
            chosen = [model.partition("/")[0] for key, model in KEYS.items() if os.environ.get(key)]
            chosen += [name for name, port in SERVERS.items() if answers(port) and name in names]
            chosen.append("offline")
        rows: list[dict[str, Any]] = []
        for name in dict.fromkeys(chosen):
            rows += _rows(pipeline, name, provider(f"{name}/", names))
        ready = sorted(set(names) - set(chosen))
    if as_json:
        print_json(rows)
        return
    print_rows(rows, ("model", "context", "output", "input_price", "output_price"))
    if not providers and ready:
        note(f"Installed, and not in reach without a key or a server: {', '.join(ready)}.")


def _rows(pipeline: Any, name: str, plugin: str) -> list[dict[str, Any]]:
    from attrs import asdict

    from trainer.catalog import did_you_mean
    from trainer.errors import TrainerError, UnknownPlugin
    from trainer.plugins import told

    lister = getattr(pipeline.plugins.load("complete", plugin), "list_models", None)
    if lister is None:
        return [{"model": f"{name}/…"}]
    try:
        found = lister() if plugin == name else [model for model in lister() if model.provider == name]
    except TrainerError as error:
        short = told(error)
        note(f"{name}: {short.problem}\n  {short.remedy}")
        return []
    if not found and plugin != name:
        known = pipeline.plugins.names("complete")
        raise UnknownPlugin(
            f"nothing installed has models of '{name}'{did_you_mean(name, known)}", f"Installed: {', '.join(known)}."
        )
    return [{"model": f"{name}/{model.name}", **asdict(model)} for model in found]
