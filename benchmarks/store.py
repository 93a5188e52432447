"""The SQLite store beside plain `sqlite3` + `json`: `python benchmarks/store.py [--count N]`.

Both work on files in a temporary folder, in write-ahead mode with synchronous = NORMAL, in turns within one
run, so that the ratios mean something on a machine that does other things as well. The plain side keeps no
versions, no times and no metadata, and checks nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from trainer_sql import SQLiteStore

Documents = dict[str, dict[str, Any]]


class Side(Protocol):
    """What is measured."""

    def bulk(self, documents: Documents) -> None:
        """Write all documents in one transaction."""

    def put(self, documents: Documents) -> None:
        """Write each document in a transaction of its own."""

    def get(self, keys: Iterable[str]) -> None:
        """Read each document."""

    def find(self, keys: Iterable[str]) -> None:
        """Find each document by a field."""


class Plain:
    """What one would write by hand."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("CREATE TABLE doc (key TEXT PRIMARY KEY, data TEXT) WITHOUT ROWID")
        self.connection.execute("CREATE INDEX doc_query ON doc (json_extract(data, '$.query'))")

    def bulk(self, documents: Documents) -> None:
        self.connection.execute("BEGIN")
        rows = ((key, json.dumps(data)) for key, data in documents.items())
        self.connection.executemany("REPLACE INTO doc VALUES (?, ?)", rows)
        self.connection.execute("COMMIT")

    def put(self, documents: Documents) -> None:
        for key, data in documents.items():
            self.connection.execute("REPLACE INTO doc VALUES (?, ?)", (key, json.dumps(data)))

    def get(self, keys: Iterable[str]) -> None:
        for key in keys:
            json.loads(self.connection.execute("SELECT data FROM doc WHERE key = ?", (key,)).fetchone()[0])

    def find(self, keys: Iterable[str]) -> None:
        sql = "SELECT data FROM doc WHERE json_extract(data, '$.query') = ?"
        for key in keys:
            json.loads(self.connection.execute(sql, (key,)).fetchone()[0])


class Ours:
    """The store."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)

    def bulk(self, documents: Documents) -> None:
        with self.store.transaction():
            self.put(documents)

    def put(self, documents: Documents) -> None:
        for key, data in documents.items():
            self.store.store(key, data, source="bench", metadata={"query": key})

    def get(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.store.retrieve(key)

    def find(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.store.query({"metadata.query": key}, limit=1)


def documents(count: int, price: float) -> Documents:
    """Documents of about 250 bytes under keys in random order."""
    numbers = random.Random(7).sample(range(count), count)
    return {
        f"yahoo_finance:T{number:07}:20250101": {
            "query": f"yahoo_finance:T{number:07}:20250101",
            "ticker": f"T{number:07}",
            "price": price + number,
            "tags": ["equity", "nasdaq", "daily"],
            "profile": {"name": "An invented company", "sector": "Biotechnology", "employees": number},
        }
        for number in numbers
    }


def main() -> None:
    """Measure, and print microseconds and the ratio for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="documents a round (default: 5000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the medians count (default: 5)")
    options = parser.parse_args()
    first, second = documents(options.count, 0.25), documents(options.count, 0.75)
    some = dict(list(second.items())[: max(1, options.count // 5)])
    works: dict[str, tuple[int, Callable[[Side], None]]] = {
        "bulk, new": (len(first), lambda side: side.bulk(first)),
        "bulk, changed": (len(second), lambda side: side.bulk(second)),
        "bulk, the same again": (len(second), lambda side: side.bulk(second)),
        "put, one by one": (len(some), lambda side: side.put({key: first[key] for key in some})),
        "get": (len(second), lambda side: side.get(second)),
        "find by an indexed field": (len(some), lambda side: side.find(some)),
    }
    times: dict[tuple[str, type], list[float]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain, ours = Plain(Path(folder, "plain.db")), Ours(Path(folder, "ours.db"))
            for name, (count, work) in works.items():
                for side in (plain, ours):
                    start = time.perf_counter()
                    work(side)
                    times.setdefault((name, type(side)), []).append((time.perf_counter() - start) / count * 1e6)
            plain.connection.close()
            ours.store.close()
    print(f"{'µs per document':26}{'sqlite3+json':>14}{'store':>10}{'ratio':>9}")
    for name in works:
        mine, theirs = (statistics.median(times[name, kind]) for kind in (Ours, Plain))
        print(f"{name:26}{theirs:14.1f}{mine:10.1f}{mine / theirs:8.1f}x")


if __name__ == "__main__":
    main()
