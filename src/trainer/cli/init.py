"""`trainer init`: a project that runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Lay out FOLDER (or this one): trainer.toml, instructions, context, data. What exists is left alone."""
    from importlib.resources import as_file, files

    from trainer.paths import write_atomic

    with as_file(files("trainer") / "starter") as starter:
        for source in sorted(path for path in starter.rglob("*") if path.is_file()):
            target = folder / source.relative_to(starter)
            if target.exists():
                click.echo(f"kept     {target}")
                continue
            write_atomic(target, source.read_bytes())
            click.echo(f"created  {target}")
    enter = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    click.echo(f"\nNow: {enter}trainer run information/instructions/first-report.md -p COMPANY=Northwind --to html")
