"""Part 3. The sandbox: four systems in processes of their own, each with its own store, ids and habits."""

import http.client
import json
from datetime import date
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sandbox.population import make_population

from .running import Ask

TODAY = date(2026, 11, 23)
# A path of each product's own API that needs a caller's proof.
GUARDED = {
    "dataverse": "/api/data/v9.2/contacts",
    "stripe": "/v1/customers",
    "zendesk": "/api/v2/users",
    "sap_customer_data_cloud": "/accounts.getAccountInfo?UID=nobody",
}
FAULTS: list[dict[str, Any]] = [
    {"mode": "latency", "ms": 300},
    {"mode": "status", "status": 503},
    {"mode": "hang"},
    {"mode": "drop"},
    {"mode": "garbage"},
]


@pytest.mark.feature("2.3", "Four servers in processes of their own, each with its own ids for the same person")
def test_four_processes_know_one_person_under_four_ids(sandbox: Sandbox) -> None:
    assert len({sandbox.process_id(name) for name in SYSTEMS}) == len({sandbox.base_url(n) for n in SYSTEMS}) == 4
    records = sandbox.population.member("fatima-el-amrani").persons[0].records
    assert len({found[0].record_id for found in records.values()}) == 4


@pytest.mark.feature("2.3", "Authentication as the product does it: nobody is answered without it")
@pytest.mark.parametrize("system", SYSTEMS)
def test_nobody_is_answered_without_proof(system: System, sandbox: Sandbox, http: httpx.Client) -> None:
    answer = http.get(f"{sandbox.base_url(system)}{GUARDED[system]}")
    if system == "sap_customer_data_cloud":  # it says everything in a 200
        assert (answer.status_code, answer.json()["errorCode"] > 0) == (200, True)
    else:
        assert answer.status_code == 401


@pytest.mark.feature("2.3", "A seeded population of 1,000 people, the same every time")
def test_the_population_is_a_thousand_and_the_same_every_time() -> None:
    one, two = make_population(today=TODAY), make_population(today=TODAY)
    assert one == two
    assert len(one.people) >= 1000  # some of whom are one human being under two spellings


@pytest.mark.feature(
    "2.3", "The mess of reality: duplicates, shared phones, tussenvoegsels, people missing in a system"
)
def test_the_population_has_the_mess_of_reality() -> None:
    people = make_population(today=TODAY).people
    by_human: dict[str, set[str]] = {}
    phones: dict[str, set[str]] = {}
    for person in people:
        by_human.setdefault(person.human, set()).add(person.name.full)
        for records in person.records.values():
            for record in records:
                for phone in record.phones:
                    phones.setdefault(phone, set()).add(person.human)
    assert any(len(spellings) > 1 for spellings in by_human.values())
    assert any(len(humans) > 1 for humans in phones.values())
    assert any(person.name.tussenvoegsel for person in people)
    assert any(len(person.records) < len(SYSTEMS) for person in people)
    assert any(len(found) > 1 for person in people for found in person.records.values())
    consents = {consent.granted for person in people for consent in person.consents}
    assert consents == {True, False}


@pytest.mark.feature("2.3", "A fixed cast of twelve: one for each story, and every kind of customer")
def test_the_cast_has_somebody_for_each_story(sandbox: Sandbox) -> None:
    cast = sandbox.population.cast
    assert len(cast) == 12
    assert {story for member in cast for story in member.stories} == {1, 2, 3, 4, 5, 6, 7}
    people = [person for member in cast for person in member.persons]
    assert any(person.organisation and person.organisation.kvk for person in people)
    assert any(person.deceased_on for person in people)
    assert {"prospect", "former"} <= {person.stage for person in people}
    assert any(person.birth_date and person.birth_date.year > TODAY.year - 18 for person in people)
    assert any(not person.records["dataverse"][0].emails for person in people if "dataverse" in person.records)


@pytest.mark.feature("2.3", "Faults on demand for each server, and they are over when they are taken away")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["mode"])
def test_each_server_misbehaves_on_demand(
    fault: dict[str, Any], sandbox: Sandbox, ask: Ask, ids: dict[str, str]
) -> None:
    document = """query All($id: ID!) { customer(id: $id) {
        party { fullName } balances { amount } complaints { nodes { id } } consents { purpose } } }"""
    for system in SYSTEMS:
        sandbox.set_fault(system, fault)
    reply = ask(document, {"id": ids["fatima-el-amrani"]})
    assert {entry["fault"] for system in SYSTEMS for entry in sandbox.log(system)} >= {fault["mode"]}
    if fault["mode"] != "latency":
        assert {source for _, source in reply.errors.values()} == set(SYSTEMS)
    for system in SYSTEMS:
        sandbox.clear_fault(system)
    assert ask(document, {"id": ids["fatima-el-amrani"]}).data["customer"]["party"]


@pytest.mark.feature("2.3", "Each server keeps a log of its requests, without secrets")
def test_each_server_keeps_a_log(sandbox: Sandbox, ask: Ask, ids: dict[str, str]) -> None:
    ask("query Q($id: ID!) { customer(id: $id) { billingAccounts { name } } }", {"id": ids["fatima-el-amrani"]})
    (entry,) = sandbox.log("stripe")
    assert (entry["method"], entry["status"]) == ("GET", 200)
    assert "sk_test_sandbox" not in json.dumps(sandbox.log("stripe"))
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.base_url("stripe").rpartition(":")[2]))
    connection.request("GET", "/_sandbox/health")
    assert json.loads(connection.getresponse().read())["status"] == "ok"
    connection.close()
