"""`trainer formats`: what converts what, and which way a document would go."""

from __future__ import annotations

import click

from trainer.cli.console import JSON, print_json, print_rows


@click.command()
@click.option("--explain", nargs=2, metavar="FROM TO", help="Every way from one format to another, the chosen first.")
@click.option("--via", default="", help="With --explain: the engine, conversion or format to pass.")
@JSON
def formats(explain: tuple[str, str] | None, via: str, as_json: bool) -> None:
    """List the conversions that are installed. With --explain, the ways between two formats."""
    from trainer.config import Config
    from trainer.formats import Route, best, between, edges, format_of, loss, routes
    from trainer.plugins import Plugins

    config = Config.find()
    plugins = Plugins.discovered(config)
    names = plugins.names("convert")
    ways: list[Route] = [(edge,) for edge in edges(plugins, names)]
    if explain:
        start, end = map(format_of, explain)
        chosen = best(plugins, start, end, {}, via, config.pipeline.via)
        ways = [
            chosen,
            *(way for way in routes(edges(plugins, between(names, start, end)), start, end) if way != chosen),
        ]
    rows = [
        {
            "conversion": " → ".join(edge.name for edge in way),
            "engine": ", ".join(edge.engine for edge in way if edge.engine),
            "cost": sum(edge.cost for edge in way),
            "loses": ", ".join(sorted(loss(way))),
        }
        for way in ways
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["conversion", "engine", "cost", "loses"], "No conversions are installed.")
