"""The tables of this room: what customers granted to partners, and the audit trail."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text

from klantbeeld.store.columns import HASH, UUID_TEXT, UtcDateTime, metadata

grants = Table(
    "grants",
    metadata,
    Column("id", UUID_TEXT, primary_key=True),
    Column("issuer", String(300), nullable=False),
    Column("client_id", String(300), nullable=False),
    Column("customer_id", UUID_TEXT, nullable=False),
    Column("purpose", String(100), nullable=False),
    Column("scopes", Text, nullable=False),  # words with a space between
    Column("fields", Text, nullable=False),  # coordinates with a space between; empty: all of the scopes
    Column("evidence", String(300), nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_to", UtcDateTime),
    Column("withdrawn_at", UtcDateTime),
    Index("ix_grants_customer_id_issuer_client_id", "customer_id", "issuer", "client_id"),
)

trail = Table(
    "trail",
    metadata,
    Column("writer", UUID_TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    Column("mac", HASH, nullable=False),
    sqlite_with_rowid=False,
)

trail_customers = Table(
    "trail_customers",
    metadata,
    Column("customer_id", UUID_TEXT, primary_key=True),
    Column("at", UtcDateTime, primary_key=True),
    Column("writer", UUID_TEXT, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_trail_customers_writer_seq", "writer", "seq"),
    sqlite_with_rowid=False,
)

trail_heads = Table(
    "trail_heads",
    metadata,
    Column("writer", UUID_TEXT, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("seal", HASH, nullable=False),
    sqlite_with_rowid=False,
)
