"""Which plugin a request goes to: models by prefix, stores by scheme, documents along the shortest chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from trainer.errors import ConversionError

OFFLINE = "offline/report"
FORMATS = {"md": "markdown", "htm": "html", "txt": "text", "yml": "yaml", "tex": "latex"}
SUFFIXES = {"markdown": "md", "text": "txt", "latex": "tex"}


def provider(model: str, names: Iterable[str]) -> str:
    """The name that a model goes to: its prefix, or `any` if that is there and the prefix is nobody's."""
    prefix = model.partition("/")[0]
    return "any" if prefix not in (known := list(names)) and "any" in known else prefix


def scheme(url: str) -> str:
    """The name that a store's URL goes to: `postgresql+psycopg://…` → `postgresql`."""
    return url.partition(":")[0].partition("+")[0]


def format_of(name: str) -> str:
    """The format that a word or a file ending names."""
    word = name.lower().lstrip(".")
    return FORMATS.get(word, word)


def chain(edges: Iterable[str], source: str, target: str) -> list[str]:
    """The edges (`markdown-to-html`) that lead from one format to another, as few as possible.

    Raises `ConversionError` naming what can be reached instead.
    """
    graph: dict[str, list[tuple[str, str]]] = {}
    for edge in sorted(edges):
        start, _, end = edge.partition("-to-")
        graph.setdefault(start, []).append((end, edge))
    paths: dict[str, list[str]] = {source: []}
    queue = deque([source])
    while queue:
        here = queue.popleft()
        if here == target:
            return paths[here]
        for end, edge in graph.get(here, []):
            if end not in paths:
                paths[end] = [*paths[here], edge]
                queue.append(end)
    from trainer.catalog import PROVIDERS

    reachable = ", ".join(sorted(paths.keys() - {source})) or "nothing"
    provider = PROVIDERS.get(f"convert.{source}-to-{target}")
    advice = f"Run `pip install {provider}`. " if provider else ""
    raise ConversionError(
        f"nothing installed converts {source} to {target}", f"{advice}From {source} there is: {reachable}."
    )
