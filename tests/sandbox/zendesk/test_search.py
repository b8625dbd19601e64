"""Zendesk's search over tickets and users."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.asyncio


async def search(client: httpx.AsyncClient, query: str, **parameters: Any) -> dict[str, Any]:
    answer = await client.get("/api/v2/search.json", params={"query": query, **parameters})
    assert answer.status_code == 200
    page: dict[str, Any] = answer.json()
    return page


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("type:ticket requester:{sanne}", [101, 102]),
        ("type:ticket requester:sanne.dewit@example.nl", [101, 102]),
        ('type:ticket requester:"Sanne de Wit" status:open', [102]),
        ("type:ticket requester:{sanne} status<solved", [102]),
        ("type:ticket requester:{sanne} status>=solved", [101]),
        ("type:ticket requester:{sanne} status:open status:solved", [101, 102]),
        ("type:ticket requester:{sanne} -status:open", [101]),
        ("type:ticket requester:{sanne} created>2026-11-01", [102]),
        ("type:ticket requester:{sanne} created:2026-11-14", [102]),
        ("type:ticket requester:{sanne} custom_field_360000000101:KB-KOFFIE-200", [101, 102]),
        ("type:ticket requester:{sanne} custom_field_360000000101:KB-STOF-70", []),
        ("type:ticket requester:{sanne} via:voice", [102]),
        ("type:ticket requester:{sanne} aanrecht", [102]),
        ("type:ticket requester:{sanne} priority>normal", []),
        ("type:ticket requester:{sanne} assignee:none", []),
        ("type:ticket requester:{sanne} status>nonsense", []),
    ],
)
async def test_tickets_are_found_by(zendesk: httpx.AsyncClient, sanne: str, query: str, ids: list[int]) -> None:
    page = await search(zendesk, query.format(sanne=sanne))
    assert [result["id"] for result in page["results"]] == ids
    assert page["count"] == len(ids)


async def test_a_result_says_what_it_is(zendesk: httpx.AsyncClient) -> None:
    page = await search(zendesk, "sanne.dewit@example.nl")
    assert [result["result_type"] for result in page["results"]] == ["user"]


async def test_results_are_sorted(zendesk: httpx.AsyncClient) -> None:
    page = await search(zendesk, "type:ticket status<closed", sort_by="created_at", sort_order="desc")
    created = [result["created_at"] for result in page["results"]]
    assert created == sorted(created, reverse=True)
    assert len(set(created)) > 1


async def test_results_come_in_pages(zendesk: httpx.AsyncClient) -> None:
    page = await search(zendesk, "type:ticket requester:sanne.dewit@example.nl", per_page=1)
    following = (await zendesk.get(page["next_page"])).json()
    assert [page["results"][0]["id"], following["results"][0]["id"]] == [101, 102]


async def test_beyond_a_thousand_results_is_422(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/search", params={"query": "type:ticket", "page": 11})
    assert answer.status_code == 422


async def test_without_a_query_is_400(zendesk: httpx.AsyncClient) -> None:
    assert (await zendesk.get("/api/v2/search")).status_code == 400
