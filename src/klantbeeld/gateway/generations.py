"""Generations: the application of the present configuration, replaced as a whole without losing a request.

A request is answered by the application that was there when it came. The one before ends when the last of its requests
has ended, streams and sockets within a time that is given.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Application(Protocol):
    """An application that can be asked to end what has no end of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""

    def end_streams(self) -> None:
        """End subscriptions and sockets, which answer first what they were asked, and take no more streams."""

    def streams_open(self) -> int:
        """Count streams and sockets that have not ended."""


Make = Callable[[], AbstractAsyncContextManager[Application]]


class _Generation:
    """One application, opened and closed by one task; `requests` are under way."""

    def __init__(self, make: Make) -> None:
        self.requests = 0
        self._make = make
        self._opened: asyncio.Future[Application] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._idle = asyncio.Event()
        self._grace = 0.0
        self.task = asyncio.create_task(self._live())

    async def opened(self) -> Application:
        """Wait until it can answer; raises what kept it from being opened."""
        return await asyncio.shield(self._opened)

    def request_ended(self) -> None:
        """Count one request less."""
        self.requests -= 1
        if not self.requests:
            self._idle.set()

    def retire(self, grace: float) -> None:
        """Close it when its last request has ended, or `grace` seconds have gone."""
        self._grace = grace
        self._leave.set()

    async def _live(self) -> None:
        try:
            async with self._make() as app:
                self._opened.set_result(app)
                await self._leave.wait()
                app.end_streams()
                await self._drained()
        except BaseException as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def _drained(self) -> None:
        if self.requests:
            self._idle.clear()
            try:
                async with asyncio.timeout(self._grace):
                    await self._idle.wait()
            except TimeoutError:
                pass


class Generations:
    """The ASGI application that hands each request to the present generation; lives as long as the process."""

    def __init__(self) -> None:
        self._present: _Generation | None = None
        self._app: Application | None = None
        self._former: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        generation, app = self._present, self._app
        if generation is None or app is None:
            raise RuntimeError("nothing serves yet")
        generation.requests += 1
        try:
            await app(scope, receive, send)
        finally:
            generation.request_ended()

    async def replace(self, make: Make, *, grace: float) -> None:
        """Open another application and let it answer from now on; raises what keeps it from that, and changes nothing.

        The one before is closed meanwhile.
        """
        async with self._turn:
            new = _Generation(make)
            app = await new.opened()
            former, self._present, self._app = self._present, new, app
        if former is not None:
            former.retire(grace)
            self._former.add(former.task)
            former.task.add_done_callback(self._former.discard)

    def end_streams(self) -> None:
        """Do it with the present application: the process stops."""
        if self._app is not None:
            self._app.end_streams()

    def streams_open(self) -> int:
        """Count streams and sockets of the present application that have not ended."""
        return 0 if self._app is None else self._app.streams_open()

    async def close(self) -> None:
        """Close every generation."""
        present, self._present, self._app = self._present, None, None
        if present is not None:
            present.retire(0.0)
            self._former.add(present.task)
        if self._former:
            await asyncio.gather(*self._former)
