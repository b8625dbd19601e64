"""Idempotency keys as documented: replay, refusal, expiry, and what is not kept."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

URL = "/v1/customers"


def keyed(key: str = "key-1") -> dict[str, str]:
    return {"idempotency-key": key}


async def how_many(client: httpx.AsyncClient, email: str) -> int:
    return len((await client.get(URL, params={"email": email})).json()["data"])


@pytest.mark.asyncio
async def test_same_key_and_parameters_replay_the_answer(client: httpx.AsyncClient) -> None:
    first = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    second = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await how_many(client, "a@example.nl") == 1


@pytest.mark.asyncio
async def test_replay_names_the_original_request(client: httpx.AsyncClient) -> None:
    first = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    second = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert first.headers["original-request"] == first.headers["request-id"]
    assert second.headers["original-request"] == first.headers["request-id"]
    assert second.headers["request-id"] != first.headers["request-id"]
    assert second.headers["idempotency-key"] == "key-1"


@pytest.mark.asyncio
async def test_order_of_parameters_does_not_matter(client: httpx.AsyncClient) -> None:
    await client.post(URL, data={"email": "a@example.nl", "name": "A"}, headers=keyed())
    again = await client.post(URL, data={"name": "A", "email": "a@example.nl"}, headers=keyed())
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.asyncio
async def test_other_parameters_are_refused(client: httpx.AsyncClient) -> None:
    await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    other = await client.post(URL, data={"email": "b@example.nl"}, headers=keyed())
    assert other.status_code == 400
    assert other.json()["error"]["type"] == "idempotency_error"
    assert "same parameters they were first used with" in other.json()["error"]["message"]
    assert await how_many(client, "b@example.nl") == 0


@pytest.mark.asyncio
async def test_other_endpoint_is_refused(client: httpx.AsyncClient, customer_id: str) -> None:
    await client.post(URL, data={"name": "A"}, headers=keyed())
    other = await client.post(f"{URL}/{customer_id}", data={"name": "A"}, headers=keyed())
    assert other.json()["error"]["type"] == "idempotency_error"
    assert f"('{URL}/{customer_id}' vs '{URL}')" in other.json()["error"]["message"]


@pytest.mark.asyncio
async def test_key_in_use_is_a_conflict(client: httpx.AsyncClient) -> None:
    await client.put("/_sandbox/habits", json={"write_ms": 50})
    posts = (client.post(URL, data={"email": "a@example.nl"}, headers=keyed()) for _ in range(2))
    first, second = sorted(await asyncio.gather(*posts), key=lambda answer: answer.status_code)
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert await how_many(client, "a@example.nl") == 1


@pytest.mark.asyncio
async def test_key_is_forgotten_after_24_hours(client: httpx.AsyncClient, forward: Callable[[float], None]) -> None:
    first = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    forward(24 * 3600 - 1)
    kept = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    forward(1)
    forgotten = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert kept.json()["id"] == first.json()["id"]
    assert forgotten.json()["id"] != first.json()["id"]
    assert await how_many(client, "a@example.nl") == 2


@pytest.mark.asyncio
async def test_term_can_be_told(client: httpx.AsyncClient) -> None:
    await client.put("/_sandbox/habits", json={"idempotency_seconds": 0})
    first = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    second = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.asyncio
async def test_refusal_of_the_endpoint_is_kept(client: httpx.AsyncClient) -> None:
    form = {"invoice": "in_none", "amount": "5"}
    first = await client.post("/v1/credit_notes", data=form, headers=keyed())
    second = await client.post("/v1/credit_notes", data=form, headers=keyed())
    assert first.status_code == second.status_code == 400
    assert second.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("wrong", [{"nonsense": "1"}, {"email": "no address"}])
@pytest.mark.asyncio
async def test_refused_parameters_are_not_kept(client: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    first = await client.post(URL, data=wrong, headers=keyed())
    mended = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert (first.status_code, mended.status_code) == (400, 200)


@pytest.mark.asyncio
async def test_refused_api_key_is_not_kept(client: httpx.AsyncClient) -> None:
    refused = await client.post(URL, data={"name": "A"}, headers=keyed(), auth=("sk_test_wrong", ""))
    accepted = await client.post(URL, data={"name": "A"}, headers=keyed())
    assert (refused.status_code, accepted.status_code) == (401, 200)


@pytest.mark.asyncio
async def test_key_longer_than_255_characters_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, data={"name": "A"}, headers=keyed("k" * 256))
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


@pytest.mark.asyncio
async def test_answer_that_was_lost_is_found_again(client: httpx.AsyncClient) -> None:
    fault = {"mode": "status", "status": 502, "when": "after", "times": 1}
    await client.put("/_sandbox/fault", json=fault)
    lost = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    again = await client.post(URL, data={"email": "a@example.nl"}, headers=keyed())
    assert (lost.status_code, again.status_code) == (502, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert await how_many(client, "a@example.nl") == 1


@pytest.mark.asyncio
async def test_without_a_key_two_requests_make_two_customers(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post(URL, data={"email": "a@example.nl"})
    assert await how_many(client, "a@example.nl") == 2
