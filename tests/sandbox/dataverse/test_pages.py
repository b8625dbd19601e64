"""Paging by ``@odata.nextLink`` and changes by ``@odata.deltaLink``."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

API = "/api/data/v9.2"


async def pages(client: httpx.AsyncClient, url: str, *, prefer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while url:
        answer = await client.get(url, headers={"prefer": prefer})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        url = found[-1].get("@odata.nextLink", "")
    return found


@pytest.mark.asyncio
async def test_pages_together_are_the_whole_collection_once(client: httpx.AsyncClient) -> None:
    url = f"{API}/contacts?$select=lastname&$filter=statecode eq 0&$orderby=lastname desc"
    whole = (await client.get(url)).json()["value"]
    found = await pages(client, url, prefer="odata.maxpagesize=7")
    assert [row["contactid"] for page in found for row in page["value"]] == [row["contactid"] for row in whole]
    assert all(len(page["value"]) == 7 for page in found[:-1])


@pytest.mark.asyncio
async def test_page_starts_after_the_last_row_seen_though_rows_came_between(client: httpx.AsyncClient) -> None:
    url = f"{API}/contacts?$select=lastname&$orderby=lastname"
    first = (await client.get(url, headers={"prefer": "odata.maxpagesize=5"})).json()
    await client.post(f"{API}/contacts", json={"lastname": "Aaaa"})
    second = (await client.get(first["@odata.nextLink"], headers={"prefer": "odata.maxpagesize=5"})).json()
    seen = {row["contactid"] for row in first["value"]}
    assert not seen & {row["contactid"] for row in second["value"]}


@pytest.mark.asyncio
async def test_page_size_is_the_callers_to_ask_again(client: httpx.AsyncClient) -> None:
    first = await client.get(f"{API}/contacts?$select=lastname", headers={"prefer": "odata.maxpagesize=5"})
    assert first.headers["preference-applied"] == "odata.maxpagesize=5"
    rest = (await client.get(first.json()["@odata.nextLink"])).json()
    assert len(rest["value"]) > 5
    assert "@odata.nextLink" not in rest


@pytest.mark.asyncio
async def test_top_is_the_end_of_it(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{API}/contacts?$top=3&$select=lastname", headers={"prefer": "odata.maxpagesize=2"})
    assert len(answer.json()["value"]) == 3
    assert "@odata.nextLink" not in answer.json()


@pytest.mark.asyncio
async def test_changes_since_are_new_changed_and_deleted_rows(client: httpx.AsyncClient) -> None:
    tracked = f"{API}/contacts?$select=lastname"
    found = await pages(client, tracked, prefer="odata.track-changes,odata.maxpagesize=20")
    known = [row["contactid"] for page in found for row in page["value"]]
    assert all("@odata.deltaLink" not in page for page in found[:-1])
    changed, deleted = known[0], known[1]
    await client.patch(f"{API}/contacts({changed})", json={"lastname": "Anders"}, headers={"if-match": "*"})
    await client.delete(f"{API}/contacts({deleted})")
    made = await client.post(f"{API}/contacts", json={"lastname": "Nieuw"}, headers={"prefer": "return=representation"})
    delta = (await client.get(found[-1]["@odata.deltaLink"])).json()
    assert delta["@odata.context"].endswith("#contacts(lastname)/$delta")
    assert {row["contactid"]: row["lastname"] for row in delta["value"] if "contactid" in row} == {
        changed: "Anders",
        made.json()["contactid"]: "Nieuw",
    }
    (gone,) = [row for row in delta["value"] if "reason" in row]
    assert (gone["id"], gone["reason"]) == (deleted, "deleted")
    assert gone["@odata.context"].endswith("#contacts/$deletedEntity")
    again = (await client.get(delta["@odata.deltaLink"])).json()
    assert again["value"] == []


@pytest.mark.asyncio
async def test_changes_come_in_pages_and_none_is_lost(client: httpx.AsyncClient) -> None:
    first = (await client.get(f"{API}/contacts?$select=lastname", headers={"prefer": "odata.track-changes"})).json()
    ids = [row["contactid"] for row in first["value"]]
    await client.delete(f"{API}/contacts({ids[0]})")
    for changed in ids[1:4]:
        await client.patch(f"{API}/contacts({changed})", json={"lastname": "Anders"})
    counted = await client.get(first["@odata.deltaLink"].replace("/contacts?", "/contacts/$count?"))
    found = await pages(client, first["@odata.deltaLink"], prefer="odata.maxpagesize=2")
    assert counted.text.lstrip("\ufeff") == "4"
    assert [row.get("contactid", row.get("id")) for page in found for row in page["value"]] == ids[:4]


@pytest.mark.parametrize("option", ["$filter=statecode eq 0", "$orderby=lastname", "$top=1"])
@pytest.mark.asyncio
async def test_tracking_does_not_go_with_narrowing(client: httpx.AsyncClient, option: str) -> None:
    answer = await client.get(f"{API}/contacts?{option}", headers={"prefer": "odata.track-changes"})
    assert answer.status_code == 400
    assert "Change Tracking" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("days", "status"), [(6, 200), (8, 410)])
@pytest.mark.asyncio
async def test_delta_token_expires_after_seven_days(
    client: httpx.AsyncClient,
    forward: Callable[[float], None],
    log_in: Callable[[httpx.AsyncClient], Awaitable[None]],
    days: int,
    status: int,
) -> None:
    first = (await client.get(f"{API}/accounts?$select=name", headers={"prefer": "odata.track-changes"})).json()
    forward(days * 24 * 3600)
    await log_in(client)
    assert (await client.get(first["@odata.deltaLink"])).status_code == status


@pytest.mark.asyncio
async def test_delta_token_of_another_making_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/accounts?$deltatoken=abc")).status_code == 400
