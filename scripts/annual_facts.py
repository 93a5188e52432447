"""Make small files of annual figures out of the SEC's companyfacts payloads.

    python scripts/annual_facts.py CIK0000320193_AAPL.json ... --out information/data

A payload is what `https://data.sec.gov/api/xbrl/companyfacts/CIK##########.json` answers, saved under a name
that ends in `_TICKER.json`; the ticker, which the payload does not hold, is taken from there and names the
file that is written. What is chosen from a payload, and why, stands in `trainer_sec.metrics`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_sec.metrics import key_figures

if TYPE_CHECKING:
    from collections.abc import Sequence


def annual_facts(payload: dict[str, Any], ticker: str) -> dict[str, Any]:
    """The annual figures of one company. Raises `ValueError` if the payload holds no full year."""
    url = f"https://data.sec.gov/api/xbrl/companyfacts/CIK{int(payload['cik']):010}.json"
    return key_figures(payload, ticker, url)


def as_text(company: dict[str, Any]) -> str:
    """JSON with one fact a line, so that a changed figure is one changed line."""
    head = {key: value for key, value in company.items() if key != "facts"}
    lines = ",\n".join(f"    {json.dumps(fact, ensure_ascii=False)}" for fact in company["facts"])
    return f'{json.dumps(head, ensure_ascii=False, indent=2)[:-2]},\n  "facts": [\n{lines}\n  ]\n}}\n'


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one file for each payload."""
    parser = argparse.ArgumentParser(description="Annual figures from the SEC's companyfacts payloads.")
    parser.add_argument("payloads", nargs="+", type=Path, metavar="COMPANYFACTS.json")
    parser.add_argument("--out", type=Path, default=Path("information/data"), help="folder to write to")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.payloads:
        ticker = path.stem.rpartition("_")[2]
        company = annual_facts(json.loads(path.read_text(encoding="utf-8")), ticker)
        target = options.out / f"{ticker}.json"
        target.write_text(as_text(company), encoding="utf-8")
        sys.stdout.write(f"{target}: {len(company['facts'])} facts\n")


if __name__ == "__main__":
    main()
