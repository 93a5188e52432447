"""axe-core finds nothing on a report: not on a dark screen, and not on a phone. Skipped without Chromium or axe-core."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from trainer_markdown import FormatConverter

from .test_html_browser import AXE, BROWSER, FLAGS, REPORT

TEXT = f"""{REPORT}
## Charts and formulas

```chart
{{"type": "line", "title": "Sales", "data": "sales", "x": "year", "y": "value", "series": "part"}}
```

```math
\\frac{{a}}{{b}}
```

> [!NOTE]
> One.

> [!CAUTION] Two
> Two, 🚀 and שלום.

> # Quoted
> words
"""
ROWS = [{"year": f"{2020 + n}", "value": n, "part": part} for n in range(4) for part in "ab"]
SCRIPT = """
const seen = [matchMedia('(prefers-color-scheme: dark)').matches, matchMedia('(max-width: 40rem)').matches];
axe.run().then(r => { document.title = JSON.stringify([seen, r.violations.map(v => [v.id, v.nodes.map(n => n.html)])]) })
"""

pytestmark = pytest.mark.skipif(
    BROWSER is None or not AXE.is_file(),
    reason="needs Chromium, and axe-core (npm install axe-core, or AXE_CORE=its path)",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_axe_finds_nothing_on_a_report_with_everything(dark: bool, phone: bool, tmp_path: Path) -> None:
    about = {"title": "T", "sources": [{"name": "sales", "ref": "f:sales:1@1"}], "records": {"sales": ROWS}}
    html = FormatConverter().convert(TEXT, "markdown", "html", about)
    assert "<svg" in html
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    file = tmp_path / "page.html"
    file.write_text(bare.replace("</body>", f"<script>{AXE.read_text('utf-8')}\n{SCRIPT}</script></body>"), "utf-8")
    scheme, size = (
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={390 if phone else 1200},900",
    )
    command = [
        str(BROWSER),
        *FLAGS,
        scheme,
        size,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, check=True, timeout=120)
    title = re.search("<title>(.*?)</title>", done.stdout.decode(), re.DOTALL)
    assert title
    assert json.loads(title[1]) == [[dark, phone], []]
