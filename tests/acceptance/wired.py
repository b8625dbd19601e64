"""The gateway whose wire is looked at: each system of the sandbox is behind one that may answer in any way.

Billing and complaints are reached without TLS, one over each transport; marketing and the CRM over TLS, with our own
certificate, and the CRM through the environment's proxy.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.sources.wire.authority import Authority, new_authority, served

from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask, Deployment, Gateway, Reply, deploy
from .wayward import Wayward, join

KEY = "fatima-el-amrani"
QUESTIONS: Mapping[System, str] = {
    "dataverse": "party { fullName }",
    "stripe": "billingAccounts { name email }",
    "zendesk": "complaints { nodes { subject } }",
    "sap_customer_data_cloud": "consents { status }",
}
FIELDS: Mapping[System, str] = {
    "dataverse": "party",
    "stripe": "billingAccounts",
    "zendesk": "complaints",
    "sap_customer_data_cloud": "consents",
}
WHOLE = 1.2  # seconds for a call
FIRST = 0.6  # seconds to its first byte
CONNECT = 0.3  # seconds to a connection
MOST = 4  # connections
BODY = 20_000  # bytes
TLS = f"""
ca_bundle = "@folder@/ca.pem"
client_certificate = "@folder@/klantbeeld.example.pem"
connect_timeout = {CONNECT}
"""
LIMITS = f"timeout = {WHOLE}\nfirst_byte_timeout = {FIRST}\nmax_connections = {MOST}\nmax_body_bytes = {BODY}\n"
MORE: Mapping[System, str] = {
    "dataverse": TLS + 'transport = "httpx"\n',
    "stripe": LIMITS,
    "zendesk": LIMITS + 'transport = "httpx"\n',
    "sap_customer_data_cloud": TLS,
}


@dataclass(frozen=True, slots=True)
class Wired:
    """The gateway, and what stands before each system."""

    ask: Ask
    deployment: Deployment
    sandbox: Sandbox
    systems: Mapping[System, Wayward]
    authority: Authority
    proxy: "Proxy"

    @property
    def customer_id(self) -> str:
        """Whom the tests ask about."""
        return self.deployment.customers[KEY]

    def read(self, *systems: System, **how: Any) -> Reply:
        """Ask these systems, all without a name."""
        selection = " ".join(QUESTIONS[system] for system in systems or SYSTEMS)
        document = f"query Q($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
        return self.ask(document, {"id": self.customer_id}, **how)

    def until_well(self, *, anew: bool = False) -> None:
        """Ask until all answer, as they do after a moment on a busy machine; `anew` over connections of that time."""
        deadline = time.monotonic() + 10
        while self.read().codes:
            assert time.monotonic() < deadline, "a system does not come back"
            for each in self.systems.values() if anew else ():
                each.forget()
                self.proxy.wait_until_shut(each.port)

    def costs(self, system: System) -> str:
        """Ask all, and make sure that nothing but this system's field is missing; returns the code."""
        reply = self.read()
        assert set(reply.errors) == {f"customer.{FIELDS[system]}"}, reply.text
        assert reply.part["customer"][FIELDS[system]] is None
        others = {name: value for name, value in reply.part["customer"].items() if name != FIELDS[system]}
        assert None not in others.values(), reply.text
        code, source = reply.errors[f"customer.{FIELDS[system]}"]
        assert source == system
        return code

    def present(self, system: System, certificate: Path) -> None:
        """Let a system show another certificate, from now on and on new connections."""
        self.systems[system].tls = served(certificate, demands=self.authority.bundle)
        self.systems[system].forget()
        self.proxy.wait_until_shut(self.systems[system].port)


@dataclass(slots=True)
class Proxy:
    """The environment's proxy: it opens tunnels, wherever it is asked to, and remembers them."""

    tunnels: list[str] = field(default_factory=list)
    port: int = 0
    _ours: list[tuple[int, asyncio.StreamWriter]] = field(default_factory=list)  # with the port behind, to the gateway

    @contextlib.contextmanager
    def serve(self) -> Iterator["Proxy"]:
        """Serve as long as the block."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._talk, "127.0.0.1", 0), loop).result(5)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        asyncio.run_coroutine_threadsafe(self._close(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def wait_until_shut(self, behind: int) -> None:
        """Wait until each tunnel to a port is shut towards the gateway, as happens once the other end hung up."""
        deadline = time.monotonic() + 5
        while not all(writer.is_closing() for port, writer in self._ours if port == behind):
            assert time.monotonic() < deadline, "a tunnel stays open"
            time.sleep(0.001)

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        talking = asyncio.all_tasks() - {asyncio.current_task()}
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            first = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode()
            self.tunnels.append(first)
            host, _, port = first.split(" ")[1].rpartition(":")
            self._ours.append((int(port), writer))
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await join(reader, writer, host, int(port))


@contextlib.contextmanager
def wired(folder: Path, sandbox: Sandbox, http: httpx.Client) -> Iterator[Wired]:
    """Run the gateway of this page."""
    authority = new_authority(folder)
    authority.issue("klantbeeld.example")
    ours = served(authority.issue("localhost"), demands=authority.bundle)
    with contextlib.ExitStack() as stack:
        systems: dict[System, Wayward] = {}
        for system in SYSTEMS:
            tls = ours if "ca_bundle" in MORE[system] else None
            before = Wayward(lambda system=system: sandbox.base_url(system), tls=tls)  # type: ignore[misc]
            systems[system] = stack.enter_context(before.serve())
        proxy = stack.enter_context(Proxy().serve())
        deployment = deploy(folder, sandbox, change=lambda text: settings_of(text, folder, sandbox, systems))
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        gateway = Gateway(deployment.file, deployment.settings.gateway.port, environ=environ).start()
        stack.callback(gateway.stop)
        ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
        yield Wired(ask, deployment, sandbox, systems, authority, proxy)


def settings_of(text: str, folder: Path, sandbox: Sandbox, systems: Mapping[System, Wayward]) -> str:
    """Put the systems of this page before those of the sandbox."""
    for system, more in MORE.items():
        scheme = "https" if "ca_bundle" in more else "http"
        text = text.replace(sandbox.base_url(system), f"{scheme}://localhost:{systems[system].port}")
        given = more.replace("@folder@", str(folder))
        text = text.replace(f"[sources.{system}]\n", f"[sources.{system}]\nshare_calls = false\n{given}")
    retries = "".join(f"\n[sources.{system}.retry]\nreserve = 1_000\n" for system in MORE)
    return f'{text}\n[gateway.door]\nadaptive = false\n[cache]\nbackend = "off"\n{retries}'
