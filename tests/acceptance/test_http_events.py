"""Issue 3, the HTTP side: subscriptions over `graphql-transport-ws`, event streams and multipart."""

import asyncio
import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from klantbeeld.access.grants import Grants, Partner, Terms
from klantbeeld.cli.demo_people import PARTNER
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.store import open_store

from .acting import act, done
from .live import APOLLO_EVENTS, EVENTS, WITHIN, Part, socket_of, streaming
from .running import POLL_SECONDS, Ask, Calls, Deployment, Gateway

KEY = "mila-hendriks"
LISTEN = """
subscription Open($id: ID!) {
  customerChanged(id: $id) {
    isComplete
    changes { source fields channel learnt }
    customer { id complaints(open: true) { nodes { subject } } invoices(first: 1) { nodes { number } } }
  }
}
"""
SUBJECT = "Scherm knippert"


def complain(ask: Ask, customer_id: str, *, key: str) -> None:
    """File a complaint by phone, as an agent does."""
    filed = {"customerId": customer_id, "subject": SUBJECT, "description": SUBJECT, "idempotencyKey": key}
    done(act(ask, "fileComplaint", filed), "fileComplaint")


async def give(deployment: Deployment, customer_id: str) -> str:
    """Keep a customer's grant to the partner; returns its id."""
    async with open_store(deployment.settings.store) as store:
        grant = await Grants(store).give(
            Partner(deployment.issuer.issuer, PARTNER),
            customer_id,
            purpose="fulfilment",
            terms=Terms(frozenset({"customer:read", "crm:read"})),
            evidence="APP 2026-01",
            valid_from=datetime.now(UTC),
        )
    return grant.id


async def withdraw(deployment: Deployment, customer_id: str, grant: str) -> None:
    """End the grant."""
    async with open_store(deployment.settings.store) as store:
        assert await Grants(store).withdraw(grant, customer_id, now=datetime.now(UTC))


def assert_told(part: Part, customer_id: str) -> None:
    told = part["data"]["customerChanged"]
    assert "errors" not in part
    assert told["changes"] == [{"source": "zendesk", "fields": ["complaints"], "channel": "PHONE", "learnt": "WRITE"}]
    assert told["isComplete"] is True
    assert told["customer"]["id"] == customer_id
    assert SUBJECT in [one["subject"] for one in told["customer"]["complaints"]["nodes"]]


@pytest.mark.parametrize("accept", [EVENTS, APOLLO_EVENTS], ids=["events", "multipart"])
@pytest.mark.feature(
    "3 http", "graphql-sse and multipart: what an agent writes reaches the customer's open app as an event"
)
def test_an_event_comes_over_http(accept: str, ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    with streaming(ask, LISTEN, {"id": ids[KEY]}, accept=accept, who=KEY) as stream:
        assert stream.content_type.startswith(accept.split(";", maxsplit=1)[0])
        assert calls()["stripe"] == []
        complain(ask, ids[KEY], key=f"event-{len(accept)}")
        assert_told(next(stream.parts()), ids[KEY])


@pytest.mark.feature(
    "3 http", "graphql-transport-ws: events of several operations on one socket, each until it is completed"
)
def test_events_come_over_a_socket(ask: Ask, ids: dict[str, str]) -> None:
    with socket_of(ask, who=KEY) as socket:
        socket.subscribe("a", LISTEN, {"id": ids[KEY]})
        socket.subscribe("b", LISTEN, {"id": ids[KEY]})
        socket.say(type="ping")
        assert socket.hear() == {"type": "pong"}
        complain(ask, ids[KEY], key="socket-1")
        heard = [socket.hear(), socket.hear()]
        assert {one["id"] for one in heard} == {"a", "b"}
        for one in heard:
            assert_told(one["payload"], ids[KEY])
        socket.say(id="a", type="complete")
        complain(ask, ids[KEY], key="socket-2")
        assert socket.hear()["id"] == "b"


@pytest.mark.feature(
    "3 http", "Somebody else's customer cannot be listened to, and is told from an unknown one by nothing"
)
@pytest.mark.parametrize("whose", ["daan-van-dijk", None])
def test_nobody_listens_to_another(whose: str | None, ask: Ask, ids: dict[str, str]) -> None:
    customer_id = ids[whose] if whose else "01900000-0000-7000-8000-0000000000ff"
    with socket_of(ask, who=KEY) as socket:
        socket.subscribe("1", LISTEN, {"id": customer_id})
        refused = socket.hear()
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "CUSTOMER_UNKNOWN")
    reply = ask(LISTEN, {"id": customer_id}, who=KEY, headers={"Accept": EVENTS})
    assert reply.codes == ["CUSTOMER_UNKNOWN"]


@pytest.mark.feature("3 http", "What is under way is in the metrics, and is over when its client has gone")
def test_streams_are_counted_while_they_are_open(ask: Ask, ids: dict[str, str], gateway: Gateway) -> None:
    assert open_streams(gateway) == 0
    with (
        socket_of(ask, who=KEY) as socket,
        streaming(ask, LISTEN, {"id": ids[KEY]}, accept=EVENTS, who=KEY),
    ):
        socket.subscribe("1", LISTEN, {"id": ids[KEY]})
        assert open_streams(gateway) == 2
    deadline = time.monotonic() + WITHIN
    while open_streams(gateway):
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


@pytest.mark.feature("3 http", "Each operation on a socket is logged and counted, as a request of its own")
def test_operations_on_a_socket_are_logged_and_counted(ask: Ask, ids: dict[str, str], gateway: Gateway) -> None:
    document = "query OnASocket($id: ID!) { customer(id: $id) { party { fullName } } }"
    counted = requests_counted(gateway)
    with socket_of(ask, who=KEY) as socket:
        for name in ("a", "b"):
            socket.subscribe(name, document, {"id": ids[KEY]})
            assert [socket.hear()["type"] for _ in range(2)] == ["next", "complete"]
    digest = hashlib.sha256(document.encode()).hexdigest()
    lines = [line for line in lines_of(gateway) if line.get("document") == digest]
    assert [(line["status"], line["outcome"]) for line in lines] == [(200, "ok")] * 2
    assert len({line["request_id"] for line in lines}) == 2
    assert requests_counted(gateway) >= counted + 2


def lines_of(gateway: Gateway) -> list[Any]:
    written = gateway.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in written if '"event":"request"' in line and '"path":"/graphql"' in line]


def requests_counted(gateway: Gateway) -> int:
    text = httpx.get(f"{gateway.address}/metrics").text
    (line,) = (line for line in text.splitlines() if line.startswith('klantbeeld_requests_total{outcome="ok"} '))
    return int(float(line.split()[1]))


def open_streams(gateway: Gateway) -> int:
    text = httpx.get(f"{gateway.address}/metrics").text
    (line,) = (line for line in text.splitlines() if line.startswith("klantbeeld_streams_open "))
    return int(float(line.split()[1]))


@pytest.mark.feature("3 http", "A subscription of a client that reads no events is refused with 406 and a code")
def test_a_client_without_events_is_refused(ask: Ask, ids: dict[str, str]) -> None:
    reply = ask(LISTEN, {"id": ids[KEY]}, who=KEY, headers={"Accept": "application/json"})
    assert (reply.status, reply.codes) == (406, ["NOT_ACCEPTABLE"])
    assert "text/event-stream" in reply.body["errors"][0]["extensions"]["allowed"]


@pytest.mark.feature("3 http", "A withdrawn grant ends a partner's subscription before anything else is told")
def test_a_withdrawn_grant_ends_it(ask: Ask, ids: dict[str, str], deployment: Deployment) -> None:
    document = "subscription S($id: ID!) { customerChanged(id: $id) { customer { party { fullName } } } }"
    customer_id = ids["lotte-jansen"]
    grant = asyncio.run(give(deployment, customer_id))
    with socket_of(ask, who="partner") as socket:
        socket.subscribe("1", document, {"id": customer_id})
        socket.say(type="ping")
        assert socket.hear() == {"type": "pong"}
        asyncio.run(withdraw(deployment, customer_id, grant))
        complain(ask, customer_id, key="grant")
        ended = socket.hear()
        assert socket.hear() == {"id": "1", "type": "complete"}
    assert (ended["type"], ended["payload"]["errors"][0]["extensions"]["code"]) == ("next", "CUSTOMER_UNKNOWN")
    assert "data" not in ended["payload"]


@pytest.mark.feature(
    "3 http", "When the token ends the socket is closed with 4403, and an event stream with TOKEN_EXPIRED"
)
def test_a_subscription_ends_with_its_token(ask: Ask, ids: dict[str, str], deployment: Deployment) -> None:
    scopes = deployment.settings.access.classes["app"].scopes
    token = deployment.issuer.token(KEY, "mijn-app", caller_class="app", scopes=scopes, lifetime=2)
    with socket_of(ask, who=KEY, token=token) as socket:
        socket.subscribe("1", LISTEN, {"id": ids[KEY]})
        with pytest.raises(ConnectionClosed) as closed:
            socket.connection.recv(timeout=WITHIN)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


@pytest.mark.feature("3 http", "A socket with a bad token is closed with the protocol's code")
def test_a_bad_token_opens_no_socket(ask: Ask) -> None:
    with pytest.raises(ConnectionClosed) as closed, socket_of(ask, token="nonsense"):
        pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


PROGRESS = """
subscription Progress($id: ID!) { operationProgress(id: $id) { id status mutation steps { source status } } }
"""


@pytest.mark.feature(
    "3 http", "operationProgress: where a write stands, at once, and the end of it completes the stream"
)
def test_progress_of_an_operation_begins_at_once_and_ends_with_it(ask: Ask, ids: dict[str, str]) -> None:
    filed = {"customerId": ids[KEY], "subject": SUBJECT, "description": SUBJECT, "idempotencyKey": "progress"}
    payload = done(act(ask, "fileComplaint", filed), "fileComplaint")
    expected = {
        "id": payload["operationId"],
        "status": "APPLIED",
        "mutation": "fileComplaint",
        "steps": [{"source": "zendesk", "status": "APPLIED"}],
    }
    with streaming(ask, PROGRESS, {"id": payload["operationId"]}, accept=EVENTS) as stream:
        assert list(stream.parts()) == [{"data": {"operationProgress": expected}}]


@pytest.mark.feature(
    "3 http", "operationProgress: a write whose answer was lost is told as UNKNOWN, and then as what it became"
)
def test_progress_of_an_operation_that_is_settled_later(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_fault("zendesk", {"mode": "drop", "when": "after"})
    filed = {"customerId": ids[KEY], "subject": SUBJECT, "description": SUBJECT, "idempotencyKey": "progress-lost"}
    answered = act(ask, "fileComplaint", filed).data["fileComplaint"]
    assert answered["status"] == "UNKNOWN"
    with streaming(ask, PROGRESS, {"id": answered["operationId"]}, accept=EVENTS) as stream:
        parts = stream.parts()
        assert next(parts)["data"]["operationProgress"]["status"] == "UNKNOWN"
        sandbox.clear_fault("zendesk")
        told = [part["data"]["operationProgress"]["status"] for part in parts]
    assert told[-1] == "APPLIED"


@pytest.mark.feature("3 http", "operationProgress: somebody else's operation is told from an unknown one by nothing")
def test_progress_of_another_is_not_told(ask: Ask, ids: dict[str, str]) -> None:
    filed = {"customerId": ids[KEY], "subject": SUBJECT, "description": SUBJECT, "idempotencyKey": "not-yours"}
    theirs = done(act(ask, "fileComplaint", filed, who=KEY), "fileComplaint")["operationId"]
    for operation in (theirs, "01900000-0000-7000-8000-0000000000ff"):
        reply = ask(PROGRESS, {"id": operation}, who="daan-van-dijk", headers={"Accept": EVENTS})
        assert reply.codes == ["OPERATION_UNKNOWN"]
