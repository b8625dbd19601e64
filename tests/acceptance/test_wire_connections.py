"""Issue 3, the wire: connections that are kept, bounded, opened with care, and never poisoned."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.sources.wire.authority import Authority, new_authority

from klantbeeld.app import build_app
from klantbeeld.outside import Outside
from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sources.wire import Origin, Wire

from .acting import act
from .linked import together
from .running import Deployment, deploy, send_and_leave
from .wayward import Good, Line, Wayward, well
from .wired import CONNECT, MOST, QUESTIONS, Wired

PLAIN: tuple[System, ...] = ("stripe", "zendesk")  # over the wire, and over httpx
SECURE: tuple[System, ...] = ("sap_customer_data_cloud", "dataverse")
ALL = (*PLAIN, *SECURE)


@pytest.mark.feature("3 wire", "Keep-alive: reading after reading goes over the same connection, on both transports")
@pytest.mark.parametrize("system", ALL)
def test_a_connection_is_kept(wired_gateway: Wired, system: System) -> None:
    before = wired_gateway.systems[system]
    for _ in range(5):
        assert wired_gateway.read(system).data
    readings = [line for line in before.lines if line.asked and "/oauth2/" not in line.asked[0]]
    assert len(readings) == 1
    assert len(readings[0].asked) == 6


@pytest.mark.feature("3 wire", "The wire is an `httpx.AsyncBaseTransport` to the outside")
def test_a_client_of_httpx_may_go_over_the_wire(sandbox: Sandbox) -> None:
    address = sandbox.base_url("stripe")

    async def ask() -> tuple[int, int]:
        secret = sandbox.credentials("stripe")["secret_key"]
        async with httpx.AsyncClient(transport=Wire(Origin.of(address)), auth=(secret, "")) as client:
            found = await client.get(f"{address}/v1/customers", params={"limit": 3})
            return found.status_code, len(found.json()["data"])

    assert isinstance(Wire(Origin.of(address)), httpx.AsyncBaseTransport)
    assert asyncio.run(ask()) == (200, 3)


@pytest.mark.feature("3 wire", "TLS: a certificate of somebody else, out of date or of an unknown authority is refused")
@pytest.mark.parametrize("system", SECURE)
@pytest.mark.parametrize("wrong", ["name", "expired", "authority"])
def test_a_wrong_certificate_is_refused(wired_gateway: Wired, tmp_path: Path, system: System, wrong: str) -> None:
    ours = wired_gateway.authority
    elsewhere = Authority(tmp_path, ours.key, ours.certificate)
    issuer = new_authority(tmp_path) if wrong == "authority" else elsewhere
    name = "elsewhere.example" if wrong == "name" else "localhost"
    before = wired_gateway.systems[system]
    wired_gateway.present(system, issuer.issue(name, expired=wrong == "expired"))
    assert wired_gateway.costs(system) == "SOURCE_UNAVAILABLE"
    assert before.asked == []
    wired_gateway.present(system, elsewhere.issue("localhost"))
    wired_gateway.until_well()


@pytest.mark.feature("3 wire", "TLS: the company's own authorities and our client certificate, on both transports")
@pytest.mark.parametrize("system", SECURE)
def test_our_certificate_is_shown(wired_gateway: Wired, system: System) -> None:
    lines = wired_gateway.systems[system].lines
    assert lines
    for line in lines:
        assert line.certificate["subject"] == ((("commonName", "klantbeeld.example"),),)


@pytest.mark.feature("3 wire", '`transport = "httpx"` is one line, and goes through the proxy of HTTPS_PROXY')
def test_httpx_is_one_line_and_honours_the_proxy(wired_gateway: Wired) -> None:
    settings = wired_gateway.deployment.file.read_text(encoding="utf-8")
    assert settings.count('\ntransport = "httpx"\n') == 2
    sources = wired_gateway.deployment.settings.sources
    assert [sources[system].transport for system in (*PLAIN, *SECURE)] == ["wire", "httpx", "wire", "httpx"]
    port = wired_gateway.systems["dataverse"].port
    assert set(wired_gateway.proxy.tunnels) == {f"CONNECT localhost:{port} HTTP/1.1"}


@pytest.mark.feature("3 wire", "Pool: no more connections than the limit, and who finds none waits")
@pytest.mark.parametrize("system", PLAIN)
def test_a_pool_has_a_limit(wired_gateway: Wired, system: System) -> None:
    before = wired_gateway.systems[system]

    async def slow(line: Line, good: Good) -> None:
        await asyncio.sleep(0.05)
        await well(line, good)

    before.behave = slow
    replies = together(*[lambda: wired_gateway.read(system)] * 3 * MOST)
    assert [reply.codes for reply in replies] == [[]] * 3 * MOST
    assert 1 < len(before.lines) <= MOST


@pytest.mark.feature("3 wire", "Time-outs: for connecting, the handshake of TLS included")
@pytest.mark.parametrize("system", SECURE)
def test_a_connection_that_does_not_come_is_given_up(wired_gateway: Wired, system: System) -> None:
    wired_gateway.systems[system].forget()
    wired_gateway.systems[system].is_mute = True
    began = time.monotonic()
    assert wired_gateway.costs(system) == "SOURCE_TIMEOUT"
    assert CONNECT <= time.monotonic() - began < 4 * CONNECT  # it is tried once more


@pytest.mark.feature("3 wire", "A read that was lost on a closed kept-alive connection is repeated, on both transports")
@pytest.mark.parametrize("system", PLAIN)
def test_a_lost_read_is_repeated(wired_gateway: Wired, system: System) -> None:
    before = wired_gateway.systems[system]
    kept = before.lines[0]

    async def lose(line: Line, good: Good) -> None:
        if line is kept:
            line.close()
        else:
            await well(line, good)

    before.behave = lose
    assert wired_gateway.read().data
    assert len(before.lines) == 2
    assert before.lines[1].asked == kept.asked[-1:]


@pytest.mark.feature("3 wire", "A write that was lost on a closed kept-alive connection is never repeated")
def test_a_lost_write_is_not_repeated(wired_gateway: Wired) -> None:
    before = wired_gateway.systems["stripe"]

    async def lose(line: Line, good: Good) -> None:
        if line.asked[-1].startswith("POST"):
            line.close()
        else:
            await well(line, good)

    before.behave = lose
    given = {"customerId": wired_gateway.customer_id, "email": "w@example.nl", "idempotencyKey": str(time.time())}
    payload = act(wired_gateway.ask, "changeBillingDetails", given).data["changeBillingDetails"]
    assert payload["status"] == "UNKNOWN"
    assert sum(asked.startswith("POST") for asked in before.asked) == 1
    before.behave = well
    settled(wired_gateway, payload["operationId"])


def settled(wired_gateway: Wired, operation: str) -> None:
    """Wait until it is known what became of a write: no other test is to meet it."""
    began = time.monotonic()
    document = f'{{ operation(id: "{operation}") {{ status }} }}'
    while wired_gateway.ask(document).data["operation"]["status"] == "UNKNOWN":
        assert time.monotonic() - began < 15
        time.sleep(0.05)


@pytest.mark.feature(
    "3 wire", "A caller who goes away leaves no poisoned connection: the next gets an answer of its own"
)
@pytest.mark.parametrize("system", PLAIN)
def test_a_cancelled_call_poisons_nothing(wired_gateway: Wired, system: System) -> None:
    before = wired_gateway.systems[system]
    half = asyncio.Event()

    async def stop_halfway(line: Line, good: Good) -> None:
        answer = good.framed()
        await line.say(answer[: len(answer) // 2])
        half.set()
        await line.until_lost()

    before.behave = stop_halfway
    document = f"query Q($id: ID!) {{ customer(id: $id) {{ {QUESTIONS[system]} }} }}"
    body = {"query": document, "variables": {"id": wired_gateway.customer_id}}
    connection = send_and_leave(wired_gateway.ask, body)
    until(half.is_set)
    connection.close()
    until(lambda: before.lines[0].is_lost)
    before.behave = well
    assert wired_gateway.read().data
    assert len(before.lines) == 2


def until(is_so: Any, *, within: float = 1.0) -> None:
    """Wait for something that happens in another thread or process."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within
        time.sleep(0.005)


@pytest.mark.feature("3 wire", "DNS: a connection lives no longer than its age, and the next follows the name")
def test_a_name_that_moves_is_followed(
    servers: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    leads_to = ["127.0.0.1"]
    look_up = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **more: Any) -> Any:
        return look_up(leads_to[-1] if host == "billing.example" else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    here = Wayward(lambda: sandbox.base_url("stripe"))
    there = Wayward(lambda: sandbox.base_url("stripe"), host="127.0.0.2")
    with here.serve(), there.serve(here.port):
        address = f"http://billing.example:{here.port}"
        change = lambda text: text.replace(sandbox.base_url("stripe"), address) + AGE  # noqa: E731
        asyncio.run(ask_before_and_after(deploy(tmp_path, servers, change=change), here, there, leads_to))


AGE = "\n[sources.stripe.connections]\nage = 0.2\n"


async def ask_before_and_after(deployment: Deployment, here: Wayward, there: Wayward, leads_to: list[str]) -> None:
    """Read over a busy connection until the name leads elsewhere, and then until that is followed."""
    scopes = deployment.settings.access.classes["agent"].scopes
    token = deployment.issuer.token("agent-1", "agent-desktop", caller_class="agent", scopes=scopes)
    document = f'{{ customer(id: "{deployment.customers["fatima-el-amrani"]}") {{ {QUESTIONS["stripe"]} }} }}'
    with deployment.file.with_name("gateway.log").open("ab") as log:
        async with build_app(deployment.settings, Outside(environ={}, log_to=log)) as app:
            headers = {"Authorization": f"Bearer {token}"}
            over = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=over, base_url="http://gateway.test", headers=headers) as client:

                async def read() -> None:
                    reply = (await client.post("/graphql", json={"query": document})).json()
                    assert "errors" not in reply

                await read()
                await read()
                assert (len(here.lines), there.lines) == (1, [])
                leads_to.append("127.0.0.2")
                began = time.monotonic()
                while not there.lines:
                    assert time.monotonic() - began < 2
                    await read()
                    await asyncio.sleep(0.02)
                assert len(here.lines) == 1
