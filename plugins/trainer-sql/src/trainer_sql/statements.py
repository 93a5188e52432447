"""The statements of a store, all fixed, so that the driver keeps them prepared.

Current records are in `trainer_record`; the versions that came before, and tombstones, in `trainer_history`.
"""

# ruff: noqa: S608 - put together from the constants above them; values are bound

from __future__ import annotations

COLUMNS = "key, version, source, stored_at, updated_at, expires_at, metadata, data"
LIVE = "(expires_at IS NULL OR expires_at > ?)"
CURRENT = f"SELECT {COLUMNS}, 0 FROM trainer_record WHERE ns = ? AND key = ? AND {LIVE}"
FRESHNESS = f"SELECT version, updated_at, expires_at FROM trainer_record WHERE ns = ? AND key = ? AND {LIVE}"
VERSIONS = (
    f"SELECT {COLUMNS}, 0 FROM trainer_record WHERE ns = :ns AND key = :key {{0}} UNION ALL"
    f" SELECT {COLUMNS}, deleted FROM trainer_history WHERE ns = :ns AND key = :key {{0}}"
    " ORDER BY version DESC"
)
HISTORY = VERSIONS.format("")
VERSION = VERSIONS.format("AND version = :version")

FIND = f"SELECT id, version, stored_at, data = ?, {LIVE} FROM trainer_record WHERE ns = ? AND key = ?"
NEXT = "SELECT coalesce(max(version), 0) + 1 FROM trainer_history WHERE ns = ? AND key = ?"
INSERT = f"INSERT INTO trainer_record (ns, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
SEEN = "UPDATE trainer_record SET source = ?, updated_at = ?, expires_at = ?, metadata = ? WHERE id = ?"
REPLACE = (
    "UPDATE trainer_record SET version = ?, source = ?, stored_at = ?, updated_at = ?, expires_at = ?,"
    " metadata = ?, data = ? WHERE id = ?"
)
# What is current goes into the history as it is, before it is replaced or removed …
KEEP = (
    f"INSERT INTO trainer_history (ns, {COLUMNS}, deleted) SELECT ns, {COLUMNS}, 0 FROM trainer_record"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
# … and a removed record is followed there by a tombstone, as its next version.
BURY = (
    f"INSERT INTO trainer_history (ns, {COLUMNS}, deleted)"
    " SELECT ns, key, version + 1, source, ?, ?, NULL, '{}', 'null', 1 FROM trainer_record"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
REMOVE = "DELETE FROM trainer_record WHERE id IN (SELECT value FROM json_each(?))"
EXPIRED = "SELECT id FROM trainer_record WHERE expires_at <= ? AND ns = ? ORDER BY expires_at LIMIT ?"
