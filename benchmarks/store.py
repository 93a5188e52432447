"""The SQLite store beside what one would write by hand, and beside other stores: `python benchmarks/store.py`.

"by hand" is `sqlite3` with `orjson`: a table WITHOUT ROWID under the text key, write-ahead log, synchronous = NORMAL,
no versions, no times, no metadata, no checks. Every side is a process of its own that works on a new file; the sides
take turns. Keys come in random order. `--growth` compares the first two with a thousand to a million documents.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from _bench import ENVIRONMENT, ROOT, Table, Target, environment, options, publish, version

Documents = dict[str, dict[str, Any]]
Works = dict[str, Callable[[Documents], object]]
FOUND = 10  # documents that one search finds
PACKAGES = ("orjson", "sqlite-utils", "langgraph-checkpoint-sqlite", "tinydb", "dlt")
LARGEST = {"tinydb": 1000, "dlt": 10_000}  # documents that a side gets through in a reasonable time
TARGETS = {"bulk, new": 0.5, "bulk, changed": 1, "put, new": 2, "get": 2, "find, indexed": 1.5}


def documents(count: int, price: float) -> Documents:
    """Documents of about 250 bytes under keys in random order."""
    numbers = random.Random(7).sample(range(count), count)
    return {
        f"yahoo_finance:T{number:07}:20250101": {
            "ticker": f"T{number:07}",
            "group": f"g{number // FOUND}",
            "price": price + number,
            "tags": ["equity", "nasdaq", "daily"],
            "profile": {"name": "An invented company", "sector": "Biotechnology", "employees": number},
        }
        for number in numbers
    }


def groups(some: Documents) -> Iterable[str]:
    """What is searched for."""
    return [data["group"] for data in some.values()]


def by_hand(path: Path) -> Works:
    """`sqlite3` and `orjson`; but what is got is read with `json`, as the target has it."""
    import orjson

    run = sqlite3.connect(path, isolation_level=None).execute
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = NORMAL")
    run("CREATE TABLE doc (key TEXT PRIMARY KEY, data TEXT) WITHOUT ROWID")
    many = run("SELECT 1").connection.executemany
    one, value = "SELECT data FROM doc WHERE key = ?", "json_extract(data, '$.group')"

    def bulk(some: Documents) -> None:
        run("BEGIN")
        many("REPLACE INTO doc VALUES (?, ?)", ((key, orjson.dumps(data).decode()) for key, data in some.items()))
        run("COMMIT")

    def find(some: Documents) -> None:
        for group in groups(some):
            rows = run(f"SELECT data FROM doc WHERE {value} = ?", (group,))
            assert len([orjson.loads(text) for (text,) in rows]) == FOUND

    return {
        "bulk": bulk,
        "put": lambda some: [
            run("REPLACE INTO doc VALUES (?, ?)", (key, orjson.dumps(data).decode())) for key, data in some.items()
        ],
        "get": lambda some: [json.loads(run(one, (key,)).fetchone()[0]) for key in some],
        "index": lambda _: run(f"CREATE INDEX doc_group ON doc ({value})"),
        "find": find,
    }


def trainer(path: Path) -> Works:
    """The store."""
    from trainer_sql import SQLiteStore

    store = SQLiteStore(path)
    return {
        "bulk": lambda some: store.bulk_store(some, source="bench"),
        "put": lambda some: [store.store(key, data, source="bench") for key, data in some.items()],
        "get": lambda some: [store.retrieve(key) for key in some],
        "index": lambda _: store.create_index("group"),
        "find": lambda some: [store.query({"group": group}) for group in groups(some)],
    }


def sqlite_utils(path: Path) -> Works:
    """sqlite-utils with its own defaults; it keeps nested values as JSON text and has no index on what is in them."""
    from sqlite_utils import Database

    table: Any = Database(path)["doc"]
    rows = lambda some: ({"key": key, **data} for key, data in some.items())  # noqa: E731
    return {
        "bulk": lambda some: table.upsert_all(rows(some), pk="key"),
        "put": lambda some: [table.upsert(row, pk="key") for row in rows(some)],
        "get": lambda some: [table.get(key) for key in some],
        "index": lambda _: table.create_index(["group"]),
        "find": lambda some: [list(table.rows_where("[group] = ?", [group])) for group in groups(some)],
    }


def langgraph(path: Path) -> Works:
    """LangGraph's SqliteStore with its own defaults; it has no index on values."""
    from langgraph.store.base import PutOp
    from langgraph.store.sqlite import SqliteStore

    store = SqliteStore(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    store.setup()

    def bulk(some: Documents) -> None:
        operations = [PutOp(("bench",), key, data) for key, data in some.items()]
        for start in range(0, len(operations), 1000):
            store.batch(operations[start : start + 1000])

    return {
        "bulk": bulk,
        "put": lambda some: [store.put(("bench",), key, data) for key, data in some.items()],
        "get": lambda some: [store.get(("bench",), key) for key in some],
        "find": lambda some: [store.search(("bench",), filter={"group": group}) for group in groups(some)],
    }


def tinydb(path: Path) -> Works:
    """TinyDB on a JSON file."""
    from tinydb import TinyDB, where

    table = TinyDB(path)
    return {
        "bulk": lambda some: table.insert_multiple({"key": key, **data} for key, data in some.items()),
        "get": lambda some: [table.get(where("key") == key) for key in some],
        "find": lambda some: [table.search(where("group") == group) for group in groups(some)],
    }


def dlt(path: Path) -> Works:
    """dlt, merging into SQLite; its time has that of starting a pipeline in it."""
    import dlt as library

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    place = library.destinations.sqlalchemy(f"sqlite:///{path}")
    pipeline = library.pipeline(
        "bench", destination=place, dataset_name="bench", pipelines_dir=str(path.parent / "dlt")
    )
    rows = lambda some: ({"key": key, **data} for key, data in some.items())  # noqa: E731
    return {
        "bulk": lambda some: pipeline.run(rows(some), table_name="doc", write_disposition="merge", primary_key="key")
    }


SIDES: Mapping[str, Callable[[Path], Works]] = {
    "by hand": by_hand, "trainer": trainer, "sqlite-utils": sqlite_utils, "langgraph": langgraph, "tinydb": tinydb,
    "dlt": dlt,
}  # fmt: skip


def measure(side: str, count: int) -> dict[str, float]:
    """The CPU seconds for each document, or each search, of everything that a side can do."""
    first, second, other = documents(count, 0.25), documents(count, 0.75), documents(count, 0.5)
    picked = random.Random(5).sample([*first], min(count // 2, 1000))
    new = {key + "x": other[key] for key in picked}
    some = {key: other[key] for key in picked}
    few = dict([*some.items()][: max(1, len(some) // 10)])
    course: tuple[tuple[str, str, Documents], ...] = (
        ("bulk, new", "bulk", first), ("bulk, changed", "bulk", second), ("bulk, the same again", "bulk", second),
        ("find, no index", "find", dict([*few.items()][:3])), ("get", "get", some), ("index", "index", few),
        ("find, indexed", "find", few), ("put, new", "put", {key: {**new[key], "group": "-"} for key in new}),
        ("put, changed", "put", some),
    )  # fmt: skip
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        works = SIDES[side](Path(folder, "file.db"))
        for name, word, documents_ in course:
            missing = word not in works or (name in ("bulk, changed", "bulk, the same again") and side == "tinydb")
            if missing or (name == "find, indexed" and "index" not in works):
                continue
            before = time.process_time()
            works[word](documents_)
            times[name] = (time.process_time() - before) / len(documents_)
    return times


def child(place: Path, side: str, count: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [place / "python", __file__, "--side", side, "--count", str(count)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def rounds(place: Path, sides: Iterable[str], count: int, number: int) -> dict[str, dict[str, list[float]]]:
    """The times of all sides, in turns, by work and side."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(number):
        for side in sides:
            with contextlib.suppress(subprocess.CalledProcessError):  # a peer that does not work is left out
                for name, seconds in child(place, side, min(count, LARGEST.get(side, count))).items():
                    found.setdefault(name, {}).setdefault(side, []).append(seconds)
    return found


def table(found: Mapping[str, Mapping[str, list[float]]], sides: Sequence[str], count: int) -> Table:
    """The least time of each work, and its ratio to that by hand."""
    rows = []
    for name, times in found.items():
        if name != "index":
            least = {side: min(times[side]) for side in sides if side in times}
            cells = [
                f"{least[side] * 1e6:.1f} ({least[side] / least['by hand']:.2f})" if side in least else None
                for side in sides
            ]
            rows.append([name, *cells])
    heads = [f"{side}, {LARGEST[side]}" if LARGEST.get(side, count) < count else side for side in sides]
    return Table([f"{count} documents", *heads], rows, "µs of CPU time each (× by hand)")


def main() -> None:
    """Measure, and publish times and ratios for each kind of work."""
    parser = options(__doc__, rounds=5)
    parser.add_argument("--count", type=int, default=20_000, help="documents (20000)")
    parser.add_argument("--growth", action="store_true", help="from a thousand to a million documents instead")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(measure(args.side, args.count)))
        return
    place = environment("store", "-e", ROOT, "-e", ROOT / "plugins" / "trainer-sql", *PACKAGES)
    if place is None:
        raise SystemExit("the store is compared with nothing: its peers cannot be installed")
    sides = ["by hand", "trainer"] if args.growth else list(SIDES)
    tables, targets, spreads = [], [], []
    for count in (1000, 10_000, 100_000, 1_000_000) if args.growth else (args.count,):
        found = rounds(place, sides, count, args.rounds)
        tables.append(table(found, sides, count))
        spreads += [max(times["by hand"]) / min(times["by hand"]) - 1 for times in found.values() if "by hand" in times]
        for name, limit in TARGETS.items():
            ratio = min(found[name]["trainer"]) / min(found[name]["by hand"])
            targets.append(Target(f"{name}, {count} documents", ratio, limit))
    noise = f"{args.rounds} rounds, {statistics.median(spreads):.0%} from least to most, load {os.getloadavg()[0]:.1f}"
    versions = ", ".join(version(place, name) for name in PACKAGES)
    publish(args, "The SQLite store", tables, targets, noise, versions)


if __name__ == "__main__":
    main()
