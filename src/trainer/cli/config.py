"""`trainer config`: settings shown, changed and brought in from elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from trainer.cli.console import JSON, print_json


@click.group()
def config() -> None:
    """Show, change or import settings."""


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


@config.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("trainer.toml"), show_default=True, help="Where to write."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def import_(file: Path, out: Path, force: bool) -> None:
    """Write FILE, a config.yaml or config.json, as a trainer.toml; list what has no equivalent."""
    from trainer.config_import import import_config
    from trainer.errors import ConfigError
    from trainer.paths import write_atomic

    if out.exists() and not force:
        raise ConfigError(
            f"{out} is there already", "Nothing was written. Add --force to replace it, or --out for another file."
        )
    text, left = import_config(file)
    write_atomic(out, text)
    click.echo(out)
    for name in left:
        click.echo(f"  not taken over: {name}", err=True)
