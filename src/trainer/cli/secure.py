"""`trainer secure`: the guards on a text from outside a run."""

from __future__ import annotations

from typing import Any

import click

from trainer.cli.console import JSON, print_json, print_rows

STAGES = ("input", "data", "prompt", "output", "render")


@click.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option(
    "--stage", type=click.Choice(STAGES), default="input", show_default=True, help="Where the text would be met."
)
@click.option("--level", type=click.Choice(["strict", "moderate", "permissive"]), help="Instead of the configured one.")
@click.option("--explain", is_flag=True, help="Print the table from findings to actions.")
@JSON
def secure(file: Any, stage: str, level: str | None, explain: bool, as_json: bool) -> int:
    """Let the guards look at FILE (- for standard input). Exits with 3 if a run would be stopped."""
    from trainer.errors import UnknownPlugin
    from trainer.guarding import Action, decide, explain as table
    from trainer.models import RunInfo, Segment, Stage, to_json
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        chosen: Any = level or pipeline.settings.level
        if explain or file is None:
            policy = table(Stage(stage), chosen)
            print_json(policy) if as_json else print_rows(policy, ("stage", "level", "trust", "severity", "action"))
            return 0
        if not pipeline.plugins.names("secure"):
            raise UnknownPlugin(
                "no guard is installed or switched on, so nothing was looked at", "Run `pip install trainer-guard`."
            )
        text = file.read().decode("utf-8", "replace")
        segment = Segment(text, trust="user" if stage == "input" else "untrusted", origin=file.name)
        found = pipeline.secure(Stage(stage), [segment], RunInfo("", level=chosen))
    actions = [decide(finding, segment, chosen) for finding in found]
    blocked = Action.BLOCK in actions
    rows = [{**to_json(finding), "action": action.name.lower()} for finding, action in zip(found, actions, strict=True)]
    if as_json:
        print_json({"blocked": blocked, "level": chosen, "stage": stage, "findings": rows})
    else:
        print_rows(rows, ("action", "severity", "guard", "category", "span", "message"), "Nothing found.")
    return 3 if blocked else 0
