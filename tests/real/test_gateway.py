"""The unified query over two servers of others and two of the sandbox, through the whole gateway over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from tests.acceptance.acting import act, done
from tests.acceptance.running import ANSWER_SECONDS, Ask, Gateway, free_port, running

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.cli.demo_people import settle
from klantbeeld.cli.demo_settings import demo_settings, write_settings
from klantbeeld.cli.views import view
from klantbeeld.sandbox.facts import Person, Population

from .landscape import Landscape
from .processes import Server, needs_install

pytestmark = [pytest.mark.real, needs_install]

CUSTOMER = "fatima-el-amrani"
MOVER = "sanne-de-wit"
HOUSE = {"street": "Nieuwe Gracht", "houseNumber": "77", "postcode": "3512 LN", "city": "Utrecht"}
READ = "query($id: ID!) { customer(id: $id) { party { version } contactMedia { value } billingAccounts { email } } }"


@pytest.fixture(scope="module")
def landscape(crm: Server, billing: Server, billing_customers: dict[str, str]) -> Iterator[Landscape]:
    with Landscape(crm, billing, billing_customers) as landscape:
        yield landscape


@pytest.fixture(scope="module")
def asked(landscape: Landscape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ask, dict[str, str]]]:
    """Serve the demo's settings over this landscape; gives who asks, and the ids of the cast."""
    issuer = DemoIssuer.new(clock=time.time)
    folder: Path = tmp_path_factory.mktemp("gateway")
    file = write_settings(folder, landscape, issuer, port=free_port())
    settings = demo_settings(file)
    customers = uvloop.run(settle(settings, landscape, issuer))
    with running(Gateway(file, settings.gateway.port)) as gateway, httpx.Client(timeout=ANSWER_SECONDS) as client:
        yield Ask(gateway.address, issuer, settings, client), customers


@pytest.fixture(scope="module")
def person(population: Population) -> Person:
    return next(person for person in population.people if person.key == CUSTOMER)


@pytest.fixture
def answer(asked: tuple[Ask, dict[str, str]]) -> Any:
    """Ask the unified query as the agent's desktop does."""
    ask, customers = asked
    return ask(view("service-call"), {"id": customers[CUSTOMER]}).data["customer"]


@pytest.mark.feature("2 real", "The unified query is answered by two servers of others and two of the sandbox")
def test_one_answer_comes_from_four_systems(answer: Any, person: Person, landscape: Landscape) -> None:
    states = {source["source"]: source["state"] for source in answer["sources"]}
    assert states == dict.fromkeys(("dataverse", "stripe", "zendesk", "sap_customer_data_cloud"), "OK")
    for name in landscape.names:  # only those two have a log that tells
        assert landscape.log(name) != []


@pytest.mark.feature("2 real", "Dataverse's connector answers from an OData server that nobody here wrote")
def test_the_odata_server_tells_who_it_is_and_what_was_ordered(answer: Any, person: Person) -> None:
    record = person.records["dataverse"][0]
    assert record.birth_date
    assert answer["party"]["customerNumber"] == record.customer_number
    assert answer["party"]["birthDate"] == record.birth_date.isoformat()
    assert {medium["value"] for medium in answer["contactMedia"]} >= {*record.emails, *record.phones}
    assert [order["number"] for order in answer["orders"]["nodes"]] == [order.number for order in newest(person)]
    states = {parcel["status"] for order in answer["orders"]["nodes"] for parcel in order["deliveries"]}
    assert states == {"DELIVERED"}


def newest(person: Person) -> list[Any]:
    return sorted(person.orders, key=lambda order: order.placed_at, reverse=True)


@pytest.mark.feature("2 real", "Stripe's connector answers from localstripe")
def test_localstripe_tells_what_is_owed_and_what_a_complaint_is_about(answer: Any, person: Person) -> None:
    (held,) = (held for held in person.products if held.product.interval)
    (invoice,) = answer["invoices"]["nodes"]
    assert invoice["state"] == "OPEN"
    assert invoice["due"] == {"amount": str(held.product.price), "currency": held.product.currency}
    (product,) = answer["products"]["nodes"]
    assert product["status"] == "PENDING"  # its first payment did not come
    (complaint,) = answer["complaints"]["nodes"]
    (fact,) = person.complaints
    assert fact.product
    assert complaint["about"]["name"] == fact.product.name


def test_the_sandbox_tells_the_complaint_and_the_consents(answer: Any, person: Person) -> None:
    assert [complaint["number"] for complaint in answer["complaints"]["nodes"]] == [person.complaints[0].record_id]
    consents = {(consent["purpose"], consent["channel"]): consent["status"] for consent in answer["consents"]}
    assert consents["marketing", "EMAIL"] == "WITHDRAWN"


def test_the_timeline_is_of_all_of_them(answer: Any) -> None:
    kinds = {event["kind"] for event in answer["interactions"]["nodes"]}
    assert kinds == {"CONTACT", "PURCHASE", "DELIVERY", "INVOICE", "COMPLAINT"}


@pytest.mark.feature("2 real", "A write goes through to a server of others, and a stale version is refused")
def test_a_change_in_the_crm_goes_through_once_for_each_version(asked: tuple[Ask, dict[str, str]]) -> None:
    ask, customers = asked
    who = {"id": customers[MOVER]}
    version = ask(READ, who).data["customer"]["party"]["version"]
    given = {"customerId": customers[MOVER], "email": "sanne.nieuw@example.nl", "expectedVersion": version}
    first = act(ask, "changeContactDetails", given).data["changeContactDetails"]
    again = act(ask, "changeContactDetails", given).data["changeContactDetails"]
    assert [first["status"], again["status"]] == ["APPLIED", "NOT_APPLIED"]
    assert [conflict["source"] for conflict in again["conflicts"]] == ["dataverse"]
    assert "sanne.nieuw@example.nl" in {medium["value"] for medium in ask(READ, who).data["customer"]["contactMedia"]}


@pytest.mark.feature("2 real", "A write goes through to localstripe, and the next read sees it")
def test_a_change_in_billing_is_seen_at_the_next_read(asked: tuple[Ask, dict[str, str]]) -> None:
    ask, customers = asked
    given = {"customerId": customers[MOVER], "email": "rekening@example.nl", "address": HOUSE, "idempotencyKey": "b-1"}
    done(act(ask, "changeBillingDetails", given), "changeBillingDetails")
    accounts = ask(READ, {"id": customers[MOVER]}).data["customer"]["billingAccounts"]
    assert accounts == [{"email": "rekening@example.nl"}]
