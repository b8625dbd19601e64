"""Tokens upstream: fetched once for all who wait, and never mistaken for the call that needs them."""

import asyncio
from typing import Any

import pytest

from klantbeeld.errors import SourceError, SourceTimeout
from klantbeeld.sdk.auth import ClientCredentials
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.credentials import Credentials, FetchToken

TOKEN = Reply(200, (), b'{"access_token": "t", "expires_in": 3600}')
SECRETS = {"client_id": "c", "client_secret": "s"}


def a_client(fetch: FetchToken) -> Credentials:
    return Credentials(ClientCredentials("https://login.example"), SECRETS, fetch_token=fetch, clock=lambda: 0.0)


@pytest.mark.asyncio
async def test_a_token_that_cannot_be_had_proves_that_the_call_did_not_leave() -> None:
    async def fetch(_call: Call[Any], _deadline: float) -> Reply:
        raise SourceTimeout("no token in time", sent=True)

    with pytest.raises(SourceError) as caught:
        await a_client(fetch).headers(1.0)
    assert caught.value.sent is False


@pytest.mark.asyncio
async def test_callers_who_need_a_token_together_wait_for_one() -> None:
    fetched = []

    async def fetch(call: Call[Any], _deadline: float) -> Reply:
        fetched.append(call)
        await asyncio.sleep(0)
        return TOKEN

    client = a_client(fetch)
    every = await asyncio.gather(*(client.headers(1.0) for _ in range(5)))
    assert every == [((b"authorization", b"Bearer t"),)] * 5
    assert len(fetched) == 1
