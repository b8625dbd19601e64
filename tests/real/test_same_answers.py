"""The sandbox's Dataverse and a server that others wrote, over the same rows."""

from datetime import UTC, datetime

import httpx
import pytest

from klantbeeld.registry import load_connectors
from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server
from klantbeeld.sdk.examples import Example, example_options
from klantbeeld.sdk.live import Live

from .processes import needs_install
from .questions import Records

pytestmark = [pytest.mark.real, needs_install]


@pytest.mark.asyncio
async def test_the_sandbox_answers_as_the_odata_server_does(
    crm_examples: list[Example], population: Population
) -> None:
    """What the connector makes of both differs in versions alone."""
    loaded = load_connectors().load("dataverse")
    credentials = CREDENTIALS["dataverse"]
    url = "http://sandbox.example"
    settings = ServerSettings(credentials=credentials, clock=lambda: datetime.now(UTC))
    transport = httpx.ASGITransport(make_server("dataverse", population, settings=settings))
    options = example_options(loaded.manifest) | {"tenant_id": credentials["tenant_id"], "authority": url}
    connector = loaded.make(options)
    async with httpx.AsyncClient(transport=transport) as client:
        live = Live(loaded.manifest, connector, client, url, credentials)
        for example in (example for example in crm_examples if example.ask is not None):
            again = await live.record(example)
            assert comparable(again.expect) == comparable(example.expect), example.name


def comparable(records: Records) -> Records:
    without = [{name: value for name, value in record.items() if name != "version"} for record in records]
    return sorted(without, key=lambda record: str(record["record_id"]))
