"""Which plugin a request goes to: models by prefix, stores by scheme."""

from __future__ import annotations

from collections.abc import Iterable

OFFLINE = "offline/report"


def provider(model: str, names: Iterable[str]) -> str:
    """The name that a model goes to: its prefix, or `any` if that is there and the prefix is nobody's."""
    prefix = model.partition("/")[0]
    return "any" if prefix not in (known := list(names)) and "any" in known else prefix


def scheme(url: str) -> str:
    """The name that a store's URL goes to: `postgresql+psycopg://…` → `postgresql`."""
    return url.partition(":")[0].partition("+")[0]
