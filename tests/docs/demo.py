"""The demo as the pages describe it: its sandbox, its settings, its people, and the gateway in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

import httpx

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.app import build_app
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.outside import Outside
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.settings import Settings


@dataclass(frozen=True, slots=True)
class Demo:
    """What `klantbeeld demo` would serve; `customers` are the customer ids of the cast, by key."""

    sandbox: Sandbox
    settings: Settings
    issuer: DemoIssuer
    customers: dict[str, str]

    @asynccontextmanager
    async def client(self, who: str, purpose: str) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client of the gateway, with a token of somebody's."""
        headers = {
            "Authorization": f"Bearer {token_for(who, self.issuer, self.settings, minutes=5)}",
            "Klantbeeld-Purpose": purpose,
            "Accept-Language": "en",
        }
        async with build_app(self.settings, Outside(environ={}, log_to=BytesIO())) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
                yield client
