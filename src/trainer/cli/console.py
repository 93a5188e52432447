"""What commands print: tables and colour on a terminal, tab-separated lines in a pipe, JSON when asked."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
STORE = click.option("--store", "url", default="", help="The store's URL instead of the configured one.")


def print_json(value: Any) -> None:
    """Print any value of the models, or JSON-like data, as indented JSON."""
    from trainer.models import to_json

    click.echo(json.dumps(to_json(value), ensure_ascii=False, indent=2, default=str))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], empty: str = "Nothing found.") -> None:
    """Print rows as a table on a terminal, else a header and tab-separated lines. `empty` goes to stderr."""
    lines = [[_cell(row.get(column)) for column in columns] for row in rows]
    if not lines:
        click.echo(empty, err=True)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")  # a key that is cut cannot be copied
        for line in lines:
            table.add_row(*(Text(cell) for cell in line))
        Console().print(table)
    else:
        for line in [list(columns), *lines]:
            click.echo("\t".join(line))


@contextmanager
def reading(file: BinaryIO, what: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, with a progress bar on a terminal if its size is known."""
    if not (sys.stderr.isatty() and file.seekable()):
        yield file
        return
    from rich.console import Console
    from rich.progress import wrap_file

    size = file.seek(0, 2)
    file.seek(0)
    with wrap_file(file, size, description=what, console=Console(stderr=True), transient=True) as lines:
        yield lines


class Shown(logging.Handler):
    """As a context, it shows on stderr what is logged by trainer and its plugins, from a level on."""

    def __init__(self, level: str, as_json: bool) -> None:
        super().__init__(level.upper())
        self._logger = logging.getLogger("trainer")
        if as_json or self.level < logging.WARNING:
            from trainer.logs import JSONFormatter, RunFilter

            self.addFilter(RunFilter())
            lines = logging.Formatter("%(asctime)s %(levelname)-7s %(run)s: %(message)s")
            self.setFormatter(JSONFormatter() if as_json else lines)

    def emit(self, record: logging.LogRecord) -> None:
        """One more line, above what may be shown of progress, which stands in for `sys.stderr` then."""
        text = "".join(char if char.isprintable() or char == "\n" else " " for char in self.format(record))
        print(text, file=sys.stderr)  # noqa: T201  # click would go around what stands in

    def __enter__(self) -> None:
        self._before = self._logger.level
        self._logger.setLevel(self.level)
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before)


def note(text: str) -> None:
    """A line for people, on stderr so that pipes carry only results."""
    click.secho(text, fg="yellow", err=True)


def pairs(words: Sequence[str], what: str) -> dict[str, str]:
    """`NAME=VALUE` words as a mapping. Raises a usage error for one without `=`."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{what} are written NAME=VALUE, not {word!r}.")
        found[name] = value
    return found


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A stored value may hold escape sequences: none may reach a terminal.
    return "".join(char if char.isprintable() else " " for char in text)
