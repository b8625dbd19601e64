"""Story 4. The move.

The app changes the address over CRM, billing and marketing; the gateway is killed in the middle and the app repeats
with the same key. Each system shows one change, another replica reads it at once with channel APP, and a new phone
number and e-mail address still identify the same id; the old system that cannot hold an e-mail address says
`NOT_SUPPORTED`.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done, done_everywhere, repeated
from .running import Ask, Deployment, Gateway, deploy, free_port, running
from .test_part_7_mutations import read, writes
from .variants import link

KEY = "lotte-jansen"
NEW = {"street": "Singel", "houseNumber": "250", "addition": "B", "postcode": "1016 AB", "city": "Amsterdam"}
HOME = "query Home { me { id contactMedia { kind address { street houseNumber addition postcode city } } } }"

ACCOUNTS = "/v1/customers/"  # a billing account by its id


def addresses(ask: Ask) -> list[Any]:
    """Read where the customer lives, in the customer's own app."""
    media = ask(HOME, who=KEY).data["me"]["contactMedia"]
    return [medium["address"] for medium in media if medium["kind"] == "POSTAL_ADDRESS"]


@pytest.fixture(scope="module")
def replica(deployment: Deployment) -> Iterator[Gateway]:
    """Serve the same deployment once more, in another process."""
    with running(Gateway(deployment.file, free_port(), name="replica")) as gateway:
        yield gateway


@pytest.mark.feature("story 4", "The move: another replica reads the change at once")
def test_another_replica_reads_the_change_at_once(
    replica: Gateway, deployment: Deployment, ask: Ask, ids: dict[str, str]
) -> None:
    there = Ask(replica.address, deployment.issuer, deployment.settings, ask.http)
    assert addresses(there) != [NEW]
    given = {"customerId": ids[KEY], "address": NEW}
    done(act(ask, "changeContactDetails", given, who=KEY), "changeContactDetails")
    assert addresses(there) == [NEW]


@pytest.mark.feature(
    "story 4",
    "The move: the gateway is killed between CRM and marketing, the app repeats, each system shows one change",
)
def test_a_move_survives_a_killed_gateway(
    replica: Gateway, deployment: Deployment, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    given = {"customerId": ids[KEY], "address": NEW, "channel": "APP", "idempotencyKey": "verhuizing-1"}
    there = Ask(replica.address, deployment.issuer, deployment.settings, ask.http)
    addresses(there)  # it has logged in at the CRM
    looked = {"mode": "latency", "ms": 1, "times": 1, "paths": [ACCOUNTS]}  # what is there before is read first
    sandbox.set_fault("stripe", [looked, {"mode": "hang", "when": "after", "times": 1, "paths": [ACCOUNTS]}])
    lost = threading.Thread(target=_send_and_lose, args=(there, given))
    lost.start()
    _until_executed(sandbox)
    replica.kill()
    lost.join()
    payload = done_everywhere(repeated(ask, "changeAddress", given, who=KEY), "changeAddress")
    assert [step["source"] for step in payload["steps"]] == ["dataverse", "stripe", "sap_customer_data_cloud"]
    assert addresses(ask) == [NEW]
    assert [len(writes(sandbox, system)) for system in ("dataverse", "sap_customer_data_cloud")] == [1, 1]
    held = read(ask, ids[KEY], "billingAccounts { id } contactMedia { kind }")
    assert len(held["billingAccounts"]) == 1
    keys = {entry["headers"].get("idempotency-key") for entry in sandbox.log("stripe") if entry["method"] == "POST"}
    assert len(keys) == 1  # the billing system did it once, however often it was asked


@pytest.mark.feature("story 4", "The move: a new number and a new e-mail address identify the same customer at once")
@pytest.mark.parametrize(
    ("name", "given", "by"),
    [
        ("changeContactDetails", {"phone": "+31687650004"}, {"phone": "06 87650004"}),
        ("changeEmail", {"email": "lotte.verhuisd@example.nl"}, {"email": "Lotte.Verhuisd@example.nl"}),
    ],
)
def test_a_new_number_and_address_identify_the_same_customer(
    name: str, given: dict[str, str], by: dict[str, str], ask: Ask, ids: dict[str, str]
) -> None:
    done_everywhere(act(ask, name, {"customerId": ids[KEY], **given}, who=KEY), name)
    found = ask("query Who($by: IdentifyInput!) { identify(by: $by) { outcome customer { id } } }", {"by": by}).data
    assert found == {"identify": {"outcome": "ONE", "customer": {"id": ids[KEY]}}}


def with_old(text: str) -> str:
    """Add the old system to the settings."""
    return f'connector_folders = ["{FOLDER.as_posix()}"]\n{text}\n{OLD}'


@pytest.fixture(scope="module")
def with_an_old_system(
    servers: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Deployment]]:
    """Serve the demo with an old billing system beside, which takes no change of an address."""
    deployment = deploy(tmp_path_factory.mktemp("old"), servers, change=with_old)
    link(deployment, KEY, {"old": "old-1"})
    with running(Gateway(deployment.file, free_port(), name="old")) as gateway:
        yield gateway, deployment


FOLDER = Path(__file__).parents[1] / "benchmarks" / "connectors"
OLD = """
[sources.old]
connector = "plain_billing"
base_url = "http://127.0.0.1:9"
importance = "optional"
risk_when_missing = { nl = "Oude rekeningen ontbreken.", en = "Old accounts are missing." }
hosted_in = "NL"
processor = "nobody"
retention = "P7Y"
"""


@pytest.mark.feature("story 4", "The move: the old system that cannot hold an e-mail address says NOT_SUPPORTED")
def test_the_old_system_says_that_it_cannot(
    with_an_old_system: tuple[Gateway, Deployment], ask: Ask, sandbox: Sandbox
) -> None:
    gateway, deployment = with_an_old_system
    there = Ask(gateway.address, deployment.issuer, deployment.settings, ask.http)
    given = {"customerId": deployment.customers[KEY], "email": "lotte.oud@example.nl"}
    payload = act(there, "changeEmail", given, who=KEY).data["changeEmail"]
    steps = {step["source"]: (step["status"], step["code"]) for step in payload["steps"]}
    assert payload["status"] == "APPLIED"
    assert steps.pop("old") == ("NOT_APPLIED", "NOT_SUPPORTED")
    assert set(steps.values()) == {("APPLIED", None)}
    (said,) = [step["message"] for step in payload["steps"] if step["source"] == "old"]
    assert said == "old kan dit niet."


def _send_and_lose(ask: Ask, given: dict[str, Any]) -> None:
    """Send a change whose answer never comes, since the gateway is killed."""
    with pytest.raises(httpx.TransportError):
        act(ask, "changeAddress", given, who=KEY)


def _until_executed(sandbox: Sandbox) -> None:
    """Wait until the billing system has made the change, and answers nobody."""
    deadline = time.monotonic() + 10.0
    while not any(entry["method"] == "POST" and entry["executed"] for entry in sandbox.log("stripe")):
        assert time.monotonic() < deadline, "the change never reached the billing system"
