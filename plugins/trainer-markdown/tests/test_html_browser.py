"""Hostile pages in a real browser, beside a server on loopback that hears whatever is fetched. Skipped without one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trainer_markdown import FormatConverter

from .test_html_writing import PAYLOADS, every_node

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")


@pytest.fixture
def canary():
    """The address of a server, and the paths that it was asked for."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()
    thread.join()


def seen(html: str, folder: Path) -> str:
    """The page as the browser has it once everything on it has run."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            str(BROWSER),
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=90,
    )
    return done.stdout.decode()


def hostile(host: str) -> list[str]:
    run = f"(document.title='run',new Image().src='http://{host}/script')"
    return [
        payload.replace("evil.example", host).replace("https:", "http:").replace("alert(1)", run)
        for payload in PAYLOADS
    ]


def test_the_server_hears_a_page_that_nobody_cleaned(canary, tmp_path):
    host, heard = canary
    page = seen("<title>t</title>" + "\n".join(hostile(host)[:5]), tmp_path)
    assert "<title>run</title>" in page
    assert len(heard) >= 2


def test_nothing_is_fetched_or_run_by_a_page_of_hostile_text(canary, tmp_path):
    host, heard = canary
    payloads = "\n\n".join(hostile(host))
    page = seen(
        FormatConverter().convert(payloads, "markdown", "html", {"title": payloads, "warnings": [payloads]}), tmp_path
    )
    assert heard == []
    assert "<title>run</title>" not in page


def test_nothing_is_fetched_or_run_by_a_page_of_a_hostile_tree(canary, tmp_path):
    host, heard = canary
    nodes = [
        node
        for payload in hostile(host)
        for node in [*json.loads(every_node(payload))["children"], {"type": "chart", "svg": payload}]
        if node["type"] in {"heading", "math", "code"} or node.get("svg")
    ]
    html = FormatConverter().convert(json.dumps({"type": "root", "children": nodes}), "tree", "html")
    # What the page forbids itself is a second wall: the first must hold without it.
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    assert bare != html
    assert "<title>run</title>" not in seen(bare, tmp_path)
    assert heard == []


REPORT = """
> [!WARNING] First
> Read **this**.

Key figures:

| What | Figure | Of |
|---|---|---|
| Cap | 4.42T | NVDA |

## Part

Table: Growth

| Ticker | 2024 | 2025 |
|---|---|---|
| AAPL | 1 | +2.5% |
| MU | - | -3 |

| Again | 1 |
|---|---|
| x | 2 |

- [x] done $`x^2`$ [^1]

Term
: Meaning

```
code
```

[^1]: Note.
"""


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core (npm install axe-core, or AXE_CORE=path of axe.min.js)")
def test_axe_finds_nothing_on_a_report(tmp_path):
    start = REPORT.index("4.42T")
    figures = [{"start": start, "end": start + 5, "status": "found", "ref": "y:NVDA:1@1", "path": "cap"}]
    start = REPORT.index("-3")
    figures.append({"start": start, "end": start + 2, "status": "not found", "ref": None, "reason": "nearest: −4"})
    html = FormatConverter().convert(
        REPORT, "markdown", "html",
        {"title": "T", "run": "r", "date": "2025-11-19", "sources": [{"name": "n", "ref": "y:NVDA:1@1", "url": "https://example.com", "hash": "ab" * 32}],
         "figures": figures, "findings": [{"message": "m", "severity": "high"}]},
    )  # fmt: skip
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    script = "axe.run().then(r => { document.title = 'found ' + JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])) })"
    page = seen(bare.replace("</body>", f"<script>{AXE.read_text('utf-8')}\n{script}</script></body>"), tmp_path)
    assert re.search("<title>(.*?)</title>", page, re.DOTALL)[1] == "found []"
