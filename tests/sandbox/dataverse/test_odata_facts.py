"""What the sandbox's Dataverse says, held against facts of OData 4.0 and of the Web API's documentation.

Each fact names the part of the standard (OASIS OData 4.0: Protocol, URL Conventions, JSON Format) or of the product's
documentation that it is from.
"""

from dataclasses import dataclass, field

import httpx
import pytest

API = "/api/data/v9.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One request, and what the answer must have."""

    source: str
    path: str
    method: str = "GET"
    send: dict[str, str] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()


FACTS = (
    Fact(source="JSON 4.5.1 context", path="contacts?$top=1", members=("@odata.context", "value")),
    Fact(source="Protocol 8.1.5 OData-Version", path="contacts?$top=1", headers={"odata-version": "4.0"}),
    Fact(source="Protocol 11.2.5.5 $count", path="contacts?$count=true&$top=1", members=("@odata.count",)),
    Fact(
        source="Protocol 8.2.8.6 maxpagesize, JSON 4.5.5 nextLink",
        path="contacts",
        send={"prefer": "odata.maxpagesize=1"},
        headers={"preference-applied": "odata.maxpagesize=1"},
        members=("@odata.nextLink",),
    ),
    Fact(
        source="Protocol 8.2.8.8 track-changes, JSON 4.5.6 deltaLink",
        path="accounts",
        send={"prefer": "odata.track-changes"},
        headers={"preference-applied": "odata.track-changes"},
        members=("@odata.deltaLink",),
    ),
    Fact(
        source="Protocol 8.2.8.4 include-annotations",
        path="contacts?$top=1",
        send={"prefer": 'odata.include-annotations="*"'},
        headers={"preference-applied": 'odata.include-annotations="*"'},
    ),
    Fact(source="Protocol 11.2.9 $count segment", path="contacts/$count", headers={"content-type": "text/plain"}),
    Fact(source="Protocol 11.1.1 service document", path="", members=("@odata.context", "value")),
    Fact(source="Protocol 9.4 error body", path="contacts?$filter=x", status=400, members=("error",)),
    Fact(source="Web API client errors: unknown segment", path="Account", status=404, members=("error",)),
    Fact(source="Web API client errors: wrong method", path="WhoAmI", method="POST", status=404, members=("error",)),
)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.source)
@pytest.mark.asyncio
async def test_answer_is_as_the_standard_says(client: httpx.AsyncClient, fact: Fact) -> None:
    answer = await client.request(fact.method, f"{API}/{fact.path}", headers=fact.send)
    assert answer.status_code == fact.status
    for name, value in fact.headers.items():
        assert answer.headers[name].startswith(value)
    if fact.members:
        assert set(fact.members) <= set(answer.json())


@pytest.mark.asyncio
async def test_error_has_a_code_and_a_message(client: httpx.AsyncClient) -> None:
    error = (await client.get(f"{API}/contacts?$select=Name")).json()["error"]
    assert error == {
        "code": "0x0",
        "message": "Could not find a property named 'Name' on type 'Microsoft.Dynamics.CRM.contact'.",
    }


@pytest.mark.asyncio
async def test_etag_is_weak_and_quoted(client: httpx.AsyncClient) -> None:
    (row,) = (await client.get(f"{API}/contacts?$top=1")).json()["value"]
    assert row["@odata.etag"].startswith('W/"')
    assert row["@odata.etag"].endswith('"')


@pytest.mark.asyncio
async def test_moments_days_and_ids_are_written_as_odata_writes_them(client: httpx.AsyncClient) -> None:
    found = (await client.get(f"{API}/contacts?$filter=birthdate ne null&$top=1")).json()["value"][0]
    parts = (len(part) for part in found["contactid"].split("-"))
    assert tuple(parts) == (8, 4, 4, 4, 12)
    assert found["contactid"] == found["contactid"].lower()
    assert len(found["birthdate"]) == len("1988-05-17")
    assert found["createdon"].endswith("Z")
