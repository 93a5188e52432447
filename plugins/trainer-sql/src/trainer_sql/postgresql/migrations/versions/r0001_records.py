"""The newest version of each record, the versions before it, and what indexes on paths are made of.

Times are microseconds since 1970 in UTC. `data` and `metadata` are canonical JSON, read back as they were
written; `fields` and `about` are the same for filters, in which all numbers compare as they do in Python: floats
from 2**53 on are written out as the integers that they are. `fields` is empty if the data is no object.

A path leads to several values where lists are on its way. So an index on a path holds the hash (`=`) and the value
(`<`, `>`) where there is none; and for those, which are few, the hashes of them all, and the ranges from the lowest
number, or text, to the highest. Texts are cut, because an entry has to fit into a page.
"""

# ruff: noqa: S608 - put together from constants

from alembic import op

revision = "0001"
down_revision = None

TEXT = 'text COLLATE "C" NOT NULL'
COLUMNS = f"""
    ns {TEXT},
    key {TEXT},
    version bigint NOT NULL,
    source {TEXT},
    stored_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    expires_at bigint,
    metadata text NOT NULL,
    data text NOT NULL,
    deleted boolean NOT NULL
"""
FUNCTION = "LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE BEGIN ATOMIC"
# The values that a path reaches stand in a list: `[*][*]` takes them, or the elements of those that are lists.
REACHED = "jsonb_path_query(jsonb_path_query_array(document, path), '$[*][*]') AS value"
CUT = "left(value #>> '{}', 100) COLLATE \"C\""

STATEMENTS = [
    f"CREATE TABLE trainer_record ({COLUMNS}, fields jsonb NOT NULL, about jsonb NOT NULL, PRIMARY KEY (ns, key))",
    f"CREATE TABLE trainer_history ({COLUMNS}, PRIMARY KEY (ns, key, version))",
    'CREATE TABLE trainer_index (path text COLLATE "C" PRIMARY KEY)',
    "CREATE INDEX trainer_record_updated ON trainer_record (ns, updated_at DESC, key) WHERE NOT deleted",
    "CREATE INDEX trainer_record_source ON trainer_record (ns, source, updated_at DESC, key) WHERE NOT deleted",
    """CREATE INDEX trainer_record_expires ON trainer_record (ns, expires_at)
        WHERE expires_at IS NOT NULL AND NOT deleted""",
    'CREATE TYPE trainer_text_range AS RANGE (subtype = text, collation = "C")',
    f"""CREATE FUNCTION trainer_hashes("values" jsonb[]) RETURNS bigint[] {FUNCTION}
        SELECT array_agg(jsonb_hash_extended(value, 0)) FROM unnest("values") AS value;
    END""",
    f"""CREATE FUNCTION trainer_hashes(document jsonb, path jsonpath) RETURNS bigint[] {FUNCTION}
        SELECT array_agg(DISTINCT jsonb_hash_extended(value, 0))
        FROM (SELECT jsonb_path_query(document, path) UNION ALL SELECT value FROM {REACHED}) AS reached(value);
    END""",
    f"""CREATE FUNCTION trainer_numbers(document jsonb, path jsonpath) RETURNS numrange {FUNCTION}
        SELECT CASE WHEN count(*) > 0 THEN numrange(min(value::numeric), max(value::numeric), '[]') END
        FROM {REACHED} WHERE jsonb_typeof(value) = 'number';
    END""",
    f"""CREATE FUNCTION trainer_texts(document jsonb, path jsonpath) RETURNS trainer_text_range {FUNCTION}
        SELECT CASE WHEN count(*) > 0 THEN trainer_text_range(min({CUT}), max({CUT}), '[]') END
        FROM {REACHED} WHERE jsonb_typeof(value) = 'string';
    END""",
    # By these, a pipeline finds what is fresh enough; the second is nearly always empty.
    """CREATE INDEX trainer_record_query ON trainer_record
        USING btree ((jsonb_hash_extended(about #> '{"query"}', 0)))""",
    """CREATE INDEX trainer_record_query_list ON trainer_record
        USING gin (trainer_hashes(about, '$."query"'::jsonpath)) WITH (fastupdate = off)
        WHERE jsonb_typeof(about #> '{"query"}') = 'array'""",
]


def upgrade() -> None:
    """Make tables, indexes and functions in the first schema of the search path."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
