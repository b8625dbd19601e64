"""GraphQL over HTTP, as a client meets it."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.gateway.conftest import (
    SECRET,
    TOKEN,
    Client,
    FakeAnswer,
    FakeAuthenticator,
    FakeCaller,
    FakeEngine,
    FakeObserver,
    FakeParts,
    Serve,
)

from klantbeeld.errors import Overloaded, StoreError
from klantbeeld.gateway.documents import TrustedDocuments, hash_of
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.head import ONCE
from klantbeeld.gateway.ports import GraphQLRequest, Parts, RequestContext
from klantbeeld.gateway.replies import CODINGS
from klantbeeld.gateway.streams import Streams
from klantbeeld.settings import DoorSettings, GatewaySettings
from klantbeeld.telemetry.observe import KEY, Observation
from klantbeeld.telemetry.trace import accept_trace
from klantbeeld.texts import say

pytestmark = pytest.mark.asyncio

GRAPHQL = "application/graphql-response+json"
HELLO = {"query": "{ hello }"}
DEFER = {"query": '{ customer(id: "1") { id ... @defer { name broken late } } }'}
STREAM = {"query": "{ customers(first: 3) @stream(initialCount: 1) { id } }"}


@pytest.fixture
def endpoint(engine: FakeEngine, authenticate: FakeAuthenticator, observer: FakeObserver) -> GraphQLEndpoint:
    return GraphQLEndpoint(engine, authenticate, settings=engine.settings, language="en", observer=observer)


@pytest.fixture
def ask(client: Client, endpoint: GraphQLEndpoint) -> httpx.AsyncClient:
    return client(endpoint)


class BrokenEngine:
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
        raise self.error


class HangingEngine:
    """Never answers."""

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
        await asyncio.Event().wait()
        raise AssertionError


class FixedEngine:
    """Answers what it is given."""

    def __init__(self, answer: FakeAnswer | Parts) -> None:
        self.answer = answer

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
        return self.answer


def code(answer: httpx.Response) -> str:
    content = answer.json()
    assert "data" not in content
    return str(content["errors"][0]["extensions"]["code"])


def parts_of(text: str) -> list[Any]:
    """Read multipart as its clients do."""
    parts = re.split(r"\r\n---(?:--)?|\r\n--graphql(?:--)?", text)
    return [json.loads(part.split("\r\n\r\n", 1)[1]) for part in parts if "{" in part]


async def test_a_query_is_answered_by_post(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=HELLO)
    assert (answer.status_code, answer.json()) == (200, {"data": {"hello": "hello you"}})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_head_is_answered_as_get_and_gets_nothing_bit_by_bit(ask: httpx.AsyncClient, engine: FakeEngine) -> None:
    answer = await ask.request("HEAD", "/", params=HELLO)
    by_get = await ask.get("/", params=HELLO)
    assert (answer.status_code, answer.headers["content-length"]) == (200, by_get.headers["content-length"])
    subscription = {"query": "subscription { endless }"}
    answer = await ask.request("HEAD", "/", params=subscription, headers={"accept": "text/event-stream"})
    assert answer.status_code == 406
    assert (await ask.request("HEAD", "/", params={"query": 'mutation { rename(name: "x") }'})).status_code == 405


async def test_a_query_is_answered_by_get(ask: httpx.AsyncClient) -> None:
    query = "query Q($name: String!) { hello(name: $name) }"
    answer = await ask.get("/", params={"query": query, "variables": '{"name": "Jan"}', "operationName": "Q"})
    assert answer.json() == {"data": {"hello": "hello Jan"}}


async def test_a_mutation_by_get_is_refused(ask: httpx.AsyncClient) -> None:
    answer = await ask.get("/", params={"query": 'mutation { rename(name: "x") }'})
    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_refused_and_told_which_are_not(ask: httpx.AsyncClient, method: str) -> None:
    answer = await ask.request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("headers", "status", "expected", "place"),
    [
        ({"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", "header Content-Type"),
        ({"content-type": "application/json; charset=latin-1"}, 415, "UNSUPPORTED_MEDIA_TYPE", "header Content-Type"),
        ({"content-encoding": "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE", "header Content-Encoding"),
        ({"accept": "image/png"}, 406, "NOT_ACCEPTABLE", "header Accept"),
        ({"klantbeeld-deadline-ms": "soon"}, 400, "BAD_REQUEST", "header Klantbeeld-Deadline-Ms"),
        ({"klantbeeld-deadline-ms": "0"}, 400, "BAD_REQUEST", "header Klantbeeld-Deadline-Ms"),
        ({"klantbeeld-deadline-ms": "9" * 5000}, 400, "BAD_REQUEST", "header Klantbeeld-Deadline-Ms"),
        ({"content-length": "999999"}, 413, "BODY_TOO_LARGE", "body"),
    ],
)
async def test_unfit_headers_are_refused_with_code_and_place(
    ask: httpx.AsyncClient, headers: Mapping[str, str], status: int, expected: str, place: str
) -> None:
    answer = await ask.post(
        "/", content=json.dumps(HELLO), headers={"content-type": "application/json"} | dict(headers)
    )
    assert (answer.status_code, code(answer)) == (status, expected)
    assert answer.json()["errors"][0]["extensions"]["place"] == place


async def test_what_cannot_be_delivered_is_answered_with_what_can(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=HELLO, headers={"accept": "image/png"})
    offers = ["application/json", "application/graphql-response+json", "multipart/mixed", "text/event-stream"]
    (error,) = answer.json()["errors"]
    assert error["extensions"]["allowed"] == offers
    assert error["message"].endswith(f": {', '.join(offers)}.")


async def test_what_is_not_understood_is_answered_with_what_is(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", content="x", headers={"content-type": "text/plain"})
    assert (answer.headers["accept"], answer.headers["accept-post"]) == ("application/json", "application/json")
    assert answer.json()["errors"][0]["extensions"]["allowed"] == ["application/json"]


async def test_a_form_cannot_ask(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", data={"query": "{ hello }"})
    assert answer.status_code == 415


@pytest.mark.parametrize("name", sorted(ONCE - {b"content-length"}))
async def test_a_header_that_comes_twice_is_refused(ask: httpx.AsyncClient, name: bytes) -> None:
    right = {b"authorization": f"Bearer {TOKEN}".encode(), b"content-type": b"application/json"}
    headers = [*({name: b"1"} | right).items(), (name, b"other")]
    answer = await ask.post("/", content=json.dumps(HELLO), headers=headers)
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


async def test_lines_of_accept_are_one_list(ask: httpx.AsyncClient) -> None:
    headers = [("accept", "image/png"), ("accept", GRAPHQL)]
    request = httpx.Request(
        "POST", "http://gateway.test/", json=HELLO, headers=[*headers, ("authorization", f"Bearer {TOKEN}")]
    )
    answer = await ask.send(request)
    assert answer.headers["content-type"].startswith(GRAPHQL)


@pytest.mark.parametrize("token", [None, "Bearer forged", "Basic x"])
async def test_a_bad_token_gets_a_challenge_and_nothing_is_asked(
    ask: httpx.AsyncClient, engine: FakeEngine, token: str | None
) -> None:
    ask.headers.pop("authorization")
    answer = await ask.post("/", json=HELLO, headers={} if token is None else {"authorization": token})
    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert engine.asked == []


@pytest.mark.parametrize(
    ("accept", "query", "status"),
    [
        (GRAPHQL, "{", 400),
        (GRAPHQL, "{ missing }", 400),
        (GRAPHQL, "query ($a: Int!) { hello }", 400),
        ("application/json", "{", 200),
        ("application/json", "{ missing }", 200),
        ("text/event-stream", "{ missing }", 400),
        (GRAPHQL, "{ broken }", 200),
    ],
)
async def test_the_status_of_what_is_refused_follows_the_media_type(
    ask: httpx.AsyncClient, accept: str, query: str, status: int
) -> None:
    answer = await ask.post("/", json={"query": query}, headers={"accept": accept})
    assert answer.status_code == status
    assert ("data" in answer.json()) is (query == "{ broken }")


@pytest.mark.parametrize("accept", [GRAPHQL, "application/json"])
async def test_a_document_beyond_a_limit_is_refused_with_400(ask: httpx.AsyncClient, accept: str) -> None:
    query = "{" + " ".join(f"a{number}: hello" for number in range(31)) + "}"
    answer = await ask.post("/", json={"query": query}, headers={"accept": accept})
    assert (answer.status_code, code(answer)) == (400, "TOO_MANY_ALIASES")


async def test_a_broken_field_costs_itself_and_shows_no_text(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json={"query": "{ hello broken }"})
    assert answer.json()["data"] == {"hello": "hello you", "broken": None}
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("error", "status", "expected", "is_failure"),
    [
        (RuntimeError(SECRET), 500, "INTERNAL_ERROR", True),
        (TimeoutError(SECRET), 500, "INTERNAL_ERROR", True),
        (StoreError(SECRET), 503, "STORE_UNAVAILABLE", True),
        (Overloaded(SECRET, retry_after=3, status=429), 429, "OVERLOADED", False),
    ],
)
async def test_an_engine_that_breaks_shows_no_text(
    client: Client, observer: FakeObserver, error: Exception, status: int, expected: str, *, is_failure: bool
) -> None:
    app = GraphQLEndpoint(BrokenEngine(error), FakeAuthenticator(), settings=GatewaySettings(), observer=observer)
    answer = await client(app).post("/", json=HELLO)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert SECRET not in answer.text + str(answer.headers)
    assert observer.failures == ([error] if is_failure else [])
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)


async def test_an_engine_that_does_not_answer_is_ended_after_its_deadline(client: Client) -> None:
    caller = FakeCaller(deadline_seconds=0.01)
    app = GraphQLEndpoint(HangingEngine(), FakeAuthenticator(caller), settings=GatewaySettings())
    answer = await client(app).post("/", json=HELLO)
    assert (answer.status_code, code(answer)) == (504, "DEADLINE_EXCEEDED")


async def test_a_client_that_goes_away_has_its_request_ended(serve: Serve) -> None:
    loop = asyncio.get_running_loop()
    asked, ended = asyncio.Event(), loop.create_future()

    class Watching(HangingEngine):
        async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
            asked.set()
            try:
                return await super().execute(request, context)
            finally:
                ended.set_result(loop.time())

    observer, noted = FakeObserver(), Observation(accept_trace(None, None), loop.time())
    endpoint = GraphQLEndpoint(
        Watching(), FakeAuthenticator(FakeCaller()), settings=GatewaySettings(), observer=observer
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint({**scope, KEY: noted}, receive, send)

    async with serve(app) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        going = asyncio.create_task(client.post("/", json=HELLO, headers={"authorization": f"Bearer {TOKEN}"}))
        await asked.wait()
        going.cancel()
        left = loop.time()
        assert await asyncio.wait_for(ended, 5) >= left
    assert observer.failures == []
    assert (noted.outcome, noted.status) == ("gone", 499)


async def test_a_part_of_the_deadline_is_kept_for_the_answer(client: Client, engine: FakeEngine) -> None:
    now = asyncio.get_running_loop().time
    for seconds, kept in ((5.0, 0.05), (0.1, 0.01)):
        app = GraphQLEndpoint(
            engine, FakeAuthenticator(FakeCaller(deadline_seconds=seconds)), settings=GatewaySettings()
        )
        before = now()
        await client(app).post("/", json=HELLO)
        assert before <= engine.asked[-1][1].deadline - (seconds - kept) <= now()


@pytest.mark.parametrize(("asked", "expected"), [(None, 5.0), ("200", 0.2), ("60000", 5.0)])
async def test_a_caller_may_shorten_its_deadline_and_not_lengthen_it(
    ask: httpx.AsyncClient, engine: FakeEngine, asked: str | None, expected: float
) -> None:
    now = asyncio.get_running_loop().time
    before = now()
    await ask.post("/", json=HELLO, headers={} if asked is None else {"klantbeeld-deadline-ms": asked})
    kept = min(0.05, expected / 10)
    assert before <= engine.asked[0][1].deadline - (expected - kept) <= now()


async def test_the_context_tells_what_surrounds_the_request(ask: httpx.AsyncClient, engine: FakeEngine) -> None:
    headers = {"accept-language": "nl", "klantbeeld-purpose": "service", "klantbeeld-explain": "1"}
    await ask.post("/", json=HELLO, headers=headers)
    await ask.get("/", params=HELLO)
    first, second = (context for _, context in engine.asked)
    assert (first.language, first.purpose, first.explain, first.is_get) == ("nl", "service", True, False)
    assert (second.language, second.purpose, second.explain, second.is_get) == ("en", None, False, True)


async def test_refusals_speak_the_language_of_the_caller(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", content=b"null", headers={"content-type": "application/json", "accept-language": "nl"})
    assert answer.json()["errors"][0]["message"] == say("BAD_REQUEST", "nl")


async def test_an_answer_is_kept_by_no_cache_and_taken_for_no_page(ask: httpx.AsyncClient) -> None:
    for answer in (await ask.post("/", json=HELLO), await ask.post("/", content=b"")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "accept" in answer.headers["vary"]


def unzstd(raw: bytes) -> bytes:
    zstandard: Any = pytest.importorskip("zstandard", reason="the extra zstd is not installed")
    plain: bytes = zstandard.ZstdDecompressor().decompress(raw)
    return plain


UNDO: Mapping[str | None, Callable[[bytes], bytes]] = {None: bytes, "gzip": gzip.decompress, "zstd": unzstd}


@pytest.mark.parametrize(
    ("size", "accept_encoding", "expected"),
    [
        (10_000, "gzip", "gzip"),
        (10_000, "gzip, deflate, br, zstd", "zstd"),
        (10_000, "identity", None),
        (100, "gzip, zstd", None),
        (400_000, "gzip", "gzip"),
        (400_000, "zstd", "zstd"),
        (10_000, "deflate\ngzip", "gzip"),
    ],
)
async def test_a_large_answer_is_compressed_for_who_takes_it(
    client: Client, size: int, accept_encoding: str, expected: str | None
) -> None:
    if expected not in {None, *CODINGS}:
        pytest.skip("the extra zstd is not installed")
    body = json.dumps({"data": "x" * size}).encode()
    app = GraphQLEndpoint(FixedEngine(FakeAnswer(body)), FakeAuthenticator(), settings=GatewaySettings())
    asking = client(app)
    del asking.headers["accept-encoding"]
    lines = [("accept-encoding", line) for line in accept_encoding.splitlines()]
    async with asking.stream("POST", "/", json=HELLO, headers=lines) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == expected
    assert UNDO[expected](raw) == body


async def test_headers_of_an_answer_are_sent(client: Client) -> None:
    given = FakeAnswer(b"{}", status=202, headers=((b"x-own", b"1"),))
    app = GraphQLEndpoint(FixedEngine(given), FakeAuthenticator(), settings=GatewaySettings())
    answer = await client(app).post("/", json=HELLO)
    assert (answer.status_code, answer.headers["x-own"]) == (202, "1")


async def test_a_page_of_another_site_may_not_ask_by_get(client: Client, engine: FakeEngine) -> None:
    settings = GatewaySettings(cors_origins=("https://app.example",))
    asking = client(GraphQLEndpoint(engine, FakeAuthenticator(), settings=settings))
    headers = {"sec-fetch-site": "cross-site"}
    answer = await asking.get("/", params=HELLO, headers=headers)
    assert (answer.status_code, code(answer)) == (403, "CROSS_SITE_REQUEST")
    answer = await asking.get("/", params=HELLO, headers=headers | {"origin": "https://app.example"})
    assert answer.status_code == 200
    answer = await asking.get("/", params=HELLO, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200


async def test_a_trusted_document_is_answered_by_its_hash(client: Client, engine: FakeEngine) -> None:
    documents = TrustedDocuments(by_hash={hash_of("{ hello }"): "{ hello }"}, only=True)
    asking = client(GraphQLEndpoint(engine, FakeAuthenticator(), settings=engine.settings, documents=documents))
    answer = await asking.post("/", json={"documentId": f"sha256:{hash_of('{ hello }')}"})
    assert answer.json() == {"data": {"hello": "hello you"}}
    answer = await asking.post("/", json={"query": "{ broken }"})
    assert (answer.status_code, code(answer)) == (403, "DOCUMENT_NOT_TRUSTED")


async def test_defer_comes_in_parts_that_are_masked(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=DEFER, headers={"accept": f"multipart/mixed, {GRAPHQL}"})
    assert answer.headers["content-type"] == 'multipart/mixed; boundary="-"; incrementalSpec=v0.2'
    assert answer.text.endswith("\r\n-----\r\n")
    first, *rest = parts_of(answer.text)
    assert first["data"] == {"customer": {"id": "1"}}
    assert first["hasNext"] is True
    assert rest[-1]["hasNext"] is False
    errors = [error for part in rest for one in part.get("incremental", ()) for error in one.get("errors", ())]
    assert {error["extensions"]["code"] for error in errors} == {"INTERNAL_ERROR", "SOURCE_TIMEOUT"}
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("fields", "expected"), [("name", None), ("name broken", "partial"), ("complaints { subject }", None)]
)
async def test_errors_in_later_parts_are_noted(
    endpoint: GraphQLEndpoint, client: Client, fields: str, expected: str | None
) -> None:
    noted = Observation(accept_trace(), began=0.0)

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(dict(scope) | {KEY: noted}, receive, send)

    query = f'{{ customer(id: "1") {{ id ... @defer {{ {fields} }} }} }}'
    headers = {"accept": "multipart/mixed", "authorization": f"Bearer {TOKEN}"}
    answer = await client(observed).post("/", json={"query": query}, headers=headers)
    assert '"pending"' in answer.text
    assert noted.outcome == expected


async def test_stream_comes_in_parts_over_server_sent_events(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=STREAM, headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    parts = [json.loads(event) for event in events]
    items = [item for part in parts for one in part.get("incremental", ()) for item in one.get("items", ())]
    assert [*parts[0]["data"]["customers"], *items] == [{"id": "0"}, {"id": "1"}, {"id": "2"}]
    assert answer.text.endswith("event: complete\ndata:\n\n")


async def test_defer_is_ignored_for_who_does_not_read_parts(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=DEFER, headers={"accept": "application/json"})
    assert answer.json()["data"]["customer"]["name"] == "Jan van den Heuvel"
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "accept",
    [
        "application/json, text/event-stream, multipart/mixed",
        "multipart/mixed, application/json",
        "text/event-stream, */*",
    ],
)
async def test_a_plain_answer_is_json_for_who_also_reads_streams(ask: httpx.AsyncClient, accept: str) -> None:
    answer = await ask.post("/", json=HELLO, headers={"accept": accept})
    assert answer.json() == {"data": {"hello": "hello you"}}


async def test_a_plain_answer_is_one_part_for_who_reads_nothing_else(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json=HELLO, headers={"accept": "multipart/mixed"})
    assert parts_of(answer.text) == [{"data": {"hello": "hello you"}, "hasNext": False}]
    answer = await ask.post("/", json=HELLO, headers={"accept": "multipart/mixed;subscriptionSpec=1.0"})
    assert parts_of(answer.text) == [{"payload": {"data": {"hello": "hello you"}}}]


async def test_a_subscription_comes_as_events(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json={"query": "subscription { ticks }"}, headers={"accept": "text/event-stream"})
    assert answer.text.count("event: next\n") == 3
    accept = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
    answer = await ask.post("/", json={"query": "subscription { fails }"}, headers={"accept": accept})
    first, last = parts_of(answer.text)
    assert first == {"payload": {"data": {"fails": 0}}}
    assert last["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert SECRET not in answer.text


async def test_a_subscription_is_refused_for_who_does_not_read_events(ask: httpx.AsyncClient) -> None:
    answer = await ask.post("/", json={"query": "subscription { ticks }"}, headers={"accept": "application/json"})
    assert (answer.status_code, code(answer)) == (406, "NOT_ACCEPTABLE")


async def test_parts_that_nobody_reads_are_refused_and_closed(client: Client) -> None:
    parts = FakeParts(_nothing(), is_live=True)
    app = GraphQLEndpoint(FixedEngine(parts), FakeAuthenticator(), settings=GatewaySettings())
    answer = await client(app).post("/", json=HELLO, headers={"accept": "application/json"})
    assert (answer.status_code, code(answer), parts.closed) == (406, "NOT_ACCEPTABLE", 1)
    events = ["text/event-stream", "multipart/mixed; subscriptionSpec=1.0"]
    assert answer.json()["errors"][0]["extensions"]["allowed"] == events


async def test_a_stream_beyond_the_most_is_refused_and_closed(client: Client, engine: FakeEngine) -> None:
    app = GraphQLEndpoint(engine, FakeAuthenticator(), settings=engine.settings, streams=Streams(0))
    answer = await client(app).post("/", json=DEFER, headers={"accept": "multipart/mixed"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert engine.given[0].closed == 1


async def test_a_subscription_ends_when_its_client_goes(endpoint: GraphQLEndpoint, engine: FakeEngine) -> None:
    heard = asyncio.Event()
    body = json.dumps({"query": "subscription { endless }"}).encode()
    scope = _scope(body)
    requests: list[Message] = [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        if requests:
            return requests.pop()
        await heard.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if b'"endless":0' in message.get("body", b""):
            heard.set()

    async with asyncio.timeout(5):
        await endpoint(scope, receive, send)
    assert engine.given[0].closed > 0
    assert len(asyncio.all_tasks()) == 1


async def _sent_while_it_stops(engine: FakeEngine, query: str, first: bytes) -> list[Message]:
    """Ask for a stream and stop the gateway once `first` has come; gives what was sent."""
    streams = Streams(1)
    app = GraphQLEndpoint(engine, FakeAuthenticator(), settings=engine.settings, streams=streams)
    body = json.dumps({"query": query}).encode()
    requests: list[Message] = [{"type": "http.request", "body": body}]
    sent: list[Message] = []

    async def receive() -> Message:
        return requests.pop() if requests else await asyncio.Future[Message]()

    async def send(message: Message) -> None:
        sent.append(message)
        if first in message.get("body", b""):
            streams.close()

    async with asyncio.timeout(5):
        await app(_scope(body), receive, send)
    assert len(streams) == 0
    assert engine.given[0].closed > 0
    return sent


async def test_a_subscription_ends_when_the_gateway_stops(engine: FakeEngine) -> None:
    sent = await _sent_while_it_stops(engine, "subscription { endless }", b'"endless":0')
    assert sent[-1] == {"type": "http.response.body", "body": b""}


async def test_what_was_put_off_still_comes_when_the_gateway_stops(engine: FakeEngine) -> None:
    query = '{ customer(id: "1") { name ... @defer { complaints { subject } } } }'
    sent = await _sent_while_it_stops(engine, query, b'"pending"')
    last, end = (message["body"] for message in sent[-3:-1])
    assert b'"subject":"broken"' in last
    assert b'"hasNext":false' in last
    assert end == b"event: complete\ndata:\n\n"


async def test_a_subscription_ends_with_the_token(client: Client, engine: FakeEngine) -> None:
    authenticate = FakeAuthenticator(replace(FakeCaller(), expires_at=0.0))
    asking = client(GraphQLEndpoint(engine, authenticate, settings=engine.settings, language="en"))
    answer = await asking.post("/", json={"query": "subscription { endless }"}, headers={"accept": "text/event-stream"})
    assert "TOKEN_EXPIRED" in answer.text


@pytest.mark.parametrize("before", [[], [{"type": "http.request", "body": b"{", "more_body": True}]])
async def test_a_body_that_does_not_come_is_refused_and_takes_no_place(
    engine: FakeEngine, before: list[Message]
) -> None:
    door = Door(DoorSettings(), importance=lambda _: 0)
    settings = GatewaySettings(receive_within=0.01)
    app = GraphQLEndpoint(engine, FakeAuthenticator(), settings=settings, door=door)
    sent: list[Message] = []
    coming = list(before)

    async def receive() -> Message:
        assert door.inside == 0
        return coming.pop() if coming else await asyncio.Future[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(_scope(b""), receive, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"BODY_TOO_SLOW" in sent[1]["body"]
    assert engine.asked == []


async def test_what_a_body_takes_to_come_is_not_of_the_deadline(engine: FakeEngine) -> None:
    app = GraphQLEndpoint(engine, FakeAuthenticator(FakeCaller(deadline_seconds=0.05)), settings=engine.settings)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.1)
        return {"type": "http.request", "body": json.dumps(HELLO).encode()}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(_scope(json.dumps(HELLO).encode()), receive, send)
    assert sent[0]["status"] == 200


async def test_a_client_that_goes_before_it_asked_gets_nothing(endpoint: GraphQLEndpoint, engine: FakeEngine) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await endpoint(_scope(b""), receive, send)
    assert (sent, engine.asked) == ([], [])


def _scope(body: bytes) -> dict[str, Any]:
    headers = {
        b"authorization": f"Bearer {TOKEN}".encode(),
        b"content-type": b"application/json",
        b"accept": b"text/event-stream",
        b"content-length": str(len(body)).encode(),
    }
    return {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": list(headers.items())}


async def _nothing() -> AsyncIterator[Mapping[str, Any]]:
    return
    yield {}
