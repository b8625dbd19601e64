"""The product as a user runs it: `klantbeeld serve` in a process of its own, and clients that ask it over HTTP."""

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_settings import demo_settings, write_settings
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings

from .caching import with_cache

KLANTBEELD = Path(sys.executable).with_name("klantbeeld")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
ANSWER_SECONDS = 20.0

Calls = Callable[[], dict[str, list[str]]]

PURPOSES = {"agent": "service", "app": "self-service", "partner": "fulfilment"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The demo's settings over the sandbox, with the map filled: what `klantbeeld demo` would serve."""

    file: Path
    settings: Settings
    issuer: DemoIssuer
    customers: dict[str, str]


def patient(settings: str) -> str:
    """Let no breaker open: many tests ask one gateway, and what one lets fail must not be held against the next."""
    names = tomllib.loads(settings)["sources"]
    return settings + "".join(f"\n[sources.{name}.breaker]\ncalls = 1_000_000\n" for name in names)


def deploy(
    folder: Path, sandbox: Sandbox, *, change: Callable[[str], str] = str, breakers: Callable[[str], str] = patient
) -> Deployment:
    """Write the demo's configuration into a folder, changed if asked, and fill its identity map."""
    issuer = DemoIssuer.new(clock=time.time)
    file = write_settings(folder, sandbox, issuer, port=free_port())
    file.write_text(with_cache(breakers(change(file.read_text(encoding="utf-8")))), encoding="utf-8")
    settings = demo_settings(file)
    return Deployment(file, settings, issuer, asyncio.run(settle(settings, sandbox, issuer)))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to one GraphQL request."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any
    seconds: float

    @property
    def data(self) -> Any:
        """What was delivered; fails the test if there was an error beside it."""
        assert self.status == 200, self.text
        assert "errors" not in self.body, self.text
        return self.body["data"]

    @property
    def part(self) -> Any:
        """What was delivered, whatever was not."""
        return self.body["data"]

    @property
    def errors(self) -> dict[str, tuple[str, str | None]]:
        """Code and source of each error, by its path (`customer.invoices`)."""
        return {
            ".".join(str(key) for key in error.get("path", ())): (
                error["extensions"]["code"],
                error["extensions"].get("source"),
            )
            for error in self.body.get("errors", ())
        }

    @property
    def codes(self) -> list[str]:
        """The codes of the errors, in their order."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]


def command(*arguments: str | Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `klantbeeld` with arguments, as in a shell, until it ends."""
    given = {"PATH": os.environ["PATH"], "COLUMNS": "200", **(environ or {})}
    return subprocess.run([KLANTBEELD, *arguments], env=given, capture_output=True, text=True, check=False, timeout=60)


@dataclass(slots=True)
class Gateway:
    """One `klantbeeld serve` over a folder of settings, and all that it writes; lives until `stop`."""

    file: Path
    port: int
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "gateway"
    program: Sequence[str | Path] = (KLANTBEELD,)
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The folder in which everything lies that the gateway keeps."""
        return self.file.parent

    @property
    def log(self) -> Path:
        """What it wrote to its standard output and standard error."""
        return self.folder / f"{self.name}.log"

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it, and wait until it says that it is ready."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", "--config", self.file, "--port", str(self.port)],
                cwd=scratch,
                env={"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), **self.environ},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(self.port):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "the gateway did not become ready"
            time.sleep(POLL_SECONDS)
        return self

    def stop(self) -> None:
        """Ask it to stop, as an operator's service manager does, and wait; it ends with nothing wrong."""
        if self.process is not None:
            process, self.process = self.process, None
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0

    def kill(self) -> None:
        """End it without asking."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None


def is_ready(port: int) -> bool:
    """Say whether a gateway of this machine answers that it is ready; asked often, so without a client of httpx."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that is free at this moment; it stays the gateway's own over a restart."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Run a gateway as long as the block."""
    try:
        yield gateway.start()
    finally:
        gateway.stop()


class Ask:
    """Asks a gateway as somebody, with a token of the demo's issuer."""

    def __init__(self, address: str, issuer: DemoIssuer, settings: Settings, http: httpx.Client) -> None:
        self.url = f"{address}{settings.gateway.path}"
        self.http = http
        self._token: Callable[[str], str] = lambda who: token_for(who, issuer, settings, minutes=10)

    def token(self, who: str) -> str:
        """Make a token: of `agent`, of `partner`, or of the app of the customer with this key."""
        return self._token(who)

    def __call__(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        who: str = "agent",
        purpose: str | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one operation by POST."""
        chosen = purpose or PURPOSES.get(who, PURPOSES["app"])
        given = {"Authorization": f"Bearer {token or self.token(who)}", "Klantbeeld-Purpose": chosen, **(headers or {})}
        body = {"query": document, "variables": dict(variables or {})}
        response = self.http.post(self.url, json=body, headers=given)
        return Reply(
            response.status_code,
            response.headers,
            response.text,
            response.json(),
            response.elapsed.total_seconds(),
        )


def send_and_leave(ask: Ask, body: Mapping[str, Any]) -> socket.socket:
    """Send an agent's request over a connection of its own, which the caller closes."""
    content = httpx.Request("POST", ask.url, json=body).content
    address = urlsplit(ask.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = f"POST {address.path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {ask.token('agent')}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection
