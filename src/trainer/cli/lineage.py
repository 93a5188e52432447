"""`trainer lineage`: the chain from a report back to its data."""

from __future__ import annotations

from typing import Any

import click

from trainer.cli.console import JSON, note, print_json, print_rows


@click.command()
@click.argument("reference", metavar="REPORT-OR-RUN-ID")
@JSON
def lineage(reference: str, as_json: bool) -> None:
    """Show what a report was made from: instruction, prompt, model, and each record with its address."""
    from pathlib import Path

    from trainer.errors import TrainerError
    from trainer.lineage import sha256, sums
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        record = pipeline.find_run(reference)
    if record is None:
        raise TrainerError(
            f"no run in the store made {reference}", "Give a file that `trainer run` wrote, or a run's id."
        )
    run: dict[str, Any] = record.data
    path = Path(reference)
    changed = path.is_file() and sha256(path.read_bytes()) not in sums(run)
    if as_json:
        print_json({**run, "changed": changed})
        return
    for name in ("run", "title", "date", "model", "cost"):
        click.echo(f"{name:<12} {'unknown' if run[name] is None else run[name]}")
    click.echo(f"{'instruction':<12} {run['instruction']['path']} (sha256 {run['instruction']['sha256'][:12]})")
    click.echo(f"{'params':<12} {', '.join(f'{name}={value}' for name, value in run['params'].items()) or '-'}")
    click.echo(f"{'prompt':<12} {run['prompt'][:12]}\n")
    print_rows(run["sources"], ("name", "ref", "url", "retrieved", "hash", "stale"), "The run used no data.")
    if changed:
        note(f"{reference} has been changed since it was written.")
