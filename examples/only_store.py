"""The store alone: versions of JSON files under their names, in one SQLite file.

pip install trainer-core trainer-sql
python only_store.py versions.db prices.json     # keeps the file as it is now, and prints its versions
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainer import DataStore
from trainer_sql import SQLiteStore


def main(database: str, *files: str) -> None:
    """Keeps each file; the same contents again make no version."""
    with SQLiteStore(database) as store:
        for file in map(Path, files):
            store.store(f"json:{file.name}", json.loads(file.read_text()), source="json")
            print(file.name, *versions(store, f"json:{file.name}"))


def versions(store: DataStore, key: str) -> list[str]:
    """All versions of a key, the newest first: number, day and the beginning of the hash of the contents."""
    return [f"@{found.version} {found.stored_at:%Y-%m-%d} {found.hash[:8]}" for found in store.history(key)]


if __name__ == "__main__":
    main(*sys.argv[1:])
