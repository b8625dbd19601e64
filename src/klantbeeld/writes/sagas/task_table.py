"""The table of tasks: what people are asked to decide. Ids, codes and declared words; nothing of a customer's."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime, metadata

tasks = Table(
    "tasks",
    metadata,
    Column("id", UUID_TEXT, primary_key=True),
    Column("operation_id", UUID_TEXT, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("title_nl", String(200), nullable=False),
    Column("title_en", String(200), nullable=False),
    Column("scope", String(100), nullable=False),  # of those who may decide
    Column("escalates_to", String(100)),
    Column("customer_id", UUID_TEXT),
    Column("starter", HASH, nullable=False),  # who began the operation, keyed
    Column("awaited", Boolean, nullable=False),  # the operation waits for it
    Column("state", String(10), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("escalates_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("handed_at", UtcDateTime),  # when an engine took it
    Column("claimed_by", HASH),  # keyed
    Column("claimed_at", UtcDateTime),
    Column("outcome", String(10)),
    Column("completed_by", HASH),  # keyed
    Column("completed_at", UtcDateTime),
    Index("uq_tasks_operation_id", "operation_id", "seq", unique=True),
    Index("ix_tasks_scope", "scope", "state", "id"),
)
