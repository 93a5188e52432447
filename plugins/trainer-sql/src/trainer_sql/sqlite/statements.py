"""The statements of a store, all fixed, so that the driver keeps them prepared.

Current records are in `trainer_record`; the versions that came before, and tombstones, in `trainer_history`.
A trigger puts a current record there when its version is raised.
"""

# ruff: noqa: S608 - put together from the constants above them; values are bound

from __future__ import annotations

COLUMNS = "key, version, source, stored_at, updated_at, expires_at, metadata, data"
LIVE = "(expires_at IS NULL OR expires_at > :now)"
FIND = "FROM trainer_record WHERE ns = ? AND key = ?"
CURRENT = f"SELECT {COLUMNS}, 0 {FIND} AND (expires_at IS NULL OR expires_at > ?)"
FRESHNESS = f"SELECT version, updated_at, expires_at, id {FIND} AND (expires_at IS NULL OR expires_at > ?)"
VERSIONS = (
    f"SELECT {COLUMNS}, 0 FROM trainer_record WHERE ns = :ns AND key = :key {{0}} UNION ALL"
    f" SELECT {COLUMNS}, deleted FROM trainer_history WHERE ns = :ns AND key = :key {{0}}"
    " ORDER BY version DESC"
)
HISTORY = VERSIONS.format("")
VERSION = VERSIONS.format("AND version = :version")

# A record that is there and has expired is not the same content again, even if it is.
OTHER = "(data <> excluded.data OR expires_at <= excluded.updated_at) IS TRUE"
WRITE = (
    f"INSERT INTO trainer_record (ns, {COLUMNS}) {{0}} ON CONFLICT (ns, key) DO UPDATE SET"
    f" version = version + ({OTHER}), stored_at = iif({OTHER}, excluded.stored_at, stored_at),"
    " source = excluded.source, updated_at = excluded.updated_at, expires_at = excluded.expires_at,"
    " metadata = excluded.metadata, data = excluded.data"
)
LAST = "coalesce((SELECT max(version) FROM trainer_history AS h WHERE h.ns = {0} AND h.key = {1}), 0)"
# Namespace, key, source, time, expiry, metadata, data.
STORE = (
    WRITE.format(f"VALUES (?1, ?2, {LAST.format('?1', '?2')} + 1, ?3, ?4, ?4, ?5, ?6, ?7)")
    + " RETURNING version, stored_at"
)
# Many at once, from an object of keys and data. SQLite gives back a list or an object as it was written.
# (The WHERE tells SQLite that what follows is no join.)
STORE_MANY = WRITE.format(
    f"SELECT :ns, j.key, iif(:past, {LAST.format(':ns', 'j.key')}, 0) + 1,"
    " :source, :now, :now, :expires, :metadata, j.value FROM json_each(:batch) AS j WHERE TRUE"
)
PAST = "SELECT EXISTS (SELECT 1 FROM trainer_history WHERE ns = ?)"
NEWEST = "SELECT coalesce(max(id), 0) FROM trainer_record"

# What is current goes into the history as it is before it is removed …
KEEP = (
    f"INSERT INTO trainer_history (ns, {COLUMNS}, deleted) SELECT ns, {COLUMNS}, 0 FROM trainer_record"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
# … and is followed there by a tombstone, as its next version.
BURY = (
    f"INSERT INTO trainer_history (ns, {COLUMNS}, deleted)"
    " SELECT ns, key, version + 1, source, ?, ?, NULL, '{}', 'null', 1 FROM trainer_record"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
REMOVE = "DELETE FROM trainer_record WHERE id IN (SELECT value FROM json_each(?))"
EXPIRED = "SELECT id FROM trainer_record WHERE expires_at <= ? AND ns = ? ORDER BY expires_at LIMIT ?"

# One look for each namespace, not one for each record: the next is sought after the one before.
NAMESPACES = (
    "WITH RECURSIVE names(ns) AS (SELECT min(ns) FROM {0} UNION ALL"
    " SELECT (SELECT min(ns) FROM {0} WHERE ns > names.ns) FROM names WHERE names.ns IS NOT NULL)"
    " SELECT ns FROM names WHERE ns IS NOT NULL"
)
