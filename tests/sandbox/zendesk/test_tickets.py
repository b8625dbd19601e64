"""Zendesk tickets: reading, paging, filing once, changing only what was read."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import System

pytestmark = pytest.mark.asyncio

PRODUCT, CHANNEL = 360_000_000_101, 360_000_000_102
COMPLAINT = {"ticket": {"subject": "Klacht", "comment": {"body": "Het lekt."}}}


def values(ticket: dict[str, Any]) -> dict[int, Any]:
    return {field["id"]: field["value"] for field in ticket["custom_fields"]}


async def requested(client: httpx.AsyncClient, user: str, query: str = "") -> dict[str, Any]:
    page: dict[str, Any] = (await client.get(f"/api/v2/users/{user}/tickets/requested.json?{query}")).json()
    return page


async def test_both_complaints_name_the_same_product(zendesk: httpx.AsyncClient, sanne: str) -> None:
    tickets = (await requested(zendesk, sanne))["tickets"]
    assert [values(ticket)[PRODUCT] for ticket in tickets] == ["KB-KOFFIE-200", "KB-KOFFIE-200"]
    assert [ticket["status"] for ticket in tickets] == ["solved", "open"]


async def test_a_complaint_by_chat_says_so(zendesk: httpx.AsyncClient, record_id: Callable[[str, System], str]) -> None:
    (ticket,) = (await requested(zendesk, record_id("mila-hendriks", "zendesk")))["tickets"]
    assert (ticket["via"]["channel"], values(ticket)[CHANNEL]) == ("chat", "chat")


async def test_a_solved_ticket_closes_by_itself_after_four_weeks(
    zendesk: httpx.AsyncClient, record_id: Callable[[str, System], str]
) -> None:
    (ticket,) = (await requested(zendesk, record_id("daan-van-dijk", "zendesk")))["tickets"]
    assert ticket["status"] == "closed"


async def test_cursor_pages_follow_each_other_both_ways(zendesk: httpx.AsyncClient, sanne: str) -> None:
    first = await requested(zendesk, sanne, "page[size]=1&sort=-updated_at")
    assert first["meta"]["has_more"] is True
    second = (await zendesk.get(first["links"]["next"])).json()
    assert [page["tickets"][0]["status"] for page in (first, second)] == ["open", "solved"]
    assert (second["meta"]["has_more"], second["links"]["next"]) == (False, None)
    assert (await zendesk.get(second["links"]["prev"])).json()["tickets"] == first["tickets"]


async def test_offset_pages_have_count_and_addresses(zendesk: httpx.AsyncClient, sanne: str) -> None:
    first = await requested(zendesk, sanne, "per_page=1&sort_by=updated_at&sort_order=desc")
    second = (await zendesk.get(first["next_page"])).json()
    assert (first["count"], first["previous_page"], second["next_page"]) == (2, None, None)
    assert [page["tickets"][0]["status"] for page in (first, second)] == ["open", "solved"]


@pytest.mark.parametrize("query", ["page[size]=0", "page[size]=x", "page[after]=%21%21", "page[size]=1&sort=colour"])
async def test_a_page_that_cannot_be_is_400(zendesk: httpx.AsyncClient, sanne: str, query: str) -> None:
    assert (await zendesk.get(f"/api/v2/users/{sanne}/tickets/requested?{query}")).status_code == 400


async def test_tickets_of_an_unknown_user_are_404(zendesk: httpx.AsyncClient) -> None:
    assert (await zendesk.get("/api/v2/users/1/tickets/requested")).status_code == 404


async def test_many_tickets_are_read_in_one_call(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/api/v2/tickets/show_many", params={"ids": "101,102,999999999"})
    assert [ticket["id"] for ticket in answer.json()["tickets"]] == [101, 102]


async def test_comments_come_oldest_first_or_latest_first(zendesk: httpx.AsyncClient) -> None:
    up = (await zendesk.get("/api/v2/tickets/101/comments")).json()["comments"]
    down = (await zendesk.get("/api/v2/tickets/101/comments", params={"sort_order": "desc"})).json()["comments"]
    cursor = (await zendesk.get("/api/v2/tickets/101/comments?page[size]=9&sort=-created_at")).json()["comments"]
    assert len(up) == 3
    assert down == cursor == up[::-1]


async def test_a_ticket_is_filed_for_a_user_with_its_fields(zendesk: httpx.AsyncClient, sanne: str) -> None:
    given = {
        "subject": "Klacht",
        "comment": {"body": "Het lekt <weer>."},
        "requester_id": int(sanne),
        "custom_fields": [{"id": PRODUCT, "value": "KB-KOFFIE-200"}, {"id": 1, "value": "unknown"}],
        "tags": ["klacht"],
    }
    answer = await zendesk.post("/api/v2/tickets", json={"ticket": given})
    ticket = answer.json()["ticket"]
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/{ticket['id']}.json")
    assert (ticket["status"], ticket["requester_id"], values(ticket)) == (
        "new",
        int(sanne),
        {PRODUCT: "KB-KOFFIE-200", CHANNEL: None},
    )
    (comment,) = (await zendesk.get(f"/api/v2/tickets/{ticket['id']}/comments")).json()["comments"]
    assert (comment["author_id"], comment["body"]) == (int(sanne), "Het lekt <weer>.")
    assert "&lt;weer&gt;" in comment["html_body"]


async def test_a_ticket_for_an_unknown_requester_makes_a_user(zendesk: httpx.AsyncClient) -> None:
    requester = {"name": "Nieuw", "email": "nieuw@example.nl"}
    given = {"ticket": {**COMPLAINT["ticket"], "requester": requester}}
    first, second = [(await zendesk.post("/api/v2/tickets", json=given)).json()["ticket"] for _ in range(2)]
    assert first["requester_id"] == second["requester_id"]


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"subject": "Klacht"}, "base"),
        ({"comment": {"body": "x"}, "status": "gone"}, "status"),
        ({"comment": {"body": "x"}, "priority": "huge"}, "priority"),
        ({"comment": {"body": "x"}, "requester_id": 1}, "requester"),
    ],
)
async def test_an_invalid_ticket_is_422(zendesk: httpx.AsyncClient, given: dict[str, Any], attribute: str) -> None:
    answer = await zendesk.post("/api/v2/tickets", json={"ticket": given})
    assert (answer.status_code, answer.json()["error"]) == (422, "RecordInvalid")
    assert attribute in answer.json()["details"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ticket": 1}', b"\xff"])
async def test_a_body_without_a_ticket_is_422(zendesk: httpx.AsyncClient, body: bytes) -> None:
    assert (await zendesk.post("/api/v2/tickets", content=body)).status_code == 422


async def test_one_key_files_one_ticket(zendesk: httpx.AsyncClient) -> None:
    answers = [
        await zendesk.post("/api/v2/tickets", json=COMPLAINT, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.headers["x-idempotency-lookup"] for answer in answers] == ["miss", "hit"]
    assert answers[0].json() == answers[1].json()


async def test_a_key_with_another_body_is_400(zendesk: httpx.AsyncClient) -> None:
    await zendesk.post("/api/v2/tickets", json=COMPLAINT, headers={"Idempotency-Key": "k"})
    other = {"ticket": {"comment": {"body": "Iets anders."}}}
    answer = await zendesk.post("/api/v2/tickets", json=other, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["error"]) == (400, "IdempotentRequestError")


async def test_a_key_is_forgotten_after_two_hours(zendesk: httpx.AsyncClient, clock: Any) -> None:
    first = await zendesk.post("/api/v2/tickets", json=COMPLAINT, headers={"Idempotency-Key": "k"})
    clock.advance(hours=2, seconds=1)
    second = await zendesk.post("/api/v2/tickets", json=COMPLAINT, headers={"Idempotency-Key": "k"})
    assert first.json()["ticket"]["id"] != second.json()["ticket"]["id"]


async def test_a_refused_ticket_does_not_use_up_its_key(zendesk: httpx.AsyncClient) -> None:
    await zendesk.post("/api/v2/tickets", json={"ticket": {}}, headers={"Idempotency-Key": "k"})
    answer = await zendesk.post("/api/v2/tickets", json=COMPLAINT, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["x-idempotency-lookup"]) == (201, "miss")


async def test_an_update_comments_and_solves_and_says_what_changed(zendesk: httpx.AsyncClient) -> None:
    change = {"status": "solved", "comment": {"body": "Opgelost.", "public": False}}
    answer = (await zendesk.put("/api/v2/tickets/102.json", json={"ticket": change})).json()
    assert answer["ticket"]["status"] == "solved"
    assert [event["type"] for event in answer["audit"]["events"]] == ["Change", "Change", "Comment"]
    last = (await zendesk.get("/api/v2/tickets/102/comments")).json()["comments"][-1]
    assert (last["body"], last["public"]) == ("Opgelost.", False)


async def test_a_safe_update_of_what_was_read_is_made(zendesk: httpx.AsyncClient) -> None:
    read = (await zendesk.get("/api/v2/tickets/102")).json()["ticket"]
    change = {"priority": "high", "safe_update": True, "updated_stamp": read["updated_at"]}
    assert (await zendesk.put("/api/v2/tickets/102", json={"ticket": change})).status_code == 200


@pytest.mark.parametrize("stamp", ["2026-11-01T00:00:00Z", "nonsense", None])
async def test_a_safe_update_of_what_has_changed_is_409_and_not_made(
    zendesk: httpx.AsyncClient, stamp: str | None
) -> None:
    change = {"priority": "high", "safe_update": True, "updated_stamp": stamp}
    answer = await zendesk.put("/api/v2/tickets/102", json={"ticket": change})
    assert (answer.status_code, answer.json()["error"]) == (409, "UpdateConflict")
    assert (await zendesk.get("/api/v2/tickets/102")).json()["ticket"]["priority"] == "normal"


async def test_without_safe_update_the_last_one_wins(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.put("/api/v2/tickets/102", json={"ticket": {"priority": "high", "updated_stamp": "old"}})
    assert answer.status_code == 200


async def test_a_closed_ticket_cannot_be_changed(
    zendesk: httpx.AsyncClient, record_id: Callable[[str, System], str]
) -> None:
    (closed,) = (await requested(zendesk, record_id("daan-van-dijk", "zendesk")))["tickets"]
    answer = await zendesk.put(f"/api/v2/tickets/{closed['id']}", json={"ticket": {"priority": "low"}})
    assert (answer.status_code, "status" in answer.json()["details"]) == (422, True)


async def test_a_deleted_ticket_is_gone(zendesk: httpx.AsyncClient) -> None:
    assert (await zendesk.delete("/api/v2/tickets/102")).status_code == 204
    assert (await zendesk.get("/api/v2/tickets/102")).status_code == 404
    assert (await zendesk.get("/api/v2/tickets/102/comments")).status_code == 404
