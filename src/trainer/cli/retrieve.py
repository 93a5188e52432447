"""`trainer retrieve`: data from a source, stored unless told otherwise."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from trainer.cli.console import JSON, pairs, print_json, print_rows


@click.command()
@click.argument("source")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]…")
@click.option("--no-store", is_flag=True, help="Do not keep what is retrieved.")
@JSON
def retrieve(source: str, params: tuple[str, ...], no_store: bool, as_json: bool) -> None:
    """Fetch data from SOURCE, and keep it in the store.

    Example: trainer retrieve file path=information/data/AAPL.json
    """
    from trainer.cli.progress import Progress
    from trainer.models import Query
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        query = Query(source, {name: _value(value) for name, value in pairs(params, "Parameters").items()})
        with Progress(shown=sys.stderr.isatty()):
            result = pipeline.retrieve(query)
        record = None if no_store else pipeline.keep(query, result)
    if as_json:
        print_json({"ref": record.ref if record else None, "result": result})
        return
    rows: list[dict[str, Any]] = [
        {"field": "record", "value": record.ref if record else "not stored"},
        {"field": "address", "value": result.url or "-"},
        {"field": "retrieved", "value": result.retrieved_at.isoformat(timespec="seconds")},
        {"field": "raw sha256", "value": result.raw_hash[:12] or "-"},
        {"field": "data", "value": _extent(result.data)},
    ]
    print_rows(rows, ("field", "value"))


def _value(text: str) -> Any:
    """Numbers and booleans are meant as such; everything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | bool) and json.dumps(value) == text else text


def _extent(data: Any) -> str:
    match data:
        case list():
            return f"{len(data)} rows"
        case dict():
            return ", ".join(
                f"{key}: {_extent(value)}" if isinstance(value, list) else str(key) for key, value in data.items()
            )
        case _:
            return f"{len(str(data))} characters"
