"""Part 6. Several sources of one role, and roles that nobody fills: gateways of their own over the same systems."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act
from .running import Ask, Deployment, Gateway, deploy, free_port
from .variants import doubled, link, only

KEY = "fatima-el-amrani"
OTHER = "sanne-de-wit"  # whose records are found in the second systems, as if they were the same person's


@dataclass(frozen=True, slots=True)
class Variant:
    """A deployment of its own, and its gateway."""

    deployment: Deployment
    gateway: Gateway

    def ask(self, http: httpx.Client) -> Ask:
        """Ask it."""
        return Ask(self.gateway.address, self.deployment.issuer, self.deployment.settings, http)


@pytest.fixture(scope="module")
def start(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Variant]]:
    """Start gateways with changed settings, which run as long as this module's tests."""
    started: list[Gateway] = []

    def make(name: str, change: Callable[[str], str]) -> Variant:
        deployment = deploy(tmp_path_factory.mktemp(name), servers, change=change)
        gateway = Gateway(deployment.file, free_port())
        started.append(gateway)
        return Variant(deployment, gateway.start())

    yield make
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="module")
def crm_alone(start: Callable[..., Variant]) -> Variant:
    """Serve a CRM and nothing else."""
    return start("crm", lambda text: only(text, "dataverse"))


@pytest.fixture(scope="module")
def two_of_a_role(start: Callable[..., Variant], servers: Sandbox) -> Variant:
    """Serve two billing systems and two marketing systems, in which the customer has other records."""
    copies = {"stripe": "stripe_oud", "sap_customer_data_cloud": "sap_oud"}
    variant = start("doubled", lambda text: doubled(text, copies))
    records = servers.population.member(OTHER).persons[0].records
    link(
        variant.deployment,
        KEY,
        {
            "stripe_oud": records["stripe"][0].record_id,
            "sap_oud": records["sap_customer_data_cloud"][0].record_id,
        },
    )
    return variant


@pytest.mark.feature("2.6", "A gateway over a CRM alone starts and answers; absent roles are NOT_CONFIGURED")
def test_a_crm_alone_answers(crm_alone: Variant, http: httpx.Client, call_view: str, sandbox: Sandbox) -> None:
    ask = crm_alone.ask(http)
    reply = ask(call_view, {"id": crm_alone.deployment.customers[KEY]})
    assert reply.part["customer"]["party"]["fullName"] == "Fatima El Amrani"
    absent = ("products", "balances", "invoices", "complaints", "consents")
    assert [reply.part["customer"][name] for name in absent] == [None] * len(absent)
    assert {reply.errors[f"customer.{name}"] for name in absent} == {("NOT_CONFIGURED", None)}
    assert [one["source"] for one in reply.part["customer"]["sources"]] == ["dataverse"]
    assert {entry["kind"] for entry in reply.part["customer"]["interactions"]["nodes"]} == {
        "CONTACT",
        "PURCHASE",
        "DELIVERY",
    }


@pytest.mark.feature("2.6", "marketingEligibility fails closed where a needed role is not configured")
def test_nobody_may_be_approached_without_a_complaints_system(
    crm_alone: Variant, http: httpx.Client, sandbox: Sandbox
) -> None:
    document = """query May($id: ID!) { customer(id: $id) {
        marketingEligibility(channel: EMAIL) { allowed blockers { code message } } } }"""
    reply = crm_alone.ask(http)(document, {"id": crm_alone.deployment.customers["daan-van-dijk"]})
    judgement = reply.data["customer"]["marketingEligibility"]
    assert judgement["allowed"] is False
    assert {blocker["code"] for blocker in judgement["blockers"]} == {"SOURCE_MISSING"}
    words = " ".join(blocker["message"] for blocker in judgement["blockers"])
    assert all(role in words for role in ("MARKETING", "COMPLAINTS", "BILLING"))


@pytest.mark.feature("2.6", "Two billing systems: their lists are merged, page by page, in one order")
def test_two_billing_systems_are_merged(two_of_a_role: Variant, http: httpx.Client, sandbox: Sandbox) -> None:
    ask, customer_id = two_of_a_role.ask(http), two_of_a_role.deployment.customers[KEY]
    document = """query Bills($id: ID!, $first: Int!, $after: String) { customer(id: $id) {
        invoices(first: $first, after: $after) {
            nodes { number issuedOn provenance { source } } pageInfo { hasNextPage endCursor } } } }"""
    whole = ask(document, {"id": customer_id, "first": 50}).data["customer"]["invoices"]["nodes"]
    assert {one["provenance"]["source"] for one in whole} == {"stripe", "stripe_oud"}
    assert {one["number"] for one in whole} >= {"KB-00003-0001", "KB-00001-0001"}
    assert [one["issuedOn"] for one in whole] == sorted((one["issuedOn"] for one in whole), reverse=True)
    seen: list[Any] = []
    variables: dict[str, Any] = {"id": customer_id, "first": 1}
    while True:
        page = ask(document, variables).data["customer"]["invoices"]
        seen += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = page["pageInfo"]["endCursor"]
    assert seen == whole


@pytest.mark.feature("2.6", "An aggregate is never computed over a missing source")
def test_a_balance_is_null_while_one_of_two_billing_systems_is_silent(
    two_of_a_role: Variant, http: httpx.Client, sandbox: Sandbox
) -> None:
    other = sandbox.population.member(OTHER).persons[0].records["stripe"][0].record_id
    sandbox.set_fault("stripe", {"mode": "status", "status": 503, "paths": f"/v1/customers/{other}"})
    document = "query B($id: ID!) { customer(id: $id) { balances { amount } billingAccounts { email } } }"
    reply = two_of_a_role.ask(http)(document, {"id": two_of_a_role.deployment.customers[KEY]})
    assert reply.part["customer"]["balances"] is None
    assert reply.errors == {"customer.balances": ("SOURCE_UNAVAILABLE", "stripe_oud")}
    assert reply.part["customer"]["billingAccounts"] == [{"email": "f.elamrani@example.nl"}]


@pytest.mark.feature("2.6", "Where sources disagree on a consent the withdrawal wins, and the conflict is shown")
def test_a_withdrawal_anywhere_wins(two_of_a_role: Variant, http: httpx.Client, sandbox: Sandbox) -> None:
    document = """query C($id: ID!) { customer(id: $id) { consents {
        purpose channel status origins { field source rule alternatives { source value } } } } }"""
    reply = two_of_a_role.ask(http)(document, {"id": two_of_a_role.deployment.customers[KEY]})
    (consent,) = [
        one for one in reply.data["customer"]["consents"] if (one["purpose"], one["channel"]) == ("marketing", "EMAIL")
    ]
    assert consent["status"] == "WITHDRAWN"
    (origin,) = [one for one in consent["origins"] if one["field"] == "status"]
    assert origin["source"] == "sap_customer_data_cloud"
    assert origin["rule"]
    assert origin["alternatives"] == [{"source": "sap_oud", "value": "GIVEN"}]


@pytest.mark.feature("2.7", "A write that several systems could take is refused until one is named the owner")
def test_a_write_without_one_owner_is_refused(two_of_a_role: Variant, http: httpx.Client, sandbox: Sandbox) -> None:
    given = {"customerId": two_of_a_role.deployment.customers[KEY], "email": "nieuw@example.nl"}
    reply = act(two_of_a_role.ask(http), "changeBillingDetails", given)
    assert reply.errors == {"changeBillingDetails": ("OWNER_AMBIGUOUS", None)}
    assert [entry for entry in sandbox.log("stripe") if entry["method"] != "GET"] == []
