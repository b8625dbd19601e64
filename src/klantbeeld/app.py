"""The application: the whole request path, put together in one place."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from starlette.applications import Starlette
from starlette.middleware import Middleware

from klantbeeld.access.grants import Grants
from klantbeeld.access.register import DataUseRegister
from klantbeeld.access.rows import Rows
from klantbeeld.engine.desk import Work
from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.errors import StoreError
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.gateway.documents import TrustedDocuments, trusted_documents
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.hooks import HookEndpoint
from klantbeeld.gateway.limits import parser
from klantbeeld.gateway.ports import Readiness
from klantbeeld.gateway.routes import GatewayParts, routes
from klantbeeld.gateway.stopping import Stopping
from klantbeeld.gateway.streams import Streams
from klantbeeld.gateway.variables import choices_of
from klantbeeld.graph.schema import build_schema
from klantbeeld.opening import Opened, open_rooms
from klantbeeld.outside import Outside
from klantbeeld.sdk.roles import ROLES
from klantbeeld.settings import Settings
from klantbeeld.sources.questions import SourceState
from klantbeeld.store import Store
from klantbeeld.telemetry.logs import Log, Vocabulary, make_log
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines
from klantbeeld.telemetry.tracing import headers_of, open_tracing


class App(Starlette):
    """The application, which can be told to end what has no end of its own."""

    streams: Streams

    def end_streams(self) -> None:
        """End subscriptions and sockets, which answer first what they were asked, and take no more streams."""
        self.streams.close()

    def streams_open(self) -> int:
        """Count streams and sockets that have not ended."""
        return len(self.streams)


@dataclass(frozen=True, slots=True)
class LoggedFaults:
    """Hears of faults that are ours, and writes which and where; never their text, which may hold personal data."""

    log: Log

    def failed(self, error: BaseException) -> None:
        """Write one line."""
        self.log.error("internal_error", error=error)


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
        opened = await open_rooms(stack, settings, given, metrics)
        streams = Streams(settings.gateway.max_streams)
        stack.callback(streams.close)
        metrics.watch("klantbeeld_streams_open", "Answers in parts and sockets under way.", lambda: len(streams))
        door = _open_door(stack, settings, opened, metrics)
        documents = trusted_documents(settings.gateway)
        parts = GatewayParts(
            engine=_make_engine(settings, given, opened, metrics=metrics, observer=observer, documents=documents),
            hooks=HookEndpoint(
                opened.feeds,
                limit=settings.changes.max_hook_bytes,
                within=settings.gateway.receive_within,
                language=settings.language,
            ),
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
        app.router.redirect_slashes = False  # it would send callers to whatever their Host header says
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
