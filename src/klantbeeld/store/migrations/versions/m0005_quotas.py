"""What replicas used of the quotas of sources, the pauses that sources asked for, and which replicas are up."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quota_days",
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name="pk_quota_days"),
    )
    op.create_table(
        "quota_pauses",
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_quota_pauses"),
    )
    op.create_table(
        "replicas",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_replicas"),
    )
