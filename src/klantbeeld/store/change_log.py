"""The log of changes: what replicas tell each other, in one order that all of them see.

A notice says that something of a customer changed in a source, and nothing of what: its subjects are keyed hashes. Each
gets the next number, without gaps, and whoever reads the log up to a number has seen everything before it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from klantbeeld.store.transactions import Unit

# Notices that are read at a time.
GROUP = 500


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something changed in `source`, for the customers behind `subjects`; for whoever it has, where there are none.

    `subjects` are keyed hashes under the key that `key` names. `kinds` are capabilities of roles, none if that is not
    known; `how` is the way it became known, `channel` the one through which a write of ours came.
    """

    source: str
    key: bytes
    at: datetime
    how: str
    subjects: tuple[bytes, ...] = ()
    kinds: tuple[str, ...] = ()
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: its newest number, and a word that no other log has."""

    epoch: bytes
    newest: int


class ChangeLog(Protocol):
    """One log that all replicas share; every method raises StoreError when it cannot be reached."""

    async def append(self, notice: Notice) -> int:
        """Add a notice; its number is larger than that of every notice whose `append` ended before."""
        ...

    def appending(self, notice: Notice) -> Unit[int] | None:
        """Give the unit that adds a notice, for a transaction of somebody else's over the store, at its end.

        None for a log that is not in the store.
        """
        ...

    async def after(self, number: int) -> Sequence[tuple[int, Notice]]:
        """Read what follows a number, in order, at most GROUP; what is older than the log keeps is not there."""
        ...

    async def head(self) -> Head:
        """Tell where the log stands now."""
        ...

    async def wait(self, number: int) -> None:
        """Wait until there may be something after a number."""
        ...

    async def aclose(self) -> None:
        """Let go of what waiting needed."""
        ...


def written(notice: Notice) -> bytes:
    """Write a notice as it is kept."""
    return msgspec.msgpack.encode(notice)


def read(raw: bytes) -> Notice:
    """Read a notice that was kept."""
    return msgspec.msgpack.decode(raw, type=Notice)


@dataclass(slots=True)
class MemoryChangeLog:
    """A log for replicas of one process, such as those of a test; keeps everything."""

    notices: list[Notice] = field(default_factory=list)
    _grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def append(self, notice: Notice) -> int:
        """Add a notice."""
        async with self._grown:
            self.notices.append(notice)
            self._grown.notify_all()
            return len(self.notices)

    def appending(self, notice: Notice) -> None:
        """Give nothing: the list is in no store."""

    async def after(self, number: int) -> Sequence[tuple[int, Notice]]:
        """Read what follows a number."""
        return list(enumerate(self.notices[number : number + GROUP], number + 1))

    async def head(self) -> Head:
        """Tell where the log stands."""
        return Head(b"memory", len(self.notices))

    async def wait(self, number: int) -> None:
        """Wait until there is something after a number."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.notices) > number)

    async def aclose(self) -> None:
        """Do nothing: the list ends with the process."""
