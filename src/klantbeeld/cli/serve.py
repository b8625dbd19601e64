"""`klantbeeld serve`: the gateway in one process, until it is told to stop."""

from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from klantbeeld.app import Outside, build_app
from klantbeeld.cli.opened import settings_of

# Time in which requests under way are finished after SIGTERM, in seconds.
GRACE = 20


def serve(config: Path | None, *, host: str | None, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigurationError or StoreError, and then nothing was started."""
    settings = settings_of(config)
    gateway = settings.gateway

    async def run() -> None:
        async with build_app(settings, Outside()) as app:
            await server_of(app, host=host or gateway.host, port=gateway.port if port is None else port).serve()

    uvloop.run(run())


def server_of(app: ASGIApp, *, host: str, port: int) -> uvicorn.Server:
    """Make the server: no access log of its own (ours says more, and less), no name in its answers."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            ws="auto",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE,
        )
    )
