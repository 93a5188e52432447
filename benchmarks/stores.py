"""The stores beside each other, doing the same: `python benchmarks/stores.py [--count N]`.

All work on this machine, on new tables, a new file and keys of their own, and take turns. PostgreSQL waits for its disk
as it is set to, SQLite does not (`synchronous = NORMAL`), Redis as its server was told. An index serves the search
where the store has any. A store whose server does not answer is left out.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from _bench import BIN, Table, options, publish, version

from trainer import DataStore
from trainer.errors import StoreError, UnsupportedQuery

POSTGRESQL, REDIS = "postgresql://127.0.0.1/test", "redis://127.0.0.1:6379/9"
Documents = dict[str, dict[str, Any]]


@contextmanager
def sqlite() -> Iterator[DataStore]:
    """A new file."""
    from trainer_sql import SQLiteStore

    with tempfile.TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "bench.db") as store:
        yield store


@contextmanager
def postgresql() -> Iterator[DataStore]:
    """A new schema."""
    from trainer_sql import PostgreSQLStore

    schema = f"bench_{uuid4().hex}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}".encode())
        try:
            with PostgreSQLStore(f"{POSTGRESQL}?options=-csearch_path%3D{schema}") as store:
                yield store
        finally:
            admin.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@contextmanager
def redis() -> Iterator[DataStore]:
    """Keys of its own, which are deleted in the end."""
    from redis import Redis

    from trainer_redis import RedisStore

    prefix = f"bench-{uuid4().hex}"
    with RedisStore(REDIS, prefix=prefix) as store, Redis.from_url(REDIS) as client:
        try:
            yield store
        finally:
            for key in client.scan_iter(f"*{prefix}*", count=10_000):
                client.delete(key)


@contextmanager
def hybrid() -> Iterator[DataStore]:
    """Redis in front of PostgreSQL."""
    from trainer_redis import HybridStore

    with postgresql() as durable, HybridStore(REDIS, durable, prefix=f"bench-{uuid4().hex}", keep=60) as store:
        yield store


STORES = {"sqlite": sqlite, "postgresql": postgresql, "redis": redis, "redis before postgresql": hybrid}


def documents(count: int, price: float) -> Documents:
    """Documents of about 250 bytes under keys in random order."""
    return {
        f"yahoo:T{number:05}:20250101": {
            "ticker": f"T{number:05}",
            "price": price + number,
            "tags": ["equity", "nasdaq", "daily"],
            "profile": {"name": "An invented company", "sector": "Biotechnology", "employees": number},
        }
        for number in random.Random(7).sample(range(count), count)
    }


def works(count: int) -> dict[str, Callable[[DataStore], int]]:
    """What each store does; a work returns how many times it did it."""
    new, newer = documents(count, 0.25), documents(count, 0.75)
    some = dict(list(newer.items())[: max(1, count // 5)])

    def put(store: DataStore) -> int:
        return len([store.store(f"one:{key}", data) for key, data in some.items()])

    def get(store: DataStore) -> int:
        return len([store.retrieve(key) for key in some])

    def find(store: DataStore) -> int:
        return len([store.query({"ticker": data["ticker"]}) for data in list(some.values())[:20]])

    return {
        "write many": lambda store: store.bulk_store(new).stored,
        "write new versions of many": lambda store: store.bulk_store(newer).stored,
        "read one": get,
        "read one again": get,
        "find one by a field": find,
        "write one": put,
        "read the history of one": lambda store: len([store.history(key) for key in some]),
    }


def main() -> None:
    """Measure, and publish microseconds for each store and kind of work."""
    parser = options(__doc__, rounds=5)
    parser.add_argument("--count", type=int, default=2000, help="documents a round (2000)")
    args = parser.parse_args()
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(args.rounds):
        with ExitStack() as opened:
            stores = {}
            for name, store in STORES.items():
                try:
                    stores[name] = opened.enter_context(store())
                    stores[name].create_index("ticker")
                except UnsupportedQuery:
                    pass
                except (StoreError, psycopg.Error) as error:
                    print(f"{name} is left out: {error}", file=sys.stderr)
            for work, do in works(args.count).items():
                for name, side in stores.items():
                    start = time.perf_counter()
                    done = do(side)
                    times.setdefault((work, name), []).append((time.perf_counter() - start) / done * 1e6)
    shown = [name for name in STORES if any(name == other for _, other in times)]
    rows = [[work, *(statistics.median(times[work, name]) for name in shown)] for work in works(1)]
    versions = ", ".join(version(BIN, name) for name in ("trainer-sql", "trainer-redis"))
    table = Table([f"wall µs, with {args.count:,} documents", *shown], rows)
    publish(args, "The stores beside each other", [table], (), f"{args.rounds} rounds, medians", versions)


if __name__ == "__main__":
    main()
