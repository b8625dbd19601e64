"""Turns what the databases' libraries raise into StoreError, whose text never holds a value."""

import sqlite3
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from klantbeeld.errors import StoreError


class AsStoreError:
    """Raises StoreError for a foreign exception of the block, which does nothing but use the store.

    `doing` completes "the store failed while …". The drivers' own exceptions are known by their module's name,
    so that nobody needs asyncpg without PostgreSQL, or redis without Redis.
    """

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block."""
        if error is not None and is_foreign(error):
            raise StoreError(f"the store failed while {self._doing} ({type(error).__name__})") from error


def is_foreign(error: BaseException) -> bool:
    """Tell whether a database, its driver or the way to it raised this."""
    if isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError)):  # TimeoutError is an OSError
        return True
    return type(error).__module__.partition(".")[0] in {"asyncpg", "redis"}
