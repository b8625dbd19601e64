"""What the tests of the sandbox's servers share: a small population, a clock that stands still, clients in process."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.facts import Person, Population, System
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server

TODAY = date(2026, 11, 20)


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture(scope="session")
def population() -> Population:
    return make_population(size=150, today=TODAY)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def person(population: Population) -> Callable[[str], Person]:
    """Find somebody of the cast by key."""
    return lambda key: population.member(key).persons[0]


@pytest.fixture
def record_id(population: Population) -> Callable[[str, System], str]:
    """Find the id that somebody of the cast has in a system."""

    def find(key: str, system: System) -> str:
        record = population.member(key).persons[0].record(system)
        assert record is not None
        return record.record_id

    return find


@pytest.fixture
def serve(population: Population, clock: FakeClock) -> Callable[..., Controlled]:
    """Make a server in this process, with the fake clock."""

    def make(name: System, *, requests_per_minute: int | None = None) -> Controlled:
        settings = ServerSettings(credentials=CREDENTIALS[name], requests_per_minute=requests_per_minute, clock=clock)
        return make_server(name, population, settings=settings)

    return make


@pytest.fixture
def connect() -> Callable[..., httpx.AsyncClient]:
    """Make a client of a server in this process."""

    def make(app: Controlled, *, auth: tuple[str, str] | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox.test", auth=auth)

    return make
