"""Writers that the driver must find wanting: as gateways write that have no journal.

`naive` sends up to three times, without a key. `look` looks first, and sends again only what it does not find: right
until a system does late what it was sent.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import structs
from tests.faults.writes.owners.system import MARK

from klantbeeld.errors import SourceError, Unanswered
from klantbeeld.sdk.acts import Act
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Question, Subject
from klantbeeld.sources.source import Source
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.outcomes import StepOutcome, WriteOutcome, WriteStatus, status_after
from klantbeeld.writes.routing import owner_of

TRIES = 3


class NaiveWriter:
    """Three tries, no key."""

    def __init__(self, sources: Mapping[str, Source], declared: Mapping[str, str]) -> None:
        self._sources = sources
        self._declared = declared

    async def write(self, intent: Intent, context: CallContext) -> WriteOutcome:
        """Send until somebody says that it is done."""
        owner = owner_of(intent.act, intent.role, sources=self._sources, declared=self._declared)
        numbers = [link.record_id for link in intent.customer.links if link.source == owner.name]
        if not numbers:
            raise Unanswered("NOT_LINKED", source=owner.name)
        act = intent.role.acts[intent.act](
            customer=numbers[0], key=str(uuid.uuid4()), channel=intent.channel, **intent.values
        )
        step = await self._tried(owner, intent.act, act, context)
        return WriteOutcome(str(uuid.uuid4()), step.status, (step,))

    async def _tried(self, owner: Source, name: str, act: Act, context: CallContext) -> StepOutcome:
        problem: SourceError | None = None
        for _ in range(TRIES):
            try:
                written = await owner.act(name, structs.replace(act, key=str(uuid.uuid4())), context)
            except SourceError as error:
                problem = error
                if status_after(error) is WriteStatus.NOT_APPLIED and error.sent:
                    break
            else:
                return StepOutcome(owner.name, name, WriteStatus.APPLIED, written.record_id, written.version)
        assert problem is not None
        return StepOutcome(owner.name, name, status_after(problem), code=problem.code)


class LookingWriter(NaiveWriter):
    """Look, then send again."""

    async def _tried(self, owner: Source, name: str, act: Act, context: CallContext) -> StepOutcome:
        for _ in range(TRIES):
            if await _is_there(owner, name, act, context):
                return StepOutcome(owner.name, name, WriteStatus.APPLIED, act.customer)
            try:
                written = await owner.act(name, act, context)
            except SourceError as error:
                if status_after(error) is WriteStatus.NOT_APPLIED and error.sent:
                    return StepOutcome(owner.name, name, WriteStatus.NOT_APPLIED, code=error.code)
            else:
                return StepOutcome(owner.name, name, WriteStatus.APPLIED, written.record_id, written.version)
        return StepOutcome(owner.name, name, WriteStatus.UNKNOWN, code="SOURCE_TIMEOUT")


CONTROLS: Mapping[str, Callable[..., Any]] = {"naive": NaiveWriter, "look": LookingWriter}

# What is read to see whether an act was done, and the member of it that names the operation.
LOOKED_AT = {
    "change_contact_details": ("contact_media", frozenset({"value", "address"})),
    "change_billing_details": ("billing_accounts", frozenset({"email"})),
    "file_complaint": ("complaints", frozenset({"subject"})),
    "record_interaction": ("interactions", frozenset({"subject"})),
}
NEVER_SEEN = frozenset({"report_data_error"})


async def _is_there(owner: Source, name: str, act: Act, context: CallContext) -> bool:
    """Read the owner, and say whether it holds what is to be written."""
    if name in NEVER_SEEN:
        return False
    capability, members = LOOKED_AT[name]
    asked = Question({act.customer: Subject("", frozenset({act.customer}))}, {capability: members}, {})
    outcome = await owner.ask(asked, context)
    mark = MARK.search(repr(act))
    return mark is not None and mark.group() in repr(outcome.records)
