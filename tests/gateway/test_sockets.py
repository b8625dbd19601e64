"""graphql-transport-ws, message by message."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.gateway.conftest import (
    SECRET,
    TOKEN,
    FakeAnswer,
    FakeAuthenticator,
    FakeCaller,
    FakeEngine,
    FakeObserver,
)

from klantbeeld.errors import Overloaded
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.ports import GraphQLRequest, Parts, RequestContext
from klantbeeld.gateway.sockets import LONGEST_ID, MOST_OPERATIONS, GraphQLSocket
from klantbeeld.gateway.streams import Streams
from klantbeeld.settings import DoorSettings, GatewaySettings
from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines

pytestmark = pytest.mark.asyncio

INIT = {"type": "connection_init", "payload": {"authorization": f"Bearer {TOKEN}"}}
ACK = {"type": "connection_ack"}


def subscribe(name: str, query: str) -> dict[str, Any]:
    return {"id": name, "type": "subscribe", "payload": {"query": query}}


class Peer:
    """The client's side of a socket."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[Message] = asyncio.Queue()
        self.to_server.put_nowait({"type": "websocket.connect"})

    def say(self, message: object) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.to_server.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> Message:
        async with asyncio.timeout(5):
            return await self.from_server.get()

    async def told(self) -> Any:
        return json.loads((await self.hear())["text"])

    async def closed(self) -> int:
        message = await self.hear()
        assert message["type"] == "websocket.close", message
        return int(message["code"])


Open = Callable[..., AbstractAsyncContextManager[Peer]]


@pytest.fixture
def open_socket(engine: FakeEngine, observer: FakeObserver) -> Open:
    """Opens a socket; everything that it started must have ended when its client goes."""

    @asynccontextmanager
    async def opened(
        *,
        caller: FakeCaller | None = None,
        engine: FakeEngine = engine,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        subprotocols: tuple[str, ...] = ("graphql-transport-ws",),
        settings: GatewaySettings = engine.settings,
        streams: Streams | None = None,
        door: Door | None = None,
        send: Callable[[Peer], Send] = lambda peer: peer.from_server.put,
        observe: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        initialise_within: float = 5.0,
    ) -> AsyncIterator[Peer]:
        socket = GraphQLSocket(
            engine,
            FakeAuthenticator(caller or FakeCaller()),
            settings=settings,
            language="en",
            streams=streams,
            observer=observer,
            door=door,
            initialise_within=initialise_within,
        )
        peer = Peer()
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [(b"host", b"gateway.test"), *headers],
            "subprotocols": subprotocols,
        }
        serving = asyncio.create_task(_serve(observe(socket), scope, peer.to_server.get, send(peer)))
        try:
            yield peer
        finally:
            peer.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
            async with asyncio.timeout(5):
                await serving
            assert len(asyncio.all_tasks()) == 1

    return opened


@dataclass(slots=True)
class SlowEngine(FakeEngine):
    """An engine that answers when it is told to."""

    asking: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def execute(self, request: GraphQLRequest, context: RequestContext, /) -> FakeAnswer | Parts:
        self.asking.set()
        await self.go_on.wait()
        return await FakeEngine.execute(self, request, context)


async def _serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def accepted(peer: Peer) -> None:
    assert await peer.hear() == {"type": "websocket.accept", "subprotocol": "graphql-transport-ws"}
    peer.say(INIT)
    assert await peer.told() == ACK


async def test_a_query_is_answered_and_completed(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "{ hello }"))
        assert await peer.told() == {"id": "1", "type": "next", "payload": {"data": {"hello": "hello you"}}}
        assert await peer.told() == {"id": "1", "type": "complete"}


async def test_a_subscription_gives_its_events_and_completes(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { ticks(count: 2) }"))
        told = [await peer.told() for _ in range(3)]
        assert [one.get("payload") for one in told] == [{"data": {"ticks": 0}}, {"data": {"ticks": 1}}, None]
        assert told[-1]["type"] == "complete"


async def test_defer_comes_in_parts_that_are_masked(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", '{ customer(id: "1") { id ... @defer { broken } } }'))
        told: list[Any] = []
        while not told or told[-1]["type"] != "complete":
            told.append(await peer.told())
        assert told[0]["payload"]["hasNext"] is True
        assert told[-2]["payload"]["hasNext"] is False
        assert SECRET not in json.dumps(told)


async def test_a_refused_document_is_an_error_and_the_socket_stays(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        for number, (query, code) in enumerate(
            [("{ missing }", "GRAPHQL_VALIDATION_FAILED"), ("{ ...a } fragment a on Query { ...a }", "FRAGMENT_CYCLE")]
        ):
            peer.say(subscribe(str(number), query))
            told = await peer.told()
            assert (told["id"], told["type"]) == (str(number), "error")
            assert told["payload"][0]["extensions"]["code"] == code
        peer.say(subscribe("last", "{ hello }"))
        assert (await peer.told())["type"] == "next"


async def test_events_that_break_show_no_text(open_socket: Open, observer: FakeObserver) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { fails }"))
        told = [await peer.told() for _ in range(3)]
        assert told[1]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
        assert SECRET not in json.dumps(told)


@pytest.mark.parametrize("payload", [{}, {"query": 7}, {"query": None}])
async def test_a_wrong_payload_is_an_error_of_its_operation(open_socket: Open, payload: object) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say({"id": "1", "type": "subscribe", "payload": payload})
        told = await peer.told()
        assert (told["id"], told["type"]) == ("1", "error")


async def test_a_client_may_end_an_operation_and_use_its_id_again(open_socket: Open, engine: FakeEngine) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await peer.told()
        peer.say({"id": "1", "type": "complete"})
        peer.say({"type": "ping"})
        assert await peer.told() == {"type": "pong"}
        peer.say(subscribe("1", "{ hello }"))
        assert (await peer.told())["payload"] == {"data": {"hello": "hello you"}}
        assert engine.given[0].closed > 0
        peer.say({"id": "never", "type": "complete"})
        peer.say({"type": "ping"})
        assert (await peer.told())["type"] == "complete"
        assert await peer.told() == {"type": "pong"}


async def test_an_id_is_free_as_soon_as_its_operation_is_ended(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await peer.told()
        peer.say({"id": "1", "type": "complete"})
        peer.say(subscribe("1", "{ hello }"))
        assert await peer.told() == {"id": "1", "type": "next", "payload": {"data": {"hello": "hello you"}}}
        assert await peer.told() == {"id": "1", "type": "complete"}


async def test_an_id_that_is_taken_closes_with_4409(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await peer.told()
        peer.say(subscribe("1", "{ hello }"))
        assert await peer.closed() == 4409


@pytest.mark.parametrize("character", ["\u00e9", "\u6f22", "\U0001f600"])
async def test_a_long_id_does_not_make_a_reason_too_long_for_its_frame(open_socket: Open, character: str) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe(character * LONGEST_ID, "subscription { endless }"))
        await peer.told()
        peer.say(subscribe(character * LONGEST_ID, "{ hello }"))
        closed = await peer.hear()
        assert closed["code"] == 4409
        assert 100 < len(closed["reason"].encode()) <= 123


async def test_operations_beyond_the_most_are_refused(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        for number in range(MOST_OPERATIONS):
            peer.say(subscribe(str(number), "subscription { endless }"))
            assert (await peer.told())["type"] == "next"
        peer.say(subscribe("more", "{ hello }"))
        told = await peer.told()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "OVERLOADED")


async def test_of_operations_that_come_at_once_only_those_beyond_the_most_are_refused(open_socket: Open) -> None:
    observed = Observed()
    async with open_socket(observe=observed) as peer:
        await accepted(peer)
        for number in range(MOST_OPERATIONS + 2):
            peer.say(subscribe(str(number), "{ hello }"))
        told = [await peer.told() for _ in range(2 * MOST_OPERATIONS + 2)]
    refused = [one["id"] for one in told if one["type"] == "error"]
    assert refused == [str(MOST_OPERATIONS), str(MOST_OPERATIONS + 1)]
    assert [one["type"] for one in told].count("next") == MOST_OPERATIONS
    assert observed.lines().count((503, "overloaded")) == 2


async def test_an_operation_that_finds_no_room_is_refused_and_the_socket_stays(open_socket: Open) -> None:
    door = Door(DoorSettings(most=1, waiting=0), importance=lambda _: 0)
    await door.enter({})
    async with open_socket(door=door) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "{ hello }"))
        told = await peer.told()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "OVERLOADED")
        door.leave()
        peer.say(subscribe("1", "subscription { endless }"))
        assert (await peer.told())["type"] == "next"
        assert door.inside == 0  # who listens does not stand in the door


async def test_a_client_that_goes_in_the_middle_of_an_answer_is_nobodys_failure(
    open_socket: Open, observer: FakeObserver
) -> None:
    def broken(peer: Peer) -> Send:
        async def send(message: Message) -> None:
            if '"next"' in message.get("text", ""):
                raise OSError  # as servers do
            await peer.from_server.put(message)

        return send

    async with open_socket(send=broken) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "{ hello }"))
        peer.say(subscribe("2", "{ missing }"))
        assert (await peer.told())["id"] == "2"
    assert observer.failures == []


class Observed:
    """Log and metrics around a socket."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.metrics = Metrics()
        vocabulary = Vocabulary(paths=frozenset({"/graphql"}), caller_classes=frozenset({"agent"}))
        self._lines = RequestLines(self.stream, vocabulary)

    def __call__(self, app: ASGIApp) -> ASGIApp:
        return ObserveRequests(app, lines=self._lines, metrics=self.metrics)

    def lines(self) -> list[tuple[Any, ...]]:
        """Status and outcome of each request."""
        found = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [(one["status"], one["outcome"]) for one in found]


async def test_each_operation_is_logged_and_counted_as_a_request(open_socket: Open) -> None:
    observed = Observed()
    async with open_socket(observe=observed) as peer:
        await accepted(peer)
        for number, query in enumerate(["{ hello }", "{ missing }", "subscription { ticks(count: 0) }"]):
            peer.say(subscribe(str(number), query))
            while (await peer.told())["type"] == "next":
                pass
        peer.say(subscribe("late", '{ customer(id: "1") { never } }'))
        peer.say({"type": "ping"})
        await peer.told()
        assert observed.metrics.in_flight == 1
    lines = [(200, "ok"), (400, "refused"), (200, "ok"), (499, "gone")]
    assert observed.lines() == lines
    counted = observed.metrics.registry.get_sample_value
    assert counted("klantbeeld_requests_total", {"outcome": "ok"}) == 2
    assert counted("klantbeeld_requests_total", {"outcome": "gone"}) == 1
    assert observed.metrics.in_flight == 0


async def test_errors_in_later_parts_are_noted(open_socket: Open) -> None:
    observed = Observed()
    async with open_socket(observe=observed) as peer:
        await accepted(peer)
        peer.say(subscribe("1", '{ customer(id: "1") { id ... @defer { broken } } }'))
        while (await peer.told())["type"] == "next":
            pass
    assert observed.lines() == [(200, "partial")]


async def test_operations_have_the_trace_of_their_socket_and_ids_of_their_own(open_socket: Open) -> None:
    observed = Observed()
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = ((b"traceparent", trace), (b"x-request-id", b"01900000000070008000000000000001"))
    async with open_socket(observe=observed, headers=headers) as peer:
        await accepted(peer)
        for name in "ab":
            peer.say(subscribe(name, "{ hello }"))
            assert [(await peer.told())["type"] for _ in range(2)] == ["next", "complete"]
    first, second = (json.loads(line) for line in observed.stream.getvalue().splitlines())
    assert first["trace_id"] == second["trace_id"] == trace.decode()[3:35]
    assert len({first["request_id"], second["request_id"], "01900000000070008000000000000001"}) == 3


async def test_a_ping_is_answered_before_and_after_the_beginning(open_socket: Open) -> None:
    async with open_socket() as peer:
        await peer.hear()
        peer.say({"type": "ping", "payload": {"a": 1}})
        assert await peer.told() == {"type": "pong"}
        peer.say({"type": "pong"})
        peer.say(INIT)
        assert await peer.told() == ACK


async def test_another_subprotocol_closes_with_4406(open_socket: Open) -> None:
    async with open_socket(subprotocols=("graphql-ws",)) as peer:
        assert (await peer.hear())["type"] == "websocket.accept"
        assert await peer.closed() == 4406


async def test_a_forged_token_closes_with_4403(open_socket: Open) -> None:
    async with open_socket() as peer:
        await peer.hear()
        peer.say({"type": "connection_init", "payload": {"Authorization": "Bearer forged"}})
        assert await peer.closed() == 4403


async def test_a_browser_says_in_the_payload_what_others_say_in_headers(open_socket: Open, engine: FakeEngine) -> None:
    headers = ((b"klantbeeld-purpose", b"service"), (b"accept-language", b"en"))
    async with open_socket(headers=headers) as peer:
        said = {"Klantbeeld-Purpose": "marketing", "Accept-Language": "nl", "host": "elsewhere"}
        payload = {"authorization": f"Bearer {TOKEN}", **said}
        peer.say({"type": "connection_init", "payload": payload})
        await peer.hear()
        assert await peer.told() == ACK
        peer.say(subscribe("1", "{ hello }"))
        await peer.told()
    (asked,) = engine.asked
    assert (asked[1].purpose, asked[1].language) == ("marketing", "nl")
    assert asked[1].headers[b"host"] == b"gateway.test"


@pytest.mark.parametrize(("asked", "expected"), [(None, 5.0), ("200", 0.2), ("60000", 5.0)])
async def test_an_operation_has_the_deadline_that_a_request_would_have(
    open_socket: Open, engine: FakeEngine, asked: str | None, expected: float
) -> None:
    now = asyncio.get_running_loop().time
    async with open_socket() as peer:
        said = {} if asked is None else {"Klantbeeld-Deadline-Ms": asked}
        peer.say({"type": "connection_init", "payload": {"authorization": f"Bearer {TOKEN}", **said}})
        await peer.hear()
        await peer.told()
        before = now()
        peer.say(subscribe("1", "{ hello }"))
        await peer.told()
        kept = min(0.05, expected / 10)
        assert before <= engine.asked[0][1].deadline - (expected - kept) <= now()


async def test_a_deadline_that_is_none_is_an_error_of_each_operation(open_socket: Open) -> None:
    async with open_socket(headers=((b"klantbeeld-deadline-ms", b"soon"),)) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "{ hello }"))
        told = await peer.told()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST")


async def test_two_tokens_of_one_upgrade_close_with_4400(open_socket: Open) -> None:
    headers = ((b"authorization", b"Bearer bad"), (b"authorization", f"Bearer {TOKEN}".encode()))
    async with open_socket(headers=headers) as peer:
        await peer.hear()
        assert await peer.hear() == {
            "type": "websocket.close",
            "code": 4400,
            "reason": "BAD_REQUEST at header authorization, twice",
        }


@pytest.mark.parametrize("payload", ["text", [1], {"klantbeeld-purpose": "\u2603"}])
async def test_a_payload_that_says_nothing_sensible_closes_the_socket(open_socket: Open, payload: object) -> None:
    async with open_socket() as peer:
        peer.say({"type": "connection_init", "payload": payload})
        await peer.hear()
        assert await peer.closed() == 4400


async def test_a_token_may_come_with_the_upgrade(open_socket: Open) -> None:
    async with open_socket(headers=((b"authorization", f"Bearer {TOKEN}".encode()),)) as peer:
        await peer.hear()
        peer.say({"type": "connection_init"})
        assert await peer.told() == ACK


async def test_asking_before_the_beginning_closes_with_4401(open_socket: Open) -> None:
    async with open_socket() as peer:
        await peer.hear()
        peer.say(subscribe("1", "{ hello }"))
        assert await peer.closed() == 4401


async def test_a_client_that_does_not_begin_is_closed_with_4408(open_socket: Open) -> None:
    async with open_socket(initialise_within=0.01) as peer:
        await peer.hear()
        assert await peer.closed() == 4408


async def test_beginning_twice_closes_with_4429(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(INIT)
        assert await peer.closed() == 4429


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        "{}",
        {"type": 7},
        {"type": "start", "id": "1"},
        {"type": "subscribe", "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "payload": []},
        {"type": "complete", "id": "x" * (LONGEST_ID + 1)},
        '{"type": "ping", "type": "ping"}',
        '"' + "x" * 200_000 + '"',
        "[" * 10_000,
    ],
)
async def test_an_invalid_message_closes_with_4400(open_socket: Open, message: object) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(message)
        assert await peer.closed() == 4400


async def test_bytes_close_with_4400(open_socket: Open) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.to_server.put_nowait({"type": "websocket.receive", "bytes": b"{}"})
        assert await peer.closed() == 4400


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (b"http://gateway.test", True),
        (b"https://app.example", True),
        (b"https://evil.example", False),
        (b"https://gateway.test", True),
        (b"ftp://gateway.test", False),
        (b"http://[x", False),
        (b"http://[::1", False),
        (b"null", False),
    ],
)
async def test_only_our_own_and_named_origins_open_a_socket(
    open_socket: Open, origin: bytes, *, is_allowed: bool
) -> None:
    settings = GatewaySettings(cors_origins=("https://app.example",))
    async with open_socket(headers=((b"origin", origin),), settings=settings) as peer:
        assert ((await peer.hear())["type"] == "websocket.accept") is is_allowed


async def test_the_end_of_the_token_closes_with_4403(open_socket: Open, engine: FakeEngine) -> None:
    async with open_socket(caller=FakeCaller(expires_at=0.0)) as peer:
        await accepted(peer)
        assert await peer.closed() == 4403


async def test_what_was_asked_is_answered_after_the_end_of_the_token_and_no_event_is(
    open_socket: Open, settings: GatewaySettings
) -> None:
    engine = SlowEngine(settings)
    async with open_socket(engine=engine, caller=FakeCaller(expires_at=time.time() + 0.5)) as peer:
        await accepted(peer)
        engine.go_on.set()
        peer.say(subscribe("live", "subscription { endless }"))
        assert (await peer.told())["id"] == "live"
        engine.go_on.clear()
        peer.say(subscribe("slow", "{ hello }"))
        async with asyncio.timeout(5):
            await engine.given[0].has_closed.wait()
        engine.go_on.set()
        assert [(one["id"], one["type"]) for one in [await peer.told(), await peer.told()]] == [
            ("slow", "next"),
            ("slow", "complete"),
        ]
        assert await peer.closed() == 4403


async def test_the_end_of_the_gateway_closes_with_1001(open_socket: Open, engine: FakeEngine) -> None:
    streams = Streams(1)
    async with open_socket(streams=streams) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await peer.told()
        streams.close()
        assert await peer.closed() == 1001
        assert engine.given[0].closed > 0


async def test_what_was_asked_is_answered_before_the_end_of_the_gateway(open_socket: Open) -> None:
    streams = Streams(1)
    async with open_socket(streams=streams, caller=FakeCaller(deadline_seconds=0.2)) as peer:
        await accepted(peer)
        peer.say(subscribe("live", "subscription { endless }"))
        assert (await peer.told())["id"] == "live"
        peer.say(subscribe("slow", '{ customer(id: "1") { never } }'))
        peer.say({"type": "ping"})
        assert await peer.told() == {"type": "pong"}
        streams.close()
        peer.say(subscribe("late", "{ hello }"))
        refused = await peer.told()
        assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("late", "OVERLOADED")
        assert (await peer.told())["id"] == "slow"
        assert await peer.closed() == 1001


async def test_a_subscription_that_begins_at_the_end_of_the_gateway_is_refused(
    open_socket: Open, settings: GatewaySettings
) -> None:
    streams, engine = Streams(1), SlowEngine(settings)
    async with open_socket(streams=streams, engine=engine) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await engine.asking.wait()
        streams.close()
        peer.say(subscribe("2", "{ hello }"))
        assert (await peer.told())["id"] == "2"  # it is about to close
        engine.go_on.set()
        refused = await peer.told()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "OVERLOADED")
        assert await peer.closed() == 1001
    assert all(given.closed for given in engine.given)


async def test_a_client_that_goes_while_the_gateway_ends_is_not_waited_for(
    open_socket: Open, settings: GatewaySettings
) -> None:
    streams, engine = Streams(1), SlowEngine(settings)
    async with open_socket(streams=streams, engine=engine) as peer:
        await accepted(peer)
        peer.say(subscribe("1", "{ hello }"))
        await engine.asking.wait()
        streams.close()
        peer.say(subscribe("2", "{ hello }"))
        assert (await peer.told())["type"] == "error"  # it is about to close, and the first waits on
    assert len(streams) == 0


async def test_a_socket_beyond_the_most_is_closed_with_1013(open_socket: Open) -> None:
    async with open_socket(streams=Streams(0)) as peer:
        await peer.hear()
        peer.say(INIT)
        assert await peer.closed() == 1013


@pytest.mark.parametrize(
    ("opening", "said", "status"),
    [
        ({"headers": ((b"origin", b"https://evil.example"),)}, None, 403),
        ({"subprotocols": ("graphql-ws",)}, None, 400),
        ({}, {"type": "connection_init", "payload": {"authorization": "Bearer forged"}}, 401),
        ({}, subscribe("1", "{ hello }"), 401),
        ({}, "no json", 400),
        ({"initialise_within": 0.01}, None, 408),
        ({"streams": Streams(0)}, INIT, 503),
    ],
)
async def test_a_socket_that_is_refused_is_logged_and_counted(
    open_socket: Open, opening: dict[str, Any], said: object, status: int
) -> None:
    observed = Observed()
    async with open_socket(observe=observed, **opening) as peer:
        if said is not None:
            peer.say(said)
        while (await peer.hear())["type"] != "websocket.close":
            pass
    assert observed.lines() == [(status, "overloaded" if status == 503 else "refused")]


async def test_keys_that_cannot_be_had_are_no_refusal_of_the_token(engine: FakeEngine) -> None:
    async def authenticate(*_: object) -> FakeCaller:
        raise Overloaded("no keys", retry_after=1, code="ISSUER_UNAVAILABLE")

    socket = GraphQLSocket(engine, authenticate, settings=engine.settings)
    scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": ("graphql-transport-ws",)}
    peer = Peer()
    peer.say(INIT)
    await _serve(socket, scope, peer.to_server.get, peer.from_server.put)
    await peer.hear()
    assert await peer.closed() == 1013


async def test_who_has_not_said_who_it_is_takes_no_place_of_the_others(engine: FakeEngine) -> None:
    settings = GatewaySettings(max_streams=1)
    streams = Streams(settings.max_streams)
    socket = GraphQLSocket(engine, FakeAuthenticator(), settings=settings, streams=streams)
    scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": ("graphql-transport-ws",)}
    peers = [Peer() for _ in range(3)]
    tasks = [asyncio.create_task(_serve(socket, scope, one.to_server.get, one.from_server.put)) for one in peers]
    silent, late, last = peers
    for peer in peers:
        await peer.hear()
    assert await late.closed() == 1013  # these have a bound of their own
    assert await last.closed() == 1013
    assert len(streams) == 0
    silent.say(INIT)
    assert await silent.told() == ACK
    assert len(streams) == 1
    silent.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await asyncio.gather(*tasks)
    assert len(streams) == 0


async def test_operations_end_when_their_client_goes(open_socket: Open, engine: FakeEngine) -> None:
    async with open_socket() as peer:
        await accepted(peer)
        peer.say(subscribe("1", "subscription { endless }"))
        await peer.told()
    assert engine.given[0].closed > 0
