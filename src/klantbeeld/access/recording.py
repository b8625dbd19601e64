"""Recording: what the engine read or wrote, handed to the trail."""

from klantbeeld.access.trail import Trail
from klantbeeld.access.trail_chain import Entry
from klantbeeld.writes.rows import OperationView


class Recording:
    """The engine's trail; lives as long as the app."""

    def __init__(self, trail: Trail) -> None:
        self.check = trail.check
        self.read = trail.note
        self._trail = trail

    def settled(self, view: OperationView, *, by: str = "worker") -> None:
        """Record what nobody's request did: the worker carried on what a process left, or an operator settled it.

        Raises Overloaded with TRAIL_UNAVAILABLE.
        """
        operation = view.operation
        self._trail.record(
            Entry(
                at=self._trail.now(),
                act="WRITE",
                issuer="klantbeeld",
                subject=by,
                caller_class="gateway",
                customers=() if operation.customer_id is None else (operation.customer_id,),
                fields=(f"Mutation.{operation.mutation}",),
                sources=tuple(sorted({step.source for step in view.steps if step.source and step.attempts})),
                outcome=operation.state,
                operation=operation.id,
                channel=operation.channel,
            )
        )
