"""Who may come in, and what every answer of the sandbox's Dataverse has."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server

API = "/api/data/v9.2"
TOKEN = f"/{CREDENTIALS['dataverse']['tenant_id']}/oauth2/v2.0/token"
FORM = {
    "grant_type": "client_credentials",
    "client_id": CREDENTIALS["dataverse"]["client_id"],
    "client_secret": CREDENTIALS["dataverse"]["client_secret"],
    "scope": "https://crm.example/.default",
}


@pytest.mark.asyncio
async def test_token_lives_an_hour_less_a_second(client: httpx.AsyncClient) -> None:
    answer = (await client.post(TOKEN, data=FORM)).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 3599
    assert answer["ext_expires_in"] == 3599


@pytest.mark.parametrize(
    ("changed", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "stranger"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://crm.example/user"}, 400, "invalid_scope", 1002012),
    ],
)
@pytest.mark.asyncio
async def test_bad_token_request_is_an_oauth_error(
    client: httpx.AsyncClient, changed: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = await client.post(TOKEN, data={**FORM, **changed})
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["error_codes"] == [number]
    assert answer.json()["error_description"].startswith(f"AADSTS{number}:")


@pytest.mark.asyncio
async def test_unknown_tenant_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/nobody/oauth2/v2.0/token", data=FORM)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer a.b.c", "Basic eA==", "Bearer " + "x" * 4000])
@pytest.mark.asyncio
async def test_request_without_a_good_token_is_challenged(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await client.get(f"{API}/contacts", headers={"authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=")


@pytest.mark.asyncio
async def test_token_expires_after_the_told_time(client: httpx.AsyncClient, forward: Callable[[float], None]) -> None:
    told = await client.put("/_sandbox/habits", json={"token_seconds": 60})
    assert told.status_code == 204
    token = (await client.post(TOKEN, data=FORM)).json()["access_token"]
    client.headers["authorization"] = f"Bearer {token}"
    assert (await client.get(f"{API}/WhoAmI")).status_code == 200
    forward(60)
    assert (await client.get(f"{API}/WhoAmI")).status_code == 401


@pytest.mark.parametrize("habits", [b"no", b"[]", b'{"other": 1}', b'{"token_seconds": -1}', b'{"token_seconds": "5"}'])
@pytest.mark.asyncio
async def test_unknown_or_malformed_habit_is_refused(client: httpx.AsyncClient, habits: bytes) -> None:
    assert (await client.put("/_sandbox/habits", content=habits)).status_code == 400
    assert (await client.get("/_sandbox/habits")).json() == {"token_seconds": 3599}


@pytest.mark.asyncio
async def test_reset_brings_the_habits_and_the_rows_back(client: httpx.AsyncClient) -> None:
    before = (await client.get(f"{API}/contacts/$count")).text
    await client.post(f"{API}/contacts", json={"lastname": "Nieuw"})
    await client.put("/_sandbox/habits", json={"token_seconds": 5})
    await client.post("/_sandbox/reset")
    assert (await client.get("/_sandbox/habits")).json() == {"token_seconds": 3599}
    assert (await client.get(f"{API}/contacts/$count")).text == before


@pytest.mark.asyncio
async def test_too_many_requests_are_told_when_to_come_back(
    population: Population,
    clock: Callable[[], datetime],
    forward: Callable[[float], None],
    connect: Callable[[Controlled], AbstractAsyncContextManager[httpx.AsyncClient]],
) -> None:
    settings = ServerSettings(credentials=CREDENTIALS["dataverse"], clock=clock, requests_per_minute=2)
    async with connect(make_server("dataverse", population, settings=settings)) as client:
        first = await client.get(f"{API}/WhoAmI")
        await client.get(f"{API}/WhoAmI")
        third = await client.get(f"{API}/WhoAmI")
        assert first.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "1"
        assert third.status_code == 429
        assert third.json()["error"]["code"] == "0x80072322"
        assert 0 < int(third.headers["retry-after"]) <= 60
        forward(61)
        assert (await client.get(f"{API}/WhoAmI")).status_code == 200


@pytest.mark.asyncio
async def test_every_answer_has_the_platforms_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{API}/contacts?$top=1")
    assert answer.headers["odata-version"] == "4.0"
    assert answer.headers["content-type"] == "application/json; odata.metadata=minimal"
    assert answer.headers["x-ms-service-request-id"]
    assert answer.headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "1,200.00"


@pytest.mark.asyncio
async def test_url_longer_than_32_kilobytes_is_refused(client: httpx.AsyncClient) -> None:
    values = ",".join(f"'{number:036}'" for number in range(1000))
    query = f"Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=[{values}])"
    assert (await client.get(f"{API}/contacts", params={"$filter": query})).status_code == 414
