"""Zendesk users: reading, finding, changing, and their further e-mail addresses."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import System

pytestmark = pytest.mark.asyncio

RecordId = Callable[[str, System], str]


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get("/api/v2/users/search", params={"query": query})
    return [user["name"] for user in answer.json()["users"]]


async def test_a_user_has_name_address_phone_and_customer_number(zendesk: httpx.AsyncClient, sanne: str) -> None:
    user = (await zendesk.get(f"/api/v2/users/{sanne}")).json()["user"]
    assert {name: user[name] for name in ("id", "name", "email", "phone", "external_id", "role")} == {
        "id": int(sanne),
        "name": "Sanne de Wit",
        "email": "sanne.dewit@example.nl",
        "phone": "+31612345601",
        "external_id": "K100001",
        "role": "end-user",
    }


async def test_a_company_is_a_user_by_its_trade_name(zendesk: httpx.AsyncClient, record_id: RecordId) -> None:
    user = (await zendesk.get(f"/api/v2/users/{record_id('de-ketting', 'zendesk')}")).json()["user"]
    assert user["name"] == "Fietsenmakerij De Ketting B.V."


async def test_an_unknown_user_is_404(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/users/1")
    assert (answer.status_code, answer.json()) == (404, {"error": "RecordNotFound", "description": "Not found"})


async def test_an_id_that_is_no_number_is_400(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/users/abc")
    assert (answer.status_code, answer.json()["error"]["title"]) == (400, "Invalid attribute")


async def test_many_are_read_in_one_call_and_unknown_ids_left_out(zendesk: httpx.AsyncClient, sanne: str) -> None:
    answer = await zendesk.get("/api/v2/users/show_many", params={"ids": f"{sanne},1"})
    assert [user["id"] for user in answer.json()["users"]] == [int(sanne)]


async def test_many_are_read_by_customer_number(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/users/show_many", params={"external_ids": "K100001,K100002"})
    assert [user["name"] for user in answer.json()["users"]] == ["Sanne de Wit", "Daan van Dijk"]


@pytest.mark.parametrize("ids", ["", ",".join(map(str, range(101)))])
async def test_many_are_one_to_a_hundred(zendesk: httpx.AsyncClient, ids: str) -> None:
    assert (await zendesk.get("/api/v2/users/show_many", params={"ids": ids})).status_code == 400


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("email:sanne.dewit@example.nl", ["Sanne de Wit"]),
        ("email:SANNE@EXAMPLE.ORG", ["Sanne de Wit"]),
        ("phone:+31612345603", ["Fatima El Amrani"]),
        ('phone:"+31 6 1234 5603"', ["Fatima El Amrani"]),
        ("phone:+31205550101", ["Mila Hendriks", "Tom Hendriks"]),
        ('name:"Daan van Dijk"', ["Daan van Dijk"]),
        ("external_id:K100009", ["Mila Hendriks"]),
        ("amrani", ["Fatima El Amrani"]),
        ("Fatim*", ["Fatima El Amrani"]),
        ("Hendriks -name:Mila phone:+31205550101", ["Tom Hendriks"]),
        ("email:nobody@example.nl", []),
        ("", []),
        ("nonsense:1", []),
    ],
)
async def test_users_are_found_by(zendesk: httpx.AsyncClient, query: str, names: list[str]) -> None:
    assert await found(zendesk, query) == names


async def test_a_user_is_found_by_external_id(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/users/search", params={"external_id": "K100002"})
    assert [user["name"] for user in answer.json()["users"]] == ["Daan van Dijk"]


async def test_a_phone_of_a_household_is_marked_as_shared(zendesk: httpx.AsyncClient, record_id: RecordId) -> None:
    users = [
        (await zendesk.get(f"/api/v2/users/{record_id(key, 'zendesk')}")).json()["user"]
        for key in ("mila-hendriks", "fatima-el-amrani")
    ]
    assert [user["shared_phone_number"] for user in users] == [True, False]


async def test_listing_goes_through_all_users_once(zendesk: httpx.AsyncClient) -> None:
    seen: list[int] = []
    path: str | None = "/api/v2/users?page[size]=40&role=end-user"
    while path:
        page = (await zendesk.get(path)).json()
        seen += [user["id"] for user in page["users"]]
        path = page["links"]["next"]
    total = (await zendesk.get("/api/v2/users", params={"role": "end-user"})).json()["count"]
    assert seen == sorted(set(seen))
    assert len(seen) == total


async def test_a_change_is_kept_and_dated(zendesk: httpx.AsyncClient, sanne: str) -> None:
    path = f"/api/v2/users/{sanne}"
    answer = await zendesk.put(path, json={"user": {"phone": "+31612345699", "role": "admin"}})
    user = (await zendesk.get(path)).json()["user"]
    assert answer.json()["user"] == user
    assert (user["phone"], user["role"], user["updated_at"]) == ("+31612345699", "end-user", "2026-11-20T12:00:00Z")


async def test_another_email_address_becomes_a_further_one(zendesk: httpx.AsyncClient, sanne: str) -> None:
    changed = await zendesk.put(f"/api/v2/users/{sanne}", json={"user": {"email": "new@example.nl"}})
    assert changed.json()["user"]["email"] == "sanne.dewit@example.nl"
    assert await found(zendesk, "email:new@example.nl") == ["Sanne de Wit"]


async def test_a_further_email_address_can_become_the_primary_one(zendesk: httpx.AsyncClient, sanne: str) -> None:
    path = f"/api/v2/users/{sanne}/identities"
    made = await zendesk.post(path, json={"identity": {"type": "email", "value": "new@example.nl"}})
    await zendesk.put(f"{path}/{made.json()['identity']['id']}/make_primary")
    identities = (await zendesk.get(path)).json()["identities"]
    assert [each["value"] for each in identities if each["primary"]] == ["new@example.nl"]
    assert (await zendesk.get(f"/api/v2/users/{sanne}")).json()["user"]["email"] == "new@example.nl"


async def test_a_new_user_is_found_at_once(zendesk: httpx.AsyncClient) -> None:
    given = {"name": "Nieuw", "email": "nieuw@example.nl", "phone": "+31612345698", "external_id": "K9"}
    made = await zendesk.post("/api/v2/users", json={"user": given})
    assert made.status_code == 201
    assert await found(zendesk, "email:nieuw@example.nl") == ["Nieuw"]


@pytest.mark.parametrize(
    ("given", "attribute", "error"),
    [
        ({"name": ""}, "name", "BlankValue"),
        ({"name": "A", "email": "no address"}, "email", "InvalidFormat"),
        ({"name": "A", "email": "sanne.dewit@example.nl"}, "email", "DuplicateValue"),
    ],
)
async def test_an_invalid_user_is_422(
    zendesk: httpx.AsyncClient, given: dict[str, Any], attribute: str, error: str
) -> None:
    answer = await zendesk.post("/api/v2/users", json={"user": given})
    assert answer.status_code == 422
    assert answer.json()["error"] == "RecordInvalid"
    assert answer.json()["details"][attribute][0]["error"] == error


async def test_a_deleted_user_is_not_found_and_can_be_forgotten(zendesk: httpx.AsyncClient, sanne: str) -> None:
    assert (await zendesk.delete(f"/api/v2/users/{sanne}")).json()["user"]["active"] is False
    assert (await zendesk.get(f"/api/v2/users/{sanne}")).status_code == 404
    forgotten = (await zendesk.delete(f"/api/v2/deleted_users/{sanne}")).json()["deleted_user"]
    assert (forgotten["email"], forgotten["phone"]) == (None, None)
    assert (await zendesk.delete(f"/api/v2/deleted_users/{sanne}")).status_code == 404
    assert await found(zendesk, "email:sanne.dewit@example.nl") == []
