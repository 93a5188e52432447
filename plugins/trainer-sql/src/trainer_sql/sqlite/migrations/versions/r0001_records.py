"""Current records, and the versions that came before them.

Columns that are read without the data stand before it, so that SQLite need not walk over long texts.
Times are microseconds since 1970 in UTC.
"""

# ruff: noqa: S608 - put together from constants

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

COLUMNS = "ns, key, version, source, stored_at, updated_at, expires_at, metadata, data"
# The very text that queries are written with: SQLite uses an index on an expression for that text alone.
QUERY = "json_extract(metadata, '$.\"query\"')"
QUERY_LIST = "json_type(metadata, '$.\"query\"') = 'array'"


def _shared() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("ns", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("stored_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    ]


def upgrade() -> None:
    """Make `trainer_record` (what is current) and `trainer_history` (what was, with tombstones)."""
    op.create_table(
        "trainer_record", sa.Column("id", sa.Integer, primary_key=True), *_shared(), sa.UniqueConstraint("ns", "key")
    )
    op.create_index("trainer_record_source", "trainer_record", ["ns", "source", "updated_at"])
    op.create_index(
        "trainer_record_expires", "trainer_record", ["expires_at"], sqlite_where=sa.text("expires_at IS NOT NULL")
    )
    op.create_index(
        "trainer_record_query", "trainer_record", ["ns", sa.text(QUERY)], sqlite_where=sa.text(f"{QUERY} IS NOT NULL")
    )
    op.create_index("trainer_record_query_list", "trainer_record", ["ns"], sqlite_where=sa.text(QUERY_LIST))
    op.create_table(
        "trainer_history",
        sa.Column("deleted", sa.Boolean, nullable=False),
        *_shared(),
        sa.PrimaryKeyConstraint("ns", "key", "version"),
    )
    kept = ", ".join(f"old.{column}" for column in COLUMNS.split(", "))
    op.execute(
        "CREATE TRIGGER trainer_record_kept BEFORE UPDATE ON trainer_record WHEN new.version <> old.version"
        f" BEGIN INSERT INTO trainer_history ({COLUMNS}, deleted) VALUES ({kept}, 0); END"
    )
    op.create_table(
        "trainer_index",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
    )
