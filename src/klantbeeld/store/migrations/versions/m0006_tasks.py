"""Tasks: what people are asked to decide about operations that wait for them."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tasks",
        sa.Column("id", UUID_TEXT, nullable=False),
        sa.Column("operation_id", UUID_TEXT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("title_nl", sa.String(200), nullable=False),
        sa.Column("title_en", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(100), nullable=False),
        sa.Column("escalates_to", sa.String(100)),
        sa.Column("customer_id", UUID_TEXT),
        sa.Column("starter", HASH, nullable=False),
        sa.Column("awaited", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("escalates_at", UtcDateTime),
        sa.Column("escalated_at", UtcDateTime),
        sa.Column("handed_at", UtcDateTime),
        sa.Column("claimed_by", HASH),
        sa.Column("claimed_at", UtcDateTime),
        sa.Column("outcome", sa.String(10)),
        sa.Column("completed_by", HASH),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    op.create_index("uq_tasks_operation_id", "tasks", ["operation_id", "seq"], unique=True)
    op.create_index("ix_tasks_scope", "tasks", ["scope", "state", "id"])
