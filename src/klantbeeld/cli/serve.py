"""`klantbeeld serve`: the gateway in one process, until it is told to stop.

SIGTERM: `/ready` says no at once, requests are taken a while longer, and those under way are finished. SIGHUP: the
settings and the connectors are read again.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvloop

from klantbeeld.app import build_app
from klantbeeld.cli.check import sound_settings
from klantbeeld.cli.listening import address_of, listen
from klantbeeld.cli.server import Manner, run_server
from klantbeeld.cli.terminal import remarks
from klantbeeld.errors import OperatorError
from klantbeeld.gateway.generations import Generations
from klantbeeld.gateway.stopping import LetGo, Stopping
from klantbeeld.outside import Outside
from klantbeeld.registry import reloading
from klantbeeld.settings import Settings
from klantbeeld.telemetry.logs import through_log
from klantbeeld.telemetry.relay import LogRelay


def serve(config: Path | None, *, host: str | None, port: int | None) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigurationError or StoreError, and then nothing was started."""
    settings, advice = sound_settings(config, host=host, port=port)
    console = remarks()
    for finding in advice:
        console.print(f"Advice: {finding}", markup=False)
    gateway = settings.gateway
    with closing(listen(gateway.host, gateway.port)) as listener:
        serving = Serving(settings, lambda: sound_settings(config, host=host, port=port)[0])
        address = address_of(listener, gateway.path)
        uvloop.run(serving.run(listener, then=lambda: console.print(f"Klantbeeld answers at {address}")))


# Objects that were made and not let go before the collector looks for cycles among them, and after how many looks it
# looks further: an error and its traceback are a cycle, so what failed would otherwise stay for long.
COLLECT = (5_000, 5, 5)


class Serving:
    """The process that serves: one application after the other, each of the settings that were read last."""

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        self._settings = settings
        self._read = read
        self._stopping = Stopping()
        self._log = LogRelay()
        self._generations = Generations()
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self, listener: socket.socket, *, then: Callable[[], object]) -> None:
        """Serve on a listener until a signal; `then` is called once requests are answered."""
        with through_log(self._log):
            await self._open(self._settings)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hear_reload)

            def started() -> None:
                self._log.info("started")
                then()

            generations = self._generations
            manner = Manner(
                self._times, leaving=self._leave, closing=generations.end_streams, streams=generations.streams_open
            )
            try:
                await run_server(
                    LetGo(self._generations, self._stopping),
                    listener,
                    then=started,
                    manner=manner,
                    receive_within=lambda: self._settings.gateway.receive_within,
                    keep_alive=self._settings.gateway.keep_alive,
                )
            finally:
                await self._generations.close()
                self._log.info("stopped")

    async def reload(self) -> None:
        """Read settings and connectors again; what is wrong with them is said, and those before stay in force."""
        try:
            with reloading():
                settings = await asyncio.to_thread(self._read)
                await self._open(settings)
        except OperatorError as error:
            self._log.error("configuration_refused", error=error)
            remarks().print(f"Not reloaded. {error}", markup=False)
        except Exception as error:  # noqa: BLE001 - whatever a new connector does, the old one serves on
            self._log.error("configuration_refused", error=error)
        else:
            self._settings = settings
            self._log.info("configuration_changed")

    def _hear_reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _open(self, settings: Settings) -> None:
        outside = Outside(stopping=self._stopping, libraries=self._log.through)
        await self._generations.replace(lambda: build_app(settings, outside), grace=settings.gateway.stopping.finish)
        gc.collect()
        gc.freeze()  # what was made for the start stays, and is not looked through for garbage again
        # What a request makes goes with it, by reference counts; only what does not is worth looking for.
        gc.set_threshold(*COLLECT)

    def _times(self) -> tuple[float, float]:
        stopping = self._settings.gateway.stopping
        return stopping.accept, stopping.finish

    def _leave(self) -> None:
        if not self._stopping.has_begun:
            self._stopping.begin()
            self._log.info("stopping")
