"""The statements of a store, all fixed, so that the server keeps them prepared.

`trainer_record` holds the newest version of each key, which may be a tombstone, and `trainer_history` those before
it. So a key that was ever written has a row, and its lock keeps the writers of one key apart.

Each is one statement, and therefore happens as a whole. Rows are locked in the order of their keys, and read
after that as others left them. Tables are joined by `ns` and `key` both, so that each row is looked up by itself
whatever the server believes to know about them.
"""

# ruff: noqa: S608 - put together from the constants above them; values are bound

from __future__ import annotations

COLUMNS = "key, version, source, stored_at, updated_at, expires_at, metadata, data, deleted"
LIVE = "NOT deleted AND (expires_at IS NULL OR expires_at > %(now)s)"
ONE = "ns = %(ns)s AND key = %(key)s"
CURRENT = f"SELECT {COLUMNS} FROM trainer_record WHERE {ONE} AND {LIVE}"
FRESHNESS = f"SELECT version, updated_at, expires_at FROM trainer_record WHERE {ONE} AND {LIVE}"
HISTORY = (
    f"SELECT {COLUMNS} FROM trainer_record WHERE {ONE} UNION ALL"
    f" SELECT {COLUMNS} FROM trainer_history WHERE {ONE} ORDER BY version DESC"
)
VERSION = (
    f"SELECT {COLUMNS} FROM trainer_record WHERE {ONE} AND version = %(version)s UNION ALL"
    f" SELECT {COLUMNS} FROM trainer_history WHERE {ONE} AND version = %(version)s"
)
# Finds each next one through an index, however many records there are of each.
NAMESPACES = """
    WITH RECURSIVE found AS (
        SELECT min(ns) AS ns FROM trainer_record
        UNION ALL SELECT (SELECT min(ns) FROM trainer_record WHERE ns > found.ns) FROM found WHERE ns IS NOT NULL
    )
    SELECT ns FROM found WHERE ns IS NOT NULL
"""

# What is written: keys that differ, their data, and the same for filters where that is another text.
# Answers for each key with (key, version, stored_at, whether that version is new); with stored_at NULL, if the record
# was not at `if_version` but at the version in the answer; and not at all for a key that another writer made
# meanwhile, in which case the statement is to be sent again.
_STORE = f"""
    WITH given AS (
        SELECT %(ns)s::text AS ns, given.* FROM GIVEN AS given(key, text, fields)
    ), old AS MATERIALIZED (
        SELECT record.*, given.text, given.fields AS other, {LIVE} AS live, {LIVE} AND data = text AS same
        FROM given JOIN trainer_record AS record ON record.ns = given.ns AND record.key = given.key
        ORDER BY record.key FOR UPDATE OF record
    ), fit AS (
        SELECT * FROM old
        WHERE %(if_version)s::bigint IS NULL OR %(if_version)s = CASE WHEN live THEN version ELSE 0 END
    ), kept AS (
        INSERT INTO trainer_history (ns, {COLUMNS}) SELECT ns, {COLUMNS} FROM fit WHERE NOT same
    ), changed AS (
        UPDATE trainer_record AS record SET
            version = CASE WHEN same THEN fit.version ELSE fit.version + 1 END,
            source = %(source)s,
            stored_at = CASE WHEN same THEN fit.stored_at ELSE %(now)s END,
            updated_at = %(now)s,
            expires_at = %(expires)s,
            metadata = %(metadata)s,
            about = %(about)s::jsonb,
            data = CASE WHEN same THEN record.data ELSE text END,
            fields = CASE WHEN same THEN record.fields ELSE coalesce(other, text)::jsonb END,
            deleted = false
        FROM fit WHERE record.ns = fit.ns AND record.key = fit.key
        RETURNING record.key, record.version, record.stored_at, NOT same
    ), made AS (
        INSERT INTO trainer_record (ns, {COLUMNS}, fields, about)
        SELECT ns, key, 1, %(source)s, %(now)s, %(now)s, %(expires)s, %(metadata)s, text, false,
            coalesce(given.fields, text)::jsonb, %(about)s::jsonb
        FROM given
        WHERE coalesce(%(if_version)s, 0) = 0 AND key NOT IN (SELECT key FROM old)
        ORDER BY key COLLATE "C"
        ON CONFLICT DO NOTHING RETURNING key, version, stored_at, true
    )
    SELECT * FROM changed UNION ALL SELECT * FROM made
    UNION ALL SELECT key, CASE WHEN live THEN version ELSE 0 END, NULL, false FROM old
        WHERE %(if_version)s <> CASE WHEN live THEN version ELSE 0 END
    UNION ALL SELECT key, 0, NULL, false FROM given
        WHERE %(if_version)s <> 0 AND key NOT IN (SELECT key FROM old)
"""
STORE = _STORE.replace("GIVEN", "unnest(%(keys)s::text[], %(texts)s::text[], %(fields)s::text[])")
# For one record the server makes a plan once, as it knows that there is one, and not for each again.
STORE_ONE = _STORE.replace("GIVEN", "(VALUES (%(keys)s::text, %(texts)s::text, %(fields)s::text))")

# Follows what `gone` finds by a tombstone.
_BURY = f"""
    kept AS (
        INSERT INTO trainer_history (ns, {COLUMNS}) SELECT ns, {COLUMNS} FROM gone
    ), buried AS (
        UPDATE trainer_record AS record SET version = gone.version + 1, stored_at = %(now)s, updated_at = %(now)s,
            expires_at = NULL, metadata = '{{}}', about = '{{}}', data = 'null', fields = '{{}}', deleted = true
        FROM gone WHERE record.ns = gone.ns AND record.key = gone.key
        RETURNING record.key
    )
"""
# Answers with the version found, 0 for none, and how many records were deleted.
DELETE = f"""
    WITH old AS MATERIALIZED (SELECT * FROM trainer_record WHERE {ONE} AND {LIVE} FOR UPDATE),
    gone AS (SELECT * FROM old WHERE %(if_version)s::bigint IS NULL OR %(if_version)s = version), {_BURY}
    SELECT coalesce((SELECT version FROM old), 0), (SELECT count(*) FROM buried)
"""
SWEEP = f"""
    WITH gone AS MATERIALIZED (
        SELECT * FROM trainer_record
        WHERE ns = %(ns)s AND expires_at IS NOT NULL AND NOT deleted AND expires_at <= %(now)s
        ORDER BY expires_at, key LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), {_BURY}
    SELECT count(*) FROM buried
"""
