"""The journal of writes: operations, their steps, and events to be delivered."""

import sqlalchemy as sa
from alembic import op

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime

revision = "0004"
down_revision = "0003"

PARKED = sa.text("parked")


def upgrade() -> None:
    """Make the tables."""
    _create_operations()
    _create_steps()
    op.create_table(
        "outbox",
        sa.Column("id", UUID_TEXT, nullable=False),
        sa.Column("operation_id", UUID_TEXT, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", UUID_TEXT, nullable=False),
        sa.Column("scope_key", HASH),
        sa.Column("fingerprint", HASH, nullable=False),
        sa.Column("caller", HASH, nullable=False),
        sa.Column("mutation", sa.String(100), nullable=False),
        sa.Column("customer_id", UUID_TEXT),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("policy", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("resumable", sa.Boolean, nullable=False),
        sa.Column("parked", sa.Boolean, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("wake_at", UtcDateTime),
        sa.Column("holder", UUID_TEXT, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("leased_until", UtcDateTime, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("uq_operations_scope_key", "operations", ["scope_key"], unique=True)
    op.create_index("ix_operations_wake_at", "operations", ["wake_at"])
    op.create_index("ix_operations_expires_at", "operations", ["expires_at"])
    op.create_index("ix_operations_parked", "operations", ["id"], sqlite_where=PARKED, postgresql_where=PARKED)


def _create_steps() -> None:
    op.create_table(
        "steps",
        sa.Column("operation_id", UUID_TEXT, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("act", sa.String(100), nullable=False),
        sa.Column("source", sa.String(64)),
        sa.Column("role", sa.String(64)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("optional", sa.Boolean, nullable=False),
        sa.Column("compensates", sa.Integer),
        sa.Column("prepare", sa.String(100)),
        sa.Column("step_key", sa.String(64), nullable=False),
        sa.Column("lock_key", HASH),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_sent_at", UtcDateTime),
        sa.Column("last_sent_at", UtcDateTime),
        sa.Column("expected", sa.Text),
        sa.Column("passing", sa.Boolean, nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("reason", sa.String(200)),
        sa.Column("record_id", sa.Text),
        sa.Column("version", sa.Text),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("operation_id", "seq", name="pk_steps"),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_steps_lock_key", "steps", ["lock_key"], unique=True)
