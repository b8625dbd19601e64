"""Compiling cannot be made a weapon: unknown documents have a share of the processor, and known ones do not notice."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from klantbeeld.cli.views import view
from klantbeeld.sandbox.launcher import Sandbox

from .caching import live_only
from .running import ANSWER_SECONDS, Ask, Gateway, deploy, running

# So little that it is spent by the first documents, and comes back to nobody within a test.
LITTLE = "\n[documents]\nnew_share = 0.0001\nnew_burst = 0.001\n"
KNOWN = "query Known($id: ID!) { customer(id: $id) { party { fullName } } }"
BY_ID = '{ customer(id: "%s") { party { customerNumber } } }'


@pytest.fixture(scope="module")
def strict(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Ask, dict[str, str]]]:
    """Serve a gateway that hardly looks at unknown documents."""
    deployed = deploy(tmp_path_factory.mktemp("strict"), servers, change=lambda text: text + LITTLE)
    gateway = Gateway(deployed.file, deployed.settings.gateway.port, name="strict")
    with running(gateway), httpx.Client(timeout=ANSWER_SECONDS) as http:
        yield gateway, Ask(gateway.address, deployed.issuer, deployed.settings, http), deployed.customers


def counted(ask: Ask, gateway: Gateway, name: str) -> float:
    """Read a counter of the gateway."""
    lines = ask.http.get(f"{gateway.address}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def origins(ask: Ask, gateway: Gateway) -> dict[str, float]:
    """Read how often a document was new, shared or refused."""
    kinds = ("new", "shared", "refused")
    return {kind: counted(ask, gateway, f'klantbeeld_documents_total{{origin="{kind}"}}') for kind in kinds}


@pytest.mark.feature(
    "3 engine", "Unknown documents beyond their share get 429 with Retry-After; known and trusted do not"
)
def test_beyond_the_share_unknown_documents_wait_and_known_ones_do_not(
    strict: tuple[Gateway, Ask, dict[str, str]], sandbox: Sandbox
) -> None:
    gateway, ask, customers = strict
    known = {"id": customers["fatima-el-amrani"]}
    assert ask(KNOWN, known).data["customer"]["party"]
    for number in range(20):
        refused = ask(f"query New{number}($id: ID!) {{ customer(id: $id) {{ a{number}: id }} }}", known)
        assert (refused.status, refused.codes) == (429, ["TOO_MANY_NEW_DOCUMENTS"])
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.body["errors"][0]["extensions"]["retryable"] is True
        assert ask(KNOWN, known).data["customer"]["party"]
    assert ask(view("service-call"), known).data["customer"]["party"]  # trusted
    assert origins(ask, gateway) == {"new": 1, "shared": 0, "refused": 20}


@pytest.mark.feature(
    "3 engine", "Documents that vary in literals share a plan, and are answered with their own literals"
)
def test_documents_that_vary_in_literals_share_a_plan(ask: Ask, gateway: Gateway, ids: dict[str, str]) -> None:
    before = origins(ask, gateway)
    numbers = {ask(BY_ID % one).data["customer"]["party"]["customerNumber"] for one in ids.values()}
    assert len(numbers) == len(ids)
    after = origins(ask, gateway)
    assert {kind: after[kind] - before[kind] for kind in after} == {"new": 1, "shared": len(ids) - 1, "refused": 0}


@pytest.mark.feature("3 engine", "Documents that share a plan tell errors at their own places")
def test_documents_that_share_a_plan_tell_errors_at_their_own_places(ask: Ask, ids: dict[str, str]) -> None:
    for padding in ("", " ", "\n\n"):
        text = f'{{ customer(id: "{ids["fatima-el-amrani"]}") {{ id }}{padding} node(id: "{padding}") {{ id }} }}'
        reply = ask(text.replace('"\n\n"', '"x"'))
        line, column = reply.body["errors"][0]["locations"][0].values()
        assert text.splitlines()[line - 1][column - 1 :].startswith("node")


@pytest.mark.feature("3 engine", "A document is compiled when it recurs, and answers the same before and after")
@live_only
def test_a_document_answers_the_same_the_first_time_and_later(ask: Ask, gateway: Gateway, ids: dict[str, str]) -> None:
    text = view("service-call").replace("query ServiceCall", "query OnceAndAgain")
    fallbacks = counted(ask, gateway, "klantbeeld_assembler_fallbacks_total")
    first, second, third = (ask(text, {"id": ids["fatima-el-amrani"]}).data for _ in range(3))
    for answer in (first, second, third):
        for status in answer["customer"].pop("sources"):
            assert status["state"] == "OK"
    assert first == second == third
    assert list(first["customer"]) == list(second["customer"])
    assert counted(ask, gateway, "klantbeeld_assembler_fallbacks_total") == fallbacks


@pytest.mark.feature("3 engine", "No documented, demo or benchmark operation is left to graphql-core, says a metric")
def test_no_view_is_left_to_graphql_core(ask: Ask, gateway: Gateway, ids: dict[str, str]) -> None:
    before = counted(ask, gateway, "klantbeeld_assembler_fallbacks_total")
    files = sorted((Path(__file__).parents[2] / "tests/benchmarks/queries").glob("*.graphql"))
    variables = {"id": ids["fatima-el-amrani"], "ids": list(ids.values()), "channel": "EMAIL"}
    for text in [view("service-call"), view("advice"), *(file.read_text(encoding="utf-8") for file in files)]:
        for _ in range(3):
            assert ask(text, variables).part
    assert counted(ask, gateway, "klantbeeld_assembler_fallbacks_total") == before
    ask("{ __schema { queryType { name } } }")
    ask("{ __schema { queryType { name } } }")
    assert counted(ask, gateway, "klantbeeld_assembler_fallbacks_total") == before + 1
