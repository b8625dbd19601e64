"""What customers granted to partners, and the audit trail."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "grants",
        sa.Column("id", UUID_TEXT, nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("client_id", sa.String(300), nullable=False),
        sa.Column("customer_id", UUID_TEXT, nullable=False),
        sa.Column("purpose", sa.String(100), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("evidence", sa.String(300), nullable=False),
        sa.Column("valid_from", UtcDateTime, nullable=False),
        sa.Column("valid_to", UtcDateTime),
        sa.Column("withdrawn_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_customer_id_issuer_client_id", "grants", ["customer_id", "issuer", "client_id"])
    _create_trail()


def _create_trail() -> None:
    op.create_table(
        "trail",
        sa.Column("writer", UUID_TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("mac", HASH, nullable=False),
        sa.PrimaryKeyConstraint("writer", "seq", name="pk_trail"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trail_customers",
        sa.Column("customer_id", UUID_TEXT, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("writer", UUID_TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "at", "writer", "seq", name="pk_trail_customers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trail_customers_writer_seq", "trail_customers", ["writer", "seq"])
    op.create_table(
        "trail_heads",
        sa.Column("writer", UUID_TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("seal", HASH, nullable=False),
        sa.PrimaryKeyConstraint("writer", name="pk_trail_heads"),
        sqlite_with_rowid=False,
    )
