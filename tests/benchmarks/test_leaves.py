"""The benchmark's answers hold what the upstreams hold, and the check sees where one does not."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.alone import HERE, Anybody, plain_engine
from tests.benchmarks.leaves import Different, check_answer
from tests.benchmarks.replay import UPSTREAMS, replies_in, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.gateway.ports import GraphQLRequest, RequestContext
from klantbeeld.identity.ids import CustomerIds

CUSTOMERS = 50
KEYS = [f"C{number:05d}" for number in range(1, CUSTOMERS + 1)]


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bodies")
    write_bodies(folder, CUSTOMERS)
    return folder


@pytest.fixture(scope="module")
def ask(bodies: Path) -> Callable[[str, int], Any]:
    """Give a function that asks a query about the n-th customer, or about the first n."""
    new = CustomerIds().new
    customers = {new(): key for key in KEYS}
    engine, _ = plain_engine(customers, upstreams=UPSTREAMS, make_transport=transports(replies_in(bodies)))
    ids = list(customers)

    async def answer(query: str, number: int) -> Any:
        variables: dict[str, Any] = {"ids": ids[:number]} if query == "q3" else {"id": ids[number]}
        request = GraphQLRequest((HERE / f"queries/{query}.graphql").read_text(), None, variables)
        deadline = asyncio.get_running_loop().time() + 20
        return await engine.execute(request, RequestContext(caller=Anybody(), deadline=deadline, language="en"))

    return lambda query, number: json.loads(asyncio.run(answer(query, number)).body)


@pytest.mark.parametrize("number", [0, 1, 6, 13, 49])
def test_a_unified_answer_holds_the_values_of_the_upstreams(
    ask: Callable[[str, int], Any], bodies: Path, number: int
) -> None:
    assert check_answer("q1", ask("q1", number), bodies, [KEYS[number]], ours=True) == 269


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_small_answer_holds_the_values_of_the_upstream(
    ask: Callable[[str, int], Any], bodies: Path, number: int
) -> None:
    assert check_answer("q2", ask("q2", number), bodies, [KEYS[number]], ours=True) == 4


def test_an_answer_about_many_holds_the_values_of_all(ask: Callable[[str, int], Any], bodies: Path) -> None:
    assert check_answer("q3", ask("q3", CUSTOMERS), bodies, KEYS, ours=True) == CUSTOMERS * 61


def _party(customer: Any) -> None:
    customer["party"]["givenName"] += "x"


def _address(customer: Any) -> None:
    customer["contactMedia"][2]["address"]["city"] = "Zurich"


def _fact(customer: Any) -> None:
    customer["attributes"][0]["value"] = "none"


def _amount(customer: Any) -> None:
    customer["invoices"]["nodes"][7]["total"]["amount"] = "1.00"


def _page(customer: Any) -> None:
    customer["invoices"]["nodes"].pop()


def _complaint(customer: Any) -> None:
    customer["complaints"]["nodes"][0]["solvedAt"] = "2024-03-02T00:00:00Z"


def _consent(customer: Any) -> None:
    customer["consents"][0]["status"] = "NOT_ASKED" if customer["consents"][0]["status"] == "GIVEN" else "GIVEN"


def _campaign(customer: Any) -> None:
    customer["campaigns"][3]["id"] = customer["campaigns"][4]["id"]


@pytest.mark.parametrize("spoil", [_party, _address, _fact, _amount, _page, _complaint, _consent, _campaign])
def test_a_value_that_differs_is_found(
    ask: Callable[[str, int], Any], bodies: Path, spoil: Callable[[Any], None]
) -> None:
    answer = ask("q1", 0)
    spoil(answer["data"]["customer"])
    with pytest.raises(Different):
        check_answer("q1", answer, bodies, [KEYS[0]], ours=True)


def test_an_answer_with_errors_is_not_measured(ask: Callable[[str, int], Any], bodies: Path) -> None:
    answer = ask("q1", 0) | {"errors": [{"message": "no"}]}
    with pytest.raises(Different):
        check_answer("q1", answer, bodies, [KEYS[0]], ours=True)
