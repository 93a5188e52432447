"""`trainer secure`: the guards on a text from outside a run, and what they said in runs before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, print_json, print_rows

if TYPE_CHECKING:
    from trainer.pipeline import Pipeline

STAGES = ("input", "data", "prompt", "output", "render")
LEVELS = ("permissive", "moderate", "strict")
LEVEL = click.option("--level", type=click.Choice(LEVELS), help="Instead of the configured one.")
LOG = click.option("--log", type=click.Path(path_type=Path), help="Another audit log than that of this project.")


class Looking(click.Group):
    """A group whose first word is a file where it is no command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else ["look", *args])


@click.group(cls=Looking)
def secure() -> None:
    """Let the guards look at a text: `trainer secure FILE` is short for `trainer secure look FILE`."""


@secure.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--stage", type=click.Choice(STAGES), help="Where the text would be met.  [default: input]")
@LEVEL
@click.option("--explain", is_flag=True, help="Print the table from findings to actions.")
@JSON
def look(file: Any, stage: str | None, level: str | None, explain: bool, as_json: bool) -> int:
    """Let the guards look at FILE (- for standard input). Exits with 3 if a run would be stopped."""
    from trainer.guarding import Action, explain as table, judge
    from trainer.models import RunInfo, Segment, Stage, to_json
    from trainer.pipeline import Pipeline

    if explain or file is None:
        policy = table([Stage(stage)] if stage else Stage)
        print_json(policy) if as_json else print_rows(policy, ("stage", "trust", "finding", *LEVELS))
        return 0
    where = Stage(stage or "input")
    with Pipeline() as pipeline:
        _guarded(pipeline)
        chosen: Any = level or pipeline.settings.level
        text = file.read().decode("utf-8", "replace")
        segment = Segment(
            text, trust="user" if where is Stage.INPUT else "untrusted", origin=getattr(file, "name", "-")
        )
        found = pipeline.secure(where, [segment], RunInfo("", level=chosen))
        calibration = _calibration(pipeline)
    verdict = judge(where, [segment], calibration.apply(found) if calibration else found, chosen)
    blocked = verdict.action is Action.BLOCK
    rows = [{**to_json(finding), "action": action.name.lower()} for finding, action in verdict.decisions]
    if as_json:
        print_json({"blocked": blocked, "level": chosen, "stage": where, "findings": rows})
    else:
        print_rows(rows, ("action", "severity", "guard", "category", "rate", "span", "message"), "Nothing found.")
    return 3 if blocked else 0


@secure.command()
@click.argument("run")
@LEVEL
@LOG
@JSON
def replay(run: str, level: str | None, log: Path | None, as_json: bool) -> int:
    """What would follow from the findings of RUN (its id or a file of its report) at another level.

    Exits with 3 if the run would be stopped.
    """
    from trainer.auditing import entries, replay as again
    from trainer.errors import NotFound
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        chosen: Any = level or pipeline.settings.level
        logged = list(entries(_log(pipeline, log)))
        if not any(entry["run"] == run for entry in logged) and (record := pipeline.find_run(run)):
            run = record.data["run"]
    if not any(entry["run"] == run for entry in logged):
        raise NotFound(f"the audit log has no run {run}", "Name a run's id, or a file of its report.")
    rows = again(logged, run, chosen)
    columns = ("stage", "origin", "guard", "category", "severity", "rate", "span", "then", "action")
    print_json(rows) if as_json else print_rows(rows, columns, "Nothing was found in that run.")
    return 3 if any(row["action"] == "block" for row in rows) else 0


@secure.command()
@LOG
@click.option("--head", default="", help="The hash that some line must have: one that was noted before.")
@JSON
def verify(log: Path | None, head: str, as_json: bool) -> None:
    """Check that nobody changed the audit log, and print its last hash."""
    from trainer.auditing import FIRST, Chain, entries
    from trainer.errors import TrainerError
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        path = _log(pipeline, log)
    count, last, seen = 0, FIRST, not head
    for entry in entries(path):
        count, last = entry["seq"], entry["hash"]
        seen = seen or last == head
    if not seen:
        raise TrainerError(
            f"the audit log {path} has no line with the hash {head}", "Its end was cut off, or all of it."
        )
    print_json(Chain(count, last)) if as_json else click.echo(f"{count} lines, none changed, last {last}")


@secure.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--stage", type=click.Choice(STAGES), default="data", show_default=True, help="Where such texts are met.")
@JSON
def calibrate(folder: Path, stage: str, as_json: bool) -> None:
    """Measure how often the guards find something in harmless texts: all text files below FOLDER.

    The rates are kept with the project, and decide from then on.
    """
    from trainer.calibration import FILE, calibrate as measure, read_texts
    from trainer.errors import NotFound
    from trainer.models import RunInfo, Segment, Stage
    from trainer.pipeline import Pipeline

    with Pipeline() as pipeline:
        _guarded(pipeline)
        where, info = Stage(stage), RunInfo("", level=pipeline.settings.level)
        trust: Any = "user" if where is Stage.INPUT else "untrusted"
        result = measure(read_texts(folder), lambda text: pipeline.secure(where, [Segment(text, trust=trust)], info))
        if not result.pieces:
            raise NotFound(f"there is no text in {folder}", "Name a folder of text files in UTF-8.")
        result.save(pipeline.config.root / FILE)
    rows = [
        {"guard": name.partition("/")[0], "category": name.partition("/")[2], "fired": len(some)}
        | {"rate": round((1 + len(some)) / (1 + result.pieces), 6)}
        for name, some in result.fired.items()
    ]
    if as_json:
        print_json({"pieces": result.pieces, "rates": rows})
    else:
        print_rows(rows, ("guard", "category", "fired", "rate"), f"No guard fired on {result.pieces} pieces of text.")


def _guarded(pipeline: Pipeline) -> None:
    from trainer.errors import UnknownPlugin

    if not pipeline.plugins.names("secure"):
        raise UnknownPlugin(
            "no guard is installed or switched on, so nothing was looked at", "Run `pip install trainer-guard`."
        )


def _calibration(pipeline: Pipeline) -> Any:
    from trainer.calibration import FILE, Calibration

    return Calibration.load(pipeline.config.root / FILE)


def _log(pipeline: Pipeline, given: Path | None) -> Path:
    from trainer.auditing import FILE
    from trainer.errors import NotFound

    path = given or pipeline.config.root / FILE
    if not path.is_file():
        raise NotFound(f"there is no audit log at {path}", "A run writes it.")
    return path
