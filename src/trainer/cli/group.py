"""The click group: imports a command when it is run, and turns every error into two lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from trainer.catalog import PROVIDERS, Entry, did_you_mean, install
from trainer.cli import COMMANDS, listing
from trainer.cli.console import Shown
from trainer.errors import BrokenPlugin, TrainerError

LEVELS = ("debug", "info", "warning", "error")


class Lazy(click.Group):
    """Commands by name: the core's from its table, plugins' from their entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _ in listing()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command = Entry("command", cmd_name, COMMANDS[cmd_name][0]).load()
        else:
            command = self._plugin(cmd_name)
        if not isinstance(command, click.Command):
            raise BrokenPlugin(
                f"command '{cmd_name}' is a {type(command).__name__}, not a click command", "Tell its author."
            )
        return command

    def _plugin(self, name: str) -> object:
        from trainer.config import Config
        from trainer.plugins import Plugins, broken

        entries = Plugins.discovered(Config.find())
        if not entries.catalog.find("command", name):
            advice = install(PROVIDERS.get(f"command.{name}")) or "See `trainer --help`."
            near = did_you_mean(name, [known for known, _ in listing()])
            raise click.UsageError(f"there is no command '{name}'{near}. {advice.strip()}")
        entry = entries.entry("command", name)
        try:
            return entry.load()
        except Exception as error:
            raise broken(entry, error) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(listing())


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trainer-core", message="trainer %(version)s")
@click.option(
    "--log", type=click.Choice(LEVELS), default="warning", envvar="TRAINER_LOG", help="What is logged, from a level on."
)
@click.option("--log-json", is_flag=True, envvar="TRAINER_LOG_JSON", help="Log one JSON object a line.")
@click.pass_context
def trainer(ctx: click.Context, log: str, log_json: bool) -> None:
    """Reports whose every figure can be traced to the record it came from."""
    ctx.with_resource(Shown(log, log_json))


def call(words: Sequence[str]) -> int:
    """Run a command line; the exit code says how it ended."""
    debug = "--debug" in words
    arguments = [word for word in words if word != "--debug"]
    try:
        return int(trainer.main(arguments, prog_name="trainer", standalone_mode=False) or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; without this Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if debug:
            raise
        return _tell(error)


def _tell(error: Exception) -> int:
    from trainer.plugins import told

    short: TrainerError = told(error)
    click.secho(f"Error: {short.problem}", fg="red", err=True)
    if short.remedy:
        click.echo(f"  {short.remedy}", err=True)
    return short.exit_code
