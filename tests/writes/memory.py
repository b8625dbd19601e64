"""A journal in memory: SQLite's own, with the product's tables, run where it stands."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import create_engine

from klantbeeld.errors import StoreError
from klantbeeld.settings import WriteSettings
from klantbeeld.sources.source import loop_clock
from klantbeeld.store.sqlite import write_moments_as_text
from klantbeeld.store.transactions import Unit, drive
from klantbeeld.writes.held import Clock
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.opening import Around, make_writer
from klantbeeld.writes.tables import operations, outbox, steps
from klantbeeld.writes.writer import Writer

T = TypeVar("T")

SECRET = b"s" * 32


class MemoryTransactions:
    """Runs units at once, and counts those that it wrote.

    Fails while `is_down`, or after so many more units as `fails_after` says.
    """

    def __init__(self) -> None:
        write_moments_as_text()
        engine = create_engine("sqlite://")
        self._connection: sqlite3.Connection = sqlite3.connect(":memory:", isolation_level=None)
        with engine.connect() as connection:
            for table in (operations, steps, outbox):
                for statement in _statements(table, connection):
                    self._connection.execute(statement)
        engine.dispose()
        self.is_down = False
        self.fails_after: int | None = None
        self.written = 0

    async def run(self, unit: Unit[T], *, wait: float) -> T:
        if self.fails_after is not None:
            self.is_down = self.is_down or self.fails_after == 0
            self.fails_after -= 1
        if self.is_down:
            raise StoreError("made up")
        self._connection.execute("BEGIN")
        try:
            result = drive(self._connection, unit)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self.written += 1
        return result

    async def look(self, unit: Unit[T], *, wait: float) -> T:
        written, result = self.written, await self.run(unit, wait=wait)
        self.written = written
        return result

    def all(self, table: str) -> list[dict[str, Any]]:
        """Give every row of a table."""
        cursor = self._connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        self._connection.close()


def _statements(table: Any, connection: Any) -> list[str]:
    from sqlalchemy.schema import CreateIndex, CreateTable  # noqa: PLC0415

    dialect = connection.dialect
    made = [str(CreateTable(table).compile(dialect=dialect))]
    return made + [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]


@dataclass
class Ids:
    """Ids in their order."""

    made: int = 0

    def __call__(self) -> str:
        self.made += 1
        return f"01900000-0000-7000-8000-{self.made:012d}"


def a_writer(
    sources: Mapping[str, Any],
    *,
    now: Any,
    transactions: MemoryTransactions | None = None,
    loop: Any = loop_clock,
    **given: Any,
) -> Writer:
    """Make a writer over a journal in memory."""
    settings = given.pop("settings", WriteSettings())
    journal = given.pop("journal", None) or Journal(transactions or MemoryTransactions(), wait=1)
    around = Around(secrets=[SECRET], clock=Clock(now, loop), new_id=given.pop("new_id", None) or Ids(), **given)
    return make_writer(sources, journal, settings, around)


@dataclass
class Days:
    """A clock that stands until it is moved."""

    at: datetime
    moved: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.at
