"""`trainer reports`: the reports of a project, and a page that leads to them."""

from __future__ import annotations

from pathlib import Path

import click

from trainer.cli.console import JSON, STORE, print_json, print_rows


@click.command()
@click.option("--subject", default="", help="Only reports on this: a ticker, or another value of a parameter.")
@click.option("--since", default="", help="Only reports of this day (2025-11-19), month or year, and later.")
@click.option("--until", default="", help="Only reports of this day, month or year, and earlier.")
@click.option("--html", "target", type=click.Path(path_type=Path), help="Write a page that leads to them.")
@click.option("--theme", default="report", help="The theme of that page.")
@STORE
@JSON
def reports(subject: str, since: str, until: str, target: Path | None, theme: str, url: str, as_json: bool) -> None:
    """List the reports of this project, the latest first, or write a page that leads to them."""
    import attrs

    from trainer.errors import ConversionError
    from trainer.paths import write_atomic
    from trainer.pipeline import RUNS, Pipeline
    from trainer_markdown.index import SHOWN, entries, index_html

    with Pipeline() as pipeline:
        found = entries(pipeline.open_store(url).query(source=RUNS), subject, since, until)
        root = pipeline.config.root
    if target:
        try:
            write_atomic(target, index_html(found, root, target, theme).encode())
        except OSError as error:
            raise ConversionError(f"cannot write {target}: {error.strerror}", "Nothing was written.") from error
        click.echo(target)
    elif as_json:
        print_json([attrs.asdict(entry) for entry in found])
    else:
        rows = [
            {
                "date": entry.day,
                "subject": ", ".join(entry.subjects),
                "title": entry.title,
                "file": next((entry.files[name] for name in SHOWN if name in entry.files), ""),
                "run": entry.run,
            }
            for entry in found
        ]
        print_rows(rows, ("date", "subject", "title", "file", "run"), "The store has no run of such a report.")
