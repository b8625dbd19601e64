"""Putting sagas together: what the writer gets of them, and what is asked of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from klantbeeld.identity.map import IdentityMap
from klantbeeld.sdk.sagas import Saga
from klantbeeld.settings import Language
from klantbeeld.settings_saga import SagaSettings
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.store.transactions import Transactions
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.planning import Extensions, StepHandler
from klantbeeld.writes.sagas.arranging import Arranging
from klantbeeld.writes.sagas.catalogue import built_in
from klantbeeld.writes.sagas.engines import Engine, Engines
from klantbeeld.writes.sagas.events import Notices, Teller
from klantbeeld.writes.sagas.linking import LINK, REMEMBER, Linking, Remembering
from klantbeeld.writes.sagas.loading import load_sagas
from klantbeeld.writes.sagas.people import People
from klantbeeld.writes.sagas.persons import Persons
from klantbeeld.writes.sagas.planning import APPROVE, ENGAGE, ESCALATE, EVENT, NOTIFY, WAIT, Planner
from klantbeeld.writes.sagas.preparing import preparers
from klantbeeld.writes.sagas.recognising import IDENTIFY, Recognising
from klantbeeld.writes.sagas.tasks import Tasks
from klantbeeld.writes.sagas.waiting import Events, Moments

READ_SECONDS = 5.0  # that a read of a handler may take at most; the source's own time-out is shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaParts:
    """What sagas are made of; lives as long as the app.

    `secret` is a key that the store does not hold, `event_source` the gateway's own URI reference, `wait` the longest
    wait for a turn in the store, in seconds.
    """

    settings: SagaSettings
    owners: Mapping[str, str]
    language: Language
    sources: Mapping[str, Source]
    identity: IdentityMap
    transactions: Transactions
    journal: Journal
    client: httpx.AsyncClient
    engines: Mapping[str, Engine]
    secret: bytes
    event_source: str
    wait: float
    now: Callable[[], datetime]
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sagas:
    """What is asked of sagas; lives as long as the app."""

    declared: Mapping[str, Saga]
    planner: Planner
    extensions: Extensions
    arrange: Arranging
    tasks: Tasks
    persons: Persons


def open_sagas(parts: SagaParts) -> Sagas:
    """Put sagas together; raises ConfigurationError for one that cannot be loaded."""
    declared = load_sagas(parts.settings, built_in(parts.settings.approval, parts.language))
    tasks, persons = Tasks(parts.transactions, wait=parts.wait), Persons(parts.secret)
    find = parts.journal.find
    return Sagas(
        declared=declared,
        planner=Planner(parts.sources, declared=parts.owners),
        extensions=Extensions(handlers=_handlers(parts, tasks), preparers=preparers(declared, parts.sources, find)),
        arrange=Arranging(parts.settings, persons),
        tasks=tasks,
        persons=persons,
    )


def _handlers(parts: SagaParts, tasks: Tasks) -> Mapping[str, StepHandler]:
    tell = Teller(parts.transactions, source=parts.event_source, wait=parts.wait, now=parts.now)
    people = People(tasks, tell, now=parts.now, new_id=parts.new_id)
    return {
        APPROVE: people,
        ESCALATE: people,
        WAIT: Moments(now=parts.now),
        EVENT: Events(now=parts.now),
        NOTIFY: Notices(tell),
        ENGAGE: Engines(tasks, parts.engines, parts.client, now=parts.now, new_id=parts.new_id),
        IDENTIFY: Recognising(parts.identity, parts.sources, context=_soon),
        LINK: Linking(parts.identity, parts.journal.find),
        REMEMBER: Remembering(parts.identity, parts.sources, context=_soon),
    }


def _soon() -> CallContext:
    """Return the context of a read that belongs to no request any more."""
    return CallContext(deadline=loop_clock() + READ_SECONDS, priority=Priority.BACKGROUND)
