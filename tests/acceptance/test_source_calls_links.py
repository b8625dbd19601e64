"""The links around every call to a source: nothing that one system does may hurt the rest."""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox

from .acting import act
from .running import Ask, Deployment, Gateway, Reply, command, deploy, free_port

pytestmark = pytest.mark.xdist_group("acceptance")

KEY = "fatima-el-amrani"
QUICK = 0.25  # seconds that a breaker is open here, so that tests need not wait
DAY = 60  # calls a day that the marketing system allows here
LINKS = f"""
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


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """Serve the issuer's keys."""
    with Keys(tmp_path_factory.mktemp("links")) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
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


def together(*requests: Callable[[], Reply]) -> list[Reply]:
    """Make requests at the same time."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return [asked.result() for asked in [pool.submit(request) for request in requests]]


@pytest.mark.feature("4 links", "Deadline: by caller class, 2 s for apps, 5 s for agents and partners")
def test_each_class_has_its_deadline(linked_gateway: Linked) -> None:
    classes = linked_gateway.deployment.settings.access.classes
    assert {name: one.deadline for name, one in classes.items()} == {"app": 2, "agent": 5, "partner": 5}
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    reply = linked_gateway.customer(f"{PARTY} {ACCOUNTS}", who=KEY)
    assert reply.part["customer"] == {"party": {"fullName": "Fatima El Amrani"}, "billingAccounts": None}
    assert 1.5 < reply.seconds < 2.1


@pytest.mark.feature("4 links", "Deadline: no class may have more than the hard cap of 15 s")
def test_a_deadline_above_the_cap_does_not_start(deployment: Deployment) -> None:
    capped = {"KLANTBEELD__ACCESS__CLASSES__AGENT__DEADLINE": "15.5"}
    ran = command("check", "--config", deployment.file, environ=capped)
    assert ran.returncode == 2
    assert "gateway.max_deadline" in ran.stdout + ran.stderr


@pytest.mark.feature("4 links", "Deadline: a header shortens it, and the partial answer is there by then")
@pytest.mark.parametrize("milliseconds", [300, 800])
def test_the_partial_answer_arrives_by_the_deadline(linked_gateway: Linked, milliseconds: int) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    headers = {"Klantbeeld-Deadline-Ms": str(milliseconds)}
    reply = linked_gateway.customer(f"{PARTY} {ACCOUNTS}", headers=headers)
    assert reply.part["customer"]["party"] == {"fullName": "Fatima El Amrani"}
    assert reply.errors == {"customer.billingAccounts": ("SOURCE_TIMEOUT", "stripe")}
    assert reply.seconds < milliseconds / 1000 + 0.1


@pytest.mark.feature("4 links", "Deadline: the time that is left is sent on to a source that takes it")
def test_a_source_is_told_how_long_its_answer_is_waited_for(linked_gateway: Linked) -> None:
    linked_gateway.customer(PARTY, headers={"Klantbeeld-Deadline-Ms": "900"})
    linked_gateway.customer(PARTY)
    told = [int(entry["headers"]["x-time-left-ms"]) for entry in linked_gateway.sandbox.log("dataverse")]
    assert 500 < told[0] < 900
    assert 1_500 < told[1] <= 2_000
    assert linked_gateway.customer(ACCOUNTS).data
    assert all("x-time-left-ms" not in entry["headers"] for entry in linked_gateway.sandbox.log("stripe"))


@pytest.mark.feature("4 links", "Deadline: no call starts after it")
def test_no_call_starts_after_the_deadline(linked_gateway: Linked) -> None:
    document = "complaints { nodes { about { name } } }"
    assert linked_gateway.customer(document).data["customer"]["complaints"]["nodes"][0]["about"]
    linked_gateway.sandbox.clear_log("stripe")
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 500})
    reply = linked_gateway.customer(document, headers={"Klantbeeld-Deadline-Ms": "400"})
    assert reply.part["customer"] == {"complaints": None}
    time.sleep(0.3)  # longer than the system needs: what would come of it would have come
    assert linked_gateway.sandbox.log("stripe") == []


def send_and_leave(linked: Linked, body: dict[str, Any]) -> socket.socket:
    """Send a request over a connection of its own, which the caller closes."""
    content = httpx.Request("POST", linked.ask.url, json=body).content
    address = urlsplit(linked.gateway.address)
    connection = socket.create_connection((address.hostname, address.port))
    head = "POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {linked.ask.token('agent')}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


@pytest.mark.feature("4 links", "Deadline: a client that goes away cancels its reads within 200 ms")
def test_a_client_that_goes_away_cancels_its_reads(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    document = f"query Q($id: ID!) {{ customer(id: $id) {{ {PARTY} {ACCOUNTS} }} }}"
    variables = {"id": linked_gateway.deployment.customers[KEY]}
    connection = send_and_leave(linked_gateway, {"query": document, "variables": variables})
    linked_gateway.until("source_calls_under_way", 1, source="stripe", within=1)
    time.sleep(0.15)
    connection.close()
    assert linked_gateway.until("source_calls_under_way", 0, source="stripe", within=1) < 0.2
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Deadline: a client that goes away never cancels a write that has been sent")
def test_a_client_that_goes_away_leaves_its_write_alone(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "latency", "ms": 600, "when": "after"})
    before = linked_gateway.metric("source_calls_total", source="stripe", outcome="ok")
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "weg@example.nl",
        "channel": "PHONE",
        "idempotencyKey": f"gone-{time.time()}",
    }
    document = "mutation M($input: ChangeBillingDetailsInput!) { changeBillingDetails(input: $input) { status } }"
    connection = send_and_leave(linked_gateway, {"query": document, "variables": {"input": given}})
    linked_gateway.until("source_calls_under_way", 1, source="stripe", within=1)
    connection.close()
    linked_gateway.until("source_calls_under_way", 0, source="stripe", within=2)
    assert linked_gateway.metric("source_calls_total", source="stripe", outcome="ok") == before + 1
    linked_gateway.sandbox.clear_fault("stripe")
    accounts = linked_gateway.customer("billingAccounts { email }").data["customer"]["billingAccounts"]
    assert accounts == [{"email": "weg@example.nl"}]


@pytest.mark.feature("4 links", "Bulkhead: each source has its own limit of calls at a time")
def test_a_source_gets_no_more_calls_at_a_time_than_its_limit(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 150})
    assert linked_gateway.health("zendesk")["callsAllowed"] == 2
    began = time.monotonic()
    read = lambda: linked_gateway.customer(COMPLAINTS)  # noqa: E731
    replies = together(*[read] * 6)
    assert [reply.data["customer"]["complaints"] is not None for reply in replies] == [True] * 6
    assert time.monotonic() - began >= 0.45


@pytest.mark.feature("4 links", "Bulkhead: agents go before apps before partners")
def test_agents_go_before_apps(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 100})
    order: list[str] = []

    def read(who: str) -> None:
        linked_gateway.customer(COMPLAINTS, who=who).data  # noqa: B018 - it fails where there was an error
        order.append("agent" if who == "agent" else "app")

    threads = [threading.Thread(target=read, args=(who,)) for who in [KEY] * 8 + ["agent"] * 2]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 7:
            linked_gateway.until("source_calls_waiting", 6, source="zendesk", within=1)
    for thread in threads:
        thread.join()
    assert max(place for place, who in enumerate(order) if who == "agent") <= 5


@pytest.mark.feature("4 links", "Bulkhead: a source that hangs holds nobody up who asks others")
def test_a_source_that_hangs_costs_the_others_nothing(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "hang"})
    hurry = {"headers": {"Klantbeeld-Deadline-Ms": "900"}}
    hanging = [threading.Thread(target=linked_gateway.customer, args=(COMPLAINTS,), kwargs=hurry) for _ in range(8)]
    for thread in hanging:
        thread.start()
    linked_gateway.until("source_calls_under_way", 2, source="zendesk", within=1)
    replies = [linked_gateway.customer(PARTY) for _ in range(20)]
    assert [reply.errors for reply in replies] == [{}] * 20
    assert max(reply.seconds for reply in replies) < 0.5
    for thread in hanging:
        thread.join()


def spread(replies: Sequence[Reply]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(reply.codes) for reply in replies)


@pytest.mark.feature("4 links", "Quota: a source's calls of a day are a budget divided by priority, as `sources` says")
def test_a_budget_that_runs_low_is_kept_for_the_more_important(linked_gateway: Linked) -> None:
    system: System = "sap_customer_data_cloud"
    left = linked_gateway.health(system)["budgetLeft"]
    assert left > 0.5
    apps = [linked_gateway.customer(CONSENTS, who=KEY) for _ in range(DAY)]
    assert set(spread(apps)) == {(), ("SOURCE_BUSY",)}
    health = linked_gateway.health(system)
    assert health["state"] == "LIMITED"
    assert health["notServed"] == ["BACKGROUND", "PARTNER", "APP"][-len(health["notServed"]) :]
    assert "APP" in health["notServed"]
    assert 0.4 <= health["budgetLeft"] <= 0.5
    agents = [linked_gateway.customer(CONSENTS) for _ in range(5)]
    assert spread(agents) == {(): 5}
    assert linked_gateway.metric("source_quota_refused_total", source=system) > 0


@pytest.mark.feature("4 links", "Quota: it is a budget that all replicas share")
def test_replicas_share_a_budget(linked_gateway: Linked, http: httpx.Client) -> None:
    system: System = "sap_customer_data_cloud"
    while linked_gateway.customer(CONSENTS, who=KEY).codes == []:
        assert linked_gateway.health(system)["budgetLeft"] > 0.4
    deployment = linked_gateway.deployment
    replica = Gateway(deployment.file, free_port(), name="replica").start()
    try:
        asks = Linked(
            Ask(replica.address, deployment.issuer, deployment.settings, http),
            deployment,
            replica,
            linked_gateway.sandbox,
        )
        asks.customer(CONSENTS)  # takes a first chunk, and learns how much there is left
        assert [asks.customer(CONSENTS, who=KEY).codes for _ in range(3)] == [["SOURCE_BUSY"]] * 3
    finally:
        replica.stop()


@pytest.mark.feature("4 links", "Quota: a Retry-After that does not fit holds the next calls back")
def test_a_retry_after_holds_calls_back(linked_gateway: Linked) -> None:
    fault = {"mode": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 1}
    linked_gateway.sandbox.set_fault("stripe", fault)
    assert linked_gateway.customer(ACCOUNTS, headers={"Klantbeeld-Deadline-Ms": "700"}).codes == ["SOURCE_REFUSED"]
    assert linked_gateway.customer(ACCOUNTS).codes == ["SOURCE_BUSY"]
    assert linked_gateway.health("stripe")["state"] == "PAUSED"
    assert linked_gateway.reached("stripe") == 1


@pytest.mark.feature("4 links", "Breaker: 20 failures open it, and while it is open nothing reaches the source")
def test_a_source_that_fails_is_left_alone(linked_gateway: Linked) -> None:
    replies = linked_gateway.break_down("stripe", ACCOUNTS)
    assert 10 <= len(replies) <= 20
    reached = linked_gateway.reached("stripe")
    while_open = linked_gateway.customer(f"{PARTY} {ACCOUNTS}")
    assert while_open.errors == {"customer.billingAccounts": ("SOURCE_UNAVAILABLE", "stripe")}
    assert while_open.part["customer"]["party"]
    assert linked_gateway.reached("stripe") == reached
    assert linked_gateway.health("stripe")["state"] in {"DOWN", "PROBING"}


@pytest.mark.feature("4 links", "Breaker: after its time three probes go through and close it")
def test_three_probes_close_it(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    linked_gateway.sandbox.clear_fault("stripe")
    linked_gateway.sandbox.clear_log("stripe")
    time.sleep(QUICK)
    states = []
    for _ in range(3):
        states.append(linked_gateway.health("stripe")["reads"])
        assert linked_gateway.customer(ACCOUNTS).data
    assert states == ["HALF_OPEN"] * 3
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Breaker: a probe that fails keeps it open")
def test_a_failing_probe_keeps_it_open(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    linked_gateway.sandbox.clear_log("stripe")
    time.sleep(QUICK)
    for _ in range(10):
        assert linked_gateway.customer(ACCOUNTS).codes == ["SOURCE_UNAVAILABLE"]
    assert linked_gateway.reached("stripe") <= 2


@pytest.mark.feature("4 links", "Breaker: one for reads and one for writes")
def test_reads_that_fail_do_not_stop_writes(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    assert linked_gateway.health("stripe")["writes"] == "CLOSED"
    linked_gateway.sandbox.clear_fault("stripe")
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "open@example.nl",
        "idempotencyKey": f"open-{time.time()}",
    }
    assert act(linked_gateway.ask, "changeBillingDetails", given).data["changeBillingDetails"]["status"] == "APPLIED"


@pytest.mark.feature("4 links", "Breaker: 4xx do not count")
@pytest.mark.parametrize("status", [400, 403, 409, 418])
def test_refusals_do_not_open_it(linked_gateway: Linked, status: int) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "status": status})
    for _ in range(25):
        linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Breaker: 5xx, lost connections and garbage count")
@pytest.mark.parametrize("mode", ["status", "drop", "garbage"])
def test_failures_of_every_kind_open_it(linked_gateway: Linked, mode: str) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": mode})
    for _ in range(20):
        linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.health("stripe")["reads"] != "CLOSED"


@pytest.mark.feature("4 links", "Breaker: time-outs count")
def test_time_outs_open_it(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    read = lambda: linked_gateway.customer(ACCOUNTS, headers={"Klantbeeld-Deadline-Ms": "1300"})  # noqa: E731
    assert set(spread(together(*[read] * 20))) == {("SOURCE_TIMEOUT",)}
    assert linked_gateway.health("stripe")["reads"] != "CLOSED"


@pytest.mark.feature("4 links", "Retry: a read that meets a passing failure is sent once more")
@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 504}, {"mode": "drop"}])
def test_a_passing_failure_is_not_seen(linked_gateway: Linked, fault: dict[str, Any]) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "times": 1, **fault})
    before = linked_gateway.metric("source_retries_total", source="stripe")
    for _ in range(12):
        assert linked_gateway.customer(ACCOUNTS).data
    assert linked_gateway.metric("source_retries_total", source="stripe") == before + 1
    assert linked_gateway.reached("stripe") == 13


@pytest.mark.feature("4 links", "Retry: after a 429 whose Retry-After fits")
def test_a_retry_after_that_fits_is_waited_out(linked_gateway: Linked) -> None:
    fault = {"mode": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 1}
    linked_gateway.sandbox.set_fault("stripe", fault)
    reply = linked_gateway.customer(ACCOUNTS)
    assert reply.data["customer"]["billingAccounts"]
    assert 1.0 <= reply.seconds < 1.6


@pytest.mark.feature("4 links", "Retry: an issuer's keys that cannot be read in passing are read again")
def test_the_keys_of_an_issuer_are_asked_again(linked_gateway: Linked, keys: Keys) -> None:
    assert linked_gateway.customer(PARTY).status == 200
    assert keys.statuses[:2] == [503, 200]  # a second replica reads them for itself


@pytest.mark.feature("4 links", "Retry: not for other failures")
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"mode": "garbage"}])
def test_other_failures_are_not_repeated(linked_gateway: Linked, fault: dict[str, Any]) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "times": 1, **fault})
    assert len(linked_gateway.customer(ACCOUNTS).codes) == 1
    assert linked_gateway.reached("stripe") == 1


@pytest.mark.feature("4 links", "Retry: a write is never repeated")
def test_a_write_is_sent_once(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "status": 503})
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "eenmaal@example.nl",
        "idempotencyKey": f"once-{time.time()}",
    }
    payload = act(linked_gateway.ask, "changeBillingDetails", given).data["changeBillingDetails"]
    assert payload["status"] == "UNKNOWN"
    assert [entry["method"] for entry in linked_gateway.sandbox.log("stripe")].count("POST") == 1


@pytest.mark.feature("4 links", "Retry: within a budget of a tenth of the calls")
def test_a_source_that_is_down_gets_at_most_a_tenth_more_calls(linked_gateway: Linked) -> None:
    saved = linked_gateway.health("stripe")["retriesLeft"]
    replies = linked_gateway.break_down("stripe", ACCOUNTS, status=503)
    assert saved > 0
    assert len(replies) < linked_gateway.reached("stripe") <= len(replies) * 1.1 + saved


@pytest.mark.feature("4 links", "Hedging: a replicated source is asked again beside a slow call, and no other is")
def test_a_slow_replica_is_raced(linked_gateway: Linked) -> None:
    for _ in range(64):
        linked_gateway.customer(PARTY)
    linked_gateway.sandbox.set_fault("dataverse", {"mode": "latency", "ms": 1_500, "times": 1})
    linked_gateway.sandbox.set_fault("stripe", {"mode": "latency", "ms": 300, "times": 1})
    before = linked_gateway.metric("source_hedges_total", source="dataverse")
    reply = linked_gateway.customer(PARTY)
    assert reply.data["customer"]["party"]
    assert reply.seconds < 1.0
    assert linked_gateway.metric("source_hedges_total", source="dataverse") == before + 1
    linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.reached("stripe") == 1


@pytest.mark.feature("4 links", "Seeing it: `sources` shows state, latencies, error rate, budget left and last success")
def test_sources_shows_the_links(linked_gateway: Linked) -> None:
    linked_gateway.customer(f"{PARTY} {ACCOUNTS} {COMPLAINTS} {CONSENTS}")
    health = linked_gateway.health("stripe")
    assert (health["state"], health["reads"], health["writes"]) == ("AVAILABLE", "CLOSED", "CLOSED")
    assert 0 < health["latencyP50Ms"] <= health["latencyP95Ms"] <= health["latencyP99Ms"]
    assert 0 <= health["errorRate"] <= 1
    assert health["lastSuccessAt"]
    assert (health["callsUnderWay"], health["callsWaiting"], health["budgetLeft"]) == (0, 0, None)
    assert health["callsAllowed"] <= linked_gateway.deployment.settings.sources["stripe"].max_connections
    assert linked_gateway.health("sap_customer_data_cloud")["budgetLeft"] <= 1
