"""`trainer run`: from an instruction to files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.cli.console import JSON, note, pairs, print_json, print_rows

if TYPE_CHECKING:
    from trainer.models import Event, Prompt, Report
    from trainer.pipeline import Pipeline
    from trainer.runs import Run


@click.command()
@click.argument("instruction", type=click.Path(path_type=Path))
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for a variable.")
@click.option("--to", "formats", multiple=True, metavar="FORMAT", help="A format beside Markdown, such as html.")
@click.option("-m", "--model", "models", multiple=True, help="The model, or several in order of preference.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the prompt; ask no model, write nothing.")
@click.option("--stream", is_flag=True, help="Print the text as it is written.")
@JSON
def run(
    instruction: Path,
    params: tuple[str, ...],
    formats: tuple[str, ...],
    models: tuple[str, ...],
    dry_run: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """Make the report that INSTRUCTION describes.

    Writes output/report/*.md, output/json/*.json (the data it was made from) and one file for each --to.
    """
    from attrs import evolve

    from trainer.instruction import Instruction
    from trainer.pipeline import Pipeline

    chosen = Instruction.load(instruction)
    values = pairs(params, "Parameters")
    options: dict[str, Any] = {"to": formats, "model": models}
    with Pipeline(observers=[_progress] if sys.stderr.isatty() and not stream else []) as pipeline:
        if dry_run:
            plan = pipeline.plan(chosen, values, **options)
            print_json(_plan(*plan)) if as_json else _show(*plan)
            return
        if stream:
            options["on_text"] = lambda text: click.echo(text, nl=False)
        report = pipeline.run(chosen, values, **options)
        if stream:
            click.echo()
        if not (models or chosen.models or pipeline.settings.models):
            _offer(pipeline)
        print_json(evolve(report, documents={})) if as_json else _done(report)


def _progress(event: Event) -> None:
    if event.state == "begin":
        return
    mark = click.style("✓", fg="green") if event.state == "end" else click.style("✗", fg="red")
    click.echo(f"{mark} {event.step:<9} {event.detail:<40} {event.seconds or 0:6.2f} s", err=True)


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
    from trainer.routing import models_in_reach, provider

    note("No language model is configured, so the report was written offline, from the data alone.")
    names = pipeline.plugins.names("complete")
    for model, reason in models_in_reach(os.environ):
        missing = (
            ""
            if provider(model, names) in names
            else f" (needs a plugin that answers to complete '{model.partition('/')[0]}')"
        )
        note(f"  {model}: {reason}{missing}")
    note('  Choose one with --model PROVIDER/MODEL, or in trainer.toml: [pipeline] model = "PROVIDER/MODEL"')


def _plan(run: Run, prompt: Prompt) -> dict[str, Any]:
    from trainer.lineage import sources_of

    return {
        "title": run.title,
        "models": list(run.models),
        "formats": ["markdown", *run.formats],
        "sources": sources_of(prompt),
        "contexts": [{"name": context.name, "path": str(context.path)} for context in run.contexts],
        "warnings": run.warnings,
        "findings": run.findings,
        "prompt": {"hash": prompt.hash, "messages": list(prompt.messages)},
    }


def _show(run: Run, prompt: Prompt) -> None:
    from trainer.lineage import sources_of

    lines = [("models", ", ".join(run.models)), ("formats", ", ".join(["markdown", *run.formats]))]
    lines += [
        ("data", f"{source.name}: {source.url or source.source} ({source.subject})") for source in sources_of(prompt)
    ]
    lines += [("context", context.name) for context in run.contexts]
    size = sum(len(message.text) for message in prompt.messages)
    lines.append(("prompt", f"{prompt.hash[:12]}, {size} characters, about {size // 4} tokens"))
    click.secho(run.title, bold=True)
    for name, text in lines:
        click.echo(f"{name:<9} {text}")
    for warning in run.warnings:
        note(f"Warning: {warning}")
    for message in prompt.messages:
        click.secho(f"\n── {message.role} ──", fg="cyan")
        click.echo(message.text)
