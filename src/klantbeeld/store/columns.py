"""What all tables share: one MetaData, and column types that mean the same in SQLite and PostgreSQL.

A table is declared beside the code that owns it, on this `metadata`; the migrations know all of them.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import CHAR, BigInteger, Integer, LargeBinary, MetaData, String, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UUID_TEXT = Uuid(as_uuid=False).with_variant(CHAR(36), "sqlite")
"""A UUID, in Python always its canonical lower-case text; SQLite keeps that text, PostgreSQL its own uuid."""

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite only does so for INTEGER."""

HASH = LargeBinary(32)
"""An HMAC-SHA-256."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; SQLite keeps ISO 8601 text of one width, so it sorts by time."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        kind = String(32) if dialect.name == "sqlite" else TIMESTAMP(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a moment, whatever its zone."""
        if value is None or dialect.name != "sqlite":
            return value
        return utc_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Read a moment in UTC."""
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if dialect.name == "sqlite" else value
        return moment.astimezone(UTC)


def json_text(value: object) -> str:
    """Write what a JSON column keeps."""
    return msgspec.json.encode(value).decode()


@lru_cache(maxsize=64)  # the rows of a batch have one moment
def utc_text(moment: datetime) -> str:
    """Write a moment as SQLite keeps it: `2026-11-23T08:30:00.000000+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
