"""The application: the whole request path, put together in one place."""

import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import BinaryIO

import httpx
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
from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.errors import ConfigurationError, StoreError
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.gateway.documents import TrustedDocuments, trusted_documents
from klantbeeld.gateway.graphiql import Example
from klantbeeld.gateway.limits import parser
from klantbeeld.gateway.ports import Readiness
from klantbeeld.gateway.routes import GatewayParts, routes
from klantbeeld.gateway.streams import Streams
from klantbeeld.graph.schema import build_schema
from klantbeeld.identity.blind_index import KeyRing, load_key_ring
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.registry import Connectors, load_connectors
from klantbeeld.settings import Secret, Settings
from klantbeeld.settings_file import read_secret
from klantbeeld.settings_source import SourceSettings
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.changes_opening import open_changes
from klantbeeld.sources.figures import show_links
from klantbeeld.sources.opening import MakeTransport, open_source
from klantbeeld.sources.secrets import Secrets
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.store import Store, open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.telemetry.logs import Log, Vocabulary, make_log, through_log
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines
from klantbeeld.writes.held import Clock
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.opening import Around, make_writer
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.walker import Changed
from klantbeeld.writes.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the application gets from outside; tests bring their own."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    log_to: BinaryIO = sys.stdout.buffer
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    make_transport: MakeTransport | None = None
    journal: Callable[[Journal], Journal] = lambda journal: journal
    examples: tuple[Example, ...] = ()
    demo_token: str | None = None


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
    admission: Admission
    changes: Changes
    journal: Journal


@asynccontextmanager
async def build_app(settings: Settings, outside: Outside | None = None) -> AsyncIterator[Starlette]:
    """Give the application while its store, sources and trail are open.

    A request walks: observation, endpoint (limits), admission (token, rights), engine (plan, fetch, assembly), sources,
    trail. Raises ConfigurationError or StoreError, and then nothing was started.
    """
    given = outside or Outside()
    async with AsyncExitStack() as stack:
        metrics = Metrics(settings.sources)
        vocabulary = _vocabulary(settings)
        log = make_log(given.log_to, vocabulary)
        stack.enter_context(through_log(log))
        observer = LoggedFaults(log)
        opened = await _open(stack, settings, given, metrics)
        streams = Streams(settings.gateway.max_streams)
        stack.callback(streams.close)
        documents = trusted_documents(settings.gateway)
        parts = GatewayParts(
            engine=_make_engine(settings, given, opened, metrics=metrics, observer=observer, documents=documents),
            documents=documents,
            observer=observer,
            authenticate=opened.admission,
            readiness=_readiness(opened.store),
            registry=metrics.registry,
            streams=streams,
            examples=given.examples,
            demo_token=given.demo_token,
        )
        counted = frozenset({settings.gateway.path})
        lines = RequestLines(given.log_to, vocabulary)
        yield Starlette(
            routes=routes(parts, settings.gateway, language=settings.language),
            middleware=[Middleware(ObserveRequests, lines=lines, metrics=metrics, counted=counted)],
        )


async def _open(stack: AsyncExitStack, settings: Settings, given: Outside, metrics: Metrics) -> Opened:
    """Open what lies below the engine, from the store upwards; the stack closes it the other way round."""
    store = await stack.enter_async_context(open_store(settings.store))
    ring = load_key_ring(settings.identity, _secret_reader(given.environ))
    identity = StoredIdentityMap(store, ring, region=settings.identity.default_region)
    trail = await stack.enter_async_context(
        open_trail(store, key=_trail_key(settings, given.environ), clock=time.time, settings=settings.access.trail)
    )
    sources = open_sources(settings, load_connectors(settings.connector_folders), given, metrics)
    for source in sources.values():
        stack.push_async_callback(source.aclose)
    show_links(metrics, sources)
    client = await stack.enter_async_context(httpx.AsyncClient())
    admission = make_admission(
        settings.access,
        get=over_http(client),
        clock=time.time,
        hands_on_tokens=any(source.wants_callers_token for source in sources.values()),
    )
    stack.push_async_callback(admission.close)
    changes = await stack.enter_async_context(open_changes(settings, store, secret=ring.current, now=given.now))
    transactions = await stack.enter_async_context(open_transactions(store))
    journal = given.journal(Journal(transactions, wait=settings.writes.journal_wait))
    return Opened(store, ring, identity, sources, trail, admission, changes, journal)


def _make_engine(
    settings: Settings,
    given: Outside,
    opened: Opened,
    *,
    metrics: Metrics,
    observer: "LoggedFaults",
    documents: TrustedDocuments,
) -> Engine:
    shows = SimpleNamespace(shown=gateway_errors.shown, shown_before_execution=gateway_errors.shown_before_execution)
    return Engine(
        EngineParts(
            schema=build_schema(),
            settings=settings,
            sources=opened.sources,
            identity=opened.identity,
            rows=Rows(opened.identity, Grants(opened.store), clock=given.now),
            writer=_make_writer(settings, given, opened),
            trail=Recording(opened.trail),
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
        )
    )


def _make_writer(settings: Settings, given: Outside, opened: Opened) -> Writer:
    around = Around(
        secrets=[secret for secret in (opened.ring.current, opened.ring.previous) if secret is not None],
        clock=Clock(given.now, loop_clock),
        new_id=CustomerIds(given.now).new,
        changed=_telling(opened.changes),
    )
    return make_writer(opened.sources, opened.journal, settings.writes, around)


def _telling(changes: Changes) -> Changed:
    """Have every replica forget what it cached of a customer whom a write may have changed."""

    async def changed(operation: OperationRow, step: StepRow) -> str | None:
        if operation.customer_id is None or step.source is None:
            return None
        return await changes.changed(step.source, [operation.customer_id], channel=operation.channel)

    return changed


def open_sources(settings: Settings, connectors: Connectors, given: Outside, metrics: Metrics) -> dict[str, Source]:
    """Open every configured source; nothing is asked of any."""
    sources = {}
    for name, one in settings.sources.items():
        sources[name] = open_source(
            name,
            one,
            connectors.load(one.connector),
            _secrets_of(name, one, given.environ),
            make_transport=given.make_transport,
            now=given.now,
            count=partial(metrics.count_call, name),
        )
    return sources


def _secrets_of(name: str, source: SourceSettings, environ: Mapping[str, str]) -> Secrets:
    """Read the credentials of a source, to be read again when one of their files changes."""

    def read() -> dict[str, str]:
        where = f"sources.{name}.credentials"
        return {
            credential: value
            if isinstance(value, str)
            else read_secret(value, environ, where=f"{where}.{credential}").get_secret_value()
            for credential, value in source.credentials.items()
        }

    files = (value.file for value in source.credentials.values() if isinstance(value, Secret))
    watched = tuple(file for file in files if file is not None)
    return Secrets(read, files=watched, source=name, every=source.credentials_checked_every)


def _trail_key(settings: Settings, environ: Mapping[str, str]) -> bytes:
    where = "access.trail.key"
    secret = read_secret(settings.access.trail.key, environ, where=where).get_secret_value()
    try:
        return base64.b64decode(secret, validate=True)
    except ValueError as error:
        raise ConfigurationError(where, "is not base64", "Make one with: openssl rand -base64 32") from error


def _readiness(store: Store) -> Readiness:
    async def ready() -> dict[str, bool]:
        try:
            await store.check()
        except StoreError:
            return {"store": False}
        return {"store": True}

    return ready


def _secret_reader(environ: Mapping[str, str]) -> Callable[[Secret, str], SecretStr]:
    return lambda secret, where: read_secret(secret, environ, where=where)


def _vocabulary(settings: Settings) -> Vocabulary:
    gateway = settings.gateway
    return Vocabulary(
        sources=frozenset(settings.sources),
        connectors=frozenset(source.connector for source in settings.sources.values()),
        caller_classes=frozenset(settings.access.classes),
        issuers=frozenset(issuer.issuer for issuer in settings.access.issuers),
        paths=frozenset({gateway.path, "/live", "/ready", "/metrics"}),
    )
