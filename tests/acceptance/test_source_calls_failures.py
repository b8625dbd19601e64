"""The links that deal with failures: breaker, retry, hedging."""

import time
from typing import Any

import pytest

from .acting import act
from .linked import ACCOUNTS, KEY, PARTY, QUICK, Keys, Linked, spread, together


@pytest.mark.feature("4 links", "Breaker: 20 failures open it, and while it is open nothing reaches the source")
def test_a_source_that_fails_is_left_alone(linked_gateway: Linked) -> None:
    replies = linked_gateway.break_down("stripe", ACCOUNTS)
    assert 10 <= len(replies) <= 20
    reached = linked_gateway.reached("stripe")
    while_open = linked_gateway.customer(f"{PARTY} {ACCOUNTS}")
    assert while_open.errors == {"customer.billingAccounts": ("SOURCE_UNAVAILABLE", "stripe")}
    assert while_open.part["customer"]["party"]
    assert linked_gateway.reached("stripe") == reached
    assert linked_gateway.health("stripe")["state"] in {"DOWN", "PROBING"}


@pytest.mark.feature("4 links", "Breaker: after its time three probes go through and close it")
def test_three_probes_close_it(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    linked_gateway.sandbox.clear_fault("stripe")
    linked_gateway.sandbox.clear_log("stripe")
    time.sleep(QUICK)
    states = []
    for _ in range(3):
        states.append(linked_gateway.health("stripe")["reads"])
        assert linked_gateway.customer(ACCOUNTS).data
    assert states == ["HALF_OPEN"] * 3
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Breaker: a probe that fails keeps it open")
def test_a_failing_probe_keeps_it_open(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    linked_gateway.sandbox.clear_log("stripe")
    time.sleep(QUICK)
    for _ in range(10):
        assert linked_gateway.customer(ACCOUNTS).codes == ["SOURCE_UNAVAILABLE"]
    assert linked_gateway.reached("stripe") <= 2


@pytest.mark.feature("4 links", "Breaker: one for reads and one for writes")
def test_reads_that_fail_do_not_stop_writes(linked_gateway: Linked) -> None:
    linked_gateway.break_down("stripe", ACCOUNTS)
    assert linked_gateway.health("stripe")["writes"] == "CLOSED"
    linked_gateway.sandbox.clear_fault("stripe")
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "open@example.nl",
        "idempotencyKey": f"open-{time.time()}",
    }
    assert act(linked_gateway.ask, "changeBillingDetails", given).data["changeBillingDetails"]["status"] == "APPLIED"


@pytest.mark.feature("4 links", "Breaker: 4xx do not count")
@pytest.mark.parametrize("status", [400, 403, 409, 418])
def test_refusals_do_not_open_it(linked_gateway: Linked, status: int) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "status": status})
    for _ in range(25):
        linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.health("stripe")["reads"] == "CLOSED"


@pytest.mark.feature("4 links", "Breaker: 5xx, lost connections and garbage count")
@pytest.mark.parametrize("mode", ["status", "drop", "garbage"])
def test_failures_of_every_kind_open_it(linked_gateway: Linked, mode: str) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": mode})
    for _ in range(20):
        linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.health("stripe")["reads"] != "CLOSED"


@pytest.mark.feature("4 links", "Breaker: time-outs count")
def test_time_outs_open_it(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "hang"})
    read = lambda: linked_gateway.customer(ACCOUNTS, headers={"Klantbeeld-Deadline-Ms": "1300"})  # noqa: E731
    assert set(spread(together(*[read] * 20))) == {("SOURCE_TIMEOUT",)}
    assert linked_gateway.health("stripe")["reads"] != "CLOSED"


@pytest.mark.feature("4 links", "Retry: a read that meets a passing failure is sent once more")
@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 504}, {"mode": "drop"}])
def test_a_passing_failure_is_not_seen(linked_gateway: Linked, fault: dict[str, Any]) -> None:
    linked_gateway.earn_a_retry("stripe", ACCOUNTS)
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "times": 1, **fault})
    before = linked_gateway.metric("source_retries_total", source="stripe")
    assert linked_gateway.customer(ACCOUNTS).data
    assert linked_gateway.metric("source_retries_total", source="stripe") == before + 1
    assert linked_gateway.reached("stripe") == 2


@pytest.mark.feature("4 links", "Retry: after a 429 whose Retry-After fits")
def test_a_retry_after_that_fits_is_waited_out(linked_gateway: Linked) -> None:
    linked_gateway.earn_a_retry("stripe", ACCOUNTS)
    fault = {"mode": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 1}
    linked_gateway.sandbox.set_fault("stripe", fault)
    reply = linked_gateway.customer(ACCOUNTS)
    assert reply.data["customer"]["billingAccounts"]
    assert 1.0 <= reply.seconds < 1.6


@pytest.mark.feature("4 links", "Retry: an issuer's keys that cannot be read in passing are read again")
def test_the_keys_of_an_issuer_are_asked_again(linked_gateway: Linked, keys: Keys) -> None:
    assert linked_gateway.customer(PARTY).status == 200
    assert keys.statuses[:2] == [503, 200]  # a second replica reads them for itself


@pytest.mark.feature("4 links", "Retry: not for other failures")
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"mode": "garbage"}])
def test_other_failures_are_not_repeated(linked_gateway: Linked, fault: dict[str, Any]) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "times": 1, **fault})
    assert len(linked_gateway.customer(ACCOUNTS).codes) == 1
    assert linked_gateway.reached("stripe") == 1


@pytest.mark.feature("4 links", "Retry: a write is never repeated")
def test_a_write_is_sent_once(linked_gateway: Linked) -> None:
    linked_gateway.sandbox.set_fault("stripe", {"mode": "status", "status": 503})
    given = {
        "customerId": linked_gateway.deployment.customers[KEY],
        "email": "eenmaal@example.nl",
        "idempotencyKey": f"once-{time.time()}",
    }
    payload = act(linked_gateway.ask, "changeBillingDetails", given).data["changeBillingDetails"]
    assert payload["status"] == "UNKNOWN"
    assert [entry["method"] for entry in linked_gateway.sandbox.log("stripe")].count("POST") == 1
    linked_gateway.sandbox.clear_fault("stripe")
    document = f'{{ operation(id: "{payload["operationId"]}") {{ status }} }}'
    began = time.monotonic()
    while linked_gateway.ask(document).data["operation"]["status"] == "UNKNOWN":  # no other test is to meet it
        assert time.monotonic() - began < 15
        time.sleep(0.05)


@pytest.mark.feature("4 links", "Retry: within a budget of a tenth of the calls")
def test_a_source_that_is_down_gets_at_most_a_tenth_more_calls(linked_gateway: Linked) -> None:
    for _ in range(60):  # so that a failure of another test does not open the breaker at once
        linked_gateway.customer(ACCOUNTS)
    linked_gateway.sandbox.clear_log("stripe")
    saved = linked_gateway.health("stripe")["retriesLeft"]
    replies = linked_gateway.break_down("stripe", ACCOUNTS, status=503)
    assert saved > 0
    assert len(replies) < linked_gateway.reached("stripe") <= len(replies) * 1.1 + saved


@pytest.mark.feature("4 links", "Hedging: a replicated source is asked again beside a slow call, and no other is")
def test_a_slow_replica_is_raced(linked_gateway: Linked) -> None:
    for _ in range(64):
        linked_gateway.customer(PARTY)
    linked_gateway.sandbox.set_fault("dataverse", {"mode": "latency", "ms": 1_500, "times": 1})
    linked_gateway.sandbox.set_fault("stripe", {"mode": "latency", "ms": 300, "times": 1})
    before = linked_gateway.metric("source_hedges_total", source="dataverse")
    reply = linked_gateway.customer(PARTY)
    assert reply.data["customer"]["party"]
    assert reply.seconds < 1.0
    assert linked_gateway.metric("source_hedges_total", source="dataverse") == before + 1
    linked_gateway.customer(ACCOUNTS)
    assert linked_gateway.reached("stripe") == 1
