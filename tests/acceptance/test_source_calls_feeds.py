"""Issue 4, change feeds: what changes behind the gateway, told by webhook or found by polling, on two replicas."""

import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask, Deployment, Gateway, deploy, free_port, running

SECRET = "whsec_of_the_demo"
FEEDS = """
[cache]
max_age = 600

[sources.stripe.feed]
secrets = {{ endpoint_secret = {{ file = "{secret}" }} }}

[sources.dataverse.feed]
poll_every = 0.2
"""
MINUTE = 60.0
ACCOUNT = "billingAccounts { name provenance { freshness recordId } }"
PARTY = "party { fullName provenance { freshness recordId } }"
LISTEN = """
subscription Listen($id: ID!) { customerChanged(id: $id) {
  changes { source fields learnt channel } customer { billingAccounts { name } party { fullName } }
} }
"""


@pytest.fixture(scope="module")
def fed(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Write a configuration in which values are kept and sources tell of changes, and fill its identity map."""
    folder: Path = tmp_path_factory.mktemp("fed")
    (folder / "endpoint_secret").write_text(SECRET, encoding="utf-8")
    feeds = FEEDS.format(secret=folder / "endpoint_secret")
    return deploy(folder, servers, change=lambda settings: settings + feeds)


@pytest.fixture(scope="module")
def gateways(fed: Deployment) -> Iterator[tuple[Gateway, Gateway]]:
    """Serve it twice, from one store."""
    one = Gateway(fed.file, fed.settings.gateway.port)
    other = Gateway(fed.file, free_port(), name="replica")
    with running(one), running(other):
        yield one, other


@pytest.fixture
def replicas(
    gateways: tuple[Gateway, Gateway], fed: Deployment, http: httpx.Client, sandbox: Sandbox
) -> tuple[Ask, Ask]:
    one, other = (Ask(gateway.address, fed.issuer, fed.settings, http) for gateway in gateways)
    return one, other


@pytest.fixture
def people(fed: Deployment) -> dict[str, str]:
    return fed.customers


def read(ask: Ask, customer: str, selection: str) -> Any:
    document = f"query Read($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
    return ask(document, {"id": customer}).data["customer"]


def account(ask: Ask, customer: str) -> Any:
    (found,) = read(ask, customer, ACCOUNT)["billingAccounts"]
    return found


def rename_in_stripe(sandbox: Sandbox, record_id: str, name: str) -> None:
    """Change a customer in Stripe itself, as somebody at its dashboard would."""
    address = f"{sandbox.base_url('stripe')}/v1/customers/{record_id}"
    key = sandbox.credentials("stripe")["secret_key"]
    httpx.post(address, data={"name": name}, headers={"authorization": f"Bearer {key}"}).raise_for_status()


def rename_in_dataverse(sandbox: Sandbox, record_id: str, name: str) -> None:
    """Change a contact in Dataverse itself."""
    known, address = sandbox.credentials("dataverse"), sandbox.base_url("dataverse")
    form = {
        "grant_type": "client_credentials",
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
        "scope": f"{address}/.default",
    }
    token = httpx.post(f"{address}/{known['tenant_id']}/oauth2/v2.0/token", data=form).json()["access_token"]
    row = f"{address}/api/data/v9.2/contacts({record_id})"
    headers = {"authorization": f"Bearer {token}", "if-match": "*"}
    httpx.patch(row, json={"lastname": name}, headers=headers).raise_for_status()


def deliver(gateway: Gateway, record_id: str, *, secret: str = SECRET, at: float | None = None) -> int:
    """Tell of a change of a customer, as Stripe does."""
    body = json.dumps({"data": {"object": {"object": "customer", "id": record_id}}, "n": time.time_ns()}).encode()
    seconds = int(time.time() if at is None else at)
    signature = hmac.digest(secret.encode(), f"{seconds}.".encode() + body, "sha256").hex()
    headers = {"stripe-signature": f"t={seconds},v1={signature}"}
    return httpx.post(f"{gateway.address}/hooks/stripe", content=body, headers=headers).status_code


@contextmanager
def listening(ask: Ask, customer: str) -> Iterator[Iterator[Any]]:
    """Subscribe to a customer's changes, by an event stream; gives what comes of each."""
    headers = {
        "authorization": f"Bearer {ask.token('agent')}",
        "klantbeeld-purpose": "service",
        "accept": "text/event-stream",
    }
    body = {"query": LISTEN, "variables": {"id": customer}}
    with httpx.Client(timeout=MINUTE) as client, client.stream("POST", ask.url, json=body, headers=headers) as stream:
        assert stream.status_code == 200
        lines = (line.partition(":")[2].strip() for line in stream.iter_lines() if line.startswith("data:"))
        yield (json.loads(line)["data"]["customerChanged"] for line in lines if line)


@pytest.mark.feature("4 links", "A signed webhook evicts what is kept of its customer, on every replica")
def test_a_webhook_evicts_on_every_replica(
    replicas: tuple[Ask, Ask], gateways: tuple[Gateway, Gateway], people: dict[str, str], sandbox: Sandbox
) -> None:
    customer, other = people["fatima-el-amrani"], people["daan-van-dijk"]
    for ask in replicas:
        account(ask, other)
        found = account(ask, customer)
        assert account(ask, customer)["provenance"]["freshness"] == "CACHED"
    record_id = found["provenance"]["recordId"]
    rename_in_stripe(sandbox, record_id, "F. el Amrani")
    assert [account(ask, customer)["name"] for ask in replicas] == [found["name"]] * 2

    assert deliver(gateways[0], record_id) == 204

    assert [account(ask, customer)["name"] for ask in replicas] == ["F. el Amrani"] * 2
    assert {account(ask, other)["provenance"]["freshness"] for ask in replicas} == {"CACHED"}


@pytest.mark.feature("4 links", "A webhook that is not signed by its source, too old, or for no feed changes nothing")
def test_a_webhook_that_is_not_proven_changes_nothing(
    replicas: tuple[Ask, Ask], gateways: tuple[Gateway, Gateway], people: dict[str, str]
) -> None:
    customer = people["sanne-de-wit"]
    record_id = account(replicas[0], customer)["provenance"]["recordId"]

    assert deliver(gateways[0], record_id, secret="another") == 401
    assert deliver(gateways[0], record_id, at=time.time() - 3_600) == 401
    assert httpx.post(f"{gateways[0].address}/hooks/zendesk", content=b"{}").status_code == 404
    assert httpx.post(f"{gateways[0].address}/hooks/stripe", content=b"x" * 2_000_000).status_code == 413

    assert account(replicas[0], customer)["provenance"]["freshness"] == "CACHED"


@pytest.mark.feature("4 links", "A webhook feeds customerChanged, on whichever replica somebody listens")
def test_a_webhook_is_heard_by_who_listens_on_another_replica(
    replicas: tuple[Ask, Ask], gateways: tuple[Gateway, Gateway], people: dict[str, str], sandbox: Sandbox
) -> None:
    customer = people["mila-hendriks"]
    record_id = account(replicas[0], customer)["provenance"]["recordId"]
    with listening(replicas[1], customer) as events, ThreadPoolExecutor(1) as pool:
        heard = pool.submit(next, events)
        rename_in_stripe(sandbox, record_id, "M. Hendriks")
        deliver(gateways[0], record_id)
        told = heard.result(MINUTE)

    (change,) = told["changes"]
    assert (change["source"], change["learnt"], change["channel"]) == ("stripe", "WEBHOOK", None)
    assert "billingAccounts" in change["fields"]
    assert told["customer"]["billingAccounts"] == [{"name": "M. Hendriks"}]


@pytest.mark.feature("4 links", "A source without webhooks is polled for changes, which evict and are told as well")
def test_a_change_that_is_found_by_polling_is_told(
    replicas: tuple[Ask, Ask], people: dict[str, str], sandbox: Sandbox
) -> None:
    customer = people["lotte-jansen"]
    found = read(replicas[1], customer, PARTY)["party"]
    with listening(replicas[1], customer) as events, ThreadPoolExecutor(1) as pool:
        heard = pool.submit(lambda: next(one for one in events if "Polling" in one["customer"]["party"]["fullName"]))
        rename_in_dataverse(sandbox, found["provenance"]["recordId"], "Polling")
        told = heard.result(MINUTE)

    assert [(change["source"], change["learnt"]) for change in told["changes"]] == [("dataverse", "POLL")]
    assert "Polling" in read(replicas[0], customer, PARTY)["party"]["fullName"]


@pytest.mark.feature("4 links", "Nothing of a delivery is logged or kept")
def test_nothing_of_a_delivery_is_kept(gateways: tuple[Gateway, Gateway], fed: Deployment) -> None:
    assert deliver(gateways[0], "cus_canary_0123456789") == 204

    kept = [path for path in fed.file.parent.rglob("*") if path.is_file() and b"cus_canary" in path.read_bytes()]
    assert kept == []
