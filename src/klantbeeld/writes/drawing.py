"""Drawing: from an order to the rows that the journal keeps, with every input sealed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from msgspec import structs

from klantbeeld.errors import StoreError
from klantbeeld.writes.held import Held, encoded
from klantbeeld.writes.keys import Keys
from klantbeeld.writes.leases import Lease
from klantbeeld.writes.planning import Order, PlannedStep
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.sealing import Key, Sealer
from klantbeeld.writes.states import StepState


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws operations; lives as long as the app. `keep` is how long what came of one is kept, in seconds."""

    keys: Keys
    sealer: Sealer
    new_id: Callable[[], str]
    keep: float

    def scopes(self, order: Order) -> list[bytes]:
        """Return the hashes under which an order's key may be kept, the present one first; none without a key."""
        return [] if order.key is None else self.keys.scopes(order.caller, order.mutation, order.key)

    def operation(self, order: Order, lease: Lease) -> tuple[OperationView, Key]:
        """Draw a new operation, held by whoever draws it."""
        operation_id = self.new_id()
        key, kept = self.sealer.new_key(operation_id)
        scopes = self.scopes(order)
        fingerprint = self.keys.fingerprint(order.asked)
        operation = OperationRow(
            id=operation_id,
            scope_key=scopes[0] if scopes else None,
            fingerprint=fingerprint,
            caller=self.keys.caller(order.caller),
            mutation=order.mutation,
            customer_id=order.customer_id,
            channel=order.channel.value,
            policy=order.policy,
            created_at=lease.now,
            updated_at=lease.now,
            expires_at=lease.now + timedelta(seconds=self.keep),
            wake_at=lease.until,
            holder=lease.holder,
            leased_until=lease.until,
            sealed_key=kept,
        )
        # The same request after a loss of the journal has the same step keys, so that owners know them again.
        root = f"{scopes[0].hex()}/{fingerprint.hex()}" if scopes else operation_id
        steps = tuple(self._step(operation_id, root, seq, one, key) for seq, one in enumerate(order.steps))
        return OperationView(operation, steps), key

    def undo(self, held: Held, step: StepRow, planned: PlannedStep) -> StepRow:
        """Draw the step that undoes another, which became known when that was prepared.

        One that was drawn when it was prepared before is replaced: it puts back what is not there any more.
        """
        if held.key is None:
            raise StoreError("the input of the operation is not kept any more")
        drawn = [one.seq for one in held.view.steps if one.compensates == step.seq]
        seq = max(drawn) if drawn else 1 + max(one.seq for one in held.view.steps)
        return self._step(held.id, held.id, seq, structs.replace(planned, compensates=step.seq), held.key)

    def redrawn(self, held: Held, view: OperationView, order: Order) -> OperationView:
        """Seal the input anew for an operation of which nothing was done, and that is asked again."""
        held.key, kept = self.sealer.new_key(view.operation.id)
        steps = tuple(self._resealed(held.key, step, order) for step in view.steps)
        return OperationView(structs.replace(view.operation, sealed_key=kept), steps)

    def _resealed(self, key: Key, step: StepRow, order: Order) -> StepRow:
        planned = order.steps[step.seq] if step.seq < len(order.steps) else None
        if planned is None or (planned.source, planned.act) != (step.source, step.act):
            # It was drawn when another was prepared, and will be drawn again.
            return structs.replace(step, state=StepState.SKIPPED)
        return structs.replace(step, sealed=key.seal(encoded(planned.payload), step.seq))

    def _step(self, operation_id: str, root: str, seq: int, planned: PlannedStep, key: Key) -> StepRow:
        state = StepState.NOT_APPLIED if planned.left_out else StepState.PENDING
        return StepRow(
            operation_id=operation_id,
            seq=seq,
            kind=planned.kind,
            act=planned.act,
            source=planned.source,
            role=planned.role,
            state=state,
            optional=planned.optional or planned.left_out is not None,
            compensates=planned.compensates,
            prepare=planned.prepare,
            step_key=self.keys.step(root, seq, planned.source or "", planned.act),
            code=planned.left_out,
            sealed=None if planned.left_out else key.seal(encoded(planned.payload), seq),
        )
