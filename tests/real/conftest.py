"""The servers of others, with people in them, anew for each file of tests."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from klantbeeld.sandbox.facts import Population
from klantbeeld.sdk.examples import Example

from .asking import Billing, Crm, open_billing, open_crm, record
from .landscape import BILLING_COMMAND, cast, crm_command, fill_billing, write_rows
from .processes import Server, running
from .questions import billing_questions, crm_questions


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which every server writes what it says of itself."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def population() -> Population:
    return cast()


@pytest.fixture(scope="module")
def crm(population: Population, logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    rows = tmp_path_factory.mktemp("rows")
    write_rows(population, rows)
    with running(crm_command(rows), logs / "crm.log") as server:
        yield server


@pytest.fixture(scope="module")
def billing(logs: Path) -> Iterator[Server]:
    with running(BILLING_COMMAND, logs / "billing.log") as server:
        yield server


@pytest.fixture(scope="module")
def billing_customers(billing: Server, population: Population) -> dict[str, str]:
    """Fill billing; gives its customers by the ids that they have in the sandbox's Stripe."""
    return fill_billing(billing, population)


@pytest.fixture(scope="module")
def billing_system(billing: Server, billing_customers: dict[str, str]) -> Billing:
    """Give the Stripe connector over a filled localstripe."""
    return open_billing(billing)


@pytest.fixture(scope="module")
def crm_system(crm: Server, population: Population) -> Crm:
    """Give the Dataverse connector over the OData server."""
    return asyncio.run(open_crm(crm, population))


@pytest.fixture(scope="module")
def billing_examples(billing_system: Billing) -> list[Example]:
    """Record from localstripe what it can show."""
    return asyncio.run(record(billing_system, billing_questions(billing_system.keys)))


@pytest.fixture(scope="module")
def crm_examples(crm_system: Crm) -> list[Example]:
    """Record from the OData server what it can show."""
    return asyncio.run(record(crm_system, crm_questions(crm_system.keys)))
