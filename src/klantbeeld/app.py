"""The application: the whole request path, put together in one place."""

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import BinaryIO

import httpx
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware

from klantbeeld.access.admission import Admission, make_admission
from klantbeeld.access.grants import Grants
from klantbeeld.access.keys import over_http
from klantbeeld.access.recording import Recording
from klantbeeld.access.register import DataUseRegister
from klantbeeld.access.rows import Rows
from klantbeeld.access.trail import Trail
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.engine.desk import Work
from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.errors import ConfigurationError, StoreError
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.gateway.documents import TrustedDocuments, trusted_documents
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.graphiql import Example
from klantbeeld.gateway.hooks import HookEndpoint
from klantbeeld.gateway.limits import parser
from klantbeeld.gateway.ports import Readiness
from klantbeeld.gateway.routes import GatewayParts, routes
from klantbeeld.gateway.stopping import Stopping
from klantbeeld.gateway.streams import Streams
from klantbeeld.gateway.variables import choices_of
from klantbeeld.graph.schema import build_schema
from klantbeeld.identity.blind_index import KeyRing, load_key_ring
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.registry import Connectors, load_connectors
from klantbeeld.sdk.roles import ROLES
from klantbeeld.settings import Secret, Settings
from klantbeeld.settings_file import read_key, read_secret
from klantbeeld.settings_source import SourceSettings
from klantbeeld.sources.cache_opening import open_cache
from klantbeeld.sources.cached import Sharing
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.changes_opening import open_changes
from klantbeeld.sources.feeds import Feeds
from klantbeeld.sources.feeds_opening import open_feeds
from klantbeeld.sources.figures import show_links
from klantbeeld.sources.opening import MakeTransport, open_source
from klantbeeld.sources.quarantine import QuarantinedSource
from klantbeeld.sources.questions import SourceState
from klantbeeld.sources.quota_sharing import shared_quotas
from klantbeeld.sources.secrets import secrets_of
from klantbeeld.sources.source import Source, loop_clock, utc_clock
from klantbeeld.store import Store, open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.telemetry.logs import Log, Vocabulary, make_log, through_log
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines
from klantbeeld.telemetry.tracing import headers_of, open_tracing
from klantbeeld.writes.held import Clock
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.opening import Around
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.running import Delivering, Writing, open_writing
from klantbeeld.writes.sagas.opening import SagaParts
from klantbeeld.writes.telling import Changed, News

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the application gets from outside; tests bring their own."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    log_to: BinaryIO = sys.stdout.buffer
    now: Callable[[], datetime] = utc_clock
    make_transport: MakeTransport | None = None
    journal: Callable[[Journal], Journal] = lambda journal: journal
    examples: tuple[Example, ...] = ()
    demo_token: str | None = None
    stopping: Stopping = field(default_factory=Stopping)
    libraries: Callable[[Log], AbstractContextManager[None]] = through_log
    """Where to send what libraries say, while the application is open."""


class App(Starlette):
    """The application, which can be told to end what has no end of its own."""

    streams: Streams

    def end_streams(self) -> None:
        """End streams and sockets, and take no more of them."""
        self.streams.close()


@dataclass(frozen=True, slots=True)
class LoggedFaults:
    """Hears of faults that are ours, and writes which and where; never their text, which may hold personal data."""

    log: Log

    def answered(self, status: int, seconds: float) -> None:
        """Leave it to `ObserveRequests`, which knows more."""

    def failed(self, error: BaseException) -> None:
        """Write one line."""
        self.log.error("internal_error", error=error)


@dataclass(frozen=True, slots=True)
class Opened:
    """What lies below the engine and has to be closed again."""

    store: Store
    ring: KeyRing
    identity: StoredIdentityMap
    sources: Mapping[str, Source]
    trail: Trail
    recording: Recording
    admission: Admission
    changes: Changes
    feeds: Feeds
    writing: Writing


@asynccontextmanager
async def build_app(settings: Settings, outside: Outside | None = None) -> AsyncIterator[App]:
    """Give the application while its store, sources and trail are open.

    A request walks: observation, endpoint (limits), admission (token, rights), engine (plan, fetch, assembly), sources,
    trail. Raises ConfigurationError or StoreError, and then nothing was started.
    """
    given = outside or Outside()
    async with AsyncExitStack() as stack:
        metrics = Metrics(settings.sources)
        vocabulary = _vocabulary(settings)
        log = make_log(given.log_to, vocabulary)
        stack.enter_context(given.libraries(log))
        observer = LoggedFaults(log)
        opened = await _open(stack, settings, given, metrics)
        streams = Streams(settings.gateway.max_streams)
        stack.callback(streams.close)
        metrics.watch("klantbeeld_streams_open", "Answers in parts and sockets under way.", lambda: len(streams))
        door = _open_door(stack, settings, opened, metrics)
        documents = trusted_documents(settings.gateway)
        parts = GatewayParts(
            engine=_make_engine(settings, given, opened, metrics=metrics, observer=observer, documents=documents),
            hooks=HookEndpoint(opened.feeds, limit=settings.changes.max_hook_bytes, language=settings.language),
            documents=documents,
            observer=observer,
            authenticate=opened.admission,
            readiness=_readiness(opened.store, door, given.stopping),
            door=door,
            quarantined=tuple(name for name, source in opened.sources.items() if source.is_quarantined),
            registry=metrics.registry,
            streams=streams,
            examples=given.examples,
            demo_token=given.demo_token,
        )
        app = App(
            routes=routes(parts, settings.gateway, language=settings.language),
            middleware=[await _observing(stack, settings, given, vocabulary, metrics)],
        )
        app.streams = streams
        yield app


async def _observing(
    stack: AsyncExitStack, settings: Settings, given: Outside, vocabulary: Vocabulary, metrics: Metrics
) -> Middleware:
    """Note each request in log and metrics, and in traces where they are on."""
    headers = headers_of(settings.traces, given.environ)
    return Middleware(
        ObserveRequests,
        lines=RequestLines(given.log_to, vocabulary),
        metrics=metrics,
        counted=frozenset({settings.gateway.path}),
        tracing=await stack.enter_async_context(open_tracing(settings.traces, vocabulary, headers)),
    )


async def _open(stack: AsyncExitStack, settings: Settings, given: Outside, metrics: Metrics) -> Opened:
    """Open what lies below the engine, from the store upwards; the stack closes it the other way round."""
    enter = stack.enter_async_context
    read = _secret_reader(given.environ)
    store = await enter(open_store(settings.store))
    transactions = await enter(open_transactions(store))
    ring = load_key_ring(settings.identity, read)
    identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
    trail = await enter(
        open_trail(store, key=_trail_key(settings, given.environ), clock=time.time, settings=settings.access.trail)
    )
    changes = await enter(open_changes(settings, store, transactions, secret=ring.current, now=given.now))
    sharing = await enter(open_cache(settings, changes, secret=ring.current, now=given.now, read=read))
    connectors = load_connectors(settings.connector_folders)
    sources = open_sources(settings, connectors, given, metrics, changes=changes, sharing=sharing)
    for source in sources.values():
        stack.push_async_callback(source.aclose)
    show_links(metrics, sources)
    await enter(shared_quotas(sources, store, now=given.now))
    feeds = await enter(
        open_feeds(settings, sources, changes=changes, identity=identity, store=store, now=given.now, read=read)
    )
    client = await enter(httpx.AsyncClient())
    admission = _open_admission(stack, settings, client, sources)
    recording = Recording(trail)
    writing = await enter(
        open_writing(
            transactions,
            sources,
            settings.writes,
            _around_writes(given, ring, changes),
            noting=recording,
            wrap=given.journal,
            delivering=_delivering(settings, given, client),
            saga_parts=partial(
                SagaParts,
                settings=settings,
                environ=given.environ,
                sources=sources,
                identity=identity,
                client=client,
                secret=ring.current,
                now=given.now,
                new_id=CustomerIds(given.now).new,
            ),
        )
    )
    metrics.watch("klantbeeld_operations_parked", "Writes that only a person can settle.", lambda: writing.parked.count)
    return Opened(store, ring, identity, sources, trail, recording, admission, changes, feeds, writing)


def _open_admission(
    stack: AsyncExitStack, settings: Settings, client: httpx.AsyncClient, sources: Mapping[str, Source]
) -> Admission:
    admission = make_admission(
        settings.access,
        get=over_http(client, settings.access.keys_retry),
        clock=time.time,
        hands_on_tokens=any(source.wants_callers_token for source in sources.values()),
    )
    stack.push_async_callback(admission.close)
    return admission


def _make_engine(
    settings: Settings,
    given: Outside,
    opened: Opened,
    *,
    metrics: Metrics,
    observer: "LoggedFaults",
    documents: TrustedDocuments,
) -> Engine:
    schema = build_schema()
    choices = choices_of(schema._schema)  # noqa: SLF001 - strawberry hands its graphql-core schema to nobody
    shows = SimpleNamespace(
        shown=gateway_errors.shown,
        shown_before_execution=partial(gateway_errors.shown_before_execution, choices=choices),
    )
    return Engine(
        EngineParts(
            schema=schema,
            settings=settings,
            sources=opened.sources,
            identity=opened.identity,
            rows=Rows(opened.identity, Grants(opened.store), clock=given.now),
            writer=opened.writing.writer,
            trail=opened.recording,
            work=Work(
                sagas=opened.writing.sagas,
                writer=opened.writing.writer,
                sources=opened.sources,
                owners=settings.writes.owners,
                now=given.now,
            ),
            register=DataUseRegister(opened.store),
            errors=shows,
            parse=parser(settings.gateway),
            trusted=documents.by_hash.values(),
            cursor_key=opened.ring.current,
            count_document=metrics.count_document,
            count_fallback=metrics.count_fallback,
            failed=observer.failed,
            now=given.now,
            consistency=opened.changes,
            changes=opened.changes,
            progress=opened.writing.progress,
        )
    )


def _around_writes(given: Outside, ring: KeyRing, changes: Changes) -> Around:
    return Around(
        secrets=[secret for secret in (ring.current, ring.previous) if secret is not None],
        clock=Clock(given.now, loop_clock),
        new_id=CustomerIds(given.now).new,
        changed=_telling(changes),
    )


def _delivering(settings: Settings, given: Outside, client: httpx.AsyncClient) -> Delivering | None:
    """Say how events leave; None where nobody wants any. Raises ConfigurationError for a key that is none."""
    events = settings.writes.events
    if events is None:
        return None
    key = read_key(events.secret, given.environ, where="writes.events.secret")

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            answer = await client.post(url, content=body, headers=dict(headers), timeout=events.timeout)
        except httpx.HTTPError:
            return 0
        return answer.status_code

    return Delivering(events, key, post)


def _telling(changes: Changes) -> Changed:
    """Have every replica forget what it cached of a customer whom a write may have changed."""

    def changed(operation: OperationRow, step: StepRow) -> News | None:
        if operation.customer_id is None or step.source is None:
            return None
        role = ROLES.get(step.role or "")
        kinds = role.acts[step.act].kinds if role and step.act in role.acts else ()
        return changes.announce(step.source, [operation.customer_id], kinds=kinds, channel=operation.channel)

    return changed


def open_sources(
    settings: Settings,
    connectors: Connectors,
    given: Outside,
    metrics: Metrics,
    *,
    changes: Changes,
    sharing: Sharing | None = None,
) -> dict[str, Source]:
    """Open every configured source; nothing is asked of any. One whose connector is broken is set aside, and named."""
    opening = partial(_open_source, connectors, given, metrics, changes=changes, sharing=sharing)
    sources = {name: opening(name, one) for name, one in settings.sources.items()}
    changes.forget_calls = lambda name: sources[name].flights.forget() if name in sources else None
    return sources


def _open_source(
    connectors: Connectors,
    given: Outside,
    metrics: Metrics,
    name: str,
    settings: SourceSettings,
    *,
    changes: Changes,
    sharing: Sharing | None,
) -> Source:
    try:
        loaded = connectors.load(settings.connector)
    except ConfigurationError as error:
        if not connectors.is_broken(settings.connector):
            raise
        log.warning("connector_refused", source=name, connector=settings.connector, error=error.__cause__ or error)
        return QuarantinedSource(name, settings, connectors.facts_of_broken(settings.connector), now=given.now)
    return open_source(
        name,
        settings,
        loaded,
        secrets_of(name, settings, given.environ),
        make_transport=given.make_transport,
        now=given.now,
        count=partial(metrics.count_call, name),
        changes=changes,
        sharing=sharing,
    )


def _trail_key(settings: Settings, environ: Mapping[str, str]) -> bytes:
    return read_key(settings.access.trail.key, environ, where="access.trail.key")


def _open_door(stack: AsyncExitStack, settings: Settings, opened: Opened, metrics: Metrics) -> Door:
    door = Door(settings.gateway.door, opened.admission.importance)
    door.start()
    stack.callback(door.stop)
    metrics.watch("klantbeeld_door_limit", "Requests that are let in at once.", lambda: door.limit)
    metrics.watch("klantbeeld_door_inside", "Requests that are inside.", lambda: door.inside)
    trail = opened.trail
    metrics.watch("klantbeeld_trail_waiting", "Entries of the trail that wait to be written.", lambda: trail.waiting)
    metrics.watch("klantbeeld_trail_lost", "Entries of the trail that were never written.", lambda: trail.lost)
    return door


def _readiness(store: Store, door: Door, stopping: Stopping) -> Readiness:
    """Say whether requests can be taken: no source has a part in it."""

    async def ready() -> dict[str, bool]:
        try:
            await store.check()
        except StoreError:
            is_there = False
        else:
            is_there = True
        return {"store": is_there, "room": not door.is_overrun, "staying": not stopping.has_begun}

    return ready


def _secret_reader(environ: Mapping[str, str]) -> Callable[[Secret, str], SecretStr]:
    return lambda secret, where: read_secret(secret, environ, where=where)


def _vocabulary(settings: Settings) -> Vocabulary:
    gateway = settings.gateway
    return Vocabulary(
        sources=frozenset(settings.sources),
        connectors=frozenset(source.connector for source in settings.sources.values()),
        caller_classes=frozenset(settings.access.classes),
        calls=frozenset(call for role in ROLES.values() for call in (*role.reads, *role.acts)),
        states=frozenset(SourceState),
        issuers=frozenset(issuer.issuer for issuer in settings.access.issuers),
        paths=frozenset({gateway.path, "/live", "/ready", "/metrics"}),
    )
