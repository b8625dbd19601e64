"""A Zendesk in this process, and a client with its credentials."""

from collections.abc import Callable

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled

AGENT = ("koppeling@example.com/token", "sandbox-zendesk-token")


@pytest.fixture
def zendesk(serve: Callable[..., Controlled], connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(serve("zendesk"), auth=AGENT)


@pytest.fixture
def sanne(record_id: Callable[..., str]) -> str:
    """Give the user id of who filed two complaints."""
    return record_id("sanne-de-wit", "zendesk")
