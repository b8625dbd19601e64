"""Work over several systems: orders made in a caller's name, and the caller's desk with the tasks that are theirs."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from klantbeeld.errors import Forbidden, Overloaded, RequestError
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import Order
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.sagas.opening import Sagas
from klantbeeld.writes.sagas.planning import APPROVE, ENGAGE, EVENT, POLICIES, Wanted
from klantbeeld.writes.sagas.registering import REGISTER, NewCustomer, plan_registration
from klantbeeld.writes.sagas.tasks import Decision, Task, TaskState
from klantbeeld.writes.states import StepState
from klantbeeld.writes.writer import Writer

CODES = {APPROVE: "APPROVAL_REFUSED", ENGAGE: "ENGINE_REFUSED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What sagas and desks are made over; lives as long as the app. `owners` names those of acts, by act."""

    sagas: Sagas
    writer: Writer
    sources: Mapping[str, Source]
    owners: Mapping[str, str]
    now: Callable[[], datetime]

    def saga(self, wanted: Wanted, *, asked: Mapping[str, Any], caller: str, key: str | None) -> Order:
        """Make the order of a saga, asked so; raises Unanswered where a needed step has no owner."""
        customer_id = wanted.customer.customer_id
        return Order(
            mutation=wanted.saga.name,
            customer_id=customer_id,
            channel=wanted.channel,
            caller=caller,
            key=key,
            asked={"customer": customer_id, "asked": asked, "channel": wanted.channel},
            steps=self.sagas.planner.plan(wanted),
            policy=POLICIES[wanted.saga.recovery],
        )

    def registration(
        self, new: NewCustomer, *, channel: Channel, caller: str, key: str | None, subject: tuple[str, str] | None
    ) -> Order:
        """Make the order of a registration; raises Unanswered where no system can make customers."""
        return Order(
            mutation=REGISTER,
            customer_id=None,
            channel=channel,
            caller=caller,
            key=key,
            asked={"values": dict(new.values), "is_new": new.described.is_new, "channel": channel},
            steps=plan_registration(new, channel=channel, sources=self.sources, declared=self.owners, subject=subject),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallersDesk:
    """Lives as long as one operation."""

    work: Work
    caller: Any
    context: CallContext

    async def listed(self, states: Sequence[TaskState], *, first: int, skip: int) -> list[Task]:
        """List tasks that the caller may decide, the oldest first."""
        scopes = self.caller.rights.scopes & self.caller.rights.served
        return await self.work.sagas.tasks.listed(scopes, states=states, first=first, skip=skip)

    async def claim(self, task_id: str) -> tuple[Task, OperationView]:
        """Claim a task; raises RequestError."""
        task = await self.work.sagas.tasks.claim(await self._mine(task_id), self._person, self.work.now())
        return task, await self._operation(task.operation_id)

    async def complete(self, task_id: str, decision: Decision) -> tuple[Task, OperationView]:
        """Decide a task and carry its operation on; raises RequestError.

        The decision is durable before the operation goes on: where this process dies in between, another goes on.
        """
        found = await self._mine(task_id)
        done = await self.work.sagas.tasks.complete(found, decision, self._person, self.work.now())
        view = await self._operation(done.operation_id)
        step = view.step(done.seq)
        applied = decision is Decision.APPROVED
        code = None if applied else CODES.get(step.kind)
        if step.state is not StepState.WAITING:
            return done, view
        try:
            return done, await self.work.writer.signal(
                view.operation.id, done.seq, self.context, applied=applied, code=code
            )
        except Overloaded:  # somebody goes on with it already, and finds the decision
            return done, view

    async def signal(self, operation_id: str, event: str) -> OperationView:
        """Tell an operation that an event came; raises RequestError where it waits for none of that name."""
        view = await self.work.writer.view(operation_id) if CANONICAL.fullmatch(operation_id) else None
        for step in view.steps if view else ():
            if (step.kind, step.act, step.state) == (EVENT, event, StepState.WAITING):
                return await self.work.writer.signal(operation_id, step.seq, self.context, applied=True)
        raise RequestError("no such operation waits for that", code="OPERATION_NOT_WAITING", status=409)

    def is_own(self, person: bytes | None) -> bool:
        """Say whether a kept hash is the caller's."""
        return person is not None and hmac.compare_digest(person, self._person)

    @property
    def _person(self) -> bytes:
        return self.work.sagas.persons.of(self.caller.issuer, self.caller.subject)

    async def _mine(self, task_id: str) -> Task:
        """Find a task that the caller may decide; one that is not theirs is not there."""
        found = await self.work.sagas.tasks.find(task_id) if CANONICAL.fullmatch(task_id) else None
        scopes = self.caller.rights.scopes & self.caller.rights.served
        if found is None or found.scope not in scopes:
            raise Forbidden("no such task, or not yours to decide", code="TASK_UNKNOWN")
        return found

    async def _operation(self, operation_id: str) -> OperationView:
        view = await self.work.writer.view(operation_id)
        if view is None:
            raise RequestError("there is no such operation", code="OPERATION_UNKNOWN", status=404)
        return view
