"""`klantbeeld serve`: the gateway in one process, until it is told to stop."""

import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from klantbeeld.app import Outside, build_app
from klantbeeld.cli.check import sound_settings
from klantbeeld.cli.listening import address_of, listen
from klantbeeld.cli.terminal import remarks

# Time in which requests under way are finished after SIGTERM, in seconds.
GRACE = 20

# The largest message over a WebSocket, in bytes; larger than any request body that the gateway's default lets in.
LARGEST_MESSAGE = 1_048_576

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """A uvicorn that ends when it was told to (its own raises the signal again, and dies of it) and says that it is up.

    `then` is called once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, then: Callable[[], object]) -> None:
        super().__init__(config)
        self._then = then

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._then()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain at the first signal, end at once at a second Ctrl-C."""
        before = {number: signal.signal(number, self.handle_exit) for number in STOPPED_BY}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(config: Path | None, *, host: str | None, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigurationError or StoreError, and then nothing was started."""
    settings, advice = sound_settings(config, host=host, port=port)
    console = remarks()
    for finding in advice:
        console.print(f"Advice: {finding}", markup=False)
    gateway = settings.gateway

    async def run(listener: socket.socket) -> None:
        async with build_app(settings, Outside()) as app:
            address = address_of(listener, gateway.path)
            gc.collect()
            gc.freeze()  # what was made for the start stays, and is not looked through for garbage again
            await run_server(app, listener, then=lambda: console.print(f"Klantbeeld answers at {address}"))

    with closing(listen(gateway.host, gateway.port)) as listener:
        uvloop.run(run(listener))


async def run_server(app: ASGIApp, listener: socket.socket, *, then: Callable[[], object]) -> None:
    """Serve on a listener until a signal; `then` is called once requests are answered."""
    await Server(_config(app), then).serve(sockets=[listener])


def _config(app: ASGIApp) -> uvicorn.Config:
    """Say how to serve: no access log of its own (ours says more, and less), no name in its answers."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE,
    )
