"""Patience: how long a connection waits for its client, whatever it waits for."""

from dataclasses import dataclass
from typing import Final, Literal

# What a connection is stuck in, and how far it has got: the more the further.
Stage = tuple[Literal["head", "answer", "refused"], int]


@dataclass(frozen=True, slots=True)
class Patience:
    """Times, in seconds."""

    receive: float = 10.0
    """For the head of a request to come."""
    read: float = 60.0
    """For a client that takes nothing of what is sent to it."""
    linger: float = 2.0
    """For a client to read the last that it is told, before its connection is closed."""


USUAL: Final = Patience()

LEAVING: Final = Patience(receive=1.0, read=5.0, linger=0.0)
"""While the process stops."""


class Stuck:
    """For how long one connection has been stuck; lives as long as it."""

    __slots__ = ("_since", "_stage")

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._since = 0.0

    def at(self, stage: Stage | None, now: float) -> float:
        """Give the seconds for which it has got no further than this stage; None is a stage that may last."""
        before, self._stage = self._stage, stage
        if stage is None or before is None or stage[0] != before[0] or stage[1] > before[1]:
            self._since = now
        return now - self._since
