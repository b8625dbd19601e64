"""The context of calls: what a call to a source carries of the request that it is made for."""

from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct

from klantbeeld.telemetry.spans import Span


class Priority(IntEnum):
    """Who goes first where not everybody can: a smaller number does."""

    AGENT = 0
    APP = 1
    PARTNER = 2
    BACKGROUND = 3


class CallContext(Struct, frozen=True):
    """One for a request, shared by all its calls.

    `deadline` is in the running loop's time: no call starts after it, and none lasts longer. `rights` is the
    fingerprint of the caller's rights and purpose: answers are shared only where it is the same. With `fresh` nothing
    that was read before is good enough. `token` is the caller's own access token, where some source is asked on the
    caller's behalf; it is shown nowhere. `ageing` gathers how old the answer is, where anything may be kept at all.
    `span` is the one that calls are parts of, None where the request is not traced.
    """

    deadline: float
    priority: Priority = Priority.BACKGROUND
    rights: str = ""
    fresh: bool = False
    token: str | None = None
    ageing: "Ageing | None" = None
    span: Span | None = None

    def __repr__(self) -> str:
        """Show when and how, and neither whose nor the token."""
        return f"{type(self).__name__}(deadline={self.deadline}, priority={self.priority.name}, fresh={self.fresh})"


@dataclass(slots=True)
class Ageing:
    """The strictest of what went into an answer; lives as long as its request.

    `age` is that of the oldest value, `left` the shortest time for which one of them may still be served, in seconds;
    None when one of them may not be kept, or nothing of a source went in.
    """

    age: float = 0.0
    left: float | None = None
    _is_forbidden: bool = False

    def note(self, age: float, left: float) -> None:
        """Take in a value of some age, that may be served for so long."""
        if self._is_forbidden:
            return
        self.age = max(self.age, age)
        self.left = left if self.left is None else min(self.left, left)

    def forbid(self) -> None:
        """Take in something that nobody may keep."""
        self._is_forbidden, self.left = True, None
