"""The settings: one typed model, filled from `klantbeeld.toml` and the environment.

Each field's description is its documentation (`docs/configuration.md` is generated from here). Secrets stand in
environment variables or files, never in the settings file, and are never printed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from klantbeeld.settings_saga import SagaSettings
from klantbeeld.settings_section import Bilingual, Clash, Seconds, Secret, Section, hold
from klantbeeld.settings_serving import DoorSettings, StoppingSettings, TracesSettings
from klantbeeld.settings_sharing import CacheSettings, ChangesSettings, RedisSettings
from klantbeeld.settings_source import RetrySettings, SourceSettings
from klantbeeld.settings_views import EligibilitySettings, ProfileField, QualitySettings, ViewSettings, default_views
from klantbeeld.toml_lines import Key

__all__ = [
    "AccessSettings",
    "Bilingual",
    "CacheSettings",
    "Category",
    "ChangesSettings",
    "ClientClass",
    "DoorSettings",
    "EligibilitySettings",
    "GatewaySettings",
    "IdentitySettings",
    "IssuerSettings",
    "Language",
    "ProfileField",
    "PurposeSettings",
    "QualitySettings",
    "RedisSettings",
    "Seconds",
    "Secret",
    "Section",
    "Sensitivity",
    "Settings",
    "SourceName",
    "SourceSettings",
    "StoppingSettings",
    "StoreSettings",
    "TracesSettings",
    "TrailSettings",
    "ViewSettings",
    "WriteSettings",
]

Language = Literal["nl", "en"]
SourceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Category = Literal["SOCIAL", "REGISTRATION", "CUSTOM", "SYSTEM"]
Sensitivity = Literal["ORDINARY", "FINANCIAL", "SPECIAL", "NATIONAL_NUMBER"]
SignatureAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]


class GatewaySettings(Section):
    """GraphQL over HTTP."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    path: str = "/graphql"
    """Path of the GraphQL endpoint."""
    max_body_bytes: int = Field(default=102_400, gt=0)
    """Largest request body, in bytes; beyond it 413."""
    receive_within: Seconds = 10.0
    """Longest that the head of a request, and then its body, may take to come, in seconds; beyond it 408."""
    keep_alive: Seconds = 75.0
    """Longest that a connection may rest between two requests, in seconds. Longer than whatever is in front keeps its
    connections: else it may send a request on one that is just closed. As it was at the start of the process."""
    max_tokens: int = Field(default=1_000, gt=0)
    """Most lexical tokens of a document."""
    max_document_characters: int = Field(default=32_768, gt=0)
    """Most characters of a document; reading 100,000 of them takes a tenth of a second on a slow machine."""
    max_lines: int = Field(default=2_000, gt=0)
    """Most lines of a document; each error in an answer has its place looked up among them."""
    max_depth: int = Field(default=12, gt=0)
    """Deepest nesting of selections, introspection apart."""
    max_introspection_depth: int = Field(default=15, gt=0)
    """Deepest nesting under `__schema` and `__type`; graphql-core's own query needs 15."""
    max_aliases: int = Field(default=30, gt=0)
    """Most aliases of a document."""
    max_directives: int = Field(default=50, gt=0)
    """Most directives of a document."""
    max_root_fields: int = Field(default=20, gt=0)
    """Most fields at the root of an operation, its fragments spread out."""
    max_fields: int = Field(default=1_000, gt=0)
    """Most fields of an operation, its fragments spread out."""
    max_customers: int = Field(default=100, gt=0, le=1_000)
    """Most customers that `customers` gives at once."""
    max_deferred: int = Field(default=20, gt=0)
    """Most `@defer` and `@stream` that hold in one operation, its fragments spread out."""
    max_parts: int = Field(default=500, gt=0)
    """Most parts that an operation may be answered in: each `@defer` and `@stream` counts for every object in which it
    may stand, by the sizes of the pages that are asked."""
    compress_from_bytes: int = Field(default=1_400, gt=0)
    """Smallest answer that is compressed, with zstd or gzip as the client accepts; below, it fits one packet anyway."""
    max_streams: int = Field(default=1_000, gt=0)
    """Most answers in parts and sockets that are under way at once; beyond it 503. As many more sockets may be there
    that have not said yet whose they are."""
    max_deadline: Seconds = 15.0
    """Longest deadline that a caller class may have, in seconds."""
    answer_reserve: float = Field(default=0.05, ge=0, le=1)
    """Time of a deadline that is kept for putting the answer together, in seconds, at most a tenth of the deadline: so
    sources are waited for until shortly before it, and the answer is there by the deadline."""
    watch_every: Seconds = 0.1
    """How often it is looked whether clients are still there, in seconds: one that went away has its reads ended."""
    cors_origins: tuple[str, ...] = ()
    """Origins (`https://app.example`) whose pages may ask from a browser; none by default."""
    door: DoorSettings = DoorSettings()
    """How many requests are answered at once."""
    stopping: StoppingSettings = StoppingSettings()
    """What happens between SIGTERM and the end."""
    graphiql: bool = True
    """Serve GraphiQL, without any CDN, to browsers at the endpoint."""
    trusted_documents: Path | None = None
    """Folder of `.graphql` files that may be asked by their SHA-256."""
    only_trusted_documents: bool = False
    """Answer trusted documents alone."""


class DocumentSettings(Section):
    """Documents and their plans: what is kept of them, and what unknown ones may cost."""

    most_documents: int = Field(default=2_000, ge=8)
    """Most documents that are kept, parsed and validated, because they came again."""
    most_new: int = Field(default=2_000, gt=0)
    """Most documents whose texts are kept after they were seen once, in case they come again."""
    document_bytes: int = Field(default=67_108_864, ge=1_048_576)
    """Most memory that documents take together, in bytes, estimated."""
    most_plans: int = Field(default=4_000, gt=0)
    """Most plans that are kept: one a document, operation and set of rights."""
    plan_bytes: int = Field(default=134_217_728, ge=1_048_576)
    """Most memory that plans take together, in bytes, estimated."""
    most_assemblies: int = Field(default=16, gt=0)
    """Most ways in which the conditions (`@skip`, `@include`) of one plan can fall that get functions of their own."""
    compile: Literal["recurring", "all"] = "recurring"
    """Documents whose answers are put together by functions written for them: those that came before, or all. Writing
    them costs as much as some ten answers without them."""
    new_share: float = Field(default=0.2, gt=0, le=1)
    """Part of one processor that parsing, validating and compiling unknown documents may take together; beyond it 429.
    Documents that differ from a known one in literals alone are known, and so are trusted ones."""
    new_burst: Seconds = 1.0
    """Most of that share that is saved up while no unknown documents come, in seconds of the processor. Even then they
    are looked at one after another, with a pause as long as each took."""
    new_waiting: int = Field(default=32, gt=0)
    """Most unknown documents that wait for their turn; beyond it 429."""


class IssuerSettings(Section):
    """An authorization server whose access tokens (RFC 9068) are accepted."""

    issuer: str = Field(min_length=1)
    """The `iss` of its tokens."""
    audience: str = Field(min_length=1)
    """The `aud` that its tokens must carry."""
    algorithms: tuple[SignatureAlgorithm, ...] = Field(default=("RS256", "ES256", "PS256", "EdDSA"), min_length=1)
    """Signature algorithms accepted from it; `EdDSA` and `Ed25519` are two names of one."""
    jwks_uri: str | None = Field(default=None, pattern=r"^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/])")
    """Address of its keys (RFC 7517): https, or http on this machine."""
    jwks_file: Path | None = None
    """File with its keys, instead of an address."""
    keys_max_age: Seconds = 600
    """Time after which its keys are read again, in seconds: the longest that a withdrawn key is still accepted."""
    leeway: float = Field(default=30, ge=0, le=300)
    """Tolerated difference of clocks, in seconds."""
    classes: tuple[str, ...] = Field(min_length=1)
    """Caller classes that its tokens may name; where it is one, tokens need not name it."""

    @model_validator(mode="after")
    def _keys_come_from_one_place(self) -> Self:
        if (self.jwks_uri is None) == (self.jwks_file is None):
            raise ValueError("an issuer's keys are read from exactly one of `jwks_uri` and `jwks_file`")
        return self


class PurposeSettings(Section):
    """Why callers read, and what may be read for it (GDPR Art. 5(1)(b))."""

    title: Bilingual
    """What the customer reads in `dataUse`."""
    scopes: tuple[str, ...] = Field(min_length=1)
    """Scopes whose fields serve this purpose; the others are not read for it, whatever the token carries."""
    categories: tuple[Category, ...] = ("SOCIAL", "REGISTRATION", "CUSTOM", "SYSTEM")
    """Categories of data that serve this purpose."""
    sensitivities: tuple[Sensitivity, ...] = ("ORDINARY", "FINANCIAL")
    """Sensitivities that this purpose may read; SPECIAL (GDPR Art. 9) and NATIONAL_NUMBER (BSN) are never released to
    callers whose rows are granted."""


class ClientClass(Section):
    """What callers of one class may do."""

    scopes: tuple[str, ...]
    """Scopes that tokens of this class may carry; others in a token are ignored."""
    rows: Literal["all", "self", "granted"]
    """Which customers: all, only the one behind the token, or those granted to the client. A class whose rows are
    granted is a partner's."""
    purposes: tuple[str, ...] = Field(min_length=1)
    """Purposes for which callers of this class may read; the first where the request names none."""
    deadline: Seconds
    """Time that a request of this class may take, in seconds, `gateway.max_deadline` at most; the request's header
    `Klantbeeld-Deadline-Ms` shortens it."""
    idempotency_key: Literal["required", "offered"] = "required"
    """Whether a mutation of this class must bring an idempotency key."""


class TrailSettings(Section):
    """The audit trail of reads and writes of personal data."""

    key: Secret = Secret(env="KLANTBEELD_TRAIL_KEY")
    """Key of the chain (HMAC-SHA-256), 32 bytes or more, base64."""
    required: bool = True
    """Refuse requests for personal data while the trail cannot be written; otherwise they are answered unrecorded, and
    the log and the metrics say so."""
    max_waiting: int = Field(default=4_096, gt=0)
    """Most entries that wait to be written; beyond it requests for personal data are refused."""
    group: int = Field(default=64, gt=0, le=1_000)
    """Entries that make a group: it is written as soon as so many wait."""
    delay: Seconds = 0.05
    """Longest that an entry waits for its group, in seconds: what a killed process may lose."""


class AccessSettings(Section):
    """Who may ask."""

    issuers: tuple[IssuerSettings, ...] = ()
    """Authorization servers."""
    classes: dict[str, ClientClass] = Field(default_factory=dict)
    """Caller classes by the name in the token's `caller_class` claim: agent, app, partner."""
    purposes: dict[str, PurposeSettings] = Field(default_factory=dict)
    """Purposes by the name in the request's `Klantbeeld-Purpose` header and the token's `purpose` claim."""
    keys_retry: RetrySettings = RetrySettings()
    """When an issuer's keys are asked again, which could not be read."""
    cached_tokens: int = Field(default=4_096, gt=0)
    """Most verified tokens that are remembered until they expire."""
    trail: TrailSettings = TrailSettings()
    """The audit trail."""

    @model_validator(mode="after")
    def _names_are_known(self, info: ValidationInfo) -> Self:
        hold(info, self._unknown_names())
        return self

    def _unknown_names(self) -> Iterator[Clash]:
        for name, client in self.classes.items():
            if unknown := sorted(set(client.purposes) - set(self.purposes)):
                keys: list[Key] = [("access", "classes", name, "purposes")]
                keys += [("access", "purposes", one) for one in unknown]
                yield Clash(keys, f"classes.{name}.purposes: {unknown} not among access.purposes")
        issuers = ("access", "issuers")
        for issuer in self.issuers:
            if unknown := sorted(set(issuer.classes) - set(self.classes)):
                keys = [issuers, *(("access", "classes", one) for one in unknown)]
                yield Clash(keys, f"issuers: classes of {issuer.issuer}: {unknown} not among access.classes")
        if len({issuer.issuer for issuer in self.issuers}) < len(self.issuers):
            yield Clash([issuers], "issuers: an issuer is named twice")


class StoreSettings(Section):
    """Where ids, keyed hashes and the trail are kept."""

    url: str = "sqlite:///var/klantbeeld.sqlite"
    """`sqlite:///PATH` or `postgresql://…`; an address with a password stands in the environment, not in the file."""
    timeout: Seconds = 5.0
    """Longest wait for a connection, a lock or an answer of the store, in seconds."""
    connections: int = Field(default=8, ge=1, le=200)
    """Most PostgreSQL connections of a replica for look-ups; as many again for all else, and one that listens."""
    migrate: bool = True
    """Bring the tables up to date at start; false where that is a step of its own."""


class IdentitySettings(Section):
    """The cross-reference map."""

    match_key: Secret = Secret(env="KLANTBEELD_MATCH_KEY")
    """Key of the blind indexes (HMAC-SHA-256), 32 bytes or more, base64."""
    match_key_version: int = Field(default=1, ge=1)
    """Version of the key; raise it with a new key."""
    previous_match_key: Secret | None = None
    """The key before this one: looked up as well, until every record has been seen or imported under the new one."""
    default_region: str = Field(default="NL", pattern="^[A-Z]{2}$")
    """Country (ISO 3166-1 alpha-2) of phone numbers that are written without one."""


class EventSettings(Section):
    """Where other systems hear of what was changed: CloudEvents with ids and names of fields, without values."""

    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/])")
    """Address to which events are posted: https, or http on this machine."""
    secret: Secret
    """Key of the signatures (HMAC-SHA-256, Standard Webhooks), 32 bytes or more, base64."""
    source: str = "klantbeeld"
    """The `source` of the events: a URI reference that names this gateway."""
    every: Seconds = 1.0
    """Time between two looks for events to deliver, in seconds."""
    again_after: Seconds = 30.0
    """Time after which an event that was not taken is sent again, in seconds."""
    timeout: Seconds = 5.0
    """Longest that a delivery may take, in seconds."""


class WriteSettings(Section):
    """Writing through to owners."""

    owners: dict[str, str] = Field(default_factory=dict)
    """Source that owns an act (`change_contact_details = "crm"`), where several of its role could do it."""
    lease: Seconds = 5.0
    """Time for which a replica has an operation to itself after each step that it begins, in seconds: more than a step
    takes, with what it reads. What a replica that died was doing is taken over after it, and nothing is sent after
    it."""
    journal_wait: Seconds = 1.0
    """Longest that a write waits for its turn in the journal, in seconds; beyond it 503, and nothing is sent."""
    keep_days: float = Field(default=7, ge=1, le=365)
    """Days for which what came of an operation is kept, so that the same idempotency key gets the same answer."""
    keep_input_days: float = Field(default=3, gt=0, le=30)
    """Longest that the encrypted input of an operation of which the outcome is not known is kept, in days; after that
    only a person can settle it."""
    reconcile_every: Seconds = 1.0
    """Time between two looks at operations that were left or are not known, in seconds."""
    progress_every: Seconds = 1.0
    """Time between two looks for the progress of an operation in another replica, in seconds."""
    events: EventSettings | None = None
    """Where other systems hear of what was changed; nowhere without it."""
    attributes: dict[str, str] = Field(
        default_factory=lambda: {"birthDate": "CRM", "gender": "CRM", "language": "CRM"},
    )
    """Role whose system keeps an attribute that `enrichProfile` adds; MARKETING where it is not named."""
    sagas: SagaSettings = SagaSettings()
    """Acts over several systems."""


class Settings(Section):
    """All of `klantbeeld.toml`."""

    gateway: GatewaySettings = GatewaySettings()
    """GraphQL over HTTP."""
    documents: DocumentSettings = DocumentSettings()
    """Documents and their plans."""
    access: AccessSettings = AccessSettings()
    """Who may ask."""
    store: StoreSettings = StoreSettings()
    """Where ids and the trail are kept."""
    traces: TracesSettings = TracesSettings()
    """Traces for OpenTelemetry."""
    redis: RedisSettings | None = None
    """A Redis or Valkey server, where replicas share one."""
    cache: CacheSettings = CacheSettings()
    """Values that are kept for a short time."""
    changes: ChangesSettings = ChangesSettings()
    """How replicas hear of changes."""
    identity: IdentitySettings = IdentitySettings()
    """The cross-reference map."""
    sources: dict[SourceName, SourceSettings] = Field(default_factory=dict)
    """The systems, each under the name that the graph shows."""
    writes: WriteSettings = WriteSettings()
    """Writing through to owners."""
    eligibility: EligibilitySettings = EligibilitySettings()
    """What speaks against approaching a customer."""
    quality: QualitySettings = QualitySettings()
    """How the quality of a customer's data is measured."""
    views: dict[str, ViewSettings] = Field(default_factory=default_views)
    """What each kind of work needs to know: by default service, advice, marketing, collections, self-service and
    partner."""
    connector_folders: tuple[Path, ...] = ()
    """Folders with connectors of your own."""
    language: Language = "nl"
    """Language of texts for people when the request names none."""
    time_zone: str = "Europe/Amsterdam"
    """Time zone (IANA) of the organisation, by which due dates and ages are counted."""

    @model_validator(mode="after")
    def _deadlines_are_bounded(self, info: ValidationInfo) -> Self:
        most = self.gateway.max_deadline
        over = sorted(name for name, one in self.access.classes.items() if one.deadline > most)
        keys = [("gateway", "max_deadline"), *(("access", "classes", name, "deadline") for name in over)]
        said = f"access.classes: the deadline of {', '.join(over)} is above gateway.max_deadline, {most:g} s"
        hold(info, [Clash(keys, said)] if over else [])
        return self
