"""A SAP Customer Data Cloud in this process, and a call with its credentials."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.server import CREDENTIALS

KEYS = CREDENTIALS["sap_customer_data_cloud"]


@pytest.fixture
def keys() -> dict[str, str]:
    """Give the parameters that let a call in."""
    return {"apiKey": KEYS["api_key"], "userKey": KEYS["user_key"], "secret": KEYS["secret"]}


@pytest.fixture
def call(
    serve: Callable[..., Controlled], connect: Callable[..., httpx.AsyncClient], keys: dict[str, str]
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Call a method and give what it answered; it always answers with 200."""
    client = connect(serve("sap_customer_data_cloud"))

    async def post(method: str, **parameters: str) -> dict[str, Any]:
        answer = await client.post(f"/{method}", data={**keys, **parameters})
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    return post


@pytest.fixture
def sanne(record_id: Callable[..., str]) -> str:
    """Give the UID of who agreed to marketing."""
    return record_id("sanne-de-wit", "sap_customer_data_cloud")
