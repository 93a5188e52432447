"""`trainer convert`: one document to another format."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--from", "start", default="", help="The format of IN, if its ending does not say.")
@click.option("--to", "end", default="", help="The format of OUT, if its ending does not say.")
@click.option("--via", default="", help="The engine, conversion or format to pass, if there are several ways.")
@click.option("--theme", default="", help="How OUT looks, instead of what IN or trainer.toml says.")
def convert(source: Path, target: Path, start: str, end: str, via: str, theme: str) -> None:
    """Convert the document IN to OUT; the endings name the formats."""
    from trainer.errors import ConversionError
    from trainer.formats import format_of
    from trainer.lineage import beside, placed
    from trainer.models import Document
    from trainer.paths import write_all
    from trainer.pipeline import Pipeline

    try:
        content = source.read_bytes()
        files = beside(content, source)
    except OSError as error:
        raise ConversionError(f"cannot read {source}: {error.strerror}", "Nothing was written.") from error
    with Pipeline() as pipeline:
        document = Document(content, format_of(start or source.suffix), {"theme": theme} if theme else {}, files)
        document = pipeline.convert(document, end or target.suffix, via=via)
    try:
        write_all(placed(document, target))
    except OSError as error:
        raise ConversionError(f"cannot write {target}: {error.strerror}", "Nothing was written.") from error
    click.echo(target)
