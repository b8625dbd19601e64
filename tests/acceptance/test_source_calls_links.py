"""The links that hold calls in time and in number: deadline, bulkhead, quota, and what `sources` shows of all."""

import threading
import time

import httpx
import pytest

from klantbeeld.sandbox.facts import System

from .linked import ACCOUNTS, COMPLAINTS, CONSENTS, DAY, KEY, PARTY, Linked, spread, together
from .running import Ask, Deployment, Gateway, command, free_port, send_and_leave


@pytest.mark.feature("4 links", "Deadline: by caller class, 2 s for apps, 5 s for agents and partners")
def test_each_class_has_its_deadline(linked_gateway: Linked) -> None:
    classes = linked_gateway.deployment.settings.access.classes
    assert {name: one.deadline for name, one in classes.items()} == {"app": 2, "agent": 5, "partner": 5}
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    reply = linked_gateway.customer(f"{PARTY} {ACCOUNTS}", who=KEY)
    assert reply.part["customer"] == {"party": {"fullName": "Fatima El Amrani"}, "billingAccounts": None}
    assert 1.5 < reply.seconds < 3


@pytest.mark.feature("4 links", "Deadline: no class may have more than the hard cap of 15 s")
def test_a_deadline_above_the_cap_does_not_start(deployment: Deployment) -> None:
    capped = {"KLANTBEELD__ACCESS__CLASSES__AGENT__DEADLINE": "15.5"}
    ran = command("check", "--config", deployment.file, environ=capped)
    assert ran.returncode == 2
    assert "gateway.max_deadline" in ran.stdout + ran.stderr


@pytest.mark.feature("4 links", "Deadline: a header shortens it, and the partial answer is there by then")
@pytest.mark.parametrize("milliseconds", [300, 800])
def test_the_partial_answer_arrives_by_the_deadline(linked_gateway: Linked, milliseconds: int) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    headers = {"Klantbeeld-Deadline-Ms": str(milliseconds)}
    reply = linked_gateway.customer(f"{PARTY} {ACCOUNTS}", headers=headers)
    assert reply.part["customer"]["party"] == {"fullName": "Fatima El Amrani"}
    assert reply.errors == {"customer.billingAccounts": ("SOURCE_TIMEOUT", "stripe")}
    assert reply.seconds < milliseconds / 1000 + 0.7  # the call itself could take much longer


@pytest.mark.feature("4 links", "Deadline: the time that is left is sent on to a source that takes it")
def test_a_source_is_told_how_long_its_answer_is_waited_for(linked_gateway: Linked) -> None:
    linked_gateway.customer(PARTY, headers={"Klantbeeld-Deadline-Ms": "900"})
    linked_gateway.customer(PARTY)
    told = [int(entry["headers"]["x-time-left-ms"]) for entry in linked_gateway.sandbox.log("dataverse")]
    assert 500 < told[0] < 900
    assert 1_500 < told[1] <= 2_000
    assert linked_gateway.customer(ACCOUNTS).data
    assert all("x-time-left-ms" not in entry["headers"] for entry in linked_gateway.sandbox.log("stripe"))


@pytest.mark.feature("4 links", "Deadline: no call starts after it")
def test_no_call_starts_after_the_deadline(linked_gateway: Linked) -> None:
    document = "complaints { nodes { about { name } } }"
    assert linked_gateway.customer(document).data["customer"]["complaints"]["nodes"][0]["about"]
    linked_gateway.sandbox.clear_log("stripe")
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 500})
    reply = linked_gateway.customer(document, headers={"Klantbeeld-Deadline-Ms": "400"})
    assert reply.part["customer"] == {"complaints": None}
    time.sleep(0.3)  # longer than the system needs: what would come of it would have come
    assert linked_gateway.sandbox.log("stripe") == []


@pytest.mark.feature("4 links", "Deadline: a client that goes away cancels its reads within 200 ms")
def test_a_client_that_goes_away_cancels_its_reads(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    document = f"query Q($id: ID!) {{ customer(id: $id) {{ {PARTY} {ACCOUNTS} }} }}"
    variables = {"id": linked_gateway.deployment.customers[KEY]}
    connection = send_and_leave(linked_gateway.ask, {"query": document, "variables": variables})
    linked_gateway.until("source_calls_under_way", 1, source="stripe", within=1)
    time.sleep(0.15)
    connection.close()
    linked_gateway.until("source_calls_under_way", 0, source="stripe", within=1)  # the deadline is 5 s
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Deadline: a client that goes away never cancels a write that has been sent")
def test_a_client_that_goes_away_leaves_its_write_alone(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "latency", "ms": 600, "when": "after"})
    before = linked_gateway.metric("source_calls_total", source="stripe", outcome="ok")
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "weg@example.nl",
        "channel": "PHONE",
        "idempotencyKey": f"gone-{time.time()}",
    }
    document = "mutation M($input: ChangeBillingDetailsInput!) { changeBillingDetails(input: $input) { status } }"
    connection = send_and_leave(linked_gateway.ask, {"query": document, "variables": {"input": given}})
    linked_gateway.until("source_calls_under_way", 1, source="stripe", within=1)
    connection.close()
    linked_gateway.until("source_calls_under_way", 0, source="stripe", within=2)
    assert linked_gateway.metric("source_calls_total", source="stripe", outcome="ok") == before + 1
    linked_gateway.sandbox.clear_fault("stripe")
    accounts = linked_gateway.customer("billingAccounts { email }").data["customer"]["billingAccounts"]
    assert accounts == [{"email": "weg@example.nl"}]


@pytest.mark.feature("4 links", "Bulkhead: each source has its own limit of calls at a time")
def test_a_source_gets_no_more_calls_at_a_time_than_its_limit(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 150})
    assert linked_gateway.health("zendesk")["callsAllowed"] == 2
    began = time.monotonic()
    read = lambda: linked_gateway.customer(COMPLAINTS)  # noqa: E731
    replies = together(*[read] * 6)
    assert [reply.data["customer"]["complaints"] is not None for reply in replies] == [True] * 6
    assert time.monotonic() - began >= 0.45


@pytest.mark.feature("4 links", "Bulkhead: agents go before apps before partners")
def test_agents_go_before_apps(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "latency", "ms": 100})
    order: list[str] = []

    def read(who: str) -> None:
        linked_gateway.customer(COMPLAINTS, who=who).data  # noqa: B018 - it fails where there was an error
        order.append("agent" if who == "agent" else "app")

    threads = [threading.Thread(target=read, args=(who,)) for who in [KEY] * 8 + ["agent"] * 2]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 7:
            linked_gateway.until("source_calls_waiting", 6, source="zendesk", within=1)
    for thread in threads:
        thread.join()
    assert max(place for place, who in enumerate(order) if who == "agent") <= 5


@pytest.mark.feature("4 links", "Bulkhead: a source that hangs holds nobody up who asks others")
def test_a_source_that_hangs_costs_the_others_nothing(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("zendesk", {"mode": "hang"})
    hurry = {"headers": {"Klantbeeld-Deadline-Ms": "900"}}
    hanging = [threading.Thread(target=linked_gateway.customer, args=(COMPLAINTS,), kwargs=hurry) for _ in range(8)]
    for thread in hanging:
        thread.start()
    linked_gateway.until("source_calls_under_way", 2, source="zendesk", within=1)
    replies = [linked_gateway.customer(PARTY) for _ in range(20)]
    assert [reply.errors for reply in replies] == [{}] * 20
    assert max(reply.seconds for reply in replies) < 0.5
    for thread in hanging:
        thread.join()


@pytest.mark.feature("4 links", "Quota: a source's calls of a day are a budget divided by priority, as `sources` says")
def test_a_budget_that_runs_low_is_kept_for_the_more_important(linked_gateway: Linked) -> None:
    system: System = "sap_customer_data_cloud"
    left = linked_gateway.health(system)["budgetLeft"]
    assert left > 0.5
    apps = [linked_gateway.customer(CONSENTS, who=KEY) for _ in range(DAY)]
    assert set(spread(apps)) == {(), ("SOURCE_BUSY",)}
    health = linked_gateway.health(system)
    assert health["state"] == "LIMITED"
    assert health["notServed"] == ["BACKGROUND", "PARTNER", "APP"][-len(health["notServed"]) :]
    assert "APP" in health["notServed"]
    assert 0.4 <= health["budgetLeft"] <= 0.5
    agents = [linked_gateway.customer(CONSENTS) for _ in range(5)]
    assert spread(agents) == {(): 5}
    assert linked_gateway.metric("source_quota_refused_total", source=system) > 0


@pytest.mark.feature("4 links", "Quota: it is a budget that all replicas share")
def test_replicas_share_a_budget(linked_gateway: Linked, http: httpx.Client) -> None:
    system: System = "sap_customer_data_cloud"
    while linked_gateway.customer(CONSENTS, who=KEY).codes == []:
        assert linked_gateway.health(system)["budgetLeft"] > 0.4
    deployment = linked_gateway.deployment
    replica = Gateway(deployment.file, free_port(), name="replica").start()
    try:
        asks = Linked(
            Ask(replica.address, deployment.issuer, deployment.settings, http),
            deployment,
            replica,
            linked_gateway.sandbox,
        )
        asks.customer(CONSENTS)  # takes a first chunk, and learns how much there is left
        assert [asks.customer(CONSENTS, who=KEY).codes for _ in range(3)] == [["SOURCE_BUSY"]] * 3
    finally:
        replica.stop()


@pytest.mark.feature("4 links", "Quota: a Retry-After that does not fit holds the next calls back")
def test_a_retry_after_holds_calls_back(linked_gateway: Linked) -> None:
    fault = {"mode": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 1}
    linked_gateway.sandbox.set_fault("stripe", fault)
    assert linked_gateway.customer(ACCOUNTS, headers={"Klantbeeld-Deadline-Ms": "700"}).codes == ["SOURCE_REFUSED"]
    assert linked_gateway.customer(ACCOUNTS).codes == ["SOURCE_BUSY"]
    assert linked_gateway.health("stripe")["state"] == "PAUSED"
    assert linked_gateway.reached("stripe") == 1


@pytest.mark.feature("4 links", "Seeing it: `sources` shows state, latencies, error rate, budget left and last success")
def test_sources_shows_the_links(linked_gateway: Linked) -> None:
    linked_gateway.customer(f"{PARTY} {ACCOUNTS} {COMPLAINTS} {CONSENTS}")
    health = linked_gateway.health("stripe")
    assert (health["state"], health["reads"], health["writes"]) == ("AVAILABLE", "CLOSED", "CLOSED")
    assert 0 < health["latencyP50Ms"] <= health["latencyP95Ms"] <= health["latencyP99Ms"]
    assert 0 <= health["errorRate"] <= 1
    assert health["lastSuccessAt"]
    assert (health["callsUnderWay"], health["callsWaiting"], health["budgetLeft"]) == (0, 0, None)
    assert health["callsAllowed"] <= linked_gateway.deployment.settings.sources["stripe"].max_connections
    assert linked_gateway.health("sap_customer_data_cloud")["budgetLeft"] <= 1
