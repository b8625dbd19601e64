"""One sandbox of real processes and one gateway over it, asked over HTTP.

Every test begins with the sandbox as it was at its start: its stores, its logs, no faults. Where several workers run
them, each has a sandbox and gateways of its own, and a file's tests run on one of them, one after another.
"""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from klantbeeld.cli.views import view
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

from .caching import evict_all
from .linked import ACCOUNTS, COMPLAINTS, HEALTH, PARTY, Keys, Linked, linked
from .running import ANSWER_SECONDS, Ask, Calls, Deployment, Gateway, deploy, running
from .wired import Wired, wired

CROWD = 24
LAST = "test_promise_1_nothing_copied.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the search for what was kept come after everything that could have kept something.

    Other folders come after it: as the last of all it would keep one worker busy while the other has nothing to do.
    """
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    ours.sort(key=lambda item: item.path.name == LAST)
    items[:] = [*ours, *(item for item in items if item.path.parent != Path(__file__).parent)]


@pytest.fixture(scope="session")
def servers() -> Iterator[Sandbox]:
    """Start the four systems, each a process of its own."""
    with Sandbox(size=CROWD) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def deployment(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Write the demo's configuration, and fill its identity map."""
    return deploy(tmp_path_factory.mktemp("gateway"), servers)


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
    with ThreadPoolExecutor(len(SYSTEMS)) as pool:
        list(pool.map(servers.reset, SYSTEMS))
    return servers


@pytest.fixture
def ask(gateway: Gateway, deployment: Deployment, http: httpx.Client, sandbox: Sandbox) -> Ask:
    """Ask the gateway, over systems as they were at their start."""
    evict_all(deployment.settings)
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
def calls(sandbox: Sandbox) -> Calls:
    """Count what each system was asked: method and path of every call, log-ins apart."""

    def count() -> dict[str, list[str]]:
        return {
            name: [
                f"{entry['method']} {entry['path']}" for entry in sandbox.log(name) if "/oauth2/" not in entry["path"]
            ]
            for name in SYSTEMS
        }

    return count


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """Serve the issuer's keys."""
    with Keys(tmp_path_factory.mktemp("links")) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(scope="session")
def served(servers: Sandbox, keys: Keys) -> Iterator[tuple[Deployment, Gateway]]:
    """Serve the four systems with the links of this page."""
    address = f'jwks_uri = "http://127.0.0.1:{keys.server_port}/jwks.json"'
    change = lambda text: linked(re.sub(r"(?m)^jwks_file = .*$", address, text))  # noqa: E731
    deployment = deploy(keys.file.parent, servers, change=change, breakers=str)
    gateway = Gateway(deployment.file, deployment.settings.gateway.port)
    try:
        yield deployment, gateway.start()
    finally:
        gateway.stop()


@pytest.fixture
def linked_gateway(served: tuple[Deployment, Gateway], sandbox: Sandbox, http: httpx.Client) -> Linked:
    """Give it with every breaker closed and every log-in made, and the systems' logs empty."""
    deployment, gateway = served
    ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
    found = Linked(ask, deployment, gateway, sandbox)
    deadline = time.monotonic() + 5
    while any(one["health"]["state"] in {"DOWN", "PROBING", "PAUSED"} for one in ask(HEALTH).data["sources"]):
        found.customer(f"{PARTY} {ACCOUNTS} {COMPLAINTS}")
        assert time.monotonic() < deadline
    found.customer(PARTY)
    for system in SYSTEMS:
        sandbox.clear_log(system)
    return found


@pytest.fixture(scope="session")
def wayward(servers: Sandbox, http: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    """Serve the four systems through others that may answer in any way."""
    with wired(tmp_path_factory.mktemp("wired"), servers, http) as found:
        yield found


@pytest.fixture
def wired_gateway(wayward: Wired, sandbox: Sandbox) -> Wired:
    """Give it with every system well, and no connection open but those of one reading of each."""
    for system in SYSTEMS:
        wayward.systems[system].forget()
        wayward.proxy.wait_until_shut(wayward.systems[system].port)
    wayward.until_well(anew=True)
    return wayward
