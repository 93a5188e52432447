"""`trainer config`: settings shown and changed."""

from __future__ import annotations

import click

from trainer.cli.console import JSON, print_json


@click.group()
def config() -> None:
    """Show or change settings."""


@config.command()
@JSON
def show(as_json: bool) -> None:
    """Print the settings in force. Secrets are hidden, ${VARIABLES} shown by name."""
    from attrs import asdict

    from trainer.config import Config

    found = Config.find()
    values = {**found.shown(), "pipeline": asdict(found.pipeline) | found.shown().get("pipeline", {})}
    if as_json:
        print_json(values)
        return
    import tomlkit

    click.echo(f"# {found.path or f'no trainer.toml from {found.root} upwards: defaults'}")
    click.echo(tomlkit.dumps(values).rstrip())


@config.command()
def path() -> None:
    """Print which trainer.toml is used."""
    from trainer.config import Config
    from trainer.errors import ConfigError

    found = Config.find()
    if found.path is None:
        raise ConfigError(
            f"there is no trainer.toml from {found.root} upwards",
            "Make one with `trainer init` or `trainer config set`.",
        )
    click.echo(found.path)


@config.command(name="set")
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Set KEY (table.name, such as pipeline.model) to VALUE, keeping the file's comments."""
    from trainer.config import FILE, Config, set_value
    from trainer.settings import SECRET

    found = Config.find()
    written = set_value(found.path or found.root / FILE, key, value)
    secret = SECRET.search(key.rpartition(".")[2]) and not value.startswith("${")
    click.echo(f"{key} = {'********' if secret else written!r}")
    if secret:
        click.echo("  A secret is better kept in the environment: write ${VARIABLE} as the value.", err=True)
