"""`trainer validate`: every fault of an instruction at once."""

from __future__ import annotations

from pathlib import Path

import click

from trainer.cli.console import JSON, print_json


@click.command()
@click.argument("instruction", type=click.Path(path_type=Path))
@JSON
def validate(instruction: Path, as_json: bool) -> int:
    """Check INSTRUCTION: variables, contexts, sources, models, formats. Exits with 1 if it cannot run."""
    from trainer.pipeline import Pipeline
    from trainer.validation import validate as problems_of

    with Pipeline() as pipeline:
        problems = problems_of(pipeline, instruction)
    if as_json:
        print_json(problems)
    for problem in () if as_json else problems:
        place = f"{instruction}:{problem.line}" if problem.line else str(instruction)
        click.secho(
            f"{place}: {'error' if problem.fatal else 'warning'}: {problem.message}",
            fg="red" if problem.fatal else "yellow",
        )
        click.echo(f"  {problem.remedy}")
    if not problems and not as_json:
        click.echo(f"{instruction}: nothing to complain about")
    return int(any(problem.fatal for problem in problems))
