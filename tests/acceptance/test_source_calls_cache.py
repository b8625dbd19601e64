"""Issue 4, the links: calls that are shared, and values that are served again, on two replicas over one store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done
from .running import Ask, Calls, Deployment, Gateway, deploy, free_port, running

SANNE = "sanne-de-wit"
CACHE = """
[cache]
max_age = 600

[cache.kinds.invoice]
max_age = 0.001
stale_if_error = 600

[cache.kinds.campaign]
max_age = 0.001
stale_while_revalidate = 600

[cache.kinds.complaint]
max_age = 0
"""
PROVENANCE = "provenance { freshness fetchedAt ageSeconds }"
PARTY = f"party {{ fullName {PROVENANCE} }} sources {{ source state asOf }}"
INVOICES = f"invoices {{ nodes {{ number {PROVENANCE} }} }} sources {{ source state asOf code }}"
CAMPAIGNS = f"campaigns {{ name {PROVENANCE} }}"


@pytest.fixture(scope="module")
def replicated(servers: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Write a configuration in which values are kept, and fill its identity map."""
    return deploy(tmp_path_factory.mktemp("cached"), servers, change=lambda settings: settings + CACHE)


@pytest.fixture(scope="module")
def gateways(replicated: Deployment) -> Iterator[tuple[Gateway, Gateway]]:
    """Serve it twice, from one store."""
    one = Gateway(replicated.file, replicated.settings.gateway.port)
    other = Gateway(replicated.file, free_port(), name="replica")
    with running(one), running(other):
        yield one, other


@pytest.fixture
def here(gateways: tuple[Gateway, Gateway], replicated: Deployment, http: httpx.Client, sandbox: Sandbox) -> Ask:
    return Ask(gateways[0].address, replicated.issuer, replicated.settings, http)


@pytest.fixture
def there(gateways: tuple[Gateway, Gateway], replicated: Deployment, http: httpx.Client, sandbox: Sandbox) -> Ask:
    return Ask(gateways[1].address, replicated.issuer, replicated.settings, http)


@pytest.fixture
def people(replicated: Deployment) -> dict[str, str]:
    return replicated.customers


def read(ask: Ask, customer: str, selection: str, **given: Any) -> Any:
    document = f"query Read($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
    return ask(document, {"id": customer}, **given).part["customer"]


def state(found: Any, source: str) -> str:
    return next(str(one["state"]) for one in found["sources"] if one["source"] == source)


@pytest.mark.feature("4 links", "A value is served again within its time, and says so with its age")
def test_a_value_is_served_again_and_says_so(here: Ask, people: dict[str, str], calls: Calls) -> None:
    first = read(here, people["emma-visser"], PARTY)
    second = read(here, people["emma-visser"], PARTY)

    assert first["party"]["provenance"]["freshness"] == "LIVE"
    assert second["party"]["provenance"]["freshness"] == "CACHED"
    assert second["party"]["provenance"]["fetchedAt"] == first["party"]["provenance"]["fetchedAt"]
    assert second["party"]["provenance"]["ageSeconds"] >= 0
    assert (state(first, "dataverse"), state(second, "dataverse")) == ("OK", "CACHED")
    assert len(calls()["dataverse"]) == 1


@pytest.mark.feature("4 links", "What is kept for one purpose or class of callers is not served for another")
def test_a_value_is_kept_per_rights_and_purpose(here: Ask, people: dict[str, str], calls: Calls) -> None:
    customer = people["hendrik-smit"]
    for who, purpose in (("agent", "service"), ("agent", "advice"), ("agent", "service")):
        read(here, customer, PARTY, who=who, purpose=purpose)

    assert len(calls()["dataverse"]) == 2


@pytest.mark.feature("4 links", "A write evicts before it answers, on every replica")
def test_a_write_is_seen_by_the_next_read_on_either_replica(here: Ask, there: Ask, people: dict[str, str]) -> None:
    media = f"contactMedia {{ kind value {PROVENANCE} }}"
    customer = people["mila-hendriks"]
    for ask in (here, there):
        read(ask, customer, media)
        assert {one["provenance"]["freshness"] for one in read(ask, customer, media)["contactMedia"]} == {"CACHED"}

    given = {"customerId": customer, "phone": "+31611112222", "idempotencyKey": "evict-1"}
    payload = done(act(here, "changeContactDetails", given), "changeContactDetails")

    for ask in (there, here):
        assert "+31611112222" in [one["value"] for one in read(ask, customer, media)["contactMedia"]]
    token = {"Klantbeeld-Consistency-Token": payload["consistencyToken"]}
    assert "+31611112222" in [one["value"] for one in read(there, customer, media, headers=token)["contactMedia"]]


@pytest.mark.feature("4 links", "A consistency token that is not ours is refused")
def test_a_token_that_is_not_ours_is_refused(there: Ask, people: dict[str, str]) -> None:
    reply = there("{ __typename }", headers={"Klantbeeld-Consistency-Token": "AAAA"})

    assert reply.status == 400
    assert reply.codes == ["CONSISTENCY_TOKEN_INVALID"]


@pytest.mark.feature("4 links", "Where a source is down, a value within its limit is served as STALE, with its age")
def test_a_stale_value_stands_in_for_a_source_that_is_down(here: Ask, people: dict[str, str], sandbox: Sandbox) -> None:
    first = read(here, people[SANNE], INVOICES)
    sandbox.set_fault("stripe", {"mode": "status", "status": 503})
    second = read(here, people[SANNE], INVOICES)

    nodes, before = second["invoices"]["nodes"], first["invoices"]["nodes"]
    assert [one["number"] for one in nodes] == [one["number"] for one in before]
    assert {one["provenance"]["freshness"] for one in nodes} == {"STALE"}
    assert nodes[0]["provenance"]["fetchedAt"] == before[0]["provenance"]["fetchedAt"]
    assert state(second, "stripe") == "STALE"


@pytest.mark.feature("4 links", "A stale value is not served across a change of rights, and never for a sum")
def test_a_stale_value_is_nobody_elses_and_no_sum(here: Ask, people: dict[str, str], sandbox: Sandbox) -> None:
    both = f"{INVOICES} balances {{ amount }}"
    read(here, people["fatima-el-amrani"], both)
    sandbox.set_fault("stripe", {"mode": "status", "status": 503})

    assert read(here, people["fatima-el-amrani"], both)["balances"] is None
    assert read(here, people["fatima-el-amrani"], INVOICES, purpose="collections")["invoices"] is None


@pytest.mark.feature("4 links", "A value is served as STALE while the source is asked again behind the answer")
def test_a_value_is_renewed_behind_the_answer(here: Ask, people: dict[str, str], calls: Calls) -> None:
    seen = [read(here, people[SANNE], CAMPAIGNS)["campaigns"][0]["provenance"] for _ in range(3)]

    assert [one["freshness"] for one in seen[:2]] == ["LIVE", "STALE"]
    assert seen[1]["fetchedAt"] == seen[0]["fetchedAt"]
    assert len(calls()["sap_customer_data_cloud"]) >= 2


@pytest.mark.feature("4 links", "Consents and balances are not kept unless somebody asks for it")
def test_consents_and_balances_are_asked_each_time(here: Ask, people: dict[str, str], calls: Calls) -> None:
    selection = "consents { purpose status provenance { freshness } } balances { amount }"
    for _ in range(2):
        found = read(here, people[SANNE], selection)
        assert {one["provenance"]["freshness"] for one in found["consents"]} == {"LIVE"}

    seen = calls()
    assert len(seen["sap_customer_data_cloud"]) == 2
    assert len([one for one in seen["stripe"] if "/invoices" in one]) == 2


@pytest.mark.feature("4 links", "Cache-Control and Age are the strictest of what went into the answer")
def test_an_answer_says_how_long_it_may_be_kept(here: Ask, people: dict[str, str]) -> None:
    document = "query Read($id: ID!) { customer(id: $id) { party { fullName } %s } }"

    def headers(more: str) -> tuple[str, str | None]:
        reply = here(document % more, {"id": people["daan-van-dijk"]})
        return reply.headers["cache-control"], reply.headers.get("age")

    assert headers("") == ("private, max-age=600", None)
    private, age = headers("")
    assert private == "private, max-age=600"
    assert age is None or int(age) >= 1  # rounded up
    assert headers("complaints { nodes { subject } }")[0] == "no-store"


@pytest.mark.feature("4 links", "Callers with the same rights who ask the same at the same time share one call")
def test_equal_reads_at_once_are_one_call(ask: Ask, ids: dict[str, str], calls: Calls, sandbox: Sandbox) -> None:
    """The gateway of all other tests, which keeps nothing."""
    sandbox.set_fault("dataverse", {"mode": "latency", "ms": 400, "paths": ["/api/"]})
    selection = f"party {{ fullName {PROVENANCE} }}"
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: read(ask, ids[SANNE], selection), range(12)))
        asked = len(calls()["dataverse"])
        others = pool.map(lambda purpose: read(ask, ids[SANNE], selection, purpose=purpose), ["service", "advice"])
        list(others)

    assert {one["party"]["fullName"] for one in found} == {"Sanne de Wit"}
    assert {one["party"]["provenance"]["freshness"] for one in found} == {"LIVE"}
    assert asked == 1
    assert len(calls()["dataverse"]) == 3
