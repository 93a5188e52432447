"""Current records, and the versions that came before them.

Columns that are read without the data stand before it, so that SQLite need not walk over long texts.
Times are microseconds since 1970 in UTC.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# The very text that queries are written with: SQLite uses an index on an expression for that text alone.
QUERY = "json_extract(metadata, '$.\"query\"')"
QUERY_TYPE = "json_type(metadata, '$.\"query\"')"


def _shared() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("ns", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("stored_at", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer),
        sa.Column("metadata", sa.Text, sa.CheckConstraint("json_valid(metadata)"), nullable=False),
        sa.Column("data", sa.Text, sa.CheckConstraint("json_valid(data)"), nullable=False),
    ]


def upgrade() -> None:
    """Make `trainer_record` (what is current) and `trainer_history` (what was, with tombstones)."""
    op.create_table(
        "trainer_record", sa.Column("id", sa.Integer, primary_key=True), *_shared(), sa.UniqueConstraint("ns", "key")
    )
    op.create_index("trainer_record_updated", "trainer_record", ["ns", "updated_at"])
    op.create_index("trainer_record_source", "trainer_record", ["ns", "source", "updated_at"])
    op.create_index(
        "trainer_record_expires", "trainer_record", ["expires_at"], sqlite_where=sa.text("expires_at IS NOT NULL")
    )
    op.create_index("trainer_record_query", "trainer_record", [sa.text(QUERY)])
    # Nearly always empty; with it, "equal to it, or a list that holds it" is two look-ups and not a scan.
    op.create_index(
        "trainer_record_query_list",
        "trainer_record",
        [sa.text(QUERY_TYPE)],
        sqlite_where=sa.text(f"{QUERY_TYPE} = 'array'"),
    )
    op.create_table(
        "trainer_history",
        sa.Column("deleted", sa.Boolean, nullable=False),
        *_shared(),
        sa.PrimaryKeyConstraint("ns", "key", "version"),
    )
