"""A Dataverse of the sandbox in this process, a client that may come in, and a clock that stands still."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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

    def forward(self, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


LogIn = Callable[[httpx.AsyncClient], Awaitable[None]]
Connect = Callable[[Controlled], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def population() -> Population:
    return make_population(size=60, today=TODAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forward(clock: Clock) -> Callable[[float], None]:
    return lambda seconds: clock.forward(seconds=seconds)


@pytest.fixture
def server(population: Population, clock: Clock) -> Controlled:
    settings = ServerSettings(credentials=CREDENTIALS["dataverse"], clock=clock)
    return make_server("dataverse", population, settings=settings)


async def logged_in(client: httpx.AsyncClient) -> None:
    credentials = CREDENTIALS["dataverse"]
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
        "scope": "https://crm.example/.default",
    }
    answer = await client.post(f"/{credentials['tenant_id']}/oauth2/v2.0/token", data=form)
    client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


@asynccontextmanager
async def connected(server: Controlled) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="https://crm.example") as client:
        await logged_in(client)
        yield client


@pytest_asyncio.fixture
async def client(server: Controlled) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(server) as inside:
        yield inside


@pytest.fixture
def connect() -> Connect:
    return connected


@pytest.fixture
def log_in() -> LogIn:
    return logged_in


@pytest.fixture
def sanne(population: Population) -> Person:
    return population.member("sanne-de-wit").persons[0]
