"""The points at which a gateway is killed or stopped, and the memory through which the driver says so.

Each replica shares a few bytes with the driver: which point is armed, how many times it is still to be passed, what
then happens, and what has happened. Passing a point costs a look at them, so all points are always there.
"""

import mmap
import os
import signal
import struct
import time
from enum import IntEnum
from pathlib import Path


class Point(IntEnum):
    """Where a gateway is, in the order of a write; the number is what is shared."""

    BEFORE_THE_JOURNAL = 1
    INTENT_DURABLE = 2
    CONNECTING = 3
    PART_SENT = 4
    SENT = 5
    EXECUTED_ANSWER_LOST = 6
    ANSWERED_NOT_JOURNALED = 7
    BETWEEN_STEPS = 8
    CACHE_NOT_EVICTED = 9
    AUDIT_NOT_WRITTEN = 10
    ANSWER_HALF_SENT = 11
    IN_COMPENSATION = 12
    IN_RECOVERY = 13

    @property
    def words(self) -> str:
        """The name in words."""
        return self.name.lower().replace("_", " ")


class Act(IntEnum):
    """What happens at an armed point."""

    KILL = 1
    STOP = 2


_ARMED = struct.Struct("=III")  # point, passages left, act
_HIT = struct.Struct("=Id")  # point, monotonic time
_HIT_AT = _ARMED.size + 4
_COUNTS_AT = 64
_COUNT = struct.Struct("=I")
SIZE = _COUNTS_AT + _COUNT.size * (max(Point) + 1)


class Armed:
    """The shared bytes of one replica; the driver arms, the replica passes."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(SIZE))
        descriptor = os.open(file, os.O_RDWR)
        self._shared = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)

    def arm(self, point: Point, *, passages: int = 1, act: Act = Act.KILL) -> None:
        """Let the act happen when the point is passed for the n-th time from now."""
        self.disarm()
        _ARMED.pack_into(self._shared, 0, point, passages, act)

    def disarm(self) -> None:
        """Let nothing happen any more, and forget what did."""
        _HIT.pack_into(self._shared, _HIT_AT, 0, 0.0)
        _ARMED.pack_into(self._shared, 0, 0, 0, 0)

    def hit(self) -> tuple[Point, float] | None:
        """Tell which point the act happened at since it was armed, and when."""
        point, at = _HIT.unpack_from(self._shared, _HIT_AT)
        return (Point(point), at) if point else None

    def passed(self, point: Point) -> int:
        """Tell how often a point was passed."""
        count: int = _COUNT.unpack_from(self._shared, _COUNTS_AT + _COUNT.size * point)[0]
        return count

    def is_armed(self, point: Point) -> bool:
        """Tell whether this point is the one that is armed."""
        armed: int = _ARMED.unpack_from(self._shared, 0)[0]
        return armed == point

    def is_due(self, *points: Point) -> bool:
        """Tell whether the next passage of one of the points is the one that is armed."""
        point, passages, _ = _ARMED.unpack_from(self._shared, 0)
        return passages == 1 and point in points

    def reach(self, point: Point) -> None:
        """Pass a point; if it is the one that is armed, this process ends or stops here."""
        place = _COUNTS_AT + _COUNT.size * point
        _COUNT.pack_into(self._shared, place, self.passed(point) + 1)
        armed, passages, act = _ARMED.unpack_from(self._shared, 0)
        if armed != point:
            return
        if passages > 1:
            _ARMED.pack_into(self._shared, 0, armed, passages - 1, act)
            return
        self.disarm()
        _HIT.pack_into(self._shared, _HIT_AT, point, time.monotonic())
        os.kill(os.getpid(), signal.SIGKILL if act == Act.KILL else signal.SIGSTOP)
