"""One sandbox of real processes and one gateway over it, asked over HTTP.

Every test begins with the sandbox as it was at its start: its stores, its logs, no faults. The tests that share them
carry `xdist_group("acceptance")`, so that one worker runs them, one after another.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvloop

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_settings import demo_settings, write_settings
from klantbeeld.cli.views import view
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings

from .running import ANSWER_SECONDS, Ask, Gateway, free_port, running

CROWD = 40
LAST = "test_promise_1_nothing_copied.py"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The demo's settings over the sandbox, with the map filled: what `klantbeeld demo` would serve."""

    file: Path
    settings: Settings
    issuer: DemoIssuer
    customers: dict[str, str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the search for what was kept come after everything that could have kept something."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def servers() -> Iterator[Sandbox]:
    """Start the four systems, each a process of its own."""
    with Sandbox(size=CROWD) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def deployment(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Write the demo's configuration, and fill its identity map."""
    folder = tmp_path_factory.mktemp("gateway")
    issuer = DemoIssuer.new(clock=time.time)
    file = write_settings(folder, servers, issuer, port=free_port())
    settings = demo_settings(file)
    return Deployment(file, settings, issuer, uvloop.run(settle(settings, servers, issuer)))


@pytest.fixture(scope="session")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    """Serve it."""
    with running(Gateway(deployment.file, deployment.settings.gateway.port)) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """Give the client that all tests share; it follows no redirects."""
    with httpx.Client(timeout=ANSWER_SECONDS) as client:
        yield client


@pytest.fixture
def sandbox(servers: Sandbox) -> Sandbox:
    """Give the four systems as they were at their start."""
    servers.start()
    servers.reset()
    return servers


@pytest.fixture
def ask(gateway: Gateway, deployment: Deployment, http: httpx.Client, sandbox: Sandbox) -> Ask:
    """Ask the gateway, over systems as they were at their start."""
    return Ask(gateway.address, deployment.issuer, deployment.settings, http)


@pytest.fixture
def ids(deployment: Deployment) -> dict[str, str]:
    """Give the customer ids of the cast, by key."""
    return deployment.customers


@pytest.fixture(scope="session")
def call_view() -> str:
    """Give the unified query: the agent's screen."""
    return view("service-call")


@pytest.fixture
def calls(sandbox: Sandbox) -> Callable[[], dict[str, list[str]]]:
    """Count what each system was asked: method and path of every call, log-ins apart."""

    def count() -> dict[str, list[str]]:
        return {
            name: [
                f"{entry['method']} {entry['path']}" for entry in sandbox.log(name) if "/oauth2/" not in entry["path"]
            ]
            for name in SYSTEMS
        }

    return count
