"""The stage: the demo's four systems, the fault proxy before billing, and gateways over them, each a process."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from tests.acceptance.running import KLANTBEELD, Deployment, Gateway, deploy, free_port
from tests.faults.sources.load import Load
from tests.faults.sources.proxy import Proxy

from klantbeeld.cli.demo_settings import demo_settings
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

LINKED = ("fatima-el-amrani", "lotte-jansen", "mila-hendriks")  # whom billing knows
KIB = 1024


@dataclass(slots=True)
class Serving:
    """One gateway that serves, its load, and a look into its process."""

    gateway: Gateway
    deployment: Deployment
    load: Load

    @property
    def process(self) -> Path:
        """What the kernel tells of it (proc(5))."""
        assert self.gateway.process is not None
        return Path("/proc") / str(self.gateway.process.pid)

    def memory(self, kind: str = "VmRSS") -> float:
        """Read its memory, in MiB: `VmRSS` now, `VmHWM` the most since `forget_peak`."""
        lines = (self.process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(kind)).split()[1]) / KIB

    def forget_peak(self) -> None:
        """Begin anew with the most memory."""
        (self.process / "clear_refs").write_text("5")

    def metric(self, name: str) -> float:
        """Sum a metric over its labels."""
        text = httpx.get(f"{self.gateway.address}/metrics", timeout=10).text
        return sum(float(found) for found in re.findall(rf"^klantbeeld_{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))


@dataclass(slots=True)
class Stage:
    """Lives as long as a run; `folder` holds what the gateways keep."""

    sandbox: Sandbox
    proxy: Proxy
    folder: Path
    _made: int = 0
    _first: Deployment | None = None

    async def calm(self) -> None:
        """Take every fault away."""
        self.proxy.act_out("pass")
        for system in SYSTEMS:
            await asyncio.to_thread(self.sandbox.clear_fault, system)

    async def deployed(self, settings: str = "", *, sources: str = "", accept: float = 0.0) -> Deployment:
        """Write settings: the defaults, `settings` beside them, and some for each source.

        All gateways are over one store, as replicas are; it is filled for the first.
        """
        if self._first is None:
            self._first = await asyncio.to_thread(deploy, self.folder / "gateway", self.sandbox, breakers=str)
        self._made += 1
        text = self._first.file.read_text(encoding="utf-8").replace(self.sandbox.base_url("stripe"), self.proxy.address)
        text = re.sub(r"accept = 0 .*", f"accept = {accept}", text)
        text = re.sub(r"(?m)^port = \d+", f"port = {free_port()}", text)
        text = re.sub(r"(?m)^(\[sources\.\w+\])$", rf"\1\nshare_calls = false\n{sources}", text) + settings
        file = self._first.file.with_name(f"gateway{self._made}.toml")
        file.write_text(text, encoding="utf-8")
        return replace(self._first, file=file, settings=demo_settings(file))

    @asynccontextmanager
    async def serving(
        self, deployment: Deployment, *, program: Sequence[str | Path] = (KLANTBEELD,)
    ) -> AsyncIterator[Serving]:
        """Run a gateway over a deployment as long as the block; the proxy goes on while it starts and stops."""
        gateway = Gateway(deployment.file, deployment.settings.gateway.port, name=deployment.file.stem, program=program)
        try:
            await asyncio.to_thread(gateway.start)
            yield Serving(gateway, deployment, load_of(deployment, gateway.address))
        finally:
            await asyncio.to_thread(gateway.stop)


def load_of(deployment: Deployment, address: str) -> Load:
    """Make the load of a deployment's agents on an address."""
    token = token_for("agent", deployment.issuer, deployment.settings, minutes=240)
    return Load(address, token, [deployment.customers[key] for key in LINKED])


@asynccontextmanager
async def staging(folder: Path) -> AsyncIterator[Stage]:
    """Set the stage."""
    sandbox = Sandbox(size=1)
    try:
        await asyncio.to_thread(sandbox.start)
        async with Proxy(sandbox.base_url("stripe")) as proxy:
            yield Stage(sandbox, proxy, folder)
    finally:
        await asyncio.to_thread(sandbox.stop)
