"""Connections are lent, kept, given up and watched."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from tests.sources.wire.conftest import Clock, MakeWire, Peer, Serve, Upstream, soon

from klantbeeld.errors import SourceTimeout, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.wire import Limits, Wire
from klantbeeld.sources.wire.connection import Connection
from klantbeeld.sources.wire.dial import Dialler
from klantbeeld.sources.wire.pool import Pool

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def silent(peer: Peer, request: bytes) -> None:
    """Never answer."""


def start(wire: Wire, target: str = "/", method: str = "GET") -> asyncio.Task[Reply]:
    return asyncio.create_task(wire.exchange(method, target, (), deadline=soon()))


async def until(upstream: Upstream, count: int) -> None:
    """Wait until so many requests have come."""
    while len(upstream.requests) < count:
        upstream.asked.clear()
        await upstream.asked.wait()


@pytest.mark.asyncio
async def test_requests_after_each_other_share_a_connection(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    for _ in range(10):
        await wire.exchange("GET", "/", (), deadline=soon())
    assert len(upstream.peers) == 1


@pytest.mark.asyncio
async def test_requests_at_once_have_connections_of_their_own_and_are_never_pipelined(
    serve: Serve, wire_to: MakeWire
) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream)
    tasks = [start(wire, f"/{n}") for n in range(4)]
    await until(upstream, 4)
    assert len(upstream.peers) == 4
    for peer in upstream.peers:
        peer.say(HELLO)
    assert [reply.body for reply in await asyncio.gather(*tasks)] == [b"hello"] * 4


@pytest.mark.asyncio
async def test_never_more_connections_than_the_limit_and_who_came_first_goes_first(
    serve: Serve, wire_to: MakeWire
) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, connections=2)
    tasks = [start(wire, f"/{n}") for n in range(6)]
    await until(upstream, 2)
    for done in range(6):
        await until(upstream, min(6, done + 2))
        peer = upstream.peers[done % 2]
        peer.say(HELLO)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await tasks[done]
    assert len(upstream.peers) == 2
    assert sorted(upstream.targets[:2]) + upstream.targets[2:] == [f"/{n}" for n in range(6)]


@pytest.mark.asyncio
async def test_who_waits_gets_no_connection_that_was_closed_behind_its_answer(serve: Serve, wire_to: MakeWire) -> None:
    def answer(peer: Peer, request: bytes) -> None:
        if request.startswith(b"POST"):
            peer.say(HELLO)

    upstream = await serve(answer)
    wire = wire_to(upstream, connections=1)
    tasks = [start(wire, "/first"), start(wire, "/second", "POST")]
    await until(upstream, 1)
    # Sent past the loop, so that answer and end lie in the socket together.
    with socket.socket(fileno=socket.dup(upstream.peers[0].transport.get_extra_info("socket").fileno())) as peer:
        peer.send(HELLO)
        peer.shutdown(socket.SHUT_WR)
    assert [reply.body for reply in await asyncio.gather(*tasks)] == [b"hello", b"hello"]
    assert upstream.targets == ["/first", "/second"]
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
async def test_one_more_than_may_wait_is_refused_unsent(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, connections=1, waiting=2)
    tasks = [start(wire)]
    await until(upstream, 1)
    tasks += [start(wire), start(wire)]
    await asyncio.sleep(0)
    with pytest.raises(SourceUnavailable, match="2 calls wait") as raised:
        await wire.exchange("GET", "/", (), deadline=soon())
    assert not raised.value.sent
    await wire.aclose()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.asyncio
async def test_a_cancelled_waiter_leaves_nothing_behind(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, connections=1, waiting=1)
    first = start(wire, "/first")
    await until(upstream, 1)
    for _ in range(3):
        waiter = start(wire, "/waiter")
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    last = start(wire, "/last")
    upstream.peers[0].say(HELLO)
    await first
    await until(upstream, 2)
    upstream.peers[0].say(HELLO)
    await last
    assert upstream.targets == ["/first", "/last"]


@pytest.mark.asyncio
async def test_a_cancelled_exchange_closes_its_connection_at_once(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, resolution=60)
    task = start(wire, "/cancelled")
    await until(upstream, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.peers[0].lost
    upstream.answer = lambda peer, _: peer.say(HELLO)
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_a_request_that_a_closed_connection_swallowed_is_lost_and_not_sent_again(
    serve: Serve, wire_to: MakeWire, method: str
) -> None:
    upstream = await serve(closes_the_second_request_of_a_connection)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/first", (), deadline=soon())
    with pytest.raises(SourceUnavailable) as raised:
        await wire.exchange(method, "/second", (), deadline=soon())
    assert (raised.value.sent, raised.value.is_lost) == (True, True)
    assert upstream.targets == ["/first", "/second"]


@pytest.mark.asyncio
async def test_a_request_lost_on_a_new_connection_is_not_sent_again(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(lambda peer, _: peer.close())
    with pytest.raises(SourceUnavailable):
        await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    assert len(upstream.requests) == 1


@pytest.mark.asyncio
async def test_a_request_whose_answer_had_begun_is_not_sent_again(serve: Serve, wire_to: MakeWire) -> None:
    def half_an_answer(peer: Peer, _: bytes) -> None:
        if len(peer.upstream.requests) == 1:
            peer.say(HELLO)
        else:
            peer.say(b"H")
            peer.close()

    upstream = await serve(half_an_answer)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/", (), deadline=soon())
    with pytest.raises(SourceUnavailable) as raised:
        await wire.exchange("GET", "/", (), deadline=soon())
    assert not raised.value.is_lost
    assert len(upstream.requests) == 2


@pytest.mark.asyncio
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/", (), deadline=soon())
    upstream.peers[0].close()
    await upstream.peers[0].lost
    reply = await wire.exchange("POST", "/", (), b"{}", deadline=soon())
    assert (reply.body, len(upstream.requests)) == (b"hello", 2)


@pytest.mark.asyncio
async def test_no_connection_is_unavailable_and_unsent(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    upstream.server.close()
    with pytest.raises(SourceUnavailable) as raised:
        await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    assert not raised.value.sent


@pytest.mark.asyncio
async def test_each_waiting_call_learns_that_the_source_is_down(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    upstream.server.close()
    wire = wire_to(upstream, connections=2)
    outcomes = await asyncio.gather(*(start(wire) for _ in range(7)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SourceUnavailable] * 7


@pytest.mark.asyncio
async def test_the_callers_deadline_ends_an_exchange(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, clock=clock, resolution=0.001, first_byte=100, whole=100)
    task = asyncio.create_task(wire.exchange("GET", "/", (), deadline=clock.now + 3))
    await until(upstream, 1)
    clock.now += 3
    with pytest.raises(SourceTimeout, match="no whole answer") as raised:
        await task
    assert raised.value.sent
    await upstream.peers[0].lost


@pytest.mark.asyncio
async def test_the_first_byte_has_a_limit(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, clock=clock, resolution=0.001, first_byte=2, whole=100)
    task = asyncio.create_task(wire.exchange("GET", "/", (), deadline=clock.now + 100))
    await until(upstream, 1)
    clock.now += 2
    with pytest.raises(SourceTimeout, match="no byte within 2 s"):
        await task


@pytest.mark.asyncio
async def test_a_slow_drip_ends_with_the_limit_of_the_whole(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    def drip(peer: Peer, _: bytes) -> None:
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        more(peer)

    def more(peer: Peer) -> None:
        clock.now += 0.5
        if not peer.transport.is_closing():
            peer.say(b"x")
            asyncio.get_running_loop().call_later(0.001, more, peer)

    upstream = await serve(drip)
    wire = wire_to(upstream, clock=clock, resolution=0.001, first_byte=2, whole=5)
    with pytest.raises(SourceTimeout, match="no whole answer"):
        await wire.exchange("GET", "/", (), deadline=clock.now + 1_000)


@pytest.mark.asyncio
async def test_who_waits_for_a_connection_times_out_unsent(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, clock=clock, resolution=0.001, connections=1, first_byte=100, whole=100)
    first = asyncio.create_task(wire.exchange("GET", "/", (), deadline=clock.now + 50))
    await until(upstream, 1)
    waiter = asyncio.create_task(wire.exchange("GET", "/", (), deadline=clock.now + 1))
    await asyncio.sleep(0)
    clock.now += 1
    with pytest.raises(SourceTimeout, match="no connection in time") as raised:
        await waiter
    assert not raised.value.sent
    upstream.peers[0].say(HELLO)
    assert (await first).body == b"hello"


@pytest.mark.asyncio
async def test_no_request_starts_after_its_deadline(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/", (), deadline=soon())
    with pytest.raises(SourceTimeout) as raised:
        await wire.exchange("GET", "/", (), deadline=asyncio.get_running_loop().time())
    assert not raised.value.sent
    assert len(upstream.requests) == 1


@pytest.mark.asyncio
async def test_an_idle_connection_is_closed_in_time(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream, clock=clock, resolution=0.001, idle=30)
    await wire.exchange("GET", "/", (), deadline=clock.now + 5)
    clock.now += 31
    await upstream.peers[0].lost


@pytest.mark.asyncio
async def test_an_old_connection_is_replaced(serve: Serve, wire_to: MakeWire, clock: Clock) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream, clock=clock, resolution=0.001, idle=1_000, age=300)
    await wire.exchange("GET", "/", (), deadline=clock.now + 5)
    clock.now += 301
    await upstream.peers[0].lost
    await wire.exchange("GET", "/", (), deadline=clock.now + 5)
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
async def test_who_waited_too_long_is_not_sent_when_a_connection_is_free(
    serve: Serve, wire_to: MakeWire, clock: Clock
) -> None:
    upstream = await serve(lambda peer, request: peer.say(HELLO) if b" /late " in request else silent(peer, request))
    wire = wire_to(upstream, clock=clock, connections=1, resolution=1_000)  # nobody looks meanwhile
    first = asyncio.create_task(wire.exchange("GET", "/", (), deadline=clock.now + 9))
    await until(upstream, 1)
    late = asyncio.create_task(wire.exchange("POST", "/late", (), deadline=clock.now + 2))
    await asyncio.sleep(0)
    clock.now += 3
    upstream.peers[0].say(HELLO)
    assert (await first).status == 200
    with pytest.raises(SourceTimeout) as raised:
        await late
    assert not raised.value.sent
    assert upstream.targets == ["/"]


@pytest.mark.asyncio
async def test_whatever_keeps_a_connection_from_opening_is_said_to_who_waits_and_not_tried_for_ever(
    clock: Clock,
) -> None:
    opened = 0

    class Broken:
        async def open(self, make: Callable[[], Connection], *, seconds: float) -> Connection:
            nonlocal opened
            opened += 1
            raise RuntimeError("can't start new thread")

        def close(self) -> None: ...

    pool = Pool("http://a", cast("Dialler", Broken()), Limits(), clock)
    waiting = [pool.begin(b"GET", deadline=clock.now + 5, is_head=False) for _ in range(2)]
    for exchange in waiting:
        with pytest.raises(SourceUnavailable, match="RuntimeError") as raised:
            await exchange.answer
        assert not raised.value.sent
    assert opened == 2
    await pool.aclose()


class SlowToClose(asyncio.Transport):
    """A transport whose peer takes its time to let go, as with TLS; it answers every request at once."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.ours, self.theirs = socket.socketpair()
        self.connection = connection
        connection.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.ours}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        asyncio.get_running_loop().call_soon(self.connection.data_received, HELLO)

    def close(self) -> None:
        """Take the time."""

    def let_go(self) -> None:
        self.ours.close()
        self.theirs.close()
        self.connection.connection_lost(None)


@dataclass
class Opened:
    """Opens transports that are slow to close."""

    transports: list[SlowToClose] = field(default_factory=list)

    async def open(self, make: Callable[[], Connection], *, seconds: float) -> Connection:
        self.transports.append(SlowToClose(make()))
        return self.transports[-1].connection

    def close(self) -> None:
        """Have nothing to close."""


@pytest.mark.asyncio
async def test_a_connection_that_is_about_to_close_counts_until_it_has(clock: Clock) -> None:
    dialled, limits = Opened(), Limits(connections=1, age=300)
    pool = Pool("http://a", cast("Dialler", dialled), limits, clock)
    first = pool.begin(b"GET", deadline=clock.now + 5, is_head=False)
    assert (await first.answer).status == 200
    clock.now += 301
    pool.sweep(clock.now)
    second = pool.begin(b"GET", deadline=clock.now + 5, is_head=False)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (len(dialled.transports), second.answer.done()) == (1, False)
    dialled.transports[0].let_go()
    assert (await second.answer).status == 200
    assert len(dialled.transports) == 2
    closing = asyncio.create_task(pool.aclose())
    await asyncio.sleep(0)
    dialled.transports[1].let_go()
    await closing


@pytest.mark.asyncio
async def test_closing_ends_what_is_under_way_and_all_connections(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream, connections=1)
    tasks = [start(wire), start(wire)]
    await until(upstream, 1)
    await wire.aclose()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SourceUnavailable, SourceUnavailable]
    assert [outcome.sent for outcome in outcomes if isinstance(outcome, SourceUnavailable)] == [True, False]
    await upstream.peers[0].lost
    with pytest.raises(SourceUnavailable, match="closed"):
        await wire.exchange("GET", "/", (), deadline=soon())


@pytest.mark.asyncio
async def test_closing_while_a_connection_opens_leaves_nothing_open(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    task = start(wire)
    await asyncio.sleep(0)
    await wire.aclose()
    with contextlib.suppress(SourceUnavailable):
        await task
    for peer in upstream.peers:
        await peer.lost


@pytest.mark.asyncio
async def test_a_resting_connection_holds_nothing_of_the_last_answer(serve: Serve, wire_to: MakeWire) -> None:
    secret = b"canary-of-a-customer"
    upstream = await serve(b"HTTP/1.1 200 OK\r\nX-Who: %b\r\nContent-Length: 20\r\n\r\n%b" % (secret, secret))
    wire = wire_to(upstream)
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == secret
    assert wire._opened is not None
    (connection,) = wire._opened._connections
    held = [getattr(connection, name) for name in ("_headers", "_chunks", "exchange")]
    assert held == [[], [], None]


@pytest.mark.asyncio
async def test_a_pool_has_one_timer_however_many_calls(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(silent)
    wire = wire_to(upstream)
    tasks = [start(wire) for _ in range(20)]
    await until(upstream, 20)
    timers = [each for each in gc.get_objects() if type(each).__name__ == "TimerHandle" and not each.cancelled()]
    assert len([each for each in timers if "_tick" in repr(each)]) == 1
    await wire.aclose()
    await asyncio.gather(*tasks, return_exceptions=True)


def closes_the_second_request_of_a_connection(peer: Peer, request: bytes) -> None:
    """Answer one request, and close when there is another, as a server whose keep-alive has run out does."""
    if peer.number in peer.upstream.served:
        peer.close()
    else:
        peer.upstream.served.add(peer.number)
        peer.say(HELLO if not request.startswith(b"HEAD") else b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
