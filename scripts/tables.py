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


# Not roles of the core: what trainer-document finds by entry points of its own.
GROUPS = (*ROLES, "chart", "theme")


def names(project: dict[str, Any]) -> list[tuple[str, str]]:
    """Group and name of each entry point of a plugin."""
    groups = project.get("entry-points", {})
    return [(group, name) for group in GROUPS for name in groups.get(f"trainer.{group}", {})]


def needed(project: dict[str, Any], group: str, name: str) -> str:
    """What to install for a name: the distribution, with the extra that is named after the group or the plugin."""
    points = project["entry-points"][f"trainer.{group}"]
    words = {group, *(alias for alias, target in points.items() if target == points[name])}
    extra = ",".join(sorted(words & project.get("optional-dependencies", {}).keys()))
    return f"{project['name']}[{extra}]" if extra else str(project["name"])


def table() -> str:
    """The plugins as a Markdown table."""
    rows = ["| distribution | answers to | what it does |", "|---|---|---|"]
    for project in projects():
        roles: dict[str, list[str]] = {}
        for group, name in names(project):
            roles.setdefault(group, []).append(f"`{name}`")
        answers = "; ".join(f"{group}: {', '.join(found)}" for group, found in roles.items())
        rows.append(
            f"| [{project['name']}](plugins/{project['name']}/README.md) | {answers} | {project['description']} |"
        )
    return "\n".join(rows)


def providers() -> str:
    """The catalogue's mapping from `role.name` to what to install for it."""
    found = sorted(
        (f"{group}.{name}", needed(project, group, name)) for project in projects() for group, name in names(project)
    )
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
