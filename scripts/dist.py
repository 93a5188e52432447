"""Build the source distribution and the wheel of every project here, each wheel from its source distribution.

`python scripts/dist.py [FOLDER]` empties FOLDER (`dist` by default) and fills it. Nothing is fetched: a project's build
backend has to be installed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tomllib
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


def projects() -> list[Path]:
    """The folder of every distribution, the core's first."""
    return [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def build(project: Path, out: Path) -> tuple[Path, Path]:
    """The source distribution and the wheel of a project, put into `out`. The process's folder is changed meanwhile."""
    name = tomllib.loads((project / "pyproject.toml").read_text())["build-system"]["build-backend"]
    backend = import_module(name)
    with chdir(project):
        source = out / backend.build_sdist(str(out))
    with TemporaryDirectory() as folder:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        with chdir(Path(folder) / source.name.removesuffix(".tar.gz")):
            return source, out / backend.build_wheel(str(out))


def main() -> int:
    """Build all of them, in as many processes as there are processors."""
    out = Path(*sys.argv[1:2] or [str(ROOT / "dist")]).absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for source, wheel in pool.map(partial(build, out=out), projects()):
            print(f"{source.name:45} {source.stat().st_size:>10,}  {wheel.name:55} {wheel.stat().st_size:>10,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
