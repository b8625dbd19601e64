"""The tables of this room: operations, their steps, and events that are still to be delivered."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, text

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime, metadata

operations = Table(
    "operations",
    metadata,
    Column("id", UUID_TEXT, primary_key=True),
    Column("scope_key", HASH),  # of caller, mutation and key; none where the caller gave no key
    Column("fingerprint", HASH, nullable=False),  # of the input, keyed
    Column("caller", HASH, nullable=False),  # of who asked, keyed
    Column("mutation", String(100), nullable=False),
    Column("customer_id", UUID_TEXT),
    Column("channel", String(20), nullable=False),
    Column("policy", String(10), nullable=False),
    Column("state", String(20), nullable=False),
    Column("resumable", Boolean, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("wake_at", UtcDateTime),  # when the worker looks at it; never, where it is over
    Column("holder", UUID_TEXT, nullable=False),
    Column("token", BigInteger, nullable=False),  # grows with each change of hands
    Column("leased_until", UtcDateTime, nullable=False),
    Column("sealed_key", LargeBinary),  # without it the input cannot be read any more
    Index("uq_operations_scope_key", "scope_key", unique=True),
    Index("ix_operations_wake_at", "wake_at"),
    Index("ix_operations_expires_at", "expires_at"),
    Index("ix_operations_parked", "id", sqlite_where=text("parked"), postgresql_where=text("parked")),
)

steps = Table(
    "steps",
    metadata,
    Column("operation_id", UUID_TEXT, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("act", String(100), nullable=False),
    Column("source", String(64)),
    Column("role", String(64)),
    Column("state", String(20), nullable=False),
    Column("optional", Boolean, nullable=False),
    Column("compensates", Integer),
    Column("prepare", String(100)),
    Column("step_key", String(64), nullable=False),
    Column("lock_key", HASH),  # of the record, while this step alone may change it
    Column("attempts", Integer, nullable=False),
    Column("first_sent_at", UtcDateTime),
    Column("last_sent_at", UtcDateTime),  # of the last sending whose answer is not known
    Column("expected", Text),
    Column("passing", Boolean, nullable=False),  # not applied by what may be over at the next try
    Column("code", String(64)),
    Column("reason", String(200)),
    Column("record_id", Text),
    Column("version", Text),
    Column("sealed", LargeBinary),
    Index("uq_steps_lock_key", "lock_key", unique=True),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", UUID_TEXT, primary_key=True),
    Column("operation_id", UUID_TEXT, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("event", Text, nullable=False),  # a CloudEvent as JSON: ids and names of fields, no values
    Index("ix_outbox_next_at", "next_at"),
)
