"""Indexes that are declared on paths: two for each, which together find the records of a filter on that path.

One holds the values; the other, often empty, the records in which the path meets a list. So "equal to it, or a
list that holds it" is two look-ups and not a scan.
"""

from __future__ import annotations

from trainer.filters import path_of
from trainer_sql.sqlite.conditions import lists, place, scalar
from trainer_sql.sqlite.database import Database

BUILT_IN = "metadata.query"  # made with the tables


def declared(database: Database) -> list[str]:
    """The paths that an index was declared on, in order."""
    return [path for (path,) in database.execute("SELECT path FROM trainer_index ORDER BY path")]


def create(database: Database, path: str) -> None:
    """Declare an index, unless it is there. Raises `UnsupportedQuery` for a path that cannot be looked up."""
    column, steps = place(path_of(path))
    with database.transaction():
        if database.execute("SELECT 1 FROM trainer_index WHERE path = ?", (path,)):
            return
        [(number,)] = database.execute("INSERT INTO trainer_index (path) VALUES (?) RETURNING id", (path,))
        if steps and column != "key" and path != BUILT_IN:
            value, met = scalar(column, steps), lists(column, steps)
            name = f"CREATE INDEX trainer_index_{int(number)}"
            database.execute(f"{name} ON trainer_record (ns, {value}) WHERE {value} IS NOT NULL")
            database.execute(f"{name}_list ON trainer_record (ns) WHERE {met}")


def drop(database: Database, path: str) -> bool:
    """Take a declared index back. False if there was none."""
    path_of(path)
    with database.transaction():
        found = database.execute("DELETE FROM trainer_index WHERE path = ? RETURNING id", (path,))
        for (number,) in found:
            database.execute(f"DROP INDEX IF EXISTS trainer_index_{int(number)}")
            database.execute(f"DROP INDEX IF EXISTS trainer_index_{int(number)}_list")
    return bool(found)
