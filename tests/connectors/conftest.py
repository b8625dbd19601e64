"""A sandbox of each system in this process, and its connector over it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime
from typing import cast

import httpx
import pytest

from klantbeeld.registry import load_connectors
from klantbeeld.sandbox.facts import Population, System
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server
from klantbeeld.sdk.examples import example_options
from klantbeeld.sdk.live import Live

# As scripts/record_examples.py has them: the examples were recorded on this day, from these people.
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
URL = "http://sandbox.example"

Open = Callable[[str], AbstractAsyncContextManager[Live]]


@pytest.fixture(scope="session")
def population() -> Population:
    return make_population(size=8, today=TODAY)


@pytest.fixture
def open_sandbox(population: Population) -> Open:
    """Give a function that opens the connector NAME over a sandbox of its own."""

    @asynccontextmanager
    async def open_it(name: str) -> AsyncIterator[Live]:
        system = cast("System", name)
        loaded = load_connectors().load(name)
        options = example_options(loaded.manifest)
        options |= {key: value for key, value in CREDENTIALS[system].items() if key in options}
        options |= {"authority": URL} if "authority" in options else {}
        settings = ServerSettings(credentials=CREDENTIALS[system], clock=lambda: NOW)
        transport = httpx.ASGITransport(make_server(system, population, settings=settings))
        async with httpx.AsyncClient(transport=transport) as client:
            yield Live(loaded.manifest, loaded.make(options), client, URL, CREDENTIALS[system])

    return open_it
