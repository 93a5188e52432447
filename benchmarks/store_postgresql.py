"""The PostgreSQL store beside bare psycopg: `python benchmarks/store_postgresql.py [URL] [--count N]`.

Both work on one server (default: postgresql://127.0.0.1/test), in schemas of their own that are removed in the end,
in turns within one run, so that the ratios mean something on a machine that does other things as well. Neither waits
for the disk (`synchronous_commit = off`), which would cost both the same. The bare side writes batches by COPY, and
keeps no versions, no times and no metadata, checks nothing, and finds scalars only.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import uuid4

import psycopg
from _bench import BIN, Table, options, publish, version

from trainer_sql import PostgreSQLStore

Documents = dict[str, dict[str, Any]]
OPTIONS = "?options=-csynchronous_commit%3Doff%20-csearch_path%3D"


class Side(Protocol):
    """What is measured."""

    def bulk(self, documents: Documents) -> None:
        """Write all documents."""

    def put(self, documents: Documents) -> None:
        """Write each document in a transaction of its own."""

    def get(self, keys: Iterable[str]) -> None:
        """Read each document."""

    def find(self, tickers: Iterable[str]) -> None:
        """Find each document by a field with an index."""

    def between(self, prices: Iterable[float]) -> None:
        """Find documents by a range of numbers of a field with an index, ten at a time."""

    def scan(self, sectors: Iterable[str]) -> None:
        """Count documents by a field without an index."""


class Bare:
    """What one would write by hand."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute('CREATE TABLE doc (key text COLLATE "C" PRIMARY KEY, data jsonb)')
        self.connection.execute("CREATE TEMP TABLE new (key text, data jsonb)")
        self.connection.execute("CREATE INDEX ON doc ((data ->> 'ticker'))")
        self.connection.execute("CREATE INDEX ON doc (((data -> 'price')::numeric))")

    def bulk(self, documents: Documents) -> None:
        with self.connection.transaction():
            with self.connection.cursor().copy("COPY new FROM STDIN") as copy:
                for key, data in documents.items():
                    copy.write_row((key, json.dumps(data)))
            self.connection.execute(
                "INSERT INTO doc SELECT * FROM new ON CONFLICT (key) DO UPDATE SET data = excluded.data"
            )
            self.connection.execute("TRUNCATE new")

    def put(self, documents: Documents) -> None:
        sql = "INSERT INTO doc VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET data = excluded.data"
        for key, data in documents.items():
            self.connection.execute(sql, (key, json.dumps(data)))

    def get(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.connection.execute("SELECT data FROM doc WHERE key = %s", (key,)).fetchone()

    def find(self, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            self.connection.execute("SELECT data FROM doc WHERE data ->> 'ticker' = %s", (ticker,)).fetchall()

    def between(self, prices: Iterable[float]) -> None:
        sql = "SELECT data FROM doc WHERE (data -> 'price')::numeric >= %s AND (data -> 'price')::numeric < %s"
        for price in prices:
            self.connection.execute(sql, (price, price + 10)).fetchall()

    def scan(self, sectors: Iterable[str]) -> None:
        for sector in sectors:
            sql = "SELECT count(*) FROM doc WHERE data #>> '{profile,sector}' = %s"
            self.connection.execute(sql, (sector,)).fetchone()


class Postgres:
    """The store."""

    def __init__(self, url: str) -> None:
        self.store = PostgreSQLStore(url)
        self.store.create_index("ticker")
        self.store.create_index("price")

    def bulk(self, documents: Documents) -> None:
        self.store.bulk_store(documents, source="bench")

    def put(self, documents: Documents) -> None:
        for key, data in documents.items():
            self.store.store(key, data, source="bench", metadata={"query": key})

    def get(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.store.retrieve(key)

    def find(self, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            self.store.query({"ticker": ticker})

    def between(self, prices: Iterable[float]) -> None:
        for price in prices:
            self.store.query({"price": {"$gte": price, "$lt": price + 10}})

    def scan(self, sectors: Iterable[str]) -> None:
        for sector in sectors:
            self.store.count({"profile.sector": sector})


def documents(count: int, price: float) -> Documents:
    """Documents of about 250 bytes under keys in random order."""
    numbers = random.Random(7).sample(range(count), count)
    return {
        f"yahoo_finance:T{number:07}:20250101": {
            "ticker": f"T{number:07}",
            "price": price + number,
            "tags": ["equity", "nasdaq", "daily"],
            "profile": {"name": "An invented company", "sector": "Biotechnology", "employees": number},
        }
        for number in numbers
    }


def main() -> None:
    """Measure, and publish microseconds and the ratio for each kind of work."""
    parser = options(__doc__, rounds=5)
    parser.add_argument("url", nargs="?", default="postgresql://127.0.0.1/test", help="a database, without options")
    parser.add_argument("--count", type=int, default=5000, help="documents a round (5000)")
    args = parser.parse_args()
    first, second = documents(args.count, 0.25), documents(args.count, 0.75)
    some = dict(list(second.items())[: max(1, args.count // 5)])
    works: dict[str, tuple[int, Callable[[Side], None]]] = {
        "bulk, new": (len(first), lambda side: side.bulk(first)),
        "bulk, changed": (len(second), lambda side: side.bulk(second)),
        "bulk, the same again": (len(second), lambda side: side.bulk(second)),
        "put, one by one": (len(some), lambda side: side.put({key: first[key] for key in some})),
        "get": (len(some), lambda side: side.get(some)),
        "find by an indexed text": (len(some), lambda side: side.find(data["ticker"] for data in some.values())),
        "find ten by a number": (len(some), lambda side: side.between(data["price"] for data in some.values())),
        "count without an index": (5, lambda side: side.scan(["Biotechnology"] * 5)),
    }
    times: dict[tuple[str, type], list[float]] = {}
    with psycopg.connect(args.url, autocommit=True) as admin:
        for _ in range(args.rounds):
            schemas = [f"bench_{uuid4().hex}" for _ in range(2)]
            for schema in schemas:
                admin.execute(f"CREATE SCHEMA {schema}".encode())
            bare, ours = Bare(args.url + OPTIONS + schemas[0]), Postgres(args.url + OPTIONS + schemas[1])
            for name, (count, work) in works.items():
                for side in (bare, ours):
                    start = time.perf_counter()
                    work(side)
                    times.setdefault((name, type(side)), []).append((time.perf_counter() - start) / count * 1e6)
                if name == "bulk, the same again":
                    bare.connection.execute("ANALYZE doc")
                    with ours.store._database.connection() as connection:
                        connection.execute("ANALYZE trainer_record")
            bare.connection.close()
            ours.store.close()
            for schema in schemas:
                admin.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    rows = []
    for name in works:
        mine, theirs = (statistics.median(times[name, kind]) for kind in (Postgres, Bare))
        rows.append((name, theirs, mine, mine / theirs))
    versions = ", ".join(version(BIN, name) for name in ("trainer-sql", "psycopg"))
    table = Table(["wall µs of a document", "psycopg", "store", "× psycopg"], rows)
    publish(args, "The PostgreSQL store", [table], (), f"{args.rounds} rounds, medians", versions)


if __name__ == "__main__":
    main()
