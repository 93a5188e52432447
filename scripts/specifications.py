"""Fetch the examples that the specifications of Markdown give, for the tests that read them all.

    python scripts/specifications.py

CommonMark 0.31.2 and GitHub Flavored Markdown 0.29 are under CC BY-SA and not part of this repository. Their texts are
taken out of the source distribution of `marko`, which has both, and kept in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from trainer.paths import own_folder, write_all

SOURCE = "marko==2.2.4"
TEXTS = {
    "commonmark.txt": "257c41ad946f7a1414a499aca402a1aa8fdac3678532266611348c1cf54f4b80",
    "gfm.txt": "7d8e5814befec287ac116786d81ff14e0adc9b13295b4494649e995408fd871c",
}
FOLDER = own_folder("XDG_CACHE_HOME", ".cache") / "specifications"


def fetch() -> None:
    """Put the texts into `FOLDER`. Raises `ValueError` if they are not those that are expected."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # the registry's own client, with arguments of ours
            [*_pip(), "download", "--quiet", "--no-deps", "--no-binary", "marko", "--dest", folder, SOURCE], check=True
        )
        (archive,) = Path(folder).glob("marko-*.tar.gz")
        with tarfile.open(archive) as tar:
            texts = {Path(member.name).name: tar.extractfile(member) for member in tar if "/tests/spec/" in member.name}
            contents = {name: file.read() for name, file in texts.items() if file and name in TEXTS}
    for name, digest in TEXTS.items():
        if hashlib.sha256(contents.get(name, b"")).hexdigest() != digest:
            raise ValueError(f"{SOURCE} has another {name} than expected")
    write_all({FOLDER / name: content for name, content in contents.items()})


def _pip() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    return [uv, "tool", "run", "pip"]


if __name__ == "__main__":
    fetch()
    print(f"The specifications are in {FOLDER}.")
