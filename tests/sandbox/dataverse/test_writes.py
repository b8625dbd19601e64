"""Writing to the sandbox's Dataverse: versions, keys, references, and what a payload may hold."""

from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import Person

API = "/api/data/v9.2"
WHOLE = {"prefer": "return=representation"}
NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def path(sanne: Person) -> str:
    record = sanne.record("dataverse")
    assert record is not None
    return f"{API}/contacts({record.record_id})"


async def made(client: httpx.AsyncClient, entity_set: str, **values: Any) -> dict[str, Any]:
    answer = await client.post(f"{API}/{entity_set}", json=values, headers=WHOLE)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


@pytest.mark.asyncio
async def test_change_answers_204_with_the_address_of_the_row(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.patch(path, json={"mobilephone": "+31687654321"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["odata-entityid"] == f"https://crm.example{path}"
    assert (await client.get(path)).json()["mobilephone"] == "+31687654321"


@pytest.mark.asyncio
async def test_change_answers_with_the_row_where_that_is_preferred(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.patch(f"{path}?$select=lastname", json={"lastname": "Wit-Jansen"}, headers=WHOLE)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "return=representation"
    assert set(answer.json()) == {"@odata.context", "@odata.etag", "lastname", "contactid"}


@pytest.mark.asyncio
async def test_change_makes_a_new_version_and_moves_modifiedon(client: httpx.AsyncClient, path: str) -> None:
    before = (await client.get(path)).json()
    await client.patch(path, json={"lastname": "Anders"})
    after = (await client.get(path)).json()
    assert after["versionnumber"] > before["versionnumber"]
    assert after["@odata.etag"] != before["@odata.etag"]
    assert (after["modifiedon"], after["createdon"]) == ("2026-11-23T12:00:00Z", before["createdon"])
    assert after["fullname"] == "Sanne de Anders"


@pytest.mark.asyncio
async def test_expected_version_lets_one_writer_win(client: httpx.AsyncClient, path: str) -> None:
    etag = (await client.get(path)).json()["@odata.etag"]
    first = await client.patch(path, json={"lastname": "Eerste"}, headers={"if-match": etag})
    second = await client.patch(path, json={"lastname": "Tweede"}, headers={"if-match": etag})
    assert (first.status_code, second.status_code) == (204, 412)
    assert second.json()["error"]["code"] == "0x80060882"
    assert (await client.get(path)).json()["lastname"] == "Eerste"


@pytest.mark.asyncio
async def test_patch_of_an_unknown_id_makes_the_row_unless_told_not_to(client: httpx.AsyncClient) -> None:
    path = f"{API}/contacts({NOBODY})"
    guarded = await client.patch(path, json={"lastname": "Nieuw"}, headers={"if-match": "*"})
    upserted = await client.patch(path, json={"lastname": "Nieuw"})
    prevented = await client.patch(path, json={"lastname": "Anders"}, headers={"if-none-match": "*"})
    assert [answer.status_code for answer in (guarded, upserted, prevented)] == [404, 204, 412]
    assert (await client.get(path)).json()["lastname"] == "Nieuw"


@pytest.mark.asyncio
async def test_patch_by_alternate_key_makes_the_row_with_that_key(client: httpx.AsyncClient) -> None:
    path = f"{API}/contacts(new_customernumber='K999')"
    answer = await client.patch(path, json={"lastname": "Nieuw"}, headers=WHOLE)
    assert (answer.status_code, answer.json()["new_customernumber"]) == (201, "K999")
    again = await client.patch(path, json={"lastname": "Ander"}, headers=WHOLE)
    assert (again.status_code, again.json()["contactid"]) == (200, answer.json()["contactid"])


@pytest.mark.asyncio
async def test_alternate_key_belongs_to_one_row(client: httpx.AsyncClient, sanne: Person) -> None:
    record = sanne.record("dataverse")
    assert record is not None
    answer = await client.post(
        f"{API}/contacts", json={"lastname": "Dubbel", "new_customernumber": record.customer_number}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "0x80060892")


@pytest.mark.asyncio
async def test_id_that_is_taken_is_refused(client: httpx.AsyncClient, sanne: Person) -> None:
    record = sanne.record("dataverse")
    assert record is not None
    answer = await client.post(f"{API}/contacts", json={"contactid": record.record_id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "0x80040237")


@pytest.mark.asyncio
async def test_new_row_has_its_defaults_and_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{API}/contacts", json={"firstname": "Ada", "lastname": "Vos"}, headers=WHOLE)
    row = answer.json()
    assert answer.headers["location"].endswith(f"/contacts({row['contactid']})")
    assert (row["fullname"], row["statecode"], row["donotemail"]) == ("Ada Vos", 0, False)
    assert row["createdon"] == row["modifiedon"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"surname": "X"}, "0x80048d19"),
        ({"lastname": 5}, "0x80048d19"),
        ({"birthdate": "yesterday"}, "0x80048d19"),
        ({"donotemail": "yes"}, "0x80048d19"),
        ({"gendercode": 9}, "0x0"),
        ({"_parentcustomerid_value": NOBODY}, "0x80060888"),
        ({"parentcustomerid_account@odata.bind": f"/accounts({NOBODY})"}, "0x80040217"),
        ({"parentcustomerid_account@odata.bind": f"/contacts({NOBODY})"}, "0x80048d19"),
        ({"nothing@odata.bind": f"/contacts({NOBODY})"}, "0x80048d19"),
    ],
)
@pytest.mark.asyncio
async def test_payload_that_does_not_fit_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, path: str, payload: dict[str, Any], code: str
) -> None:
    before = (await client.get(path)).json()
    answer = await client.patch(path, json=payload)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["code"] == code
    assert (await client.get(path)).json() == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
@pytest.mark.asyncio
async def test_body_that_is_no_object_is_refused(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await client.patch(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.asyncio
async def test_body_must_say_that_it_is_json(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.patch(path, content=b'{"lastname": "X"}')).status_code == 415


@pytest.mark.asyncio
async def test_read_only_column_is_passed_over(client: httpx.AsyncClient, path: str) -> None:
    before = (await client.get(path)).json()
    assert (await client.patch(path, json={"createdon": "2001-01-01T00:00:00Z"})).status_code == 204
    assert (await client.get(path)).json()["createdon"] == before["createdon"]


@pytest.mark.asyncio
async def test_lookup_is_bound_by_id_by_key_and_taken_away_by_null(client: httpx.AsyncClient, path: str) -> None:
    company = await made(client, "accounts", name="Bakkerij", new_kvknumber="12345678")
    for reference in (f"/accounts({company['accountid']})", "accounts(new_kvknumber='12345678')"):
        await client.patch(path, json={"parentcustomerid_account@odata.bind": reference})
        assert (await client.get(path)).json()["_parentcustomerid_value"] == company["accountid"]
        await client.patch(path, json={"parentcustomerid_account": None})
        assert (await client.get(path)).json()["_parentcustomerid_value"] is None


@pytest.mark.asyncio
async def test_activity_is_in_the_timeline_at_the_next_read(client: httpx.AsyncClient, path: str) -> None:
    contact = path.removeprefix(API)
    task = await made(
        client,
        "tasks",
        subject="Chat over de levering",
        description="Vroeg waar het pakket is.",
        new_channel=100000002,
        new_complaintreference="17",
        **{"regardingobjectid_contact_task@odata.bind": contact},
    )
    found = (await client.get(f"{path}/Contact_ActivityPointers?$expand=activity_pointer_task")).json()["value"]
    (mine,) = [row for row in found if row["activityid"] == task["activityid"]]
    assert (mine["activitytypecode"], mine["subject"]) == ("task", "Chat over de levering")
    assert mine["activity_pointer_task"][0]["new_complaintreference"] == "17"


@pytest.mark.asyncio
async def test_view_of_all_activities_cannot_be_written(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"{API}/activitypointers", json={"subject": "x"})).status_code == 405


@pytest.mark.asyncio
async def test_deleted_row_is_gone_and_its_activity_from_the_timeline_too(client: httpx.AsyncClient) -> None:
    call = await made(client, "phonecalls", subject="Terugbellen")
    path = f"{API}/phonecalls({call['activityid']})"
    stale = await client.delete(path, headers={"if-match": 'W/"1"'})
    gone = await client.delete(path)
    assert (stale.status_code, gone.status_code) == (412, 204)
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{API}/activitypointers({call['activityid']})")).status_code == 404
    assert (await client.delete(path)).status_code == 404
