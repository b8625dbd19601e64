"""uvicorn as we run it: how it listens, and how it stops."""

import asyncio
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from klantbeeld.cli.connection import Connection
from klantbeeld.cli.patience import LEAVING, USUAL, Patience
from klantbeeld.cli.socket_connection import SocketConnection

# The largest message over a WebSocket, in bytes; larger than any request body that the gateway's default lets in.
LARGEST_MESSAGE = 1_048_576

# How long requests under way are finished where nothing else is said, in seconds.
FINISH = 20.0

LOOK_EVERY = 0.05  # seconds, while the server ends

# How long a connection may rest between requests where nothing else is said, in seconds: longer than a proxy lets it,
# or what is on its way at that moment is lost.
KEEP_ALIVE = 75.0

# How long a WebSocket may take to answer a ping, which waits behind what is sent before it, in seconds: longer than a
# client may take nothing of that.
PONG = USUAL.read + 15.0

TICKS = 10  # of uvicorn, a tenth of a second each, between two looks at all connections

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Manner:
    """How a server stops: requests are taken `accept` seconds more after SIGTERM, and finished within `finish`.

    `times` are asked at the signal. `leaving` is called at the signal, `closing` when no more requests are taken, which
    ends subscriptions and sockets; `streams` says how many streams have not ended yet.
    """

    times: Callable[[], tuple[float, float]] = lambda: (0.0, FINISH)
    leaving: Callable[[], None] = lambda: None
    closing: Callable[[], None] = lambda: None
    streams: Callable[[], int] = lambda: 0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Server(uvicorn.Server):
    """A uvicorn that ends when it was told to (its own raises the signal again, and dies of it) and says that it is up.

    `then` is called once requests are answered. Connections whose clients keep it waiting are ended.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        then: Callable[[], object],
        manner: Manner,
        receive_within: Callable[[], float],
    ) -> None:
        super().__init__(config)
        self._then = then
        self._manner = manner
        self._receive_within = receive_within
        self._is_leaving = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._then()

    async def on_tick(self, counter: int) -> bool:
        """Look at the connections now and then; gives whether to stop."""
        if counter % TICKS == 0:
            self._look(Patience(receive=self._receive_within()))
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and let sockets answer what they were asked: uvicorn would close them at once."""
        for server in self.servers:
            server.close()
        looking = asyncio.create_task(self._look_on())
        try:
            await self._finish()
            await super().shutdown(sockets)
        finally:
            looking.cancel()

    async def _finish(self) -> None:
        """Wait for streams, within the time that is given."""
        clock = asyncio.get_running_loop().time
        until = clock() + (self.config.timeout_graceful_shutdown or 0)
        while self._manner.streams() and not self.force_exit and clock() < until:  # noqa: ASYNC110 - as uvicorn waits
            await asyncio.sleep(LOOK_EVERY)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(until - clock()))

    def _look(self, patience: Patience) -> None:
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, Connection | SocketConnection):
                connection.look(now, patience)

    async def _look_on(self) -> None:
        """Do not let those hold up the end who keep it waiting."""
        while True:
            self._look(LEAVING)
            await asyncio.sleep(LOOK_EVERY)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain at the first signal, end at once at a second Ctrl-C."""
        before = {number: signal.signal(number, self.handle_exit) for number in STOPPED_BY}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for timer in self._manner.timers:
                timer.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave at the first SIGTERM, a while later close; close at once at the second, and at Ctrl-C."""
        if self._loop is None or (self._is_leaving and sig == signal.SIGTERM and self.should_exit):
            super().handle_exit(sig, frame)
            return
        accept, finish = self._manner.times()
        wait = accept if sig == signal.SIGTERM and not self._is_leaving else 0.0
        self._is_leaving = True
        self.config.timeout_graceful_shutdown = math.ceil(finish)
        self._manner.leaving()
        self._loop.call_soon_threadsafe(self._close_after, wait, sig, frame)

    def _close_after(self, wait: float, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._manner.timers.append(self._loop.call_later(wait, self._close, sig, frame))

    def _close(self, sig: int, frame: FrameType | None) -> None:
        self._manner.closing()
        super().handle_exit(sig, frame)


async def run_server(
    app: ASGIApp,
    listener: socket.socket,
    *,
    then: Callable[[], object],
    manner: Manner | None = None,
    receive_within: Callable[[], float] = lambda: USUAL.receive,
    keep_alive: float = KEEP_ALIVE,
) -> None:
    """Serve on a listener until a signal; `then` is called once requests are answered.

    The head of a request has to come within as many seconds as `receive_within` says at the time. A connection may rest
    for `keep_alive` seconds between two requests.
    """
    await Server(_config(app, keep_alive), then, manner or Manner(), receive_within).serve(sockets=[listener])


def _config(app: ASGIApp, keep_alive: float) -> uvicorn.Config:
    """Say how to serve: no access log of its own (ours says more, and less), no name in its answers."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws=SocketConnection,
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_timeout=PONG,
        ws_per_message_deflate=False,  # what is small on the wire may be large here, before anybody said who it is
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=math.ceil(keep_alive),
        timeout_graceful_shutdown=math.ceil(FINISH),
    )
