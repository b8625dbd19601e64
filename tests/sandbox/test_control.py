"""The log, the reset and the health of a server, seen from outside."""

from collections.abc import Callable

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled

pytestmark = pytest.mark.asyncio

AGENT = ("koppeling@example.com/token", "sandbox-zendesk-token")


@pytest.fixture
def zendesk(serve: Callable[..., Controlled], connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(serve("zendesk"), auth=AGENT)


async def test_a_server_says_that_it_is_well(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.get("/_sandbox/health")
    assert answer.json() == {"name": "zendesk", "status": "ok"}


async def test_the_log_has_every_call_with_body_and_status(zendesk: httpx.AsyncClient) -> None:
    await zendesk.get("/api/v2/users/1", params={"x": "a b"})
    await zendesk.post("/api/v2/users", json={"user": {"name": ""}}, headers={"Idempotency-Key": "k1"})
    read, written = (await zendesk.get("/_sandbox/log")).json()["requests"]
    assert (read["method"], read["path"], read["query"], read["status"]) == ("GET", "/api/v2/users/1", "x=a+b", 404)
    assert (written["method"], written["body"], written["status"]) == ("POST", '{"user":{"name":""}}', 422)
    assert written["headers"]["idempotency-key"] == "k1"


async def test_the_log_holds_no_credentials(zendesk: httpx.AsyncClient) -> None:
    await zendesk.get("/api/v2/users/1")
    (entry,) = (await zendesk.get("/_sandbox/log")).json()["requests"]
    assert "authorization" not in entry["headers"]


async def test_the_log_can_be_read_by_path_and_cleared(zendesk: httpx.AsyncClient) -> None:
    await zendesk.get("/api/v2/users/1")
    await zendesk.get("/api/v2/tickets/1")
    assert len((await zendesk.get("/_sandbox/log", params={"path": "/api/v2/tickets"})).json()["requests"]) == 1
    await zendesk.delete("/_sandbox/log")
    assert (await zendesk.get("/_sandbox/log")).json() == {"requests": []}


async def test_a_reset_undoes_what_was_written(zendesk: httpx.AsyncClient) -> None:
    made = await zendesk.post("/api/v2/tickets", json={"ticket": {"comment": {"body": "Hallo"}}})
    path = f"/api/v2/tickets/{made.json()['ticket']['id']}"
    assert (await zendesk.get(path)).status_code == 200
    await zendesk.post("/_sandbox/reset")
    assert (await zendesk.get(path)).status_code == 404
    assert len((await zendesk.get("/_sandbox/log")).json()["requests"]) == 1


async def test_an_unknown_control_is_refused(zendesk: httpx.AsyncClient) -> None:
    assert (await zendesk.get("/_sandbox/nothing")).status_code == 404
