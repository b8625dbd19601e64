"""Recording: what the engine read or wrote, as entries of the trail."""

from klantbeeld.access.rights import Caller
from klantbeeld.access.trail import Entry, Trail
from klantbeeld.engine.ports import Reading


class Recording:
    """The engine's trail; lives as long as the app."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail

    def check(self) -> None:
        """Make sure that it can be recorded; raises Overloaded with TRAIL_UNAVAILABLE."""
        self._trail.check()

    def read(self, caller: Caller, reading: Reading) -> None:
        """Record a reading; raises Overloaded with TRAIL_UNAVAILABLE."""
        self._trail.record(
            Entry(
                at=self._trail.now(),
                act="WRITE" if reading.writes else "READ",
                issuer=caller.issuer,
                subject=caller.subject,
                client_id=caller.client_id,
                caller_class=caller.caller_class,
                purpose=caller.rights.purpose,
                customers=reading.customers,
                fields=reading.fields,
                sources=reading.sources,
                outcome=reading.outcome,
                operation=reading.operation,
                document=reading.document,
                channel=reading.channel,
            )
        )
