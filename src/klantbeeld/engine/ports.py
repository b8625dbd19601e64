"""What the engine is asked with, and what it needs from rooms above it; `app.py` brings the things that fit."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any, Protocol

from graphql import GraphQLError
from msgspec import Struct

from klantbeeld.graph.answers import Rights as GraphRights
from klantbeeld.settings import Language
from klantbeeld.sources.context import Priority
from klantbeeld.telemetry.spans import Span

FormattedError = dict[str, Any]


class Rights(GraphRights, Protocol):
    """What a caller may read; the key of a plan."""

    @property
    def fingerprint(self) -> str:
        """The same for all callers who may share a plan."""
        ...


class Caller(Protocol):
    """Who asks."""

    @property
    def rights(self) -> Rights:
        """What may be read."""
        ...

    @property
    def priority(self) -> Priority:
        """How soon it is served where not everybody can be."""
        ...

    @property
    def token(self) -> str | None:
        """Its access token, where some source is asked on its behalf."""
        ...


class Release(Protocol):
    """What a caller may see of one customer, beside what its rights say."""

    @property
    def is_whole(self) -> bool:
        """Whether it covers everything."""
        ...

    def covers(self, scope: str, coordinate: str) -> bool:
        """Say whether a field of that scope is released."""
        ...


class Rows(Protocol):
    """Which customers a caller may see."""

    async def releases(self, caller: Any, customer_ids: Collection[str], /) -> Mapping[str, Release]:
        """Return what the caller may see of those of the customers that it may see; raises StoreError."""
        ...

    async def own(self, caller: Any, /) -> str | None:
        """Return the customer behind the token; raises StoreError."""
        ...


class Feed(Protocol):
    """Tells of what happens to a customer, or to an operation."""

    def of(self, subject: str, /) -> AsyncIterator[Any]:
        """Listen to what happens from now on; ends by `aclose`, or with what it is about."""
        ...


class Asked(Protocol):
    """A GraphQL request."""

    @property
    def query(self) -> str | None:
        """The document."""
        ...

    @property
    def operation_name(self) -> str | None:
        """The operation to execute."""
        ...

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables, as JSON gave them."""
        ...


class Surroundings(Protocol):
    """What surrounds a request: who, until when, in which language."""

    @property
    def caller(self) -> Any:
        """Who asks."""
        ...

    @property
    def deadline(self) -> float:
        """When the answer must be there, in the running loop's time."""
        ...

    @property
    def language(self) -> Language:
        """Language of texts for people."""
        ...

    @property
    def explain(self) -> bool:
        """Whether the caller wants to see the plan with its timings."""
        ...

    @property
    def idempotency_key(self) -> str | None:
        """The request's own header with a key, as it stands there."""
        ...

    @property
    def span(self) -> Span | None:
        """The request's span, None where it is not traced."""
        ...

    @property
    def is_get(self) -> bool:
        """Whether the request may not change anything."""
        ...

    @property
    def consistency_token(self) -> str | None:
        """The token of a write that this request has to see."""
        ...

    @property
    def takes_incremental(self) -> bool:
        """Whether the client reads an answer in parts; otherwise `@defer` and `@stream` are ignored."""
        ...

    @property
    def takes_events(self) -> bool:
        """Whether the client reads a stream of events; otherwise a subscription is refused."""
        ...


class Errors(Protocol):
    """Makes of errors what a caller may see."""

    def shown(self, error: GraphQLError, language: Language, /) -> FormattedError:
        """Format an error of a field."""
        ...

    def shown_before_execution(self, errors: Iterable[GraphQLError], language: Language, /) -> list[FormattedError]:
        """Format errors of a document or its variables."""
        ...


class Reading(Struct, frozen=True):
    """What a request read or wrote of whom: for the trail; never values.

    `fields` are coordinates, `document` is a SHA-256. `writes` says that something was changed, or may have been, and
    `channel` through which the caller came; several have a space between.
    """

    customers: tuple[str, ...]
    fields: tuple[str, ...]
    sources: tuple[str, ...]
    operation: str
    document: str
    outcome: str
    writes: bool = False
    channel: str = ""


class Consistency(Protocol):
    """Knows which writes this replica has heard of."""

    async def seen(self, token: str, deadline: float) -> bool:
        """Wait until it heard of a write; False if that is not by the deadline. Raises RequestError for no token."""
        ...


class Trail(Protocol):
    """Keeps who read what of whom."""

    def check(self) -> None:
        """Make sure, before anything is read, that it can be kept; raises Overloaded."""
        ...

    def read(self, caller: Any, reading: Reading, /) -> None:
        """Take a reading, before its answer leaves; raises Overloaded when it cannot be kept."""
        ...


class Answer(Struct, frozen=True):
    """One complete answer, as JSON; without `data` when `executed` is false.

    `document` is the SHA-256 of the document, `waited` the time of the slowest call to a source, in seconds: for the
    log and the metrics.
    """

    body: bytes
    executed: bool = True
    is_partial: bool = False
    document: str | None = None
    waited: float = 0.0
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
