"""`trainer store`: what is kept, its versions and its age."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, STORE, print_json, print_rows

if TYPE_CHECKING:
    from trainer.stores import DataStore, StoredData


@click.group()
def store() -> None:
    """Look into the data store and change it."""


@store.command()
@click.argument("key")
@click.option("--version", type=int, help="An old version; key@version does the same.")
@STORE
@JSON
def get(key: str, version: int | None, url: str, as_json: bool) -> None:
    """Print a record: its data, or all of it with --json."""
    name, _, number = key.rpartition("@")
    if version is None and name and number.isdigit():
        key, version = name, int(number)
    with _open(url) as opened:
        record = opened.retrieve(key, version)
    if record is None:
        raise _absent(key if version is None else f"{key}@{version}")
    print_json(record if as_json else record.data)


@store.command()
@click.argument("key")
@click.argument("file", type=click.File("rb"))
@click.option("--source", default="manual", show_default=True, help="Where the data came from.")
@click.option("--ttl", type=float, help="Seconds after which it expires.")
@click.option("--if-version", type=int, help="Write only if this version is current (0: no record).")
@STORE
@JSON
def put(key: str, file: Any, source: str, ttl: float | None, if_version: int | None, url: str, as_json: bool) -> None:
    """Store the JSON in FILE (- for standard input) under KEY."""
    try:
        data = json.load(file)
    except ValueError as error:
        from trainer.errors import StoreError

        raise StoreError(f"{file.name} is not JSON: {error}", "Nothing was stored.") from error
    with _open(url) as opened:
        record = opened.store(key, data, source=source, ttl=ttl, if_version=if_version)
    print_json(record) if as_json else click.echo(record.ref)


@store.command()
@click.option("--source", help="Only from this source.")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--filter", "text", help='What the data must hold, such as {"ticker": "AAPL"}.')
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@STORE
@JSON
def query(source: str | None, prefix: str, text: str | None, limit: int, url: str, as_json: bool) -> None:
    """List current records, last updated first."""
    try:
        wanted = json.loads(text) if text else None
    except ValueError as error:
        raise click.UsageError(f"--filter is not JSON: {error}") from error
    with _open(url) as opened:
        found = opened.query(wanted, source=source, prefix=prefix, limit=limit)
    print_json(found) if as_json else _show(found)


@store.command()
@click.argument("key")
@STORE
@JSON
def history(key: str, url: str, as_json: bool) -> None:
    """List the versions of a record, the newest first."""
    with _open(url) as opened:
        found = opened.history(key)
    if not found:
        raise _absent(key)
    print_json(found) if as_json else _show(found)


@store.command()
@click.argument("key")
@STORE
def delete(key: str, url: str) -> None:
    """Delete a record. Its history stays, and `trainer store history` shows it."""
    with _open(url) as opened:
        if not opened.delete(key):
            raise _absent(key)
    click.echo(f"{key} is deleted")


@contextmanager
def _open(url: str) -> Iterator[DataStore]:
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        yield pipeline.open_store(url)


def _show(records: Any) -> None:
    print_rows(map(_row, records), ("key", "version", "source", "stored", "updated", "state"))


def _row(record: StoredData) -> dict[str, Any]:
    return {
        "key": record.key,
        "version": record.version,
        "source": record.source,
        "stored": f"{record.stored_at:%Y-%m-%d %H:%M:%S}",
        "updated": f"{record.updated_at:%Y-%m-%d %H:%M:%S}",
        "state": "deleted" if record.deleted else "",
    }


def _absent(key: str) -> Exception:
    from trainer.errors import StoreError

    return StoreError(f"there is no record {key}", "See `trainer store query`.")
