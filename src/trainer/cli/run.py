"""`trainer run`: from an instruction to files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, note, pairs, print_json, print_rows

if TYPE_CHECKING:
    from trainer.instruction import Instruction
    from trainer.models import Prompt, Report
    from trainer.pipeline import Pipeline
    from trainer.runs import Run


@click.command()
@click.argument("instruction", type=click.Path(path_type=Path))
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for a variable.")
@click.option("--to", "formats", multiple=True, metavar="FORMAT", help="A format beside Markdown, such as html.")
@click.option("--via", default="", help="The engine, conversion or format to pass, if there are several ways.")
@click.option("--theme", default="", help="How the report looks, instead of what INSTRUCTION or trainer.toml says.")
@click.option("-m", "--model", "models", multiple=True, help="The model, or several in order of preference.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the prompt; ask no model, write nothing.")
@click.option("--stream", is_flag=True, help="Print the text as it is written.")
@click.option("--each", type=click.Path(path_type=Path), help="One run for each row of this CSV or .jsonl file.")
@click.option("--jobs", type=click.IntRange(1), default=8, show_default=True, help="With --each: so many at once.")
@click.option("--max-cost", type=click.FloatRange(0), help="Stop before more USD than this are spent.")
@click.option("--retry-failed", is_flag=True, help="With --each: do just those runs again that failed.")
@click.option("--batch", default="", help="With --each: its name. A new name does all anew, the same goes on with it.")
@click.option("--executor", default="", metavar="NAME", help="With --each: where the runs happen, such as dask.")
@click.option("--address", default="", help="With --executor: the address of its cluster.")
@JSON
def run(
    instruction: Path,
    params: tuple[str, ...],
    formats: tuple[str, ...],
    via: str,
    theme: str,
    models: tuple[str, ...],
    dry_run: bool,
    stream: bool,
    each: Path | None,
    jobs: int,
    max_cost: float | None,
    retry_failed: bool,
    batch: str,
    executor: str,
    address: str,
    as_json: bool,
) -> None:
    """Make the report that INSTRUCTION describes.

    Writes output/report/*.md, output/json/*.json (the data it was made from) and one file for each --to.
    """
    from attrs import evolve

    from trainer.cli.progress import Progress
    from trainer.instruction import Instruction
    from trainer.pipeline import Pipeline

    chosen = Instruction.load(instruction)
    chosen = evolve(chosen, theme=theme or chosen.theme)
    values = pairs(params, "Parameters")
    options: dict[str, Any] = {"to": formats, "model": models, "via": via}
    if each is not None:
        from trainer.cli.each import run_each

        if dry_run or stream or via or theme:
            raise click.UsageError("--each does not go with --dry-run and --stream, nor with --via and --theme.")
        if address and not executor:
            raise click.UsageError("--address goes with --executor.")
        options |= {"jobs": jobs, "max_cost": max_cost, "retry_failed": retry_failed, "name": batch}
        options |= {"executor": executor, "address": address}
        click.get_current_context().exit(run_each(chosen, each, values, options, as_json))
    if retry_failed or batch or executor or address:
        raise click.UsageError("--retry-failed, --batch, --executor and --address go with --each.")
    progress = Progress(shown=sys.stderr.isatty() and not stream)
    with Pipeline(observers=[progress.step]) as pipeline:
        if dry_run:
            with progress:
                plan = pipeline.plan(chosen, values, **options)
            print_json(_plan(*plan)) if as_json else _show(*plan)
            return
        if stream:
            options["on_text"] = lambda text: click.echo(text, nl=False)
            options["on_restart"] = lambda: note("\n(the answer broke off; it is asked for again)\n")
        if max_cost is not None:
            from trainer.spending import Allowance

            options["purses"] = [Allowance(max_cost)]
        if models == ("auto",):
            options["model"] = _choose(chosen, pipeline)
        with progress:
            report = pipeline.run(chosen, values, **options)
        if stream:
            click.echo()
        if not (models or chosen.models or pipeline.settings.models):
            _offer(pipeline)
        print_json(evolve(report, documents={})) if as_json else _done(report)


def _choose(instruction: Instruction, pipeline: Pipeline) -> tuple[str, ...]:
    from trainer.reach import auto

    if configured := instruction.models or pipeline.settings.models:
        note(f"Model: {', '.join(configured)}, as it is configured.")
        return ()
    found = auto(os.environ, pipeline.plugins)
    note(f"Model: {found.model}, because {found.reason}.")
    return (found.model,)


def _done(report: Report) -> None:
    for warning in report.warnings:
        note(f"Warning: {warning}")
    for finding in report.findings:
        note(f"Note: guard '{finding.guard}' noticed: {finding.message}")
    here = Path.cwd()
    shown = {name: path.relative_to(here) if path.is_relative_to(here) else path for name, path in report.files.items()}
    print_rows(({"format": name, "file": str(path)} for name, path in shown.items()), ("format", "file"))


def _offer(pipeline: Pipeline) -> None:
    """Say how to get a model's prose; choosing one is left to the user, who would pay for it."""
    from trainer.reach import in_reach

    note("No language model is configured, so the report was written offline, from the data alone.")
    for found in in_reach(os.environ, pipeline.plugins):
        missing = "" if found.usable else f" (needs a plugin that answers to complete '{found.provider}')"
        note(f"  {found.model}: {found.reason}{missing}")
    note('  Choose one with --model PROVIDER/MODEL, or in trainer.toml: [pipeline] model = "PROVIDER/MODEL"')
    note("  `--model auto` takes the best that is in reach; `trainer models` lists what there is.")


def _plan(run: Run, prompt: Prompt) -> dict[str, Any]:
    from trainer.lineage import sources_of
    from trainer.parts import listed

    return {
        "title": run.title,
        "models": list(run.models),
        "formats": ["markdown", *run.formats],
        "sources": sources_of(prompt),
        "contexts": [{"name": context.name, "path": str(context.path)} for context in run.contexts],
        "warnings": run.warnings,
        "findings": run.findings,
        "prompt": {
            "hash": prompt.hash,
            "tokens": sum(part.tokens for part in prompt.parts),
            "parts": listed(prompt),
            "messages": list(prompt.messages),
        },
    }


def _show(run: Run, prompt: Prompt) -> None:
    from trainer.lineage import sources_of

    lines = [("models", ", ".join(run.models)), ("formats", ", ".join(["markdown", *run.formats]))]
    lines += [
        ("data", f"{source.name}: {source.url or source.source} ({source.subject})") for source in sources_of(prompt)
    ]
    lines += [("context", context.name) for context in run.contexts]
    size = sum(len(message.text) for message in prompt.messages)
    tokens = f", about {sum(part.tokens for part in prompt.parts):,} tokens" if prompt.parts else ""
    lines.append(("prompt", f"{prompt.hash[:12]}, {size:,} characters{tokens}"))
    # Included files are counted with the task, which they are a part of.
    lines += [
        ("", f"{part.tokens:>9,}  {part.kind} {part.name}{f': {part.note}' if part.note else ''}")
        for part in prompt.parts
        if part.kind != "include"
    ]
    click.secho(run.title, bold=True)
    for name, text in lines:
        click.echo(f"{name:<9} {text}")
    for warning in run.warnings:
        note(f"Warning: {warning}")
    for message in prompt.messages:
        click.secho(f"\n── {message.role} ──", fg="cyan")
        click.echo(message.text)
