"""Steps that wait: for a moment, or for an event that somebody signals."""

from collections.abc import Callable
from datetime import datetime, timedelta

from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.sagas.payloads import Expected, Until, opened

TOO_LATE = "EVENT_DID_NOT_COME"  # the code of a step whose event did not come in time


class Moments:
    """The handler of steps that wait for a moment; seconds count from when the step was first taken up."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now

    async def take(self, _operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Go on when the moment is there."""
        asked = opened(payload, Until)
        if asked.moment is None:  # taken up again: the time that was set has come
            return Done(applied=True) if step.attempts else Waiting(self._now() + timedelta(seconds=asked.seconds or 0))
        return Done(applied=True) if asked.moment <= self._now() else Waiting(asked.moment)


class Events:
    """The handler of steps that wait for an event; the event itself ends them (`Writer.signal`)."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        self._now = now

    async def take(self, _operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Wait, or give up when taken up again: the time that was set has come."""
        if step.attempts:
            return Done(applied=False, code=TOO_LATE)
        return Waiting(self._now() + timedelta(seconds=opened(payload, Expected).longest))
