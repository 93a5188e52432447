"""`trainer plugins`: what is installed, told from metadata; `--check` imports it."""

from __future__ import annotations

from typing import Any

import click

from trainer.catalog import ROLES, VERBS
from trainer.cli.console import JSON, print_json, print_rows


@click.command()
@click.argument("verb", required=False, type=click.Choice(ROLES))
@click.option("--check", is_flag=True, help="Import and build each; exit with 1 if one is broken.")
@JSON
def plugins(verb: str | None, check: bool, as_json: bool) -> int:
    """List what is installed, by verb (or role) and name. Without --check nothing is imported."""
    from trainer.config import Config
    from trainer.plugins import Plugins

    known = Plugins.discovered(Config.find())
    rows = [_row(known, entry, check) for entry in known.catalog if verb in (None, entry.role)]
    if as_json:
        print_json(rows)
    else:
        print_rows(
            rows,
            ["verb", "name", "distribution", "version", "state"],
            "No plugins are installed. Run `pip install 'trainer-core[standard]'`.",
        )
    return int(check and any(row["state"] not in ("ok", "disabled") for row in rows))


def _row(known: Any, entry: Any, check: bool) -> dict[str, str]:
    from trainer.errors import TrainerError

    state = ""
    try:
        if known.entry(entry.role, entry.name) != entry:
            state = "not chosen"
        elif check:
            known.load(entry.role, entry.name) if entry.role in (*VERBS, "intercept") else entry.load()
            state = "ok"
    except TrainerError as error:
        state = "disabled" if "is disabled" in error.problem else error.problem.removeprefix(f"{entry} ")
    except Exception as error:
        state = f"cannot be imported: {error}"
    return {
        "verb": entry.role,
        "name": entry.name,
        "distribution": entry.distribution or str(entry.value),
        "version": entry.version,
        "state": state,
    }
