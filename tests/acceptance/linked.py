"""The gateway whose links are looked at: over the four systems, with short times, small limits and its breakers on."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask, Deployment, Gateway, Reply

KEY = "fatima-el-amrani"
QUICK = 0.25  # seconds that a breaker is open here, so that tests need not wait
DAY = 60  # calls a day that the marketing system allows here
LINKS = f"""
[gateway.door]
adaptive = false
[cache]
backend = "off"
[sources.dataverse.breaker]
open = {QUICK}
[sources.stripe.breaker]
open = {QUICK}
[sources.zendesk.bulkhead]
least = 2
[sources.zendesk.breaker]
open = {QUICK}
[sources.sap_customer_data_cloud.quota]
per_day = {DAY}
chunk = 0.01
apps_stop = 0.5
"""
HEDGED = "replicated = true\nhedging = { calls = 32, budget = 0.5, least_wait = 0.05 }"
SOURCE = {
    "[sources.dataverse]": f'deadline_header = "X-Time-Left-Ms"\n{HEDGED}',
    "[sources.stripe]": "",
    "[sources.zendesk]": "max_connections = 2",
}
PARTY = "party { fullName }"
ACCOUNTS = "billingAccounts { name }"  # one call
COMPLAINTS = "complaints { nodes { subject } }"
CONSENTS = "consents { status }"
HEALTH = """{ sources { name health {
  state reads writes errorRate latencyP50Ms latencyP95Ms latencyP99Ms lastSuccessAt lastProblem
  callsUnderWay callsAllowed callsWaiting budgetLeft notServed retriesLeft
} } }"""


def linked(text: str) -> str:
    """Give the sources of a settings file the links of this page."""
    for section, more in SOURCE.items():
        text = text.replace(f"{section}\n", f"{section}\nshare_calls = false\n{more}\n")
    return text + LINKS


@dataclass(frozen=True, slots=True)
class Linked:
    """The gateway of this page over the four systems."""

    ask: Ask
    deployment: Deployment
    gateway: Gateway
    sandbox: Sandbox

    def customer(self, selection: str, **how: Any) -> Reply:
        """Read something of the customer."""
        document = f"query Q($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
        return self.ask(document, {"id": self.deployment.customers[KEY]}, **how)

    def health(self, system: System) -> dict[str, Any]:
        """Give what `sources` tells of a system's health."""
        found = {one["name"]: one["health"] for one in self.ask(HEALTH).data["sources"]}
        health: dict[str, Any] = found[system]
        return health

    def metric(self, name: str, **labels: str) -> float:
        """Read a metric."""
        shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        text = self.ask.http.get(f"{self.gateway.address}/metrics").text
        found = re.search(rf"^klantbeeld_{name}\{{{shown}\}} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def until(self, name: str, value: float, *, within: float = 2.0, **labels: str) -> float:
        """Wait until a metric has a value; returns the seconds that it took."""
        began = time.monotonic()
        while self.metric(name, **labels) != value:
            assert time.monotonic() - began < within, f"{name} is not {value}"
        return time.monotonic() - began

    def reached(self, system: System) -> int:
        """Count the calls that reached a system, log-ins apart."""
        return sum("/oauth2/" not in entry["path"] for entry in self.sandbox.log(system))

    def earn_a_retry(self, system: System, selection: str) -> None:
        """Read until a system's breaker is closed, since probes are not repeated, and there is a retry in its budget.

        Other tests have opened the one and used the other. One retry more than is used: what is saved melts with time.
        """
        while (health := self.health(system))["retriesLeft"] < 2 or health["reads"] != "CLOSED":
            self.customer(selection)
        self.sandbox.clear_log(system)

    def break_down(self, system: System, selection: str, *, status: int = 500) -> list[Reply]:
        """Let a system fail until its breaker opens."""
        self.sandbox.set_fault(system, {"mode": "status", "status": status})
        replies = []
        while self.health(system)["reads"] == "CLOSED":
            replies.append(self.customer(selection))
            assert len(replies) <= 40
        return replies


class Keys(ThreadingHTTPServer):
    """Where the issuer's keys are read: it fails at first."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "jwks.json"
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), GiveKeys)


class GiveKeys(BaseHTTPRequestHandler):
    server: Keys

    def do_GET(self) -> None:
        self.server.statuses.append(200 if self.server.statuses else 503)
        self.send_response(self.server.statuses[-1])
        self.end_headers()
        self.wfile.write(self.server.file.read_bytes())

    def log_message(self, *_: object) -> None: ...


def together(*requests: Callable[[], Reply]) -> list[Reply]:
    """Make requests at the same time."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return [asked.result() for asked in [pool.submit(request) for request in requests]]


def spread(replies: Sequence[Reply]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(reply.codes) for reply in replies)
