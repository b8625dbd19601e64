"""Stopping: while the gateway is about to end it says so, and lets go of connections that are kept alive.

An answer with `Connection: close` tells a client, or a proxy, to come back on a connection of its own, which by then
leads to another replica; a connection that is just closed may lose the request that is on its way.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSE: Final = (b"connection", b"close")


class Stopping:
    """Whether the gateway is about to end; lives as long as the process."""

    def __init__(self) -> None:
        self.has_begun = False

    def begin(self) -> None:
        """Say from now on that it ends."""
        self.has_begun = True


class LetGo:
    """ASGI middleware: ends kept-alive connections with their next answer once the gateway is stopping."""

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not self._stopping.has_begun or scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), CLOSE]
            await send(message)

        await self._app(scope, receive, send_closing)
