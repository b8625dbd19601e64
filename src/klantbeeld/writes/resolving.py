"""Resolving: a person has looked in the owner's system, and says what became of a step."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from klantbeeld.errors import Overloaded, RequestError
from klantbeeld.settings import WriteSettings
from klantbeeld.writes.held import Clock, Held, Terms
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.leases import lease_of
from klantbeeld.writes.outcomes import Verdict
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.states import OperationState, StepState
from klantbeeld.writes.telling import tell_nobody

RETRY_AFTER = 1  # seconds


def settled_by_hand(view: OperationView, seq: int, *, applied: bool) -> tuple[StepRow, Verdict]:
    """Return the step of an operation in doubt, and what a person says of it; raises RequestError for another."""
    step = next((one for one in view.steps if one.seq == seq and one.is_call), None)
    if step is None or view.operation.state is not OperationState.UNKNOWN:
        raise RequestError("the operation is not in doubt, or has no such step", code="OPERATION_NOT_PARKED")
    state = StepState.APPLIED if applied else StepState.NOT_APPLIED
    return step, Verdict(state, record_id=step.record_id, version=step.version, code="RESOLVED_BY_HAND")


async def resolve_step(
    journal: Journal,
    operation_id: str,
    seq: int,
    *,
    applied: bool,
    holder: str,
    now: Callable[[], datetime],
    settings: WriteSettings,
) -> OperationView:
    """Settle a step, and leave what is still to be done to the worker of a gateway.

    Raises RequestError with OPERATION_UNKNOWN or OPERATION_NOT_PARKED, Overloaded while somebody works on it, and
    StoreError.
    """
    before = await journal.find(operation_id)
    if before is None:
        raise RequestError("there is no such operation", code="OPERATION_UNKNOWN")
    step, verdict = settled_by_hand(before, seq, applied=applied)
    taken = await journal.take(operation_id, lease_of(holder, now(), settings.lease))
    if taken is None:
        raise Overloaded("somebody works on it", retry_after=RETRY_AFTER, code="OPERATION_IN_PROGRESS", status=409)
    loop = asyncio.get_running_loop().time
    held = Held(
        taken,
        None,
        journal=journal,
        changed=tell_nobody,
        clock=Clock(now, loop),
        terms=terms_of(settings),
        until=loop() + settings.lease,
    )
    await held.conclude(taken.step(step.seq), verdict)
    if not held.is_rested():
        await held.put_down()
    return held.view


def terms_of(settings: WriteSettings) -> Terms:
    """Give how long things last, in seconds."""
    return Terms(lease=settings.lease, keep_input=settings.keep_input_days * 86_400, again=settings.reconcile_every)
