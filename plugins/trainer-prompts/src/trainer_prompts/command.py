"""`trainer prompts`: versions of prompts, and what a change of one did."""

from __future__ import annotations

import click

from trainer.cli.console import JSON, STORE, note, print_json, print_rows


@click.group()
def prompts() -> None:
    """Versions of prompts: which there were, and how cost, latency, findings and grounding moved with them."""


@prompts.command()
@click.argument("instruction", default="")
@STORE
@JSON
def history(instruction: str, url: str, as_json: bool) -> None:
    """List the versions of INSTRUCTION (a path or a name; without it, all) that runs used, the latest first.

    A version is that of the rules, the background, the instruction and what it includes. Cost (USD), tokens and
    findings are means, seconds is the median of the model's, grounded the share of figures that trace to the data.
    """
    from trainer.pipeline import Pipeline
    from trainer_prompts.versions import MEASURES, versions

    with Pipeline() as pipeline:
        found = versions(pipeline.open_store(url), instruction, pipeline.config.root)
    rows = [
        {
            "version": version.id,
            "instruction": version.instruction,
            "first": version.runs[0]["date"],
            "last": version.runs[-1]["date"],
            **version.measures(),
        }
        for version in found
    ]
    if as_json:
        print_json([{**row, "parts": version.parts} for row, version in zip(rows, found, strict=True)])
        return
    shown = [{name: _short(value) for name, value in row.items()} for row in rows]
    columns = ("version", "instruction", "first", "last", *MEASURES)
    print_rows(shown, columns, f"No run in the store used {instruction or 'an instruction'}.")


@prompts.command()
@click.argument("old")
@click.argument("new")
@STORE
@JSON
def diff(old: str, new: str, url: str, as_json: bool) -> None:
    """Show what changed from version OLD to NEW (or between the versions of two runs), and what moved with it."""
    from trainer.pipeline import Pipeline
    from trainer_prompts.versions import changes, find, moved

    with Pipeline() as pipeline:
        store = pipeline.open_store(url)
        first, second = find(store, old), find(store, new)
        lines = list(changes(store, first, second))
    rows = moved(first, second)
    if as_json:
        print_json({"old": first.id, "new": second.id, "diff": lines, "measures": rows})
        return
    for line in lines:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.secho("".join(char if char.isprintable() or char == "\t" else " " for char in line), fg=colour)
    if not lines:
        note("Both are the same version.")
    click.echo()
    print_rows(
        [{name: _short(value) for name, value in row.items()} for row in rows], ("measure", "old", "new", "change")
    )
    if min(len(first.runs), len(second.runs)) < 5:
        note("There are fewer than five runs of one of them: what moved may be chance.")


def _short(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
