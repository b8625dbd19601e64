"""What the gateway needs from the rooms below it; `app.py` brings the things that fit.

The gateway knows HTTP and the shape of a GraphQL request. It does not know the schema, a token, or a source.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from klantbeeld.settings import Language
from klantbeeld.telemetry.spans import Span

Part = Mapping[str, Any]


class GraphQLRequest(Struct, frozen=True):
    """One GraphQL request, as it came by POST, GET or a socket.

    `query` is None only where `document_id` or the extension `persistedQuery` names a trusted document that nobody
    resolved. After `TrustedDocuments.resolve` the query is there, and `document_id` is `sha256:…` if the document is
    trusted.
    """

    query: str | None
    operation_name: str | None = None
    variables: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    document_id: str | None = None


class Caller(Protocol):
    """Who asks; the rest of it is between the authenticator and the engine."""

    @property
    def caller_class(self) -> str:
        """Class of callers, as the settings name it."""

    @property
    def deadline_seconds(self) -> float:
        """Longest that one of its requests may take, in seconds."""

    @property
    def expires_at(self) -> float | None:
        """When its token ends, in Unix time; streams end then. None: never."""


class RequestContext(Struct, frozen=True):
    """What surrounds one request; lives as long as it."""

    caller: Caller
    deadline: float
    """When the answer must be there, in the running loop's time."""
    language: Language
    is_get: bool = False
    """Came by GET or HEAD: a mutation must be refused, with status 405."""
    idempotency_key: str | None = None
    """The header `Idempotency-Key` of this one request, as it stands there."""
    takes_incremental: bool = False
    """The client reads `@defer` and `@stream`; otherwise both are ignored, as the specification allows."""
    takes_events: bool = False
    """The client reads a stream of events; otherwise a subscription is refused, with code NOT_ACCEPTABLE."""
    span: Span | None = None
    """The request's, None where it is not traced."""
    headers: Mapping[bytes, bytes] = {}
    """All headers, names in lower case; those of the connection itself where the request came by a socket."""

    @property
    def purpose(self) -> str | None:
        """Why the caller reads: `Klantbeeld-Purpose`."""
        value = self.headers.get(b"klantbeeld-purpose")
        return None if value is None else value.decode("latin-1")

    @property
    def consistency_token(self) -> str | None:
        """What a mutation gave, so that this request sees its write: `Klantbeeld-Consistency-Token`."""
        value = self.headers.get(b"klantbeeld-consistency-token")
        return None if value is None else value.decode("latin-1")

    @property
    def explain(self) -> bool:
        """Whether the plan with its timings is asked for: `Klantbeeld-Explain: 1`."""
        return self.headers.get(b"klantbeeld-explain") == b"1"


class Answer(Protocol):
    """One complete answer."""

    @property
    def body(self) -> bytes:
        """The response map as JSON in UTF-8, its errors masked already."""

    @property
    def executed(self) -> bool:
        """False: refused before execution (syntax, validation, variables, operation name), so without `data`."""

    @property
    def is_partial(self) -> bool:
        """Executed, with errors."""

    @property
    def document(self) -> str | None:
        """SHA-256 of the document, hexadecimal."""

    @property
    def waited(self) -> float:
        """Time of the slowest call to a source, in seconds."""

    @property
    def status(self) -> int | None:
        """HTTP status, where it is not the one that the specification gives."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Further response headers, names in lower case."""


class Parts(Protocol):
    """An answer in parts.

    For `@defer` and `@stream` each part has `hasNext`, in the format of graphql-core 3.3 (`pending`, `incremental`,
    `completed`); for a subscription each part is one response map. Where a part says `errors`, an entry may be an
    exception or a formatted error; the gateway masks both.
    """

    def __aiter__(self) -> AsyncIterator[Part]:
        """Give itself."""

    def __anext__(self) -> Awaitable[Part]:
        """Give the next part."""

    @property
    def is_live(self) -> bool:
        """True for the events of a subscription, which have no deadline; False for `@defer` and `@stream`."""

    @property
    def document(self) -> str | None:
        """SHA-256 of the document, hexadecimal."""

    async def aclose(self) -> None:
        """Stop: the client went, or the answer is over. May be called again, and where nothing was read."""


class Engine(Protocol):
    """Answers GraphQL requests."""

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> Answer | Parts:
        """Answer a request, whole or in parts.

        Raises RequestError for what is refused as a whole, with its status.
        """


class Authenticator(Protocol):
    """Finds out who asks."""

    async def __call__(self, authorization: str | None, headers: Mapping[bytes, bytes], /) -> Caller:
        """Give the caller behind an `Authorization` header.

        Raises Unauthenticated, whose attribute `challenge` (if it has one) becomes `WWW-Authenticate`.
        """


class Readiness(Protocol):
    """Says whether the gateway can take requests."""

    async def __call__(self) -> Mapping[str, bool]:
        """Give each part that must be there (the store, the keys of an issuer) and whether it is."""


class Observer(Protocol):
    """Hears of what went wrong; must not raise, and must not block."""

    def failed(self, error: BaseException, /) -> None:
        """Something broke that should not; the caller saw INTERNAL_ERROR. Its text may hold personal data."""
