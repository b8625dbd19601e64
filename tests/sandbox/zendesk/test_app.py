"""Who may call Zendesk, how often, and where."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled

pytestmark = pytest.mark.asyncio

AGENT = ("koppeling@example.com/token", "sandbox-zendesk-token")
ME = "/api/v2/users/me"

Serve = Callable[..., Controlled]
Connect = Callable[..., httpx.AsyncClient]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": "Basic koppeling"},
        {"Authorization": "Basic a29wcGVsaW5nQGV4YW1wbGUuY29tL3Rva2VuOndyb25n"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Digest x"},
    ],
)
async def test_without_the_right_credentials_is_401(serve: Serve, connect: Connect, header: dict[str, str]) -> None:
    answer = await connect(serve("zendesk")).get(ME, headers=header)
    assert (answer.status_code, answer.json()) == (401, {"error": "Couldn't authenticate you"})
    assert "www-authenticate" in answer.headers


async def test_an_api_token_and_an_oauth_token_let_in(serve: Serve, connect: Connect) -> None:
    app = serve("zendesk")
    basic = await connect(app, auth=AGENT).get(ME)
    bearer = await connect(app).get(ME, headers={"Authorization": "Bearer sandbox-zendesk-oauth"})
    assert basic.json() == bearer.json()
    assert basic.status_code == 200


async def test_a_password_in_place_of_a_token_does_not_let_in(serve: Serve, connect: Connect) -> None:
    answer = await connect(serve("zendesk"), auth=("koppeling@example.com", "sandbox-zendesk-token")).get(ME)
    assert answer.status_code == 401


async def test_every_path_answers_with_and_without_json(zendesk: httpx.AsyncClient) -> None:
    assert (await zendesk.get(f"{ME}.json")).json() == (await zendesk.get(ME)).json()


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v2/nothing"), ("PATCH", "/api/v2/tickets"), ("GET", "/")])
async def test_an_unknown_endpoint_is_404(zendesk: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await zendesk.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (404, "InvalidEndpoint")


async def test_more_than_the_quota_is_429_until_the_next_minute(serve: Serve, connect: Connect, clock: Any) -> None:
    client = connect(serve("zendesk", requests_per_minute=2), auth=AGENT)
    assert [(await client.get(ME)).status_code for _ in range(2)] == [200, 200]
    clock.advance(seconds=45)
    refused = await client.get(ME)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
    assert refused.json()["error"] == "APIRateLimitExceeded"
    clock.advance(seconds=15)
    assert (await client.get(ME)).status_code == 200


async def test_custom_fields_are_described(zendesk: httpx.AsyncClient) -> None:
    fields = (await zendesk.get("/api/v2/ticket_fields")).json()["ticket_fields"]
    assert [field["title"] for field in fields] == ["Product", "Contactkanaal"]
