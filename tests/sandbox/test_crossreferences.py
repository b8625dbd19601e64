"""The import lines name every record once, and group what is one customer."""

import json

from klantbeeld.sandbox.crossreferences import crossreferences
from klantbeeld.sandbox.facts import Population


def lines_of(population: Population, customer: str) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in crossreferences(population)]
    return {line["source"]: line for line in lines if line["customer"] == customer}


def test_one_customer_in_four_systems(population: Population) -> None:
    assert lines_of(population, "sanne-de-wit").keys() == {"dataverse", "stripe", "zendesk", "sap_customer_data_cloud"}


def test_every_record_has_one_line(population: Population) -> None:
    lines = [json.loads(line) for line in crossreferences(population)]
    records = [r for person in population.people for rs in person.records.values() for r in rs]
    assert sorted(line["record_id"] for line in lines) == sorted(record.record_id for record in records)


def test_the_three_spellings_stay_apart(population: Population) -> None:
    keys = {json.loads(line)["customer"] for line in crossreferences(population)}
    assert len([key for key in keys if key.startswith("pieter-van-den-heuvel")]) == 3


def test_a_line_says_what_the_system_holds(population: Population) -> None:
    assert lines_of(population, "fatima-el-amrani")["dataverse"] == {
        "customer": "fatima-el-amrani",
        "source": "dataverse",
        "record_id": population.member("fatima-el-amrani").persons[0].records["dataverse"][0].record_id,
        "email": ["f.elamrani@example.nl"],
        "phone": ["+31612345603"],
        "customer_number": "K100003",
        "family_name": "El Amrani",
        "postcode": "3063 GG",
        "house_number": 55,
        "birth_date": "1992-08-30",
    }


def test_a_system_without_birth_dates_and_addresses_gives_none(population: Population) -> None:
    assert lines_of(population, "fatima-el-amrani")["zendesk"].keys() == {
        "customer",
        "source",
        "record_id",
        "email",
        "phone",
        "customer_number",
    }


def test_who_has_no_email_address_in_a_system_has_none_in_its_line(population: Population) -> None:
    assert "email" not in lines_of(population, "lotte-jansen")["dataverse"]
