"""Customer ids: UUIDs of version 7 (RFC 9562, section 5.7), in text always canonical and lower-case."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from klantbeeld.errors import RequestError

Clock = Callable[[], datetime]

CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
VERSION_7 = 0x7 << 76
VARIANT = 0b10 << 62
COUNTER_BITS = 12
COUNTER_SPACE = 1 << COUNTER_BITS


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


class CustomerIds:
    """Makes ids, each greater than the one before, also within a millisecond and when the clock is set back.

    The twelve bits after the time are a counter (RFC 9562, section 6.2, method 1) that begins at random in its lower
    half; when it runs over, the time is counted on by a millisecond. `random` gives that many random bits.
    """

    def __init__(self, clock: Clock = utc_now, random: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock
        self._random = random
        self._milliseconds = -1
        self._counter = 0

    def new(self) -> str:
        """Make an id."""
        now = int(self._clock().timestamp() * 1000)
        if now > self._milliseconds:
            self._milliseconds, self._counter = now, self._random(COUNTER_BITS - 1)
        else:
            over, self._counter = divmod(self._counter + 1, COUNTER_SPACE)
            self._milliseconds += over
        bits = self._milliseconds << 80 | VERSION_7 | self._counter << 64 | VARIANT | self._random(62)
        return str(UUID(int=bits))


def parse_customer_id(text: str) -> str:
    """Give a customer id in its canonical form; whether there is such a customer is another question.

    Raises RequestError with the code ID_INVALID for what is not a UUID in its usual form.
    """
    lowered = text.lower()
    if CANONICAL.fullmatch(lowered) is None:
        raise RequestError("a customer id is a UUID, as an earlier answer gave it", code="ID_INVALID")
    return lowered
