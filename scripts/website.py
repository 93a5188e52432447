"""Build the documentation as a site: `python scripts/website.py`, and with `--serve` show it while it is written.

The pages of `docs` link to plugins' READMEs, to the change log and to files of code as they lie in the repository.
Each of these is a page of the site too. So the pages are gathered in `.site/docs`, with links that hold there, and
beside them `mkdocs.yml` with its navigation written out: a pattern (`how-to/*.md`) stands for the pages that no other
line names, and `plugins/` for the plugins under their verbs. The site is built from there, into `.site/html`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

import yaml

from trainer.catalog import ROLES

ROOT = Path(__file__).parents[1]
FENCE_OR_LINK = re.compile(r"^(`{3,}).*?^\1[ ]*$|(?<=\]\()(?!\w+:|#)([^)#\s]+)(?=[)#])", re.MULTILINE | re.DOTALL)
HOMES = {"changes.md": "CHANGELOG.md", "measuring.md": "benchmarks/README.md", "plugins/index.md": "README.md"}
OVERVIEW = "# Plugins\n\nEach is a distribution of its own. `pip install` it, and its names are there.\n"


def address(path: str) -> str:
    """Where the site has a file of the repository."""
    if readme := re.fullmatch(r"(plugins/[^/]+)/README\.md", path):
        return f"{readme[1]}.md"
    places = {**{path: uri for uri, path in HOMES.items()}, "README.md": "index.md"}
    return path.removeprefix("docs/") if path.startswith("docs/") else places.get(path, f"source/{path}.md")


def home(uri: str) -> str:
    """Where the repository has a page of the site."""
    if plugin := re.fullmatch(r"(plugins/trainer-[^/]+)\.md", uri):
        return f"{plugin[1]}/README.md"
    shown = uri.startswith("source/")
    return uri.removeprefix("source/").removesuffix(".md") if shown else HOMES.get(uri, f"docs/{uri}")


def content(uri: str) -> str:
    """The Markdown of a page, with the repository's links."""
    path = ROOT / home(uri)
    if path.is_dir():
        return f"# {home(uri)}\n\n" + "".join(f"- `{child.name}`\n" for child in sorted(path.iterdir()))
    text = path.read_text(encoding="utf-8")
    if uri == "plugins/index.md":
        return OVERVIEW + re.sub(r"(?s).*<!-- plugins:.*?-->|<!-- end of plugins.*", "\n", text)
    if uri.startswith("source/") and (path.suffix != ".md" or text.startswith("---")):
        language = path.suffix[1:].replace("md", "markdown")
        return f"# {path.name}\n\n`{home(uri)}`\n\n`````{language}\n{text}`````\n"
    return text


def beside(uri: str, link: str) -> str:
    """The file or folder of the repository that a link on a page leads to."""
    return normpath(join(dirname(home(uri)), link))


def page(uri: str) -> str:
    """The Markdown of a page, with the site's links, and commands in the colours of a shell."""

    def led(match: re.Match[str]) -> str:
        if match[2]:
            return relpath(address(beside(uri, match[2])), dirname(uri) or ".")
        return match[0].replace("`console\n", "`bash\n", 1)

    return FENCE_OR_LINK.sub(led, content(uri))


def pages() -> list[str]:
    """The pages that the navigation may name: those in `docs`, the plugins and what `HOMES` has."""
    found = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]
    plugins = [f"plugins/{path.parent.name}.md" for path in ROOT.glob("plugins/*/README.md")]
    return sorted([*found, *plugins, *HOMES])


def sources(named: Sequence[str]) -> Iterator[str]:
    """The pages that show a file or folder which one of the named pages links to."""
    for uri in named:
        for match in FENCE_OR_LINK.finditer(content(uri)):
            shown = address(beside(uri, match[2])) if match[2] else ""
            if shown.startswith("source/") and (ROOT / home(shown)).exists():
                yield shown


def gather(site: Path) -> None:
    """Write into a folder what the site is built from: what has changed, and nothing that is no longer there."""
    named = pages()
    settings, _, nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")
    written = yaml.safe_dump({"nav": spread(yaml.safe_load(nav), named)}, sort_keys=False)
    others = [*(path for path in ROOT.glob("docs/**/*.*") if path.suffix != ".md"), ROOT / "scripts/signatures.py"]
    files = {f"docs/{uri}": page(uri).encode() for uri in {*named, *sources(named)}}
    files |= {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in others}
    for name, data in {**files, "mkdocs.yml": f"{settings}\n{written}".encode()}.items():
        target = site / name
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    for path in site.glob("docs/**/*.*"):
        if path.is_file() and path.relative_to(site).as_posix() not in files:
            path.unlink()


def spread(nav: Sequence[Any], named: Sequence[str]) -> list[Any]:
    """The navigation with the pages that its patterns stand for; a group without any is left out."""
    taken = set(leaves(nav))

    def opened(item: Any) -> list[Any]:
        if isinstance(item, dict):
            groups = {title: within(below) for title, below in item.items()}
            return [{title: below} for title, below in groups.items() if below]
        if item == "plugins/":
            return by_role([uri for uri in named if fnmatch(uri, "plugins/trainer-*")])
        return [uri for uri in named if fnmatch(uri, item) and uri not in taken] if "*" in item else [item]

    def within(below: Any) -> Any:
        return below if isinstance(below, str) else [part for item in below for part in opened(item)]

    return list(within(nav))


def leaves(nav: Any) -> Iterator[str]:
    """The pages and patterns that a navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from leaves(item)


def by_role(plugins: Sequence[str]) -> list[Any]:
    """Plugins in groups: each under the first role that it has an entry point for."""
    groups: dict[str, list[str]] = {}
    for uri in plugins:
        project = tomllib.loads((ROOT / home(uri)).with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
        role = next(iter(project.get("entry-points", {})), "trainer.others").removeprefix("trainer.")
        groups.setdefault(role, []).append(uri)
    order = [*ROLES, *sorted(groups.keys() - set(ROLES))]
    return [{role.capitalize(): groups[role]} for role in order if role in groups]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site, or serve it until interrupted. Returns the generator's exit code."""
    parser = argparse.ArgumentParser(description="The documentation as a site.")
    parser.add_argument("--serve", action="store_true", help="show it, and build anew what changes")
    parser.add_argument("--folder", type=Path, default=ROOT / ".site", help="where to gather; the site is its `html`")
    given = parser.parse_args(arguments)
    gather(given.folder)
    generator = [sys.executable, "-m", "zensical"]
    settings = ["--config-file", str(given.folder / "mkdocs.yml")]
    if not given.serve:
        return subprocess.run([*generator, "build", "--clean", "--strict", *settings], check=False).returncode
    with subprocess.Popen([*generator, "serve", *settings]) as server:
        while server.poll() is None:
            time.sleep(1)
            gather(given.folder)
        return server.returncode


if __name__ == "__main__":
    sys.exit(main())
