"""The context of calls: what a call to a source carries of the request that it is made for."""

from dataclasses import dataclass, field
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first where not everybody can: a smaller number does."""

    AGENT = 0
    APP = 1
    PARTNER = 2
    BACKGROUND = 3


@dataclass(frozen=True, slots=True)
class CallContext:
    """One for a request, shared by all its calls.

    `deadline` is in the running loop's time: no call starts after it, and none lasts longer. `rights` is the
    fingerprint of the caller's rights and purpose: answers are shared only where it is the same. With `fresh` nothing
    that was read before is good enough. `token` is the caller's own access token, where some source is asked on the
    caller's behalf; it is shown nowhere.
    """

    deadline: float
    priority: Priority = Priority.BACKGROUND
    rights: str = ""
    fresh: bool = False
    token: str | None = field(default=None, repr=False)
