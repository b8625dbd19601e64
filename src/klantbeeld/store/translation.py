"""Turns what the databases' libraries raise into StoreError, whose text never holds a value."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from klantbeeld.errors import StoreError


@contextmanager
def as_store_error(doing: str) -> Iterator[None]:
    """Raise StoreError for a foreign exception of the block, which does nothing but use the store.

    `doing` completes "the store failed while …". The drivers' own exceptions are known by their module's name,
    so that nobody needs asyncpg without PostgreSQL, or redis without Redis.
    """
    try:
        yield
    except Exception as error:
        if not is_foreign(error):
            raise
        raise StoreError(f"the store failed while {doing} ({type(error).__name__})") from error


def is_foreign(error: Exception) -> bool:
    """Tell whether a database, its driver or the way to it raised this."""
    if isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError)):  # TimeoutError is an OSError
        return True
    return type(error).__module__.partition(".")[0] in {"asyncpg", "redis"}
