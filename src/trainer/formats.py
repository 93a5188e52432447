"""Formats of documents, and the best way from one to another along the conversions that are installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from heapq import heappop, heappush
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from trainer.errors import ConversionError

if TYPE_CHECKING:
    from trainer.plugins import Plugins

FORMATS = {"md": "markdown", "htm": "html", "txt": "text", "yml": "yaml", "tex": "latex", "typ": "typst"}
SUFFIXES = {"markdown": "md", "text": "txt", "latex": "tex", "typst": "typ", "tree": "tree.json"}
LAST_RESORT = 1_000_000  # what a conversion costs that cannot be imported


def format_of(name: str) -> str:
    """The format that a word or a file ending names."""
    word = name.lower().lstrip(".")
    return FORMATS.get(word, word)


@frozen(order=True)
class Edge:
    """One conversion, named `markdown-to-html`.

    Its plugin's class says in attributes of these names what it costs, to compare with others (10 if it says nothing),
    what of a document it `loses` (tables, math, images, links, footnotes, charts, lineage, style), which `engine` does
    the work, and whether it `learns` what a document has, and tells so in `metadata["needs"]`.
    """

    name: str
    cost: int = 10
    loses: frozenset[str] = field(default=frozenset(), converter=frozenset)
    engine: str = ""
    learns: bool = False

    @property
    def source(self) -> str:
        """The format it reads."""
        return self.name.partition("-to-")[0]

    @property
    def target(self) -> str:
        """The format it writes."""
        return self.name.partition("-to-")[2]


Route = tuple[Edge, ...]


def loss(route: Iterable[Edge]) -> frozenset[str]:
    """What of a document does not come through."""
    return frozenset().union(*(edge.loses for edge in route))


def counted(route: Iterable[Edge], needs: frozenset[str] | None) -> frozenset[str]:
    """What a document with these needs loses; with unknown ones, what is lost until they are learnt."""
    if needs is not None:
        return loss(route) & needs
    return loss(takewhile(lambda edge: not edge.learns, route))


def passes(route: Iterable[Edge], via: str) -> bool:
    """Whether a route uses the engine, the conversion or the format that `via` names."""
    return any(format_of(via) in (edge.name, edge.engine, edge.target) for edge in route)


def routes(
    edges: Iterable[Edge], source: str, target: str, needs: frozenset[str] | None = None, via: str = ""
) -> Iterator[Route]:
    """Ways from one format to another, best first: what lose least of `needs`, then cost least, then are shortest.

    Of several that lose the same and pass the same engine only the best is told, and the best of those that pass `via`.
    Without `needs` every loss counts, up to a conversion that learns them.
    """
    graph: dict[str, list[Edge]] = {}
    for edge in edges:
        graph.setdefault(edge.source, []).append(edge)
    seen: set[tuple[str, frozenset[str], str, bool]] = set()
    queue: list[tuple[int, int, int, Route]] = [(0, 0, 0, ())]
    while queue:
        _, cost, length, route = heappop(queue)
        here = route[-1].target if route else source
        engines = ", ".join(filter(None, (edge.engine for edge in route)))
        state = here, loss(route), engines, bool(via) and passes(route, via)
        if state in seen:
            continue
        seen.add(state)
        if here == target:
            yield route
            continue
        been = {edge.source for edge in route}
        for edge in graph.get(here, []):
            if edge.target not in been:
                onward = (*route, edge)
                heappush(queue, (len(counted(onward, needs)), cost + edge.cost, length + 1, onward))


def between(names: Iterable[str], source: str, target: str) -> list[str]:
    """The names of the conversions that lie on any way from one format to another, told from names alone."""
    pairs = [(name, *name.split("-to-", 1)) for name in sorted(names) if "-to-" in name]
    ahead = _reached(((start, end) for _, start, end in pairs), source)
    behind = _reached(((end, start) for _, start, end in pairs), target)
    return [name for name, start, end in pairs if start in ahead and end in behind]


def edges(plugins: Plugins, names: Iterable[str]) -> list[Edge]:
    """Conversions with what their plugins say of them, which imports the plugins."""
    return [_edge(plugins, name) for name in names]


def best(
    plugins: Plugins, source: str, target: str, metadata: Mapping[str, Any], via: str = "", wish: str = ""
) -> Route:
    """The best way from one format to another for a document with this metadata.

    `metadata["needs"]` lists what it has, `metadata["via"]` the engine it would like, before what is the user's `wish`.
    `via` is a must. Raises `ConversionError` naming what can be reached instead.
    """
    names = plugins.names("convert")
    needs = metadata.get("needs")
    known = edges(plugins, between(names, source, target))
    ways = partial(routes, known, source, target, None if needs is None else frozenset(needs))
    for wanted in filter(None, (via, metadata.get("via"), wish)):
        for route in ways(wanted):
            if passes(route, wanted):
                return route
        if wanted == via and any(ways()):
            raise ConversionError(
                f"no way from {source} to {target} uses {via}",
                f"There is: {'; '.join(' → '.join(edge.name for edge in route) for route in ways())}.",
            )
    for route in ways():
        return route
    raise unreachable(names, source, target)


def aims(plugins: Plugins, source: str, targets: Iterable[str], via: str = "") -> dict[str, str]:
    """The formats to make, each with what the way to it has to pass: `via`, or "" where no way passes that.

    Raises `ConversionError` if nothing leads to one of them, or `via` to none. Without `via` it imports nothing.
    """
    names, found = plugins.names("convert"), dict.fromkeys(map(format_of, targets), "")
    for target in found:
        check(names, source, target)
        known = edges(plugins, between(names, source, target)) if via else []
        if any(passes(route, via) for route in routes(known, source, target, via=via)):
            found[target] = via
    if via and via not in found.values():
        raise ConversionError(f"no format of this run uses {via}", "`trainer formats` lists what each way uses.")
    return found


def check(names: Iterable[str], source: str, target: str) -> None:
    """Raise `ConversionError` if nothing leads from one format to another. Imports nothing."""
    if source != target and not between(known := list(names), source, target):
        raise unreachable(known, source, target)


def unreachable(names: Iterable[str], source: str, target: str) -> ConversionError:
    """The error for a format that nothing leads to, naming what does lead there or can be had instead."""
    from trainer.catalog import PROVIDERS, install

    known = list(names)
    offered = {name.removeprefix("convert."): home for name, home in PROVIDERS.items() if "-to-" in name}
    every = [Edge(name, cost=int(name not in known)) for name in {*known, *offered}]
    way = next(routes(every, source, target, frozenset()), ())
    missing = sorted({offered[edge.name] for edge in way if edge.name not in known})
    here = _reached(((edge.source, edge.target) for edge in every if edge.name in known), source)
    there = ", ".join(sorted(here - {source})) or "nothing"
    return ConversionError(
        f"nothing installed converts {source} to {target}", f"{install(*missing)}From {source} there is: {there}."
    )


def _reached(pairs: Iterable[tuple[str, str]], start: str) -> set[str]:
    steps = list(pairs)
    found, fresh = {start}, {start}
    while fresh:
        fresh = {end for begin, end in steps if begin in fresh} - found
        found |= fresh
    return found


def _edge(plugins: Plugins, name: str) -> Edge:
    from trainer.errors import TrainerError

    try:
        target = plugins.entry("convert", name).load()
    except TrainerError:
        raise
    except Exception:  # whatever importing it raises is told once it is the only way
        return Edge(name, LAST_RESORT)
    said = {key: getattr(target, key) for key in ("cost", "loses", "engine", "learns") if hasattr(target, key)}
    return Edge(name, **said)
