"""Real processes: they start, answer, misbehave on the wire, keep their port, and end."""

from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox, SandboxError

AGENT = ("koppeling@example.com/token", "sandbox-zendesk-token")
ME = "/api/v2/users/me.json"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(("zendesk", "sap_customer_data_cloud"), size=5, today=date(2026, 11, 20)) as running:
        yield running


@pytest.fixture
def zendesk(sandbox: Sandbox) -> Iterator[httpx.Client]:
    sandbox.reset()
    with httpx.Client(base_url=sandbox.base_url("zendesk"), auth=AGENT, timeout=5) as client:
        yield client


def test_each_server_answers_at_an_address_of_its_own(sandbox: Sandbox, zendesk: httpx.Client) -> None:
    assert zendesk.get(ME).json()["user"]["email"] == sandbox.credentials("zendesk")["email"]
    answer = httpx.post(f"{sandbox.base_url('sap_customer_data_cloud')}/accounts.search")
    assert answer.json()["errorCode"] == 400002


def test_the_process_has_the_population_of_the_launcher(sandbox: Sandbox, zendesk: httpx.Client) -> None:
    record = sandbox.population.member("sanne-de-wit").persons[0].record("zendesk")
    assert record is not None
    assert zendesk.get(f"/api/v2/users/{record.record_id}").json()["user"]["name"] == "Sanne de Wit"


def test_a_server_does_not_show_what_it_runs_on(zendesk: httpx.Client) -> None:
    assert "server" not in zendesk.get(ME).headers


def test_a_dropped_connection_is_a_transport_error(sandbox: Sandbox, zendesk: httpx.Client) -> None:
    sandbox.set_fault("zendesk", {"mode": "drop", "when": "after"})
    with pytest.raises(httpx.TransportError):
        zendesk.get(ME)
    sandbox.clear_fault("zendesk")
    assert [entry["executed"] for entry in sandbox.log("zendesk", "/api")] == [True]
    assert zendesk.get(ME).status_code == 200


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_waiting_for_what_does_not_come_times_out(sandbox: Sandbox, zendesk: httpx.Client, mode: str) -> None:
    sandbox.set_fault("zendesk", {"mode": mode, "when": "before", "ms": 5000})
    with pytest.raises(httpx.ReadTimeout):
        zendesk.get(ME, timeout=0.1)


def test_a_server_comes_back_at_its_address(sandbox: Sandbox, zendesk: httpx.Client) -> None:
    address = sandbox.base_url("zendesk")
    sandbox.stop("zendesk")
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
    sandbox.start("zendesk")
    assert sandbox.base_url("zendesk") == address
    assert httpx.get(address + ME, auth=AGENT).status_code == 200


def test_the_log_of_a_process_can_be_cleared(sandbox: Sandbox, zendesk: httpx.Client) -> None:
    zendesk.get(ME)
    assert len(sandbox.log("zendesk")) == 1
    sandbox.clear_log("zendesk")
    assert sandbox.log("zendesk") == []


def test_a_fault_that_is_not_understood_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="mode is one of"):
        sandbox.set_fault("zendesk", {"mode": "explode"})


def test_a_server_that_was_not_started_has_no_address(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="stripe was not started"):
        sandbox.base_url("stripe")


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    taken = int(sandbox.base_url("zendesk").rpartition(":")[2])
    with pytest.raises(SandboxError, match="zendesk"):
        Sandbox(("zendesk",), size=1, ports={"zendesk": taken}).start()
