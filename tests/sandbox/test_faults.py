"""Each fault looks to a client as it says, and is over when it should be."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled

pytestmark = pytest.mark.asyncio

AGENT = ("koppeling@example.com/token", "sandbox-zendesk-token")
ME = "/api/v2/users/me"
TICKET = {"ticket": {"comment": {"body": "Hallo"}}}


@pytest.fixture
def zendesk(serve: Callable[..., Controlled], connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(serve("zendesk"), auth=AGENT)


async def tell(client: httpx.AsyncClient, **fault: Any) -> None:
    answer = await client.put("/_sandbox/fault", json=fault)
    assert answer.status_code == 204


async def tickets(client: httpx.AsyncClient) -> int:
    await client.delete("/_sandbox/fault")
    count: int = (await client.get("/api/v2/tickets")).json()["count"]
    return count


async def test_types_are_the_right_answer_with_numbers_for_texts(zendesk: httpx.AsyncClient) -> None:
    right = (await zendesk.get(ME)).json()["user"]
    await tell(zendesk, mode="types")
    wrong = (await zendesk.get(ME)).json()["user"]
    assert wrong.keys() == right.keys()
    assert wrong["name"] == len(right["name"])
    assert wrong["id"] == str(right["id"])
    refused = await zendesk.put("/_sandbox/fault", json={"mode": "types", "when": "before"})
    assert refused.status_code == 400


@pytest.mark.parametrize("when", ["before", "after"])
async def test_latency_is_the_right_answer_late(zendesk: httpx.AsyncClient, when: str) -> None:
    await tell(zendesk, mode="latency", ms=30, when=when)
    began = time.perf_counter()
    assert (await zendesk.get(ME)).json()["user"]["name"] == "Koppeling"
    assert time.perf_counter() - began >= 0.03


async def test_a_status_comes_without_a_body(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="status", status=429, headers={"Retry-After": "7"})
    answer = await zendesk.get(ME)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (429, b"", "7")


async def test_garbage_calls_itself_json(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="garbage")
    answer = await zendesk.get(ME)
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_html_is_a_web_page(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="html")
    answer = await zendesk.get(ME)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_a_redirect_leads_to_itself(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="redirect")
    answer = await zendesk.get(ME, params={"a": "1"})
    assert (answer.status_code, answer.headers["location"]) == (302, f"{ME}?a=1")


async def test_large_has_the_size_asked_for_and_is_json(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="large", bytes=300_000)
    answer = await zendesk.get(ME)
    assert len(answer.content) == pytest.approx(300_000, abs=10)
    assert isinstance(answer.json(), list)


async def test_a_drip_gives_the_right_answer_byte_by_byte(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="drip", ms=0)
    assert (await zendesk.get(ME)).json()["user"]["name"] == "Koppeling"


async def test_a_drop_gives_no_answer(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="drop")
    with pytest.raises(ConnectionResetError):
        await zendesk.get(ME)


async def test_a_hang_gives_no_answer_in_time(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await zendesk.get(ME)


async def test_before_executing_nothing_is_written(zendesk: httpx.AsyncClient) -> None:
    was = await tickets(zendesk)
    await tell(zendesk, mode="status", status=500, when="before")
    await zendesk.post("/api/v2/tickets", json=TICKET)
    assert await tickets(zendesk) == was


@pytest.mark.parametrize("mode", ["status", "garbage", "html", "redirect", "large"])
async def test_after_executing_the_answer_is_lost_and_the_change_is_not(zendesk: httpx.AsyncClient, mode: str) -> None:
    was = await tickets(zendesk)
    await tell(zendesk, mode=mode, when="after", bytes=1000)
    answer = await zendesk.post("/api/v2/tickets", json=TICKET)
    assert b"Hallo" not in answer.content
    assert await tickets(zendesk) == was + 1


async def test_the_log_says_what_was_done_to_a_request(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="status", status=500)
    await zendesk.get(ME)
    await tell(zendesk, mode="drop", when="after")
    with pytest.raises(ConnectionResetError):
        await zendesk.get(ME)
    seen = (await zendesk.get("/_sandbox/log")).json()["requests"]
    assert [(each["fault"], each["executed"], each["status"]) for each in seen] == [
        ("status", False, 500),
        ("drop", True, None),
    ]


async def test_a_fault_is_over_after_its_times(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="status", status=500, times=2)
    assert [(await zendesk.get(ME)).status_code for _ in range(3)] == [500, 500, 200]


async def test_a_fault_meets_its_paths_only(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="status", status=500, paths="/api/v2/tickets")
    assert (await zendesk.get(ME)).status_code == 200
    assert (await zendesk.get("/api/v2/tickets")).status_code == 500


async def test_several_faults_stand_beside_each_other(zendesk: httpx.AsyncClient) -> None:
    faults = [
        {"mode": "status", "status": 500, "paths": ["/api/v2/tickets"]},
        {"mode": "status", "status": 503, "paths": ["/api/v2/users"]},
    ]
    await zendesk.put("/_sandbox/fault", json=faults)
    assert [(await zendesk.get(path)).status_code for path in (ME, "/api/v2/tickets")] == [503, 500]
    assert len((await zendesk.get("/_sandbox/fault")).json()["faults"]) == 2


async def test_none_takes_a_fault_away(zendesk: httpx.AsyncClient) -> None:
    await tell(zendesk, mode="status", status=500)
    await tell(zendesk, mode="none")
    assert (await zendesk.get(ME)).status_code == 200


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (b"no json", "JSON object"),
        (b"[1]", "has a mode"),
        (b"{}", "has a mode"),
        (b'{"mode": "explode"}', "mode is one of"),
        (b'{"mode": "hang", "when": "never"}', "before or after"),
        (b'{"mode": "latency", "ms": -1}', "ms is a whole number"),
        (b'{"mode": "latency", "ms": "1"}', "ms is a whole number"),
        (b'{"mode": "hang", "colour": "red"}', "may have"),
    ],
)
async def test_a_fault_that_is_not_understood_is_refused(zendesk: httpx.AsyncClient, fault: bytes, why: str) -> None:
    answer = await zendesk.put("/_sandbox/fault", content=fault)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
