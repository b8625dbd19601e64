"""The tables of the cross-reference map."""

from sqlalchemy import JSON, Column, Double, ForeignKey, Index, Integer, String, Table

from klantbeeld.store.columns import HASH, ROW_ID, UUID_TEXT, UtcDateTime, metadata

customers = Table(
    "customers",
    metadata,
    Column("id", UUID_TEXT, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("merged_into", UUID_TEXT, ForeignKey("customers.id")),  # set for ever once merged
    sqlite_with_rowid=False,
)
Index(
    None,
    customers.c.merged_into,
    sqlite_where=customers.c.merged_into.is_not(None),
    postgresql_where=customers.c.merged_into.is_not(None),
)

links = Table(
    "links",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("source", String(300), nullable=False),
    Column("record_id", String(300), nullable=False),
    Column("customer_id", UUID_TEXT, ForeignKey("customers.id"), nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_to", UtcDateTime),  # null while the link holds
    Column("origin", String(40), nullable=False),
    Column("score", Double),
    Column("evidence", JSON, nullable=False),  # a list of codes, never values
    Column("decided_by", String(200), nullable=False),
)
Index(
    None,
    links.c.source,
    links.c.record_id,
    unique=True,
    sqlite_where=links.c.valid_to.is_(None),
    postgresql_where=links.c.valid_to.is_(None),
)
Index(
    None,
    links.c.customer_id,
    links.c.source,
    links.c.record_id,
    sqlite_where=links.c.valid_to.is_(None),
    postgresql_where=links.c.valid_to.is_(None),
)

match_keys = Table(
    "match_keys",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("key_hash", HASH, primary_key=True),
    Column("key_version", Integer, nullable=False),
    Column("customer_id", UUID_TEXT, ForeignKey("customers.id"), nullable=False, index=True),
    Column("source", String(300), primary_key=True),  # the record that has the key
    Column("record_id", String(300), primary_key=True),
    Index(None, "source", "record_id"),
    sqlite_with_rowid=False,
)
