"""The cross references of the population: which records are one customer, and what each can be found by.

One line of JSON a record. Records of one customer bear the same ``customer``; the source is named after its system.
The other members are what that system holds of the person, and only where it does: ``email``, ``phones``,
``customer_number``, and ``family_name``, ``postcode``, ``house_number`` and ``birth_date``.
"""

import json
from collections.abc import Iterator
from typing import Any

from klantbeeld.sandbox.facts import Person, Population, System, SystemRecord

FEW: dict[System, int] = {"stripe": 1}
"""How many e-mail addresses a system can hold, where that is fewer than people have."""

ONE_PHONE: frozenset[System] = frozenset({"stripe", "zendesk"})
ADDRESSED: frozenset[System] = frozenset({"dataverse", "stripe", "sap_customer_data_cloud"})
KNOWS_BIRTH_DATE: frozenset[System] = frozenset({"dataverse", "sap_customer_data_cloud"})


def crossreferences(population: Population) -> Iterator[str]:
    """Yield the import lines of everybody, customer by customer."""
    for person in population.people:
        for system, records in person.records.items():
            for record in records:
                yield json.dumps(_line(person, system, record), ensure_ascii=False)


def _line(person: Person, system: System, record: SystemRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "customer": person.key,
        "source": system,
        "record_id": record.record_id,
        "email": list(record.emails[: FEW.get(system)]),
        "phone": list(record.phones[:1] if system in ONE_PHONE else record.phones),
        "customer_number": record.customer_number,
    }
    if system in ADDRESSED and record.address:
        line |= {"postcode": record.address.postcode, "house_number": record.address.house_number}
    if system in KNOWS_BIRTH_DATE and record.birth_date:
        line |= {"family_name": record.name.surname, "birth_date": record.birth_date.isoformat()}
    return {name: value for name, value in line.items() if value}
