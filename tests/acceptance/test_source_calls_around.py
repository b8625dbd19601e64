"""Calling sources, and what stands around it: start, stop, reload, overload, credentials, drift, and seeing it."""

import hashlib
import hmac
import json
import re
import signal
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any, Self

import httpx
import pytest
from joserfc import jwt
from tests.sources.wire.authority import new_authority

from klantbeeld.registry import own_folder
from klantbeeld.sandbox.launcher import Sandbox

from .desks import PROOFS, Desk, GuardedDesk
from .live import socket_of
from .running import ANSWER_SECONDS, Ask, Deployment, Gateway, Reply, command, deploy, free_port, running

KEY = "fatima-el-amrani"
VISITOR = "mila-hendriks"  # of the desks
BILLING = "query Bills($id: ID!) { customer(id: $id) { balances { amount } } }"
SCREEN = """query Screen($id: ID!) {
  customer(id: $id) { party { fullName } complaints { nodes { id } incomplete { source state } } }
}"""
INVENTORY = "{ sources { name health { lastProblem } capabilities { reads } } }"
ACCEPT = 0.6  # seconds for which requests are taken after SIGTERM, where a test waits for it
SOURCE = """
[sources.counter]
connector = "broken_desk"
base_url = "http://127.0.0.1:9"
importance = "optional"
risk_when_missing = { nl = "De balie ontbreekt.", en = "The desk is missing." }
hosted_in = "NL"
processor = "Desk"
retention = "P1Y"
"""
TRACES = """
[traces]
endpoint = "{}"
sample = 0.0
every = 0.1
"""
FACTS = """
name = "broken_desk"
title = "A desk whose connector is broken"
roles = ["COMPLAINTS"]
docs = ["https://desk.example/docs"]
hosts = ["desk.example"]
categories = ["CUSTOM"]
"""


def served(text: str, connectors: Path, collector: str) -> str:
    """Change the demo's settings: a broken connector, a narrow door, a short way out, a collector of traces."""
    text = re.sub(
        r"accept = 0 .*", f"accept = {ACCEPT}\n[gateway.door]\nmost = 4\nwaiting = 4\nwait = 0.01\npause = 0.2", text
    )
    text = text.replace('connector = "stripe"', 'connector = "stripe"\ncredentials_checked_every = 0.1')
    return f'connector_folders = ["{connectors}"]\n{text}{SOURCE}{TRACES.format(collector)}'


class Collector(ThreadingHTTPServer):
    """A collector of OpenTelemetry, as far as it takes traces by OTLP in JSON; keeps every span."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.spans: list[dict[str, Any]] = []

    def part_of(self, trace_id: str, count: int) -> list[dict[str, Any]]:
        """Wait for so many spans of a trace."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(found := [span for span in self.spans if span["traceId"] == trace_id]) < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found


class Taking(BaseHTTPRequestHandler):
    """Takes one batch."""

    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        scopes = (scope for resource in body["resourceSpans"] for scope in resource["scopeSpans"])
        self.server.spans += [span for scope in scopes for span in scope["spans"]]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has above
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Take traces."""
    with Collector() as taking:
        thread = threading.Thread(target=taking.serve_forever, daemon=True)
        thread.start()
        yield taking
        taking.shutdown()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve the desks."""
    with Desk() as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedDesk]:
    """Serve a desk that demands a certificate."""
    with GuardedDesk(new_authority(tmp_path_factory.mktemp("authority"))) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()


@pytest.fixture(scope="module")
def around(
    servers: Sandbox, collector: Collector, desk: Desk, guarded: GuardedDesk, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """Write a deployment of its own, with a connector that cannot be imported."""
    folder = tmp_path_factory.mktemp("around")
    broken = folder / "connectors" / "broken_desk"
    broken.mkdir(parents=True)
    (broken / "connector.toml").write_text(FACTS, encoding="utf-8")
    (broken / "__init__.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    traces = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    desks = desk.settings(folder / "connectors") + guarded.settings(folder / "connectors")
    deployment = deploy(folder, servers, change=lambda text: served(text, folder / "connectors", traces) + desks)
    references = folder / "visitor.jsonl"
    record_id = servers.population.member(VISITOR).persons[0].records["zendesk"][0].record_id
    references.write_text(desk.references("zendesk", record_id), encoding="utf-8")
    assert command("identity", "import", references, "--decided-by", "me", "--config", deployment.file).returncode == 0
    return deployment


@pytest.fixture(scope="module")
def own(around: Deployment) -> Iterator[Gateway]:
    """Serve it."""
    with running(Gateway(around.file, around.settings.gateway.port)) as gateway:
        yield gateway


@pytest.fixture
def asking(own: Gateway, around: Deployment, http: httpx.Client, sandbox: Sandbox) -> Ask:
    """Ask it, over systems as they were at their start."""
    return Ask(own.address, around.issuer, around.settings, http)


@pytest.fixture
def who(around: Deployment) -> dict[str, str]:
    """Give the variables of the query."""
    return {"id": around.customers[KEY]}


def logged(gateway: Gateway, event: str) -> list[dict[str, object]]:
    """Give the lines of an event, in their order."""
    lines = gateway.log.read_text(encoding="utf-8").splitlines()
    return [line for one in lines if one.startswith("{") and (line := json.loads(one))["event"] == event]


def wait_for(gateway: Gateway, event: str, count: int = 1) -> list[dict[str, object]]:
    """Wait until an event was logged so often."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while len(found := logged(gateway, event)) < count:
        assert time.monotonic() < deadline, gateway.log.read_text(encoding="utf-8")
        time.sleep(0.02)
    return found


@pytest.mark.feature("4 links", "Start: a source whose connector is broken is set aside and named, and the rest serves")
def test_a_broken_connector_is_set_aside_and_named(asking: Ask, own: Gateway, who: dict[str, str]) -> None:
    ready = asking.http.get(f"{own.address}/ready")
    assert (ready.status_code, ready.json()["quarantined"]) == (200, ["counter"])
    (line,) = logged(own, "connector_refused")
    assert (line["source"], line["connector"], line["error"]) == ("counter", "broken_desk", "ModuleNotFoundError")
    told = {one["name"]: one for one in asking(INVENTORY).data["sources"]}
    assert told["counter"]["health"]["lastProblem"] == "SOURCE_QUARANTINED"
    assert told["counter"]["capabilities"]["reads"] == []
    complaints = asking(SCREEN, who).data["customer"]["complaints"]
    assert complaints["incomplete"] == [{"source": "counter", "state": "NOT_LINKED"}] or not complaints["incomplete"]
    assert complaints["nodes"]


@pytest.mark.feature("4 links", "Start: the gateway starts while every source is down")
def test_it_starts_with_all_sources_down(around: Deployment, who: dict[str, str], http: httpx.Client) -> None:
    file = around.file.with_name("down.toml")
    text = around.file.read_text(encoding="utf-8")
    file.write_text(re.sub(r'base_url = "[^"]*"', 'base_url = "http://127.0.0.1:9"', text), encoding="utf-8")
    with running(Gateway(file, free_port(), name="down")) as gateway:
        asking = Ask(gateway.address, around.issuer, around.settings, http)
        reply = asking(BILLING, who)
        assert reply.part == {"customer": {"balances": None}}
        assert reply.errors == {"customer.balances": ("SOURCE_UNAVAILABLE", "stripe")}
        assert http.get(f"{gateway.address}/ready").status_code == 200


@pytest.mark.feature("4 links", "Reload: settings and connectors are read again at SIGHUP, and no request is lost")
def test_a_reload_takes_settings_and_connectors_and_loses_nothing(
    asking: Ask, own: Gateway, around: Deployment, who: dict[str, str]
) -> None:
    desk = around.file.parent / "connectors" / "broken_desk" / "__init__.py"
    before = around.file.read_text(encoding="utf-8"), desk.read_text(encoding="utf-8")
    desk.write_text(
        "from klantbeeld.sdk import Connector as Base\n\n\nclass Connector(Base):\n    '''Mended.'''\n",
        encoding="utf-8",
    )
    around.file.write_text(before[0].replace("[gateway]\n", "[gateway]\nmax_root_fields = 1\n"), encoding="utf-8")
    try:
        with Stream(asking, who) as stream:
            own_process(own).send_signal(signal.SIGHUP)
            wait_for(own, "configuration_changed")
        assert stream.failed == []
        assert len(stream.answered) > 1
        assert asking("{ a: __typename b: __typename }").codes == ["TOO_MANY_ROOT_FIELDS"]
        assert "quarantined" not in asking.http.get(f"{own.address}/ready").json()
    finally:
        around.file.write_text(before[0], encoding="utf-8")
        desk.write_text(before[1], encoding="utf-8")
        own_process(own).send_signal(signal.SIGHUP)
        wait_for(own, "configuration_changed", 2)


@pytest.mark.feature(
    "4 links", "Reload: a bad new configuration is refused in the words of check, and the old one stays"
)
def test_a_bad_configuration_is_not_taken(asking: Ask, own: Gateway, around: Deployment, who: dict[str, str]) -> None:
    before = around.file.read_text(encoding="utf-8")
    around.file.write_text(before.replace('connector = "zendesk"', 'connector = "zendsk"'), encoding="utf-8")
    try:
        own_process(own).send_signal(signal.SIGHUP)
        wait_for(own, "configuration_refused")
        checked = command("check", "--config", around.file, environ={"KLANTBEELD__GATEWAY__PORT": str(free_port())})
    finally:
        around.file.write_text(before, encoding="utf-8")
    assert checked.returncode == 2
    (wrong,) = [line.removeprefix("wrong").strip() for line in checked.stdout.splitlines() if line.startswith("wrong")]
    said = own.log.read_text(encoding="utf-8")
    assert wrong.partition(": ")[2] in said.partition("Not reloaded.")[2]
    assert asking(SCREEN, who).data["customer"]["party"]["fullName"] == "Fatima El Amrani"


@pytest.mark.feature("4 links", "Credentials: a secret that changes in its file is used without a restart")
def test_a_credential_is_rotated_without_a_restart(
    asking: Ask, own: Gateway, around: Deployment, who: dict[str, str]
) -> None:
    file = around.file.parent / "secrets" / "stripe_secret_key"
    good = file.read_text(encoding="utf-8")
    assert asking(BILLING, who).data["customer"]["balances"]
    file.write_text("sk_test_rotated", encoding="utf-8")
    wait_for_code(asking, who, "SOURCE_REFUSED")
    file.write_text(good, encoding="utf-8")
    wait_for_code(asking, who, None)
    assert {line["source"] for line in logged(own, "credentials_changed")} == {"stripe"}
    assert "sk_test_rotated" not in own.log.read_text(encoding="utf-8")


COMPLAINTS = "query Visits($id: ID!) { customer(id: $id) { complaints { nodes { subject } } } }"


def visits(asking: Ask, around: Deployment, desk: Desk, who: str = "agent") -> str:
    """Ask all desks as somebody; returns the token with which it was asked."""
    token = asking.token(who)
    complaints = asking(COMPLAINTS, {"id": around.customers[VISITOR]}, who=who, token=token).data["customer"][
        "complaints"
    ]
    assert {one["subject"] for one in complaints["nodes"]} >= {*PROOFS, "mtls"}
    return token


def proof(desk: Desk, name: str) -> str:
    """Give what the last call of a desk had in `Authorization`."""
    return desk.headers[name][-1]["authorization"]


@pytest.mark.feature("4 links", "Credentials: a static key, and user and password")
def test_fixed_credentials_go_with_each_call(asking: Ask, around: Deployment, desk: Desk) -> None:
    visits(asking, around, desk)
    assert proof(desk, "basic") == f"Basic {b64encode(b'me:pass').decode()}"
    assert proof(desk, "bearer") == "Bearer fixed"


@pytest.mark.feature("4 links", "Credentials: OAuth 2 client credentials, by secret and by signed JWT, fetched once")
def test_a_token_is_fetched_once_by_secret_or_by_key(asking: Ask, around: Deployment, desk: Desk) -> None:
    for _ in range(3):
        visits(asking, around, desk)
    assert [len(desk.forms[name]) for name in ("secret", "assertion")] == [1, 1]
    assert desk.forms["secret"][0]["client_secret"] == "client-secret"
    claims = jwt.decode(desk.forms["assertion"][0]["client_assertion"], desk.key, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"]) == ("klantbeeld", f"{desk.url}/token/assertion")
    assert [proof(desk, name) for name in ("secret", "assertion")] == ["Bearer secret-1", "Bearer assertion-1"]


@pytest.mark.feature("4 links", "Credentials: requests signed by HMAC and by JWT")
def test_requests_are_signed(asking: Ask, around: Deployment, desk: Desk) -> None:
    visits(asking, around, desk)
    headers = desk.headers["hmac"][-1]
    lines = f"GET\n/hmac/V-1\n{headers['x-timestamp']}\n{hashlib.sha256(b'').hexdigest()}"
    signature = b64encode(hmac.digest(b"shared", lines.encode(), "sha256")).decode()
    assert headers["x-signature"] == signature
    claims = jwt.decode(proof(desk, "jwt").removeprefix("Bearer "), desk.key, algorithms=["ES256"]).claims
    assert (claims["sub"], claims["aud"]) == ("klantbeeld", desk.url)


@pytest.mark.feature("4 links", "Credentials: a client certificate, for a source that demands one (mTLS)")
def test_a_certificate_is_shown_where_one_is_demanded(
    asking: Ask, around: Deployment, desk: Desk, guarded: GuardedDesk
) -> None:
    visits(asking, around, desk)
    assert guarded.headers["mtls"]
    assert set(guarded.seen) == {"klantbeeld"}


@pytest.mark.feature("4 links", "Credentials: the caller's own token, and RFC 8693 exchange on behalf of the caller")
def test_a_source_is_asked_on_behalf_of_each_caller(asking: Ask, around: Deployment, own: Gateway, desk: Desk) -> None:
    tokens = [visits(asking, around, desk, who) for who in ("agent", VISITOR)]
    assert [one["authorization"] for one in desk.headers["passed"][-2:]] == [f"Bearer {token}" for token in tokens]
    exchanged = desk.forms["exchanged"][-2:]
    assert [form["subject_token"] for form in exchanged] == tokens
    assert {form["grant_type"] for form in exchanged} == {"urn:ietf:params:oauth:grant-type:token-exchange"}
    last = [one["authorization"] for one in desk.headers["exchanged"][-2:]]
    assert last == [f"Bearer exchanged-{len(desk.forms['exchanged']) - 1 + place}" for place in range(2)]
    text = own.log.read_text(encoding="utf-8")
    assert [token for token in tokens if token in text] == []


@pytest.mark.feature("4 links", "Drift: connector check --live says which members of an answer changed")
def test_a_live_check_names_what_changed(around: Deployment, sandbox: Sandbox) -> None:
    held = command("connector", "check", "stripe", "--live", "--config", around.file)
    assert held.returncode == 0, held.stdout + held.stderr
    example = around.file.parent / "connectors" / "old_stripe" / "examples" / "invoices.json"
    if not example.exists():
        copytree(own_folder() / "stripe", example.parents[1], ignore=ignore_patterns("__pycache__"))
        facts = example.parents[1] / "connector.toml"
        facts.write_text(
            facts.read_text("utf-8").replace('name = "stripe"', 'name = "old_stripe"', 1), encoding="utf-8"
        )
    recorded = json.loads(example.read_text(encoding="utf-8"))
    for item in recorded["exchanges"][-1]["reply"]["body"]["data"]:
        item["amount_due"] = str(item["amount_due"])  # as it was, before the product changed it
        item["colour"] = "blue"
    example.write_text(json.dumps(recorded), encoding="utf-8")
    file = around.file.with_name("old.toml")
    file.write_text(
        around.file.read_text(encoding="utf-8").replace('connector = "stripe"', 'connector = "old_stripe"'),
        encoding="utf-8",
    )
    ran = command("connector", "check", "stripe", "--live", "--config", file)
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ["wrong", "type", "data[].amount_due", "string", "number"] in [
        [row[0], *row[-4:]] for row in rows if len(row) > 5
    ]
    assert any(row[:1] == ["note"] and "data[].colour" in row for row in rows)


@pytest.mark.feature("4 links", "Overload: beyond what the door lets in a request is refused early, with Retry-After")
def test_what_finds_no_room_is_refused_early(asking: Ask, own: Gateway, sandbox: Sandbox, who: dict[str, str]) -> None:
    asking(BILLING, who)
    sandbox.set_fault("stripe", {"mode": "latency", "ms": 400})
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(lambda _: asking(BILLING, who), range(24)))
    answered = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 503]
    assert len(answered) + len(refused) == 24
    assert len(answered) >= 4
    assert len(refused) >= 8
    assert {tuple(reply.codes) for reply in refused} == {("OVERLOADED",)}
    assert {reply.headers["Retry-After"] for reply in refused} == {"1"}
    assert sorted(reply.seconds for reply in refused)[len(refused) // 2] < 0.4  # sooner than any answer
    assert asking.http.get(f"{own.address}/live").status_code == 200
    sandbox.set_fault("stripe", {"mode": "none"})
    wait_for_room(asking, who)


@pytest.mark.feature("4 links", "Overload: operations on a WebSocket come in by the same door")
def test_an_operation_on_a_socket_finds_no_room_either(asking: Ask, sandbox: Sandbox, who: dict[str, str]) -> None:
    asking(BILLING, who)
    sandbox.set_fault("stripe", {"mode": "latency", "ms": 400})
    with socket_of(asking) as socket:
        for number in range(24):
            socket.subscribe(str(number), BILLING, who)
        ended = {"complete": 0, "error": 0}
        while sum(ended.values()) < 24:
            heard = socket.hear()
            if heard["type"] == "error":
                assert heard["payload"][0]["extensions"]["code"] == "OVERLOADED"
            if heard["type"] != "next":
                ended[heard["type"]] += 1
    assert ended["complete"] >= 4
    assert ended["error"] >= 8
    sandbox.set_fault("stripe", {"mode": "none"})
    wait_for_room(asking, who)


@pytest.mark.feature("4 links", "Overload: the least important is refused first")
def test_an_agent_is_let_in_before_a_partner(
    asking: Ask, own: Gateway, around: Deployment, sandbox: Sandbox, who: dict[str, str]
) -> None:
    tokens = {name: asking.token(name) for name in ("agent", "partner")}
    for name, token in tokens.items():  # both are known
        asking(BILLING, who, who=name, token=token)
    sandbox.set_fault("stripe", {"mode": "latency", "ms": 8})
    shares = {"agent": 0, "partner": 0}
    with ThreadPoolExecutor(24) as pool:
        asked = ["partner", "partner", "agent"] * 40
        replies = pool.map(lambda name: (name, asking(SCREEN, who, who=name, token=tokens[name]).status), asked)
        for name, status in replies:
            shares[name] += status == 200
    assert shares["agent"] / 40 > shares["partner"] / 80
    wait_for_room(asking, who)


@pytest.mark.feature("4 links", "Seeing it: the gateway's own time, its door and its calls are in the metrics")
def test_the_metrics_tell_of_door_overhead_and_calls(asking: Ask, own: Gateway, who: dict[str, str]) -> None:
    asking(BILLING, who)
    text = asking.http.get(f"{own.address}/metrics").text
    for name in (
        "klantbeeld_door_limit",
        "klantbeeld_gateway_overhead_seconds_bucket",
        "klantbeeld_requests_in_flight",
        'klantbeeld_source_calls_total{outcome="ok",source="stripe"}',
        'klantbeeld_source_call_seconds_count{source="stripe"}',
        "klantbeeld_trail_waiting",
        "klantbeeld_trail_lost",
    ):
        assert re.search(rf"(?m)^{re.escape(name)}", text), name
    assert who["id"] not in text


@pytest.mark.feature(
    "4 links", "Stop: at SIGTERM not ready at once, requests taken a while more, and an end without a loss"
)
def test_a_gateway_that_stops_says_so_and_answers_a_while_more(
    around: Deployment, sandbox: Sandbox, who: dict[str, str], http: httpx.Client
) -> None:
    gateway = Gateway(around.file, free_port(), name="stopping").start()
    process = own_process(gateway)
    asking = Ask(gateway.address, around.issuer, around.settings, http)
    assert asking(BILLING, who).data
    with Stream(asking, who) as stream:
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        wait_for(gateway, "stopping")
        ready = http.get(f"{gateway.address}/ready")
        taken = asking(BILLING, who)
        stream.until(stopped + ACCEPT * 0.7)
    assert (ready.status_code, ready.json()["parts"]["staying"]) == (503, False)
    assert taken.data
    assert taken.headers["connection"] == "close"
    assert stream.failed == []
    assert process.wait(25) == 0
    assert ACCEPT <= time.monotonic() - stopped < 25
    assert [logged(gateway, event) != [] for event in ("started", "stopping", "stopped")] == [True] * 3


@pytest.mark.feature("4 links", "Seeing it: a trace of the request, its plan, its sources and their attempts")
def test_a_traced_request_is_told_to_the_collector_without_anybodys_data(
    asking: Ask, collector: Collector, sandbox: Sandbox, who: dict[str, str]
) -> None:
    trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    asking(SCREEN, who)  # is not traced
    asking(SCREEN, who, headers={"traceparent": f"00-{trace}-{caller}-01"})
    spans = collector.part_of(trace, 6)
    by_id = {span["spanId"]: span for span in spans}
    (root,) = [span for span in spans if span["parentSpanId"] == caller]
    asked = [span for span in spans if span["name"] == "ask a source"]
    attempts = [span for span in spans if span["name"] == "call a source"]
    assert {span["name"] for span in spans} == {"GraphQL request", "plan", "ask a source", "call a source"}
    assert {span["parentSpanId"] for span in asked} == {root["spanId"]}
    assert {by_id[span["parentSpanId"]]["name"] for span in attempts} == {"ask a source"}
    said = [{one["key"]: next(iter(one["value"].values())) for one in span["attributes"]} for span in asked]
    assert {(one["klantbeeld.source"], one["klantbeeld.state"]) for one in said} == {
        ("dataverse", "OK"),
        ("zendesk", "OK"),
    }
    text = json.dumps(collector.spans)
    person = sandbox.population.member(KEY).persons[0]
    known = [who["id"], person.name.family, *(found[0].record_id for found in person.records.values())]
    assert [word for word in known if word in text] == []
    assert {span["traceId"] for span in collector.spans} == {trace}


@pytest.mark.slow
@pytest.mark.feature("4 links", "Stop: two replicas restarted one after the other behind a balancer lose no request")
@pytest.mark.feature("4 figures", "Drain: a rolling restart of two replicas under load fails no request")
def test_a_rolling_restart_loses_nothing(around: Deployment, sandbox: Sandbox, who: dict[str, str]) -> None:
    as_delivered = {"KLANTBEELD__GATEWAY__STOPPING__ACCEPT": "5"}  # on a busy machine a look may take a second
    replicas = [
        Gateway(around.file, free_port(), name=f"replica-{number}", environ=as_delivered).start() for number in range(2)
    ]
    balancer = Balancer([replica.address for replica in replicas])
    with httpx.Client(transport=balancer) as http:  # which opens and closes the balancer, too
        asking = Ask("http://replicas", around.issuer, around.settings, http)
        streams = [Stream(asking, who) for _ in range(3)]
        with ExitStack() as stack:
            for stream in streams:
                stack.enter_context(stream)
            for replica in replicas:
                replica.stop()
                replica.start()
    for replica in replicas:
        replica.stop()
    assert [failed for stream in streams for failed in stream.failed] == []
    assert sum(len(stream.answered) for stream in streams) > 20


class Balancer(httpx.BaseTransport):
    """Sends each request to a replica that says it is ready, one after the other; looks every 50 ms."""

    def __init__(self, addresses: list[str]) -> None:
        self.ready = list(addresses)
        self._addresses = addresses
        self._turn = count()
        self._over = threading.Event()
        self._http = httpx.HTTPTransport(limits=httpx.Limits(max_connections=32))
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()
        self._http.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        ready = self.ready
        address = httpx.URL(ready[next(self._turn) % len(ready)])
        request.url = request.url.copy_with(host=address.host, port=address.port)
        return self._http.handle_request(request)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.ready = [address for address in self._addresses if self._is_ready(address)] or self.ready

    @staticmethod
    def _is_ready(address: str) -> bool:
        try:
            return httpx.get(f"{address}/ready", timeout=1.0).status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class Stream:
    """Asks without a pause as long as the block, and remembers what was answered and what was not."""

    ask: Ask
    who: dict[str, str]
    answered: list[Reply] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def until(self, moment: float) -> None:
        """Go on asking until then."""
        self._over.wait(max(moment - time.monotonic(), 0.0))

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                reply = self.ask(BILLING, self.who)
            except httpx.TransportError as error:
                self.failed.append(repr(error))
                continue
            if reply.status == 200 and "errors" not in reply.body:
                self.answered.append(reply)
            else:
                self.failed.append(reply.text)


def own_process(gateway: Gateway) -> subprocess.Popen[bytes]:
    """Give the process of a gateway that runs."""
    assert gateway.process is not None
    return gateway.process


def wait_for_code(asking: Ask, who: dict[str, str], code: str | None) -> None:
    """Ask until the answer has this code, or none."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while (codes := asking(BILLING, who).codes) != ([] if code is None else [code]):
        assert time.monotonic() < deadline, codes
        time.sleep(0.05)


def wait_for_room(asking: Ask, who: dict[str, str]) -> None:
    """Ask until nobody has been refused for a while, so that the door lets everybody in again."""
    deadline, since = time.monotonic() + ANSWER_SECONDS, time.monotonic()
    while time.monotonic() < since + 0.5:
        assert time.monotonic() < deadline
        if asking(BILLING, who).status != 200:
            since = time.monotonic()
