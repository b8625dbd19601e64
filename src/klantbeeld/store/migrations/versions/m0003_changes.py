"""The log of changes, through which replicas hear of each other's writes."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "change_logs",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("epoch", sa.LargeBinary(8), nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_logs"),
    )
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("notice", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_changes"),
        sqlite_with_rowid=False,
    )
