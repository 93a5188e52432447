"""`trainer store`: what is kept, its versions and its age."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, STORE, print_json, print_rows, reading

if TYPE_CHECKING:
    from trainer.stores import DataStore, StoredData

SOURCE = click.option("--source", help="Only from this source.")
PREFIX = click.option("--prefix", default="", help="Only keys that begin so.")
NAMESPACE = click.option("--namespace", default="", help="The namespace to look into.")


REDO = "Lines before it may be stored; importing them again makes no new version."


class JSONText(click.ParamType):  # type: ignore[type-arg]  # it is not generic when it runs
    """JSON on the command line."""

    name = "json"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG002  # click's own signature
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise click.UsageError(f"{param.opts[0] if param else 'this'} is not JSON: {error}") from error


FILTER = click.option("--filter", "wanted", type=JSONText(), help='What records must hold, as {"ticker": "AAPL"}.')


def opened(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the store that its options `--store` and `--namespace` name."""

    @STORE
    @NAMESPACE
    @functools.wraps(command)
    def wrapped(url: str, namespace: str, **options: Any) -> None:
        from trainer.pipeline import Pipeline

        with Pipeline() as pipeline:
            store = pipeline.open_store(url)
            command(store.within(namespace) if namespace else store, **options)

    return wrapped


@click.group()
def store() -> None:
    """Look into the data store and change it."""


@store.command()
@click.argument("key")
@click.option("--version", type=int, help="An old version; key@version does the same.")
@JSON
@opened
def get(store: DataStore, key: str, version: int | None, as_json: bool) -> None:
    """Print a record: its data, or all of it with --json."""
    name, _, number = key.rpartition("@")
    if version is None and name and number.isdigit():
        key, version = name, int(number)
    record = store.retrieve(key, version)
    if record is None:
        raise _absent(key if version is None else f"{key}@{version}")
    print_json(record if as_json else record.data)


@store.command()
@click.argument("key")
@click.argument("file", type=click.File("rb"))
@click.option("--source", default="manual", show_default=True, help="Where the data came from.")
@click.option("--ttl", type=float, help="Seconds after which it expires.")
@click.option("--if-version", type=int, help="Write only if this version is current (0: no record).")
@JSON
@opened
def put(
    store: DataStore, key: str, file: Any, source: str, ttl: float | None, if_version: int | None, as_json: bool
) -> None:
    """Store the JSON in FILE (- for standard input) under KEY."""
    record = store.store(key, _read(file.name, file.read()), source=source, ttl=ttl, if_version=if_version)
    print_json(record) if as_json else click.echo(record.ref)


@store.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "path", required=True, help="The field that holds a record's key.")
@click.option("--prefix", default="", help="What is put before each key, such as prices: .")
@click.option("--source", default="manual", show_default=True, help="Where the data came from.")
@click.option("--ttl", type=float, help="Seconds after which they expire.")
@JSON
@opened
def import_(store: DataStore, file: Any, path: str, prefix: str, source: str, ttl: float | None, as_json: bool) -> None:
    """Store each line of FILE (JSON Lines, - for standard input) as a record.

    What is stored already makes no new version, so an import that was stopped can be run again.
    """
    with reading(file, "Importing") as lines:
        done = store.bulk_store(_records(lines, file.name, path, prefix), source=source, ttl=ttl)
    print_json(done) if as_json else click.echo(f"{done.stored} stored, {done.unchanged} unchanged")


@store.command()
@SOURCE
@PREFIX
@FILTER
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@JSON
@opened
def query(store: DataStore, source: str | None, prefix: str, wanted: Any, limit: int, as_json: bool) -> None:
    """List current records, last updated first."""
    found = store.query(wanted, source=source, prefix=prefix, limit=limit)
    print_json(found) if as_json else _show(found)


@store.command()
@SOURCE
@PREFIX
@FILTER
@opened
def count(store: DataStore, source: str | None, prefix: str, wanted: Any) -> None:
    """Count current records."""
    click.echo(store.count(wanted, source=source, prefix=prefix))


@store.command()
@click.argument("path")
@SOURCE
@PREFIX
@FILTER
@JSON
@opened
def distinct(store: DataStore, path: str, source: str | None, prefix: str, wanted: Any, as_json: bool) -> None:
    """List the different values at PATH, such as ticker or profile.sector."""
    found = store.distinct(path, wanted, source=source, prefix=prefix)
    print_json(found) if as_json else print_rows([{path: value} for value in found], (path,))


@store.command()
@click.argument("pipeline", type=JSONText())
@SOURCE
@PREFIX
@JSON
@opened
def aggregate(store: DataStore, pipeline: Any, source: str | None, prefix: str, as_json: bool) -> None:
    """Run a PIPELINE of MongoDB's stages, such as [{"$group": {"_id": "$ticker", "n": {"$count": {}}}}]."""
    found = store.aggregate(pipeline, source=source, prefix=prefix)
    columns = list(dict.fromkeys(name for row in found for name in row))
    print_json(found) if as_json else print_rows(found, columns)


@store.command()
@click.argument("key")
@JSON
@opened
def history(store: DataStore, key: str, as_json: bool) -> None:
    """List the versions of a record, the newest first."""
    found = store.history(key)
    if not found:
        raise _absent(key)
    print_json(found) if as_json else _show(found)


@store.command()
@click.argument("key")
@JSON
@opened
def freshness(store: DataStore, key: str, as_json: bool) -> None:
    """Say how old a record is, and when it expires."""
    found = store.get_freshness(key)
    if found is None:
        raise _absent(key)
    if as_json:
        print_json(found)
        return
    expiry = f"expires {found.expires_at:%Y-%m-%d %H:%M:%S} UTC" if found.expires_at else "does not expire"
    click.echo(f"{found.key}@{found.version} is {_age(found.age)} old and {expiry}")


@store.command()
@click.argument("key")
@click.argument("version", type=int)
@JSON
@opened
def rollback(store: DataStore, key: str, version: int, as_json: bool) -> None:
    """Make the data of an old VERSION current again, as a new version."""
    record = store.rollback(key, version)
    print_json(record) if as_json else click.echo(record.ref)


@store.command()
@click.argument("key")
@click.option("--if-version", type=int, help="Delete only if this version is current.")
@opened
def delete(store: DataStore, key: str, if_version: int | None) -> None:
    """Delete a record. Its history stays, and `trainer store history` shows it."""
    if not store.delete(key, if_version=if_version):
        raise _absent(key)
    click.echo(f"{key} is deleted")


@store.command()
@opened
def sweep(store: DataStore) -> None:
    """Bury the records that have expired. Reads never see them, so this only saves space and time."""
    click.echo(f"{store.sweep()} buried")


@store.command()
@click.argument("path", required=False)
@click.option("--drop", is_flag=True, help="Take the index back.")
@JSON
@opened
def index(store: DataStore, path: str | None, drop: bool, as_json: bool) -> None:
    """Make filters on PATH fast, or list the paths that are."""
    if path and not drop:
        store.create_index(path)
    elif path and not store.drop_index(path):
        from trainer.errors import StoreError

        raise StoreError(f"there is no index on {path}", "See `trainer store index`.")
    found = store.indexes()
    print_json(found) if as_json else print_rows([{"path": name} for name in found], ("path",), "No index.")


@store.command()
@JSON
@opened
def namespaces(store: DataStore, as_json: bool) -> None:
    """List the namespaces that hold anything."""
    found = store.namespaces()
    print_json(found) if as_json else print_rows([{"namespace": name or "(default)"} for name in found], ("namespace",))


def _read(name: str, text: bytes, remedy: str = "Nothing was stored.") -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        from trainer.errors import StoreError

        raise StoreError(f"{name} is not JSON: {error}", remedy) from error


def _records(lines: Any, name: str, path: str, prefix: str) -> Iterator[tuple[str, Any]]:
    from trainer.errors import StoreError
    from trainer.filters import path_of, reach

    steps = path_of(path)
    for number, line in enumerate(lines, 1):
        if line.strip():
            data = _read(f"line {number} of {name}", line, REDO)
            keys = list(reach(data, steps))
            if len(keys) != 1 or not isinstance(keys[0], str | int):
                raise StoreError(
                    f"line {number} of {name} has no single text or number at {path}",
                    f"Name another with --key. {REDO}",
                )
            yield f"{prefix}{keys[0]}", data


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


def _age(age: timedelta) -> str:
    seconds = age.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _absent(key: str) -> Exception:
    from trainer.errors import StoreError

    return StoreError(f"there is no record {key}", "See `trainer store query`.")
