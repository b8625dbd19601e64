"""A source is opened from its settings, and closed whole."""

from collections.abc import Sequence

import pytest

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.opening import open_source
from klantbeeld.sources.transport import Transport


class ClosingTransport(Transport):
    """Counts who is still open."""

    def __init__(self, address: str, opened: set[str]) -> None:
        self.address = address
        self.opened = opened
        opened.add(address)

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        """Answer nothing: these tests send nothing."""
        raise AssertionError(method, target, headers, body, deadline)

    async def aclose(self) -> None:
        """Close."""
        self.opened.remove(self.address)


@pytest.mark.asyncio
async def test_closing_a_source_closes_its_connections_to_the_token_endpoint_too() -> None:
    opened: set[str] = set()
    settings = SourceSettings.model_validate(
        {
            "connector": "dataverse",
            "base_url": "https://crm.example",
            "options": {"tenant_id": "t", "authority": "https://login.example"},
            "importance": "essential",
            "risk_when_missing": {"nl": "Wijzig niets.", "en": "Change nothing."},
            "hosted_in": "NL",
            "processor": "P",
            "retention": "P7Y",
        }
    )
    source = open_source(
        "crm",
        settings,
        load_connectors().load("dataverse"),
        {"client_id": "c", "client_secret": "s"},
        make_transport=lambda address, _: ClosingTransport(address, opened),
    )
    assert opened == {"https://crm.example", "https://login.example/t/oauth2/v2.0/token"}
    await source.aclose()
    assert opened == set()
