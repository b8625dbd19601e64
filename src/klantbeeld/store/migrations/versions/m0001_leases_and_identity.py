"""The first tables: leases, customers, links, match keys."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import HASH, ROW_ID, UUID_TEXT, UtcDateTime

revision = "0001"
down_revision = None

CURRENT = sa.text("valid_to IS NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "customers",
        sa.Column("id", UUID_TEXT, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("merged_into", UUID_TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.ForeignKeyConstraint(["merged_into"], ["customers.id"], name="fk_customers_merged_into"),
        sqlite_with_rowid=False,
    )
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_customers_merged_into", "customers", ["merged_into"], sqlite_where=merged, postgresql_where=merged
    )
    _create_links()
    _create_match_keys()


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("record_id", sa.String(300), nullable=False),
        sa.Column("customer_id", UUID_TEXT, nullable=False),
        sa.Column("valid_from", UtcDateTime, nullable=False),
        sa.Column("valid_to", UtcDateTime),
        sa.Column("origin", sa.String(40), nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_links_customer_id"),
    )
    op.create_index(
        "ix_links_source_record_id",
        "links",
        ["source", "record_id"],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )
    op.create_index(
        "ix_links_customer_id_source_record_id",
        "links",
        ["customer_id", "source", "record_id"],
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def _create_match_keys() -> None:
    op.create_table(
        "match_keys",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("key_hash", HASH, nullable=False),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("customer_id", UUID_TEXT, nullable=False),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("record_id", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key_hash", "source", "record_id", name="pk_match_keys"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_match_keys_customer_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_match_keys_source_record_id", "match_keys", ["source", "record_id"])
    op.create_index("ix_match_keys_customer_id", "match_keys", ["customer_id"])
