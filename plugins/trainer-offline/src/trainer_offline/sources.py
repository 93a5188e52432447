"""Where a report's figures come from: the filings, and the records as they are stored."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from trainer_offline.markup import code, plain, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainer import StoredData
    from trainer_offline.companies import Company

MOST_ROWS = 50
ACCESSION = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}")


def filings(companies: Sequence[Company]) -> str:
    """The filings that the figures shown were taken from, each company's latest first; empty if none is known."""
    used = []
    for company in companies:
        filed: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for fact in company.facts:
            if accession := fact.text("accession", "accn"):
                filed[fact.text("filed"), accession, fact.text("form")].add(fact.end)
        used += [(company, *filing, ends) for filing, ends in sorted(filed.items(), reverse=True)]
    rows = []
    for company, day, accession, form, ends in used[:MOST_ROWS]:
        periods = ", ".join(company.period(end, instant=True) for end in sorted(ends))
        row = [plain(form) or "–", plain(day) or "–", _link(accession, company.cik), periods]
        rows.append([plain(company.short), *row] if len(companies) > 1 else row)
    head = ["Form", "Filed", "Accession number", "Figures of"]
    return _table(["Company", *head] if len(companies) > 1 else head, rows, len(used), "filings")


def stored(records: Mapping[str, StoredData]) -> str:
    """The records by the exact version that was used."""
    shown = islice(records.items(), MOST_ROWS)
    rows = [[code(name), code(record.ref), _origin(record)] for name, record in shown]
    return _table(["Data", "Record and version", "Source"], rows, len(records), "records")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], count: int, kind: str) -> str:
    if not rows:
        return ""
    more = f"\n\n{count - len(rows):,} more {kind} are not shown." if count > len(rows) else ""
    return table(head, rows, left=len(head)) + more


def _origin(record: StoredData) -> str:
    stale = record.metadata.get("stale")
    return (plain(record.source) or "–") + (f" (stale: {plain(str(stale))})" if stale else "")


def _link(accession: str, cik: str) -> str:
    """The filing's folder at the SEC, where the number is one of theirs and the company is known."""
    if not ACCESSION.fullmatch(accession) or not cik:
        return plain(accession)
    folder = f"https://www.sec.gov/Archives/edgar/data/{int(cik)}/{accession.replace('-', '')}/"
    return f"[{accession}]({folder})"
