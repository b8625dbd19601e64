"""Quarantine: a source whose connector is broken is there, named, and answers nothing; the others serve.

Nobody knows what the connector could do, so the source stands for all that its roles may ask: its fields are missing
with a code, and a write that might be its own is refused instead of going to another system.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from klantbeeld.errors import SourceQuarantined
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.auth import NoAuth
from klantbeeld.sdk.connector import Connector, Doing, Reading
from klantbeeld.sdk.manifest import Manifest
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.roles import ROLES
from klantbeeld.sdk.words import WriteSafety
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Written
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.questions import Outcome, Question, SourceState
from klantbeeld.sources.source import Source, loop_clock

NOTHING: RecordMapping[Any] = RecordMapping(Record, object, {})


class QuarantinedSource(Source):
    """A source that cannot be asked; lives as long as the configuration that names it."""

    is_quarantined = True

    def __init__(
        self, name: str, settings: SourceSettings, manifest: Manifest | None, *, now: Callable[[], datetime]
    ) -> None:
        given = manifest.roles if manifest is not None else ()
        roles = frozenset(settings.roles if settings.roles is not None else given)
        super().__init__(
            name,
            settings,
            connector=Connector({}),
            roles=roles,
            categories=manifest.categories if manifest is not None else (),
            transport=NoTransport(),
            credentials=Credentials(NoAuth(), {}, fetch_token=_no_token, clock=loop_clock),
            monotonic=loop_clock,
            now=now,
        )
        filled = [ROLES[role] for role in sorted(roles) if role in ROLES]
        self.readings: Mapping[str, Reading] = {call: Reading(call, (), call) for role in filled for call in role.reads}
        self.doings: Mapping[str, Doing] = {
            act: Doing(act, WriteSafety.NONE, NOTHING) for role in filled for act in role.acts
        }
        self.health.last_problem_code = SourceQuarantined.code

    async def ask(self, question: Question, context: CallContext) -> Outcome:  # noqa: ARG002 - nothing is asked
        """Say that it cannot be asked."""
        return Outcome(SourceState.UNAVAILABLE, problem=_problem())

    async def act(self, name: str, act: Act, context: CallContext) -> Written:  # noqa: ARG002 - nothing is sent
        """Refuse; nothing was sent."""
        raise _problem()


class NoTransport:
    """Leads nowhere."""

    async def exchange(self, *_: object, **__: object) -> Reply:
        """Refuse."""
        raise _problem()

    async def aclose(self) -> None:
        """Nothing is open."""


async def _no_token(*_: object) -> Reply:
    raise _problem()


def _problem() -> SourceQuarantined:
    return SourceQuarantined("its connector is broken", sent=False)
