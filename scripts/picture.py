"""Take the pictures of a report that the documentation begins with: `python scripts/picture.py`.

Runs what `make demo` runs in an empty folder, keeps the page as `docs/assets/report.html`, and has Chromium take
`report-light.webp` and `report-dark.webp` of its head. Needs `chromium` and Pillow.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "docs/assets"
DEMO = ["run", "information/instructions/company-metrics.md", "-p", "TICKER=AAPL", "--to", "html"]
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync"]
WIDTH, HEIGHT = 1280, 1000
SCHEMES = {"dark": 0, "light": 1}


def report(folder: Path) -> Path:
    """The page of the demo's report, written in a folder."""
    shutil.copytree(ROOT / "information", folder / "information")
    shutil.copy(ROOT / "trainer.toml", folder)
    subprocess.run(
        [sys.executable, "-m", "trainer", *DEMO], cwd=folder, check=True, env={**os.environ, "TRAINER_NO_PROBE": "1"}
    )
    return next((folder / "output/html").glob("*.html"))


def photograph(page: Path, scheme: str, profile: Path) -> None:
    """Keep the head of a page as a browser shows it in a colour scheme."""
    shot = profile / f"{scheme}.png"
    look = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    options = [look, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}"]
    subprocess.run(["chromium", *QUIET, *options, page.as_uri()], check=True, stderr=subprocess.DEVNULL)  # noqa: S607
    Image.open(shot).save(ASSETS / f"report-{scheme}.webp", quality=82, method=6)


def main() -> None:
    """Write the page and its two pictures."""
    with tempfile.TemporaryDirectory() as name:
        page = Path(shutil.copy(report(Path(name)), ASSETS / "report.html"))
        for scheme in SCHEMES:
            photograph(page, scheme, Path(name))


if __name__ == "__main__":
    main()
