"""The command line. Help and version are answered from the table below, before anything is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# Every command of the core: where it is, and its line in the help.
COMMANDS = {
    "run": ("trainer.cli.run:run", "Make the report that an instruction describes."),
    "validate": ("trainer.cli.validate:validate", "Check an instruction and name every fault in it."),
    "plugins": ("trainer.cli.plugins:plugins", "List what is installed, by verb and name."),
    "models": ("trainer.cli.models:models", "List the language models that can be used here."),
    "config": ("trainer.cli.config:config", "Show or change settings."),
    "lineage": ("trainer.cli.lineage:lineage", "Show where a report's figures came from."),
    "retrieve": ("trainer.cli.retrieve:retrieve", "Fetch data from a source."),
    "store": ("trainer.cli.store:store", "Look into the data store and change it."),
    "convert": ("trainer.cli.convert:convert", "Convert a document to another format."),
    "formats": ("trainer.cli.formats:formats", "List the conversions between formats, or explain one."),
    "secure": ("trainer.cli.secure:secure", "Let the guards look at a text."),
    "init": ("trainer.cli.init:init", "Lay out a new project."),
    "new": ("trainer.cli.new:new", "Begin a plugin of your own."),
}
HEAD = """Usage: trainer [--debug] [--log LEVEL] [--log-json] COMMAND [ARGUMENTS]…

  Reports whose every figure can be traced to the record it came from.
  `trainer COMMAND --help` explains a command.

Options:
  --version    Show the version.
  --debug      Show the traceback of an error.
  --log LEVEL  Log to stderr from debug, info, warning (as it is) or error on. Or TRAINER_LOG.
  --log-json   Log one JSON object a line. Or TRAINER_LOG_JSON=1.
  --help       Show this.

Commands:"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0 done, 1 the work failed, 2 wrong usage, 3 stopped by a guard."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in ([], ["-h"], ["--help"]):
        print(HEAD, *(f"  {name:<10} {text}" for name, text in listing()), sep="\n")  # noqa: T201  # a command's output
        return 0
    if words == ["--version"]:
        from trainer import __version__

        print(f"trainer {__version__}")  # noqa: T201  # as above
        return 0
    from trainer.cli.group import call

    return call(words)


def listing() -> list[tuple[str, str]]:
    """Every command with its help line, those of plugins last, from their distributions' summaries."""
    from trainer.catalog import Catalog

    catalog = Catalog.discover()
    added = [catalog.find("command", name)[0] for name in catalog.names("command") if name not in COMMANDS]
    return [(name, text) for name, (_, text) in COMMANDS.items()] + [(entry.name, entry.summary) for entry in added]
