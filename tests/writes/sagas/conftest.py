"""An empty store of each kind under a clock that the test moves, and an operation to have tasks for."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from klantbeeld.settings import StoreSettings
from klantbeeld.store import Store, open_store
from klantbeeld.store.transactions import Transactions, open_transactions
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.sagas.tasks import Tasks

BEGAN = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
OPERATION = "019ab000-0000-7000-8000-000000000001"
CUSTOMER = "019ab000-0000-7000-8000-0000000000c1"


class Clock:
    """Shows `now`, which the test moves."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def new_id() -> str:
    return str(uuid.uuid4())


def operation(*steps: StepRow, operation_id: str = OPERATION, mutation: str = "creditInvoice") -> OperationView:
    """Give an operation that began a moment ago, and whose lease is over."""
    row = OperationRow(
        id=operation_id,
        scope_key=None,
        fingerprint=b"f" * 32,
        caller=b"c" * 32,
        mutation=mutation,
        customer_id=CUSTOMER,
        channel="PHONE",
        created_at=BEGAN,
        updated_at=BEGAN,
        expires_at=BEGAN + timedelta(days=7),
        wake_at=None,
        holder=new_id(),
        leased_until=BEGAN,
        sealed_key=None,
    )
    return OperationView(row, steps)


def step(seq: int, kind: str, act: str, **changed: object) -> StepRow:
    return StepRow(operation_id=OPERATION, seq=seq, kind=kind, act=act, step_key=f"{seq}", **changed)  # type: ignore[arg-type]  # columns by name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def store(migrated_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=migrated_url, timeout=30)) as store:
        yield store


@pytest_asyncio.fixture
async def transactions(store: Store) -> AsyncIterator[Transactions]:
    async with open_transactions(store) as transactions:
        yield transactions


@pytest.fixture
def journal(transactions: Transactions) -> Journal:
    return Journal(transactions, wait=5)


@pytest.fixture
def tasks(transactions: Transactions) -> Tasks:
    return Tasks(transactions, wait=5)
