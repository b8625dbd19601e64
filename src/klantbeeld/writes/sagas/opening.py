"""Putting sagas together: what the writer gets of them, and what is asked of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from klantbeeld.identity.renewing import KeyRenewal
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.sdk.sagas import Saga
from klantbeeld.settings import Settings
from klantbeeld.settings_file import read_key
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

OURS = "klantbeeld"  # what events name as where they come from, where the settings name nothing
READ_SECONDS = 5.0  # that a read of a handler may take at most; the source's own time-out is shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaParts:
    """What sagas are made of; lives as long as the app.

    `secret` is a key that the store does not hold; the keys of external engines are read from `environ` and files.
    """

    settings: Settings
    environ: Mapping[str, str]
    sources: Mapping[str, Source]
    identity: StoredIdentityMap
    transactions: Transactions
    journal: Journal
    client: httpx.AsyncClient
    secret: bytes
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
    """Put sagas together; raises ConfigurationError for one that cannot be loaded, and for an engine without a key."""
    writes = parts.settings.writes
    declared = load_sagas(writes.sagas, built_in(writes.sagas.approval, parts.settings.language))
    tasks, persons = Tasks(parts.transactions, wait=writes.journal_wait), Persons(parts.secret)
    return Sagas(
        declared=declared,
        planner=Planner(parts.sources, declared=writes.owners),
        extensions=Extensions(
            handlers=_handlers(parts, tasks),
            reading=frozenset({REMEMBER}),
            preparers=preparers(declared, parts.sources),
        ),
        arrange=Arranging(writes.sagas, persons),
        tasks=tasks,
        persons=persons,
    )


def _handlers(parts: SagaParts, tasks: Tasks) -> Mapping[str, StepHandler]:
    writes = parts.settings.writes
    source = writes.events.source if writes.events else OURS
    tell = Teller(parts.transactions, source=source, wait=writes.journal_wait, now=parts.now)
    people = People(tasks, tell, now=parts.now, new_id=parts.new_id, keep=timedelta(days=writes.keep_days))
    renewal = KeyRenewal(parts.identity)
    return {
        APPROVE: people,
        ESCALATE: people,
        WAIT: Moments(now=parts.now),
        EVENT: Events(now=parts.now),
        NOTIFY: Notices(tell),
        ENGAGE: Engines(tasks, _engines(parts), parts.client, now=parts.now, new_id=parts.new_id),
        IDENTIFY: Recognising(parts.identity, parts.sources, context=_soon),
        LINK: Linking(parts.identity, parts.journal.find),
        REMEMBER: Remembering(parts.identity, renewal, parts.sources, context=_soon),
    }


def _engines(parts: SagaParts) -> Mapping[str, Engine]:
    """Read the keys with which calls to external workflow engines are signed."""
    return {
        name: Engine(one, read_key(one.secret, parts.environ, where=f"writes.sagas.engines.{name}.secret"))
        for name, one in parts.settings.writes.sagas.engines.items()
    }


def _soon() -> CallContext:
    """Return the context of a read that belongs to no request any more."""
    return CallContext(deadline=loop_clock() + READ_SECONDS, priority=Priority.BACKGROUND, fresh=True)
