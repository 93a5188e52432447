"""`trainer new plugin`: a distribution that works, to be made one's own."""

from __future__ import annotations

import re
from pathlib import Path

import click

from trainer.catalog import ROLES

FILES = {
    "pyproject.toml": "pyproject.txt",
    "README.md": "README.txt",
    "LICENSE": "LICENSE.txt",
    ".github/workflows/tests.yml": "ci.txt",
    "src/@module@/__init__.py": "@role@/plugin.txt",
    "src/@module@/py.typed": "typed.txt",
    "tests/test_contract.py": "@role@/test.txt",
}


@click.group()
def new() -> None:
    """Begin something of your own."""


@new.command()
@click.argument("role", metavar="VERB", type=click.Choice(ROLES))
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where; without it, in trainer-NAME.")
def plugin(role: str, name: str, folder: Path | None) -> None:
    """Write a distribution with one plugin that works, its tests, README, licence and CI.

    VERB is one of the eight verbs, `intercept`, `command` or `execute`; NAME is the word that users will write. The
    name of a conversion says from what to what: markdown-to-text.
    """
    from importlib.resources import files

    from trainer.models import now
    from trainer.paths import write_all

    if not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or (role == "convert" and not re.search(".-to-.", name)):
        example = "markdown-to-text" if role == "convert" else "my-word"
        raise click.UsageError(f"{name!r} is no name for a plugin of {role}. Write one such as {example}.")
    target = folder or Path(f"trainer-{name}")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise click.UsageError(f"{target} is there already. Name a new folder with --dir.")
    module, (source, _, to) = f"trainer_{name}".replace("-", "_"), name.partition("-to-")
    words = {"role": role, "name": name, "distribution": f"trainer-{name}", "module": module}
    words |= {"class": "".join(map(str.capitalize, name.split("-"))) + "Plugin", "year": f"{now():%Y}"}
    words |= {"about": f"The {role} plugin {name}", "source": source, "target": to}

    def filled(text: str) -> str:
        return re.sub(f"@({'|'.join(words)})@", lambda match: words[match[1]], text)

    blueprints = files("trainer") / "blueprints"
    texts = {path: (blueprints / filled(source)).read_text("utf-8") for path, source in FILES.items()}
    write_all({target / filled(path): filled(text) for path, text in texts.items()})
    click.echo(f"created  {target}\n\nNow: cd {target} && pip install -e '.[test]' && pytest && trainer plugins")
