"""Steps that an external workflow engine decides (Camunda, Flowable): handed over by a signed HTTP call.

The call carries a correlation id, which is that of a task. The engine answers with its decision, or with 202 and
decides later, by `completeTask` with a token of its own. What it is told are ids and names, no values.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec

from klantbeeld.settings_saga import WorkflowEngine
from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.sagas.payloads import Engaged, opened
from klantbeeld.writes.sagas.tasks import Decision, Task, Tasks, TaskState

SIGNATURE = "klantbeeld-signature"
REFUSED = "ENGINE_REFUSED"  # the code of a step against which an engine decided
TOO_LATE = "ENGINE_TOO_LATE"  # the code of a step that an engine did not decide in time
OK, ACCEPTED = 200, 202


class Handed(msgspec.Struct, frozen=True, rename="camel"):
    """What an engine is told."""

    correlation_id: str
    process: str
    operation_id: str
    mutation: str
    customer_id: str | None
    channel: str
    decide_by: datetime


class Answered(msgspec.Struct, frozen=True):
    """What an engine answers at once."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine of the settings, with the key that its calls are signed with."""

    settings: WorkflowEngine
    secret: bytes


class Engines:
    """The handler of steps that engines decide; lives as long as the app."""

    def __init__(
        self,
        tasks: Tasks,
        engines: Mapping[str, Engine],
        client: httpx.AsyncClient,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._tasks = tasks
        self._engines = engines
        self._client = client
        self._now = now
        self._new_id = new_id

    async def take(self, operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Hand a step over once it is there, or see what was decided."""
        asked = opened(payload, Engaged)
        engine = self._engines[asked.engine]
        task = await self._tasks.ensure(self._task(operation, step, engine.settings))
        if task.state is TaskState.DONE:
            return _decided(task.outcome)
        if task.due_at <= self._now():
            return Done(applied=False, code=TOO_LATE)
        if task.handed_at is not None:
            return Waiting(wake_at=task.due_at)
        return await self._hand_over(engine, asked.process, operation, task)

    async def _hand_over(self, engine: Engine, process: str, operation: OperationRow, task: Task) -> Done | Waiting:
        body = msgspec.json.encode(
            Handed(
                correlation_id=task.id,
                process=process,
                operation_id=operation.id,
                mutation=operation.mutation,
                customer_id=operation.customer_id,
                channel=operation.channel,
                decide_by=task.due_at,
            )
        )
        headers = {
            "content-type": "application/json",
            "idempotency-key": task.id,
            SIGNATURE: signature(engine.secret, body, at=self._now()),
        }
        again = Waiting(wake_at=min(task.due_at, self._now() + timedelta(seconds=engine.settings.retry_every)))
        try:
            reply = await self._client.post(
                engine.settings.url, content=body, headers=headers, timeout=engine.settings.timeout
            )
        except httpx.HTTPError:
            return again
        if reply.status_code == ACCEPTED:
            await self._tasks.hand_over(task, self._now())
            return Waiting(wake_at=task.due_at)
        if reply.status_code != OK:
            return again
        try:
            return _decided(msgspec.json.decode(reply.content, type=Answered).decision)
        except msgspec.DecodeError:
            return again

    def _task(self, operation: OperationRow, step: StepRow, engine: WorkflowEngine) -> Task:
        now = self._now()
        return Task(
            id=self._new_id(),
            operation_id=operation.id,
            seq=step.seq,
            title_nl=step.act,
            title_en=step.act,
            scope=engine.scope,
            customer_id=operation.customer_id,
            starter=operation.caller,
            created_at=now,
            due_at=now + timedelta(seconds=engine.decides_within),
        )


def signature(secret: bytes, body: bytes, *, at: datetime) -> str:
    """Sign a body: `t` is the time in seconds since 1970, `v1` the HMAC-SHA-256 of time, a dot and body, in hex."""
    moment = str(int(at.timestamp()))
    return f"t={moment},v1={hmac.digest(secret, moment.encode() + b'.' + body, 'sha256').hex()}"


def _decided(decision: Decision | None) -> Done:
    approved = decision is Decision.APPROVED
    return Done(applied=approved, code=None if approved else REFUSED)
