"""An engine over a tiny schema, a caller, and ways of asking: in the process, and over a real socket."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
import strawberry
import uvicorn
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationType,
    get_operation_ast,
    parse,
    subscribe,
    validate,
)
from graphql.execution import (
    ExperimentalIncrementalExecutionResults,
    InitialIncrementalExecutionResult,
    SubsequentIncrementalExecutionResult,
    experimental_execute_incrementally,
)
from starlette.applications import Starlette
from starlette.types import ASGIApp
from strawberry.schema.config import StrawberryConfig

from klantbeeld.errors import SourceTimeout, Unauthenticated
from klantbeeld.gateway.errors import Refusal, shown, shown_before_execution
from klantbeeld.gateway.limits import check_limits, parse_document
from klantbeeld.gateway.ports import GraphQLRequest, Part, Parts, RequestContext
from klantbeeld.settings import GatewaySettings

SECRET = "jan@heuvel.example"
TOKEN = "good"


@strawberry.type
class Complaint:
    subject: str


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str

    @strawberry.field
    async def complaints(self) -> list[Complaint]:
        await asyncio.sleep(0)
        return [Complaint(subject="late"), Complaint(subject="broken")]

    @strawberry.field
    async def broken(self) -> str | None:
        await asyncio.sleep(0)
        raise RuntimeError(SECRET)

    @strawberry.field
    async def late(self) -> str | None:
        raise SourceTimeout(SECRET)

    @strawberry.field
    async def never(self) -> str | None:
        await asyncio.Event().wait()
        return None


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "you") -> str:
        return f"hello {name}"

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def customer(self, id: strawberry.ID) -> Customer | None:  # noqa: A002 - GraphQL's name
        return Customer(id=id, name="Jan van den Heuvel")

    @strawberry.field
    def customers(self, first: int = 3) -> list[Customer]:
        return [Customer(id=strawberry.ID(str(number)), name=f"Jan {number}") for number in range(first)]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, name: str) -> str:
        return name


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, count: int = 3) -> AsyncGenerator[int, None]:
        for number in range(count):
            yield number

    @strawberry.subscription
    async def fails(self) -> AsyncGenerator[int, None]:
        yield 0
        raise RuntimeError(SECRET)

    @strawberry.subscription
    async def endless(self) -> AsyncGenerator[int, None]:
        yield 0
        await asyncio.Event().wait()


SCHEMA = strawberry.Schema(
    Query, Mutation, Subscription, config=StrawberryConfig(enable_experimental_incremental_execution=True)
)._schema


@dataclass(frozen=True, slots=True)
class FakeCaller:
    deadline_seconds: float = 5.0
    caller_class: str = "agent"
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    body: bytes
    executed: bool = True
    is_partial: bool = False
    document: str | None = None
    waited: float = 0.0
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class FakeParts:
    """Parts out of any iterator; counts how often it was closed."""

    parts: AsyncIterator[Part]
    is_live: bool
    closed: int = 0
    document: str | None = None
    has_closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __aiter__(self) -> "FakeParts":
        return self

    async def __anext__(self) -> Part:
        return await anext(self.parts)

    async def aclose(self) -> None:
        self.closed += 1
        self.has_closed.set()
        if isinstance(self.parts, AsyncGenerator):
            await self.parts.aclose()


@dataclass(slots=True)
class FakeEngine:
    """graphql-core behind the gateway's port; remembers what it was asked and what it gave in parts."""

    settings: GatewaySettings
    asked: list[tuple[GraphQLRequest, RequestContext]] = field(default_factory=list)
    given: list[FakeParts] = field(default_factory=list)

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
        self.asked.append((request, context))
        assert request.query is not None
        try:
            document = parse_document(request.query, self.settings)
        except GraphQLError as error:
            return _refused([error], context)
        check_limits(document, self.settings)
        invalid = validate(SCHEMA, document)
        if invalid:
            return _refused(invalid, context)
        operation = get_operation_ast(document, request.operation_name)
        if operation is not None and operation.operation == OperationType.SUBSCRIPTION:
            return await self._subscribe(request, context)
        if operation is not None and operation.operation == OperationType.MUTATION and context.is_get:
            raise Refusal("METHOD_NOT_ALLOWED", status=405)
        if not context.takes_incremental:
            document = parse(request.query.replace("@defer", "").replace("@stream", ""))
        executed: Any = experimental_execute_incrementally(
            SCHEMA, document, None, None, request.variables, request.operation_name
        )
        result = await executed if inspect.isawaitable(executed) else executed
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            return self._parts(_increments(result), is_live=False)
        return _answer(result, context)

    async def _subscribe(self, request: GraphQLRequest, context: RequestContext) -> FakeAnswer | Parts:
        if not context.takes_events:
            raise Refusal("NOT_ACCEPTABLE", status=406)
        source: Any = subscribe(SCHEMA, parse(request.query or ""), None, None, request.variables)
        stream = source if hasattr(source, "__anext__") else await source
        if isinstance(stream, ExecutionResult):
            return _answer(stream, context)
        return self._parts((_whole(result) async for result in stream), is_live=True)

    def _parts(self, parts: AsyncIterator[Part], *, is_live: bool) -> FakeParts:
        self.given.append(FakeParts(parts, is_live))
        return self.given[-1]


def _refused(errors: list[GraphQLError], context: RequestContext) -> FakeAnswer:
    formatted = shown_before_execution(errors, context.language)
    return FakeAnswer(msgspec.json.encode({"errors": formatted}), executed=False)


def _answer(result: ExecutionResult, context: RequestContext) -> FakeAnswer:
    if result.data is None and result.errors and result.errors[0].path is None:
        return _refused(result.errors, context)
    content: dict[str, Any] = {"data": result.data}
    if result.errors:
        content["errors"] = [shown(error, context.language) for error in result.errors]
    return FakeAnswer(msgspec.json.encode(content))


def _whole(result: ExecutionResult) -> Part:
    return {"data": result.data} | ({"errors": result.errors} if result.errors else {})


async def _increments(results: ExperimentalIncrementalExecutionResults) -> AsyncIterator[Part]:
    yield _unformatted(results.initial_result)
    async for part in results.subsequent_results:
        yield _unformatted(part)


def _unformatted(result: InitialIncrementalExecutionResult | SubsequentIncrementalExecutionResult) -> Part:
    """Give the wire's shape with the errors still exceptions, as an engine that masks nothing would."""
    part: dict[str, Any] = dict(result.formatted)
    if isinstance(result, InitialIncrementalExecutionResult) and result.errors:
        part["errors"] = result.errors
    for name in ("incremental", "completed"):
        entries = getattr(result, name, None)
        if entries:
            part[name] = [
                dict(entry.formatted) | ({"errors": entry.errors} if entry.errors else {}) for entry in entries
            ]
    return part


@dataclass(slots=True)
class FakeAuthenticator:
    caller: FakeCaller = field(default_factory=FakeCaller)

    async def __call__(self, authorization: str | None, headers: Mapping[bytes, bytes], /) -> FakeCaller:
        if authorization != f"Bearer {TOKEN}":
            error = Unauthenticated("no good token")
            error.challenge = 'Bearer error="invalid_token"'
            raise error
        return self.caller


@dataclass(slots=True)
class FakeObserver:
    failures: list[BaseException] = field(default_factory=list)

    def failed(self, error: BaseException, /) -> None:
        self.failures.append(error)


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings()


@pytest.fixture
def engine(settings: GatewaySettings) -> FakeEngine:
    return FakeEngine(settings)


@pytest.fixture
def authenticate() -> FakeAuthenticator:
    return FakeAuthenticator()


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


Client = Callable[[ASGIApp], httpx.AsyncClient]
Serve = Callable[[ASGIApp], "contextlib.AbstractAsyncContextManager[str]"]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """Clients that ask an app in this process, with a good token."""
    async with contextlib.AsyncExitStack() as stack:

        def make(app: ASGIApp) -> httpx.AsyncClient:
            made = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://gateway.test",
                headers={"authorization": f"Bearer {TOKEN}"},
            )
            stack.push_async_callback(made.aclose)
            return made

        yield make


@pytest.fixture
def serve() -> Serve:
    """A server on a free port of this machine, in this loop; gives its address."""
    return _serve


@contextlib.asynccontextmanager
async def _serve(app: ASGIApp) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="websockets-sansio"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells by this flag alone
            await asyncio.sleep(0.005)
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


__all__ = ["SECRET", "TOKEN", "FakeAnswer", "FakeEngine", "FakeParts", "Starlette"]
