"""Story 5. Three times Van den Heuvel.

One person under three spellings, and a son of the same name and address who stays apart.

A later capability completes it: the linking run that links two of the three by itself and gives the third to the
steward with the reason in words, merges that redirect, and their undo. Until then nobody is linked by a likeness, and
what the three share finds all of them.
"""

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask

WHO = """
query Who($by: IdentifyInput!) {
  identify(by: $by) { outcome customer { id redirectedFrom party { fullName } } candidates { maskedName asks } }
}
"""
EACH = """
query Each($source: String!, $recordId: String!) { customerByReference(source: $source, recordId: $recordId) { id } }
"""


def spellings(ask: Ask, sandbox: Sandbox) -> list[str]:
    """Find the customer of each of the three sets of records."""
    found = []
    for person in sandbox.population.member("pieter-van-den-heuvel").persons:
        of_person = set()
        for source, records in person.records.items():
            for record in records:
                reply = ask(EACH, {"source": source, "recordId": record.record_id})
                of_person.add(reply.data["customerByReference"]["id"])
        (customer_id,) = of_person
        found.append(customer_id)
    return found


@pytest.mark.feature("story 5", "Three times Van den Heuvel: nobody is merged on a likeness alone")
def test_three_spellings_are_apart_until_somebody_decides(ask: Ask, sandbox: Sandbox, ids: dict[str, str]) -> None:
    found = spellings(ask, sandbox)
    assert len(set(found)) == 3
    assert ids["pieter-van-den-heuvel"] in found


@pytest.mark.feature("story 5", "Three times Van den Heuvel: what two spellings share finds both, masked")
def test_a_shared_address_finds_both_masked(ask: Ask) -> None:
    found = ask(WHO, {"by": {"email": "pieter.vandenheuvel@example.nl"}}).data["identify"]
    assert (found["outcome"], found["customer"], len(found["candidates"])) == ("CANDIDATES", None, 2)
    assert "Heuvel" not in str(found)


@pytest.mark.feature("story 5", "Three times Van den Heuvel: the son of the same name and address stays apart")
def test_the_son_stays_apart(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    son = sandbox.population.member("pieter-junior").persons[0]
    by_birth_date = {"familyName": "van den Heuvel", "postcode": "3706 AC", "birthDate": str(son.birth_date)}
    found = ask(WHO, {"by": {"person": by_birth_date}}).data["identify"]
    assert (found["outcome"], found["customer"]["id"]) == ("ONE", ids["pieter-junior"])
    assert found["customer"]["redirectedFrom"] == []
    father = ask(WHO, {"by": {"person": {**by_birth_date, "birthDate": "1971-03-14"}}}).data["identify"]
    assert ids["pieter-junior"] != (father["customer"] or {}).get("id")
    assert ids["pieter-junior"] not in spellings(ask, sandbox)
