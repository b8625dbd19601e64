"""A Stripe of the sandbox in this process, a client with its key, and a clock that stands still."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.facts import Person, Population
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server

TODAY = date(2026, 11, 23)


@dataclass(slots=True)
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def population() -> Population:
    return make_population(size=60, today=TODAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forward(clock: Clock) -> Callable[[float], None]:
    return clock.forward


@pytest.fixture
def server(population: Population, clock: Clock) -> Controlled:
    settings = ServerSettings(credentials=CREDENTIALS["stripe"], clock=clock)
    return make_server("stripe", population, settings=settings)


@pytest_asyncio.fixture
async def client(server: Controlled) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(server)
    key = CREDENTIALS["stripe"]["secret_key"]
    async with httpx.AsyncClient(transport=transport, base_url="https://billing.example", auth=(key, "")) as inside:
        yield inside


@pytest.fixture
def sanne(population: Population) -> Person:
    return population.member("sanne-de-wit").persons[0]


@pytest.fixture
def customer_id(sanne: Person) -> str:
    record = sanne.record("stripe")
    assert record is not None
    return record.record_id
