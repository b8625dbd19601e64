"""What the CRM knows of the population."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.dataverse.seed import phone_columns
from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.server import make_server

API = "/api/data/v9.2"


@pytest.mark.asyncio
async def test_every_contact_is_a_record_of_somebody(client: httpx.AsyncClient, population: Population) -> None:
    found = (await client.get(f"{API}/contacts?$select=contactid")).json()["value"]
    known = {record.record_id for person in population.people for record in person.records.get("dataverse", ())}
    assert {row["contactid"] for row in found} == known


@pytest.mark.asyncio
async def test_company_is_an_account_with_a_primary_contact(client: httpx.AsyncClient, population: Population) -> None:
    person = population.member("de-ketting").persons[0]
    record = person.record("dataverse")
    assert person.organisation is not None
    assert record is not None
    path = f"{API}/accounts(new_kvknumber='{person.organisation.kvk}')"
    row = (await client.get(f"{path}?$expand=primarycontactid($select=lastname)")).json()
    assert row["name"] == person.organisation.name
    assert row["primarycontactid"]["contactid"] == record.record_id


@pytest.mark.asyncio
async def test_deceased_contact_is_inactive_with_the_day(client: httpx.AsyncClient, population: Population) -> None:
    found = (await client.get(f"{API}/contacts?$filter=new_deceasedon ne null")).json()["value"]
    deceased = [person for person in population.people if person.deceased_on and person.record("dataverse")]
    assert {row["new_deceasedon"] for row in found} == {str(person.deceased_on) for person in deceased}
    assert {row["statecode"] for row in found} == {1}


@pytest.mark.asyncio
async def test_phone_number_finds_everybody_who_has_it(client: httpx.AsyncClient, population: Population) -> None:
    shared = [
        (person, phone)
        for person in population.people
        if person.household and (record := person.record("dataverse"))
        for phone in record.phones
    ]
    phone = shared[0][1]
    text = " or ".join(f"{column} eq '{phone}'" for column in ("mobilephone", "telephone1", "telephone2", "telephone3"))
    found = (await client.get(f"{API}/contacts", params={"$filter": text})).json()["value"]
    expected = {
        record.record_id
        for person in population.people
        for record in person.records.get("dataverse", ())
        if phone in record.phones
    }
    assert {row["contactid"] for row in found} == expected


def test_phones_go_to_the_columns_they_belong_in() -> None:
    assert phone_columns(("+31201234567", "+31612345678", "+31301234567")) == {
        "mobilephone": "+31612345678",
        "telephone1": "+31201234567",
        "telephone2": "+31301234567",
        "telephone3": None,
    }


@pytest.mark.asyncio
async def test_two_servers_have_the_same_ids(
    client: httpx.AsyncClient,
    population: Population,
    connect: Callable[[Controlled], AbstractAsyncContextManager[httpx.AsyncClient]],
) -> None:
    path = f"{API}/salesorderdetails?$select=productnumber"
    async with connect(make_server("dataverse", population)) as second:
        theirs = (await second.get(path)).json()
    assert theirs["value"]
    assert theirs == (await client.get(path)).json()
