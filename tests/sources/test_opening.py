"""A source is opened from its settings, and closed whole."""

from collections.abc import Sequence
from typing import Any

import pytest

from klantbeeld.registry import LoadedConnector, load_connectors
from klantbeeld.sdk.auth import ClientCredentials, TokenReply
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.opening import _token_fetcher, open_source
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


SETTINGS = SourceSettings.model_validate(
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
SECRETS = {"client_id": "c", "client_secret": "s"}


@pytest.mark.asyncio
async def test_closing_a_source_closes_its_connections_to_the_token_endpoint_too() -> None:
    opened: set[str] = set()
    source = open_source(
        "crm",
        SETTINGS,
        load_connectors().load("dataverse"),
        SECRETS,
        make_transport=lambda address, _: ClosingTransport(address, opened),
    )
    assert opened == {"https://crm.example", "https://login.example/t/oauth2/v2.0/token"}
    await source.aclose()
    assert opened == set()


@pytest.mark.parametrize(
    ("address", "target"),
    [("https://login.example/token?api-version=1.0", "/token?api-version=1.0"), ("https://login.example", "/")],
)
@pytest.mark.asyncio
async def test_the_token_endpoint_is_asked_by_its_whole_address(address: str, target: str) -> None:
    asked: list[str] = []

    class Token(ClosingTransport):
        async def exchange(self, method: str, target: str, *_: Any, **__: Any) -> Reply:
            asked.append(target)
            return Reply(200, (), b"{}")

    auth = ClientCredentials(token_url=address)
    fetch, _ = _token_fetcher(auth, {}, SETTINGS, lambda address, _: Token(address, set()))
    await fetch(Call(method="POST", path="", form=[("a", "b")], record=TokenReply), 1.0)
    assert asked == [target]


@pytest.mark.parametrize(("ours", "theirs", "used"), [(None, "X-B", "X-B"), ("X-A", "X-B", "X-A"), (None, None, None)])
def test_the_header_of_the_deadline_is_the_operators_or_the_connectors(
    ours: str | None, theirs: str | None, used: str | None
) -> None:
    loaded = load_connectors().load("dataverse")
    limits = loaded.manifest.limits.model_copy(update={"deadline_header": theirs})
    loaded = LoadedConnector(loaded.manifest.model_copy(update={"limits": limits}), loaded.make)
    source = open_source("crm", SETTINGS.model_copy(update={"deadline_header": ours}), loaded, SECRETS)
    assert source.settings.deadline_header == used
