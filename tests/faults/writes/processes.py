"""The processes of the suite, as the driver holds them: the owning systems, and gateways that are made by a fork."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.writes.points import Armed
from tests.faults.writes.start import Start
from tests.faults.writes.wire import Unanswered, ask

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
START_SECONDS = 30.0
POLL = 0.01
LAST_WORDS = 3_000  # characters of a log


class Launcher:
    """Starts gateways by forking; lives as long as its process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def start(self, start: Start) -> int:
        """Start a gateway; returns its process id."""
        assert self._process.stdin is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(asdict(start)).encode() + b"\n")
            return await self._started.get()

    async def ended(self, process_id: int) -> None:
        """Wait until a gateway is no more."""
        await self._ended[process_id].wait()

    def has_ended(self, process_id: int) -> bool:
        """Tell whether a gateway is no more."""
        return self._ended[process_id].is_set()

    async def listen(self) -> None:
        """Hear what the process says, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "started" in said:
                self._started.put_nowait(said["started"])
            else:
                self._ended[said["ended"]].set()


@dataclass(slots=True)
class Replica:
    """One gateway of a pair: it keeps its port and its shared bytes over every restart."""

    launcher: Launcher
    start: Start
    process_id: int = 0
    armed: Armed = field(init=False)

    def __post_init__(self) -> None:
        self.armed = Armed(Path(self.start.armed))

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.start.port

    @property
    def is_up(self) -> bool:
        """Whether its process is there."""
        return self.process_id != 0 and not self.launcher.has_ended(self.process_id)

    async def up(self) -> None:
        """Start it, and wait until it is ready, or has come to its point before that."""
        self.process_id = await self.launcher.start(self.start)
        until = asyncio.get_running_loop().time() + START_SECONDS
        while not await self._is_ready():
            if not self.is_up and self.armed.hit():
                return
            if not self.is_up or asyncio.get_running_loop().time() > until:
                raise AssertionError(f"a gateway did not start: {self._last_words()}")
            await asyncio.sleep(POLL)

    async def kill(self) -> None:
        """End it, at whatever it is."""
        if self.is_up:
            os.kill(self.process_id, signal.SIGKILL)
            await self.launcher.ended(self.process_id)

    def go_on(self) -> None:
        """Wake it where it was stopped."""
        os.kill(self.process_id, signal.SIGCONT)

    def _last_words(self) -> str:
        return Path(self.start.log).read_text(encoding="utf-8")[-LAST_WORDS:]

    async def _is_ready(self) -> bool:
        try:
            return (await ask(self.port, "GET", "/ready")).status == 200
        except Unanswered:
            return False


@asynccontextmanager
async def launching(*, environ: dict[str, str] | None = None) -> AsyncIterator[Launcher]:
    """Run a launcher as long as the block, and end every gateway that it started."""
    async with _running("launcher.py", environ=environ) as process:
        launcher = Launcher(process)
        hearing = asyncio.create_task(launcher.listen())
        try:
            yield launcher
        finally:
            hearing.cancel()


@asynccontextmanager
async def owning() -> AsyncIterator[int]:
    """Run the owning systems as long as the block; gives their port."""
    async with _running("owners/server.py") as process:
        assert process.stdout is not None
        yield int(await process.stdout.readline())


@asynccontextmanager
async def _running(script: str, *, environ: dict[str, str] | None = None) -> AsyncIterator[Process]:
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **(environ or {})}
    process = await asyncio.create_subprocess_exec(sys.executable, HERE / script, stdin=PIPE, stdout=PIPE, env=given)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that are free at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
