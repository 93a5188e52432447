"""Write what is derived from the pyprojects: the README's plugin table and the catalogue's install hints.

`python scripts/tables.py` writes; `--check` writes nothing and fails when something is stale.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from trainer.catalog import ROLES

ROOT = Path(__file__).parents[1]


def projects() -> list[dict[str, Any]]:
    """The `project` table of every plugin, by name."""
    return [tomllib.loads(path.read_text())["project"] for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))]


def names(project: dict[str, Any]) -> list[tuple[str, str]]:
    """Role and name of each entry point of a plugin."""
    groups = project.get("entry-points", {})
    return [(role, name) for role in ROLES for name in groups.get(f"trainer.{role}", {})]


def table() -> str:
    """The plugins as a Markdown table."""
    rows = ["| distribution | answers to | what it does |", "|---|---|---|"]
    for project in projects():
        roles: dict[str, list[str]] = {}
        for role, name in names(project):
            roles.setdefault(role, []).append(f"`{name}`")
        answers = "; ".join(f"{role}: {', '.join(found)}" for role, found in roles.items())
        rows.append(
            f"| [{project['name']}](plugins/{project['name']}/README.md) | {answers} | {project['description']} |"
        )
    return "\n".join(rows)


def providers() -> str:
    """The catalogue's mapping from `role.name` to the distribution that answers to it."""
    found = sorted((f"{role}.{name}", project["name"]) for project in projects() for role, name in names(project))
    lines = "\n".join(f'    "{name}": "{distribution}",' for name, distribution in found)
    return f"PROVIDERS: Mapping[str, str] = {{\n{lines}\n}}"


def wanted() -> dict[Path, str]:
    """Each file with derived parts, as it should be."""
    readme, catalog = ROOT / "README.md", ROOT / "src/trainer/catalog.py"
    begin, end = "<!-- plugins: written by scripts/tables.py -->", "<!-- end of plugins -->"
    head, _, rest = readme.read_text().partition(begin)
    tail = rest.partition(end)[2]
    return {
        readme: f"{head}{begin}\n{table()}\n{end}{tail}",
        catalog: re.sub(r"PROVIDERS: [^}]*\n\}", lambda _: providers(), catalog.read_text()),
    }


def main() -> int:
    """Write, or with `--check` compare."""
    stale = [path for path, text in wanted().items() if path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make tables`", file=sys.stderr)
        return int(bool(stale))
    for path, text in wanted().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
