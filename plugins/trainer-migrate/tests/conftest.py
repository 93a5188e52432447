"""A small project in the original layout, made anew for each test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TABLE = """# Metrics of [NUMBER] companies

Read `biotech/01-introduction.md` first.

## Template

```
# Dashboard: [COMPANY_1], [COMPANY_2], [COMPANY_3 (if applicable)]
| Metric | [Company 1] |
```

## Use

1. Replace [NUMBER] with how many companies there are
2. Replace [COMPANY_X] with a ticker
- [ ] all is filled, see [TERMS](https://example.org) and [^1]
"""
SINGLE = "# One company\n\nRead 01-introduction.md and lost.md.\n\n## Runway\n\nHow long the cash lasts.\n"
PROMPT = "# Report on {TICKER}\n\n## Profile\n\nWhat {TICKER} is worth, from `stock_data_{timestamp}.json`.\n"
CONFIG = """
llm_provider: {api_key: sk-very-secret}
data_store: {type: postgres, connection_string: "postgresql://me:hidden@db/old"}
format_converter: {default_format: html, theme: house}
prompt_manager: {context_dir: information/context}
"""


def snapshot(ticker: str, cap: float, at: str = "") -> dict[str, Any]:
    return {"ticker": ticker, "valuation": {"marketCap": cap}, **({"extractedAt": at} if at else {})}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The old project: context, instructions, a prompt, three snapshots of Apple and one of Microsoft, a style, a page."""
    root = tmp_path / "old"
    both = [snapshot("AAPL", 3950, "2025-11-19T13:49:01Z"), snapshot("MSFT", 3600, "2025-11-19T13:49:05Z")]
    files = {
        "information/context/biotech/01-introduction.md": "# Introduction\n\nCash counts.\n",
        "information/instructions/metrics-table.md": TABLE,
        "information/instructions/single.md": SINGLE,
        "prompt/report.md": PROMPT,
        "output/json/stock_data_20251119_134901.json": json.dumps(both),
        "output/json/AAPL_20250105.json": json.dumps(snapshot("AAPL", 3500)),
        "output/json/aapl-2025-01-05T18-30.json": json.dumps(snapshot("AAPL", 3510)),
        "output/css/house.css": ".insights { color: teal; }\n.company-section { margin: 1em; }\n",
        "output/html/stock_analysis_report.html": '<link href="../css/house.css"><h1>Old</h1>',
        "config.yaml": CONFIG,
        "notes.txt": "mine",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a process of its own, in the folder `cwd` or that of the test."""
    monkeypatch.setenv("TRAINER_NO_PROBE", "1")

    def run(*words: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "trainer", *map(str, words)]
        return subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120, env={**os.environ}
        )

    return run
