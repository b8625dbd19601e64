"""Zendesk's incremental export: everything that changed, once, without the last minute."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.asyncio

NOON = 1_795_176_000  # 2026-11-20T12:00:00Z


async def export(client: httpx.AsyncClient, name: str, start: int, size: int = 1000) -> list[dict[str, Any]]:
    """Follow the export from ``start`` to the end of the stream."""
    path = f"/api/v2/incremental/{name}/cursor.json?start_time={start}&per_page={size}"
    records: list[dict[str, Any]] = []
    while True:
        page = (await client.get(path)).json()
        records += page[name]
        if page["end_of_stream"]:
            return records
        path = page["after_url"]


@pytest.mark.parametrize("name", ["tickets", "users"])
async def test_the_export_goes_through_everything_once(zendesk: httpx.AsyncClient, name: str) -> None:
    ids = [record["id"] for record in await export(zendesk, name, 0, size=30)]
    assert len(ids) == len(set(ids)) == (await zendesk.get(f"/api/v2/{name}")).json()["count"]
    assert len(ids) > 30


async def test_what_changed_since_is_exported_after_a_minute(zendesk: httpx.AsyncClient, clock: Any) -> None:
    await zendesk.put("/api/v2/tickets/102", json={"ticket": {"priority": "high"}})
    assert await export(zendesk, "tickets", NOON - 100) == []
    clock.advance(seconds=61)
    assert [ticket["id"] for ticket in await export(zendesk, "tickets", NOON - 100)] == [102]


async def test_a_cursor_goes_on_where_the_stream_ended(zendesk: httpx.AsyncClient, clock: Any) -> None:
    last = (await zendesk.get("/api/v2/incremental/users/cursor?start_time=0")).json()
    assert last["end_of_stream"] is True
    clock.advance(hours=1)
    await zendesk.post("/api/v2/users", json={"user": {"name": "Nieuw"}})
    clock.advance(minutes=2)
    page = (await zendesk.get("/api/v2/incremental/users/cursor", params={"cursor": last["after_cursor"]})).json()
    assert [user["name"] for user in page["users"]] == ["Nieuw"]


async def test_a_start_within_the_last_minute_is_422(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/incremental/tickets/cursor", params={"start_time": NOON - 30})
    assert (answer.status_code, answer.json()["error"]) == (422, "StartTimeTooRecent")


@pytest.mark.parametrize("query", ["", "start_time=yesterday", "cursor=bm8", "start_time=0&per_page=0"])
async def test_an_export_from_nowhere_is_400(zendesk: httpx.AsyncClient, query: str) -> None:
    assert (await zendesk.get(f"/api/v2/incremental/tickets/cursor?{query}")).status_code == 400
