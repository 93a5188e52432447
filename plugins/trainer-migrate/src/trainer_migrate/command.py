"""`trainer migrate`: a project in the original layout as a new one; first only shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, note, print_json, print_rows

if TYPE_CHECKING:
    from trainer_migrate import Done, Plan


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.option(
    "--to", "new", type=click.Path(path_type=Path), help="The new project; beside the old one as OLD-new if not given."
)
@click.option("--apply", "--yes", "write", is_flag=True, help="Write it. Without this it is only shown.")
@click.option(
    "--source",
    default="",
    help="Where the data is from, as keys in the store begin; if not given, what folders, names and data say.",
)
@click.option("--reports", is_flag=True, help="Copy old reports and pages too.")
@click.option("--force", is_flag=True, help="Replace files of the new project that differ.")
@JSON
def migrate(old: Path, new: Path | None, write: bool, source: str, reports: bool, force: bool, as_json: bool) -> int:
    """Make a new project of OLD, one in the original layout or its config.yaml alone; OLD is not changed.

    Without --apply it is only shown what would become of each file. With it the project is written; run it again to
    go on after it was stopped. Exits with 1 if something cannot be taken, cannot run, or is there already and differs.
    """
    from trainer_migrate import Done, apply, compare, plan

    new = new or (Path() if old.is_file() else old.resolve().with_name(f"{old.resolve().name}-new"))
    planned = plan(old, new, source=source, reports=reports)
    missing, other = compare(planned)
    done = apply(planned, force=force) if write else Done(0, 0, (), () if force else tuple(other))
    if as_json:
        print_json(_as_json(planned, done, missing, applied=write))
    else:
        _show(planned, done)
        counts = f"files: {len(planned.files)}, snapshots: {len(planned.snapshots)}"
        if write:
            counts = (
                f"records stored: {done.stored}, there already: {done.unchanged}; files written: {len(done.written)}"
            )
        note(
            f"{planned.new}: {counts}"
            if write
            else f"Nothing is written yet ({counts}). Add --apply to make {planned.new}"
        )
    return int(planned.faulty or bool(done.kept))


def _show(plan: Plan, done: Done) -> None:
    rows = [{"file": row.file, "becomes": row.becomes, "note": row.note} for row in plan.rows if not row.fault]
    print_rows([{name: value or None for name, value in row.items()} for row in rows], ("file", "becomes", "note"))
    for row in plan.rows:
        if row.fault:
            _tell(f"{row.file}: not taken: {row.fault}", row.remedy, "red")
    for one in plan.problems:
        place = f"{one.file}:{one.line}" if one.line else one.file
        _tell(
            f"{place}: {'error' if one.fatal else 'warning'}: {one.message}",
            one.remedy,
            "red" if one.fatal else "yellow",
        )
    for target in done.kept:
        _tell(f"{plan.new / target}: is there already and differs: it is kept", "--force replaces it.", "yellow")


def _tell(message: str, remedy: str, colour: str) -> None:
    shown = "".join(char if char.isprintable() else " " for char in message)
    click.secho(shown, fg=colour)
    click.echo(f"  {remedy}")


def _as_json(plan: Plan, done: Done, missing: list[str], *, applied: bool) -> dict[str, Any]:
    from attrs import asdict

    return {
        "old": str(plan.old),
        "new": str(plan.new),
        "applied": applied,
        "files": [asdict(row) for row in plan.rows],
        "problems": [asdict(problem) for problem in plan.problems],
        "snapshots": [{**asdict(one), "key": one.key, "at": one.at.isoformat()} for one in plan.snapshots],
        "written": [*done.written] if applied else missing,
        "kept": [*done.kept],
        "stored": done.stored,
        "unchanged": done.unchanged,
    }
