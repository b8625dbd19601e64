"""Opens what the application has to close again, from the store upwards: trail, sources, admission, writes."""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import httpx
import structlog
from pydantic import SecretStr

from klantbeeld.access.admission import Admission, make_admission
from klantbeeld.access.keys import over_http
from klantbeeld.access.recording import Recording
from klantbeeld.access.trail import Trail
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.blind_index import KeyRing, load_key_ring
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.outside import Outside
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
from klantbeeld.sources.opening import open_source
from klantbeeld.sources.quarantine import QuarantinedSource
from klantbeeld.sources.quota_sharing import shared_quotas
from klantbeeld.sources.secrets import secrets_of
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.store import Store, open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.writes.held import Clock
from klantbeeld.writes.opening import Around
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.running import Delivering, Writing, open_writing
from klantbeeld.writes.sagas.opening import SagaParts
from klantbeeld.writes.telling import Changed, News

log = structlog.get_logger(__name__)


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


async def open_rooms(stack: AsyncExitStack, settings: Settings, given: Outside, metrics: Metrics) -> Opened:
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


def _secret_reader(environ: Mapping[str, str]) -> Callable[[Secret, str], SecretStr]:
    return lambda secret, where: read_secret(secret, environ, where=where)
