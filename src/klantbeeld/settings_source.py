"""The settings of one source: what the system is, and how it is called."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from klantbeeld.settings_section import Bilingual, Seconds, Secret, Section

Share = Annotated[float, Field(ge=0, le=1)]


class ConnectionSettings(Section):
    """The source's kept-alive connections, and the most that is read of an answer's head."""

    idle: Seconds = 30.0
    """A connection that is unused for so long is closed, in seconds."""
    age: Seconds = 300.0
    """A connection older than this takes no new call, in seconds, so that a name that leads elsewhere now is followed:
    each opening resolves it anew. Of `wire`; with `httpx` only `idle` ends a connection."""
    waiting: int = Field(default=1_024, gt=0)
    """Most calls that wait for a connection; the next one fails. Of `wire`."""
    head: int = Field(default=65_536, gt=0)
    """Largest head of an answer, in bytes, informational answers before it included; also the most of trailers and
    chunk sizes. Of `wire`; `httpx` has a limit of its own, 100 KiB."""
    headers: int = Field(default=100, gt=0)
    """Most header lines of an answer. Of `wire`."""
    interim: int = Field(default=8, ge=0)
    """Most informational answers (1xx) before the real one. Of `wire`."""


class BulkheadSettings(Section):
    """How many calls to the source may be under way: as many as it answers without slowing down."""

    least: int = Field(default=4, gt=0)
    """Calls that may always be under way, however slow the source is. The most is `max_connections`."""
    waiting: int = Field(default=256, ge=0)
    """Most calls that wait for a place; beyond it the least important is refused (`SOURCE_BUSY`)."""
    tolerance: float = Field(default=2.0, ge=1)
    """So many times its usual time a call may take, on average, before fewer are let through at once."""
    slack: float = Field(default=0.1, ge=0)
    """Seconds that a call may take beyond that: what the gateway's own queue adds while it is busy is not the source's
    doing."""
    review: Seconds = 1.0
    """Time between two looks at how long calls take, in seconds."""


class BreakerSettings(Section):
    """When a source is not called for a while, because it fails. Reads and writes have a breaker each."""

    calls: int = Field(default=20, gt=0)
    """Fewest calls within `seconds` that say anything. As many failures in a row, without a success between, open it
    too: a source that hangs after a busy time would else have to outweigh its successes first."""
    seconds: Seconds = 10.0
    """Time that is looked back, in seconds."""
    failures: float = Field(default=0.5, gt=0, le=1)
    """Share of those calls whose failure opens it. 4xx and conflicts are no failures; 5xx, time-outs, lost connections
    and what is not the source's contract are."""
    open: Seconds = 5.0
    """Time for which an open breaker lets no call through, in seconds."""
    probes: int = Field(default=3, gt=0)
    """Calls that it then lets through; if all succeed it closes, if one fails it stays open."""
    patience: Seconds = 1.0
    """A time-out counts where the source had at least so long, in seconds, or its own `timeout` if that is shorter: a
    caller in a hurry says nothing about the source."""


class RetrySettings(Section):
    """When a read is sent again. A write never is: its reconciliation decides."""

    attempts: int = Field(default=2, ge=1, le=5)
    """Most attempts of a read; 1 is none but the first. Only a connection that could not be made or was lost before
    the answer, 502, 503, 504, and 429 with a `Retry-After` that fits are worth another."""
    least_wait: float = Field(default=0.025, ge=0)
    """Shortest wait before another attempt, in seconds."""
    most_wait: Seconds = 0.25
    """Longest wait, in seconds; each wait is drawn evenly between the two, so that callers do not come back together.
    A `Retry-After` is waited out beside it."""
    budget: Share = 0.1
    """Retries, as a share of the calls of callers: the most that a source that is down gets beside these."""
    seconds: Seconds = 60.0
    """The share holds for any calls in a row within so many seconds."""
    reserve: int = Field(default=10, gt=0)
    """Retries within `seconds` that are possible whatever the share is worth, since a source that is seldom called
    would else get none. They count towards the share, which so holds from `reserve / budget` calls on: with the
    defaults from 100 calls a minute. Ten more calls a minute are little to any source, and enough for what fails now
    and then."""


class HedgingSettings(Section):
    """A second call beside a slow one, to a source whose answers come from replicas; the first answer is taken."""

    percentile: float = Field(default=0.95, gt=0, lt=1)
    """A read that took longer than this share of recent ones is sent a second time."""
    budget: Share = 0.02
    """Second calls, as a share of all."""
    calls: int = Field(default=100, gt=0)
    """Reads after which their times say enough; before that there is no second call."""
    least_wait: Seconds = 0.002
    """Shortest wait before a second call, in seconds."""


class QuotaSettings(Section):
    """What the source allows us, as a budget that all replicas share; `connector.toml` names the product's own."""

    per_second: float | None = Field(default=None, gt=0)
    """Calls a second, over all replicas; a call beyond waits for its turn as long as its deadline allows."""
    burst: float = Field(default=1.0, gt=0)
    """Seconds of `per_second` that may be used at once after a pause."""
    per_day: int | None = Field(default=None, gt=0)
    """Calls a day (UTC), over all replicas."""
    chunk: Share = 0.001
    """Share of the day's budget that a replica takes at once; what it did not use is lost when it is killed."""
    partners_stop: Share = 0.1
    """Partners' calls are refused when this share of the budget is left."""
    apps_stop: Share = 0.05
    """Apps' calls are refused when this share is left; what remains is the agents'."""
    background_stops: Share = 0.25
    """Background work stops when this share is left: first of all."""
    longest_pause: Seconds = 60.0
    """Longest that a `Retry-After` of the source holds its calls back, in seconds."""
    share_every: Seconds = 2.0
    """Replicas tell each other of pauses, and how many they are, so often, in seconds."""


class FeedSettings(Section):
    """How the source tells that something changed behind the gateway's back; without either, a cache only waits."""

    secrets: dict[str, Secret] = Field(default_factory=dict, repr=False)
    """What its webhooks prove themselves with, under the names of the connector; with one, they are taken at
    `/hooks/NAME`."""
    window: Seconds = 300.0
    """Longest that a delivery may have been under way, in seconds; the same one twice within it counts once."""
    poll_every: Seconds | None = None
    """Time between two questions for changes, in seconds, for a source without webhooks; one replica asks."""
    poll_overlap: float = Field(default=120.0, ge=0)
    """So far back, in seconds, does each question reach behind the last: products tell late of the last minute."""


class SourceSettings(Section):
    """One configured connection to one system."""

    connector: str
    """Name of the connector."""
    base_url: str
    """Address of the system, without a path of an API."""
    credentials: dict[str, Secret | str] = Field(default_factory=dict, repr=False)
    """What the connector's kind of authentication needs; secrets by environment or file."""
    credentials_checked_every: Seconds = 5.0
    """How often, at most, the files of credentials are looked at for a change when they are used, in seconds."""
    renew_tokens_before: Seconds = 60.0
    """How long before it expires a fetched token is renewed, in seconds; one of a short life at half of it."""
    most_callers_tokens: int = Field(default=1_024, gt=0)
    """Most tokens on behalf of callers (RFC 8693) that are kept at once; beyond it the least used goes."""
    options: dict[str, str] = Field(default_factory=dict)
    """Options that the connector declares."""
    roles: tuple[str, ...] | None = None
    """Roles that this source fills; without it, all that the connector has."""
    importance: Literal["essential", "important", "optional"]
    """What it means to be without it."""
    risk_when_missing: Bilingual
    """What a person should do or not do while this source is missing."""
    hosted_in: str
    """Country (ISO 3166-1 alpha-2) where the data is held."""
    processor: str
    """The company that runs the system for the organisation (GDPR Art. 28)."""
    retention: str
    """How long the system keeps what it has, as an ISO 8601 duration or in words."""
    timeout: Seconds = 2.0
    """Longest a single call may take, in seconds; the request's deadline may be sooner."""
    first_byte_timeout: Seconds | None = None
    """Longest until the first byte of an answer, in seconds, and with `httpx` between any two parts of it; without it
    `timeout` alone counts."""
    deadline_header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,64}$")
    """Header in which the source is told how long its answer is waited for, in milliseconds, if it takes one; without
    it the one that the connector names."""
    connect_timeout: Seconds = 1.0
    """Longest a connection may take to open, in seconds."""
    max_connections: int = Field(default=32, gt=0)
    """Most connections that are open at once."""
    max_body_bytes: int = Field(default=4_194_304, gt=0)
    """Largest answer that is read, in bytes, after decompression."""
    transport: Literal["wire", "httpx"] = "wire"
    """`wire` for the own HTTP/1.1 client, `httpx` for proxies and HTTP/2."""
    ca_bundle: Path | None = None
    """Certificates to trust instead of the system's."""
    client_certificate: Path | None = None
    """Our certificate for a source that demands one (mTLS): a PEM file with its chain and, mostly, its key."""
    client_key: Path | None = None
    """The unencrypted key of the client certificate, if it has a file of its own."""
    connections: ConnectionSettings = ConnectionSettings()
    """Its connections."""
    share_calls: bool = True
    """Callers with the same rights and purpose who ask the same at the same time share one call."""
    feed: FeedSettings = FeedSettings()
    """How it tells of changes."""
    bulkhead: BulkheadSettings = BulkheadSettings()
    """How many calls may be under way."""
    breaker: BreakerSettings = BreakerSettings()
    """When it is not called for a while."""
    retry: RetrySettings = RetrySettings()
    """When a read is sent again."""
    replicated: bool = False
    """The source answers reads from several replicas, so that a slow one may be asked twice: see `hedging`."""
    hedging: HedgingSettings = HedgingSettings()
    """A second call beside a slow one; only where `replicated`."""
    quota: QuotaSettings = QuotaSettings()
    """What the source allows us."""
