"""Pool: the connections of one source, who waits for one, and the one timer that watches them all."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from klantbeeld.errors import SourceError, SourceTimeout, SourceUnavailable
from klantbeeld.sources.wire.connection import Connection, Exchange
from klantbeeld.sources.wire.dial import Dialler
from klantbeeld.sources.wire.limits import Limits

_STAY_AWAKE = 1.0  # seconds that the timer keeps its fine step after the last call
_DOZE = 1.0  # seconds between looks while there is nothing but resting connections
_FAREWELL = 1.5  # seconds that closing connections may take before they are cut


class Pool:
    """Lends connections to exchanges: the one used last first, and in order of arrival when all are taken.

    Lives in one event loop, from its first exchange to `aclose`. `clock` is the loop's, or a test's.
    """

    def __init__(self, origin: str, dialler: Dialler, limits: Limits, clock: Callable[[], float]) -> None:
        self._origin = origin
        self._dialler = dialler
        self._limits = limits
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._now = clock()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._closing: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[Exchange] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_awake = False
        self._awake_until = 0.0
        self._is_closed = False
        self._all_closed = asyncio.Event()

    def begin(self, request: bytes, *, deadline: float, is_head: bool) -> Exchange:
        """Send the request at once if a connection rests, or else as soon as one is free."""
        if not self._is_awake:
            self._wake()
        now = self._clock()
        exchange = Exchange(
            request,
            self._loop.create_future(),
            deadline=min(deadline, now + self._limits.whole),
            is_head=is_head,
        )
        if now >= deadline:
            exchange.fail(SourceTimeout(f"{self._origin}: no time is left"))
            return exchange
        idle = self._idle
        while idle and not self._waiting:
            connection = idle.pop()
            if connection.is_quiet():
                connection.send(exchange, now)
                return exchange
            connection.abandon()
        self._queue(exchange)
        return exchange

    def cancel(self, exchange: Exchange) -> None:
        """Leave nothing behind of an exchange whose caller has gone; its connection is closed."""
        connection = exchange.connection
        if connection is not None and connection.exchange is exchange:
            connection.abandon()
        elif exchange in self._waiting:
            self._waiting.remove(exchange)

    def release(self, connection: Connection) -> None:
        """Take back a connection: it goes to who waits longest, or rests.

        The peer may have closed it right behind its answer, which is seen at the loop's next look.
        """
        if self._is_closed or self._now - connection.opened_at > self._limits.age:
            self._retire(connection)
            return
        connection.idle_since = self._now
        self._idle.append(connection)
        if self._waiting:
            self._loop.call_soon(self._lend)

    def forget(self, connection: Connection) -> None:
        """Count a connection no more, and open another if somebody waits."""
        if connection in self._connections:
            self._connections.remove(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            self._closing.add(connection)
        if connection.is_lost:
            self._closing.discard(connection)
            if not self._closing:
                self._all_closed.set()
        self._open_for_waiting()

    def sweep(self, now: float) -> None:
        """End what is too late, gone or too old."""
        self._now = now
        for connection in tuple(self._connections):
            self._check(connection, now)
        if self._waiting:
            for exchange in self._waiting:
                if now >= exchange.deadline:
                    self._give_up(exchange)
            self._waiting = deque(each for each in self._waiting if not each.answer.done())

    async def aclose(self) -> None:
        """Close everything; calls under way end with SourceUnavailable."""
        self._is_closed = True
        gone = [*self._waiting]
        self._waiting.clear()
        for connection in tuple(self._connections):
            if connection.exchange is None:
                self._retire(connection)
            else:
                gone.append(connection.exchange)
                connection.abandon()
        for exchange in gone:
            exchange.fail(self._closed())
        openings = tuple(self._opening)
        for task in openings:
            task.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        self._dialler.close()
        await self._see_off()
        if self._timer is not None:
            self._timer.cancel()

    def _queue(self, exchange: Exchange) -> None:
        if self._is_closed:
            exchange.fail(self._closed())
        elif len(self._waiting) >= self._limits.waiting:
            exchange.fail(SourceUnavailable(f"{self._origin}: {self._limits.waiting} calls wait for a connection"))
        else:
            self._waiting.append(exchange)
            self._open_for_waiting()

    def _lend(self) -> None:
        """Lend resting connections to those who wait."""
        while self._idle and self._waiting:
            connection = self._idle.pop()
            if not connection.is_quiet():
                connection.abandon()
            elif not self._serve(connection):
                self._idle.append(connection)

    def _serve(self, connection: Connection) -> bool:
        """Send the request of who waits longest; say whether anybody waits."""
        now = self._clock()
        while self._waiting:
            exchange = self._waiting.popleft()
            if now >= exchange.deadline:
                self._give_up(exchange)
            elif not exchange.answer.done():
                connection.send(exchange, now)
                return True
        return False

    def _give_up(self, exchange: Exchange) -> None:
        """End a call that has waited too long, of which nothing was sent."""
        exchange.fail(SourceTimeout(f"{self._origin}: no connection in time"))

    def _open_for_waiting(self) -> None:
        open_yet = len(self._connections) + len(self._closing)
        while len(self._waiting) > len(self._opening) < self._limits.connections - open_yet:
            self._open()

    def _open(self) -> None:
        task = self._loop.create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._open_for_waiting()

    async def _connect(self) -> None:
        """Open a connection for whoever waits longest when it is open."""
        try:
            connection = await self._dialler.open(self._make, seconds=self._limits.connect)
        except SourceError as error:
            self._not_connected(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits and would have it tried for ever
            self._not_connected(SourceUnavailable(f"{self._origin}: no connection: {type(error).__name__}"))
            return
        if connection.transport.is_closing() or connection.was_spoken_to():
            problem = f"{self._origin}: the source closed the connection at once, or spoke first"
            self._not_connected(SourceUnavailable(problem))
            return
        connection.opened_at = self._now = self._clock()
        self._connections.add(connection)
        if not self._serve(connection):
            self.release(connection)

    def _not_connected(self, error: SourceError) -> None:
        """Tell whoever waits longest."""
        if self._waiting:
            self._waiting.popleft().fail(error)

    def _make(self) -> Connection:
        return Connection(self, self._origin, self._limits)

    def _check(self, connection: Connection, now: float) -> None:
        exchange = connection.exchange
        if exchange is None:
            if now - connection.idle_since > self._limits.idle or now - connection.opened_at > self._limits.age:
                self._retire(connection)
        elif exchange.answer.done():
            connection.abandon()
        elif now >= exchange.deadline:
            connection.abandon()
            exchange.fail(SourceTimeout(f"{self._origin}: no whole answer in time"))
        elif now >= connection.first_byte_by and not connection.received:
            connection.abandon()
            exchange.fail(SourceTimeout(f"{self._origin}: no byte within {self._limits.first_byte:g} s"))

    def _retire(self, connection: Connection) -> None:
        self.forget(connection)
        connection.transport.close()

    def _wake(self) -> None:
        """Go from resting to the timer's fine step."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_awake = True
        self._now = self._clock()
        self._awake_until = self._now + _STAY_AWAKE
        self._timer = self._loop.call_later(self._limits.resolution, self._tick)

    def _tick(self) -> None:
        now = self._clock()
        try:
            self.sweep(now)
        finally:  # whatever happened, time-outs go on
            self._plan(now)

    def _plan(self, now: float) -> None:
        """Choose when to look again: soon, later, or not before the next call."""
        if self._opening or self._waiting or len(self._idle) < len(self._connections):
            self._awake_until = now + _STAY_AWAKE
        self._is_awake = now < self._awake_until
        step = self._limits.resolution if self._is_awake else _DOZE
        rests = not self._is_awake and not self._connections
        self._timer = None if rests or self._is_closed else self._loop.call_later(step, self._tick)

    async def _see_off(self) -> None:
        """Wait until closing connections are closed; cut those whose peer does not answer."""
        if self._closing:
            self._all_closed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_closed.wait(), _FAREWELL)
        for connection in self._closing:
            connection.transport.abort()

    def _closed(self) -> SourceUnavailable:
        return SourceUnavailable(f"{self._origin}: the gateway has closed its connections")
