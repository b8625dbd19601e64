"""Story 4. The move.

The app changes the address; the gateway is killed in the middle and the app repeats with the same key. The owner shows
one change, and another replica reads it at once.

Later capabilities complete it: the saga over CRM, billing and marketing, resumed by a journal; the CRM that cannot hold
an e-mail address says `NOT_SUPPORTED`; a new number identifies the same customer before the next linking run.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done, repeated
from .running import Ask, Deployment, Gateway, free_port, running

pytestmark = pytest.mark.xdist_group("acceptance")

KEY = "lotte-jansen"
NEW = {"street": "Singel", "houseNumber": "250", "addition": "B", "postcode": "1016 AB", "city": "Amsterdam"}
HOME = "query Home { me { id contactMedia { kind address { street houseNumber addition postcode city } } } }"

CHANGES = "/api/data/v9.2/contacts("  # a contact by its id: reading asks for the list


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
    "story 4", "The move: the gateway is killed in the middle, the app repeats, the owner shows one change"
)
def test_a_move_survives_a_killed_gateway(
    replica: Gateway, deployment: Deployment, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    given = {"customerId": ids[KEY], "address": NEW, "channel": "APP", "idempotencyKey": "verhuizing-1"}
    there = Ask(replica.address, deployment.issuer, deployment.settings, ask.http)
    addresses(there)  # it has logged in at the CRM
    sandbox.set_fault("dataverse", {"mode": "hang", "when": "after", "times": 1, "paths": [CHANGES]})
    lost = threading.Thread(target=_send_and_lose, args=(there, given))
    lost.start()
    _until_executed(sandbox)
    replica.kill()
    lost.join()
    payload = done(repeated(ask, "changeContactDetails", given, who=KEY), "changeContactDetails")
    assert [step["source"] for step in payload["steps"]] == ["dataverse"]
    assert addresses(ask) == [NEW]


@pytest.mark.feature(
    "story 4", "The move: the number and the e-mail address identify the same customer, whoever holds them"
)
@pytest.mark.parametrize("by", [{"phone": "06 12345604"}, {"email": "Lotte.Jansen@example.nl"}])
def test_number_and_address_identify_the_same_customer(by: dict[str, str], ask: Ask, ids: dict[str, str]) -> None:
    found = ask("query Who($by: IdentifyInput!) { identify(by: $by) { outcome customer { id } } }", {"by": by}).data
    assert found == {"identify": {"outcome": "ONE", "customer": {"id": ids[KEY]}}}


def _send_and_lose(ask: Ask, given: dict[str, Any]) -> None:
    """Send a change whose answer never comes, since the gateway is killed."""
    with pytest.raises(httpx.TransportError):
        act(ask, "changeContactDetails", given, who=KEY)


def _until_executed(sandbox: Sandbox) -> None:
    """Wait until the CRM has made the change, and answers nobody."""
    deadline = time.monotonic() + 10.0
    while not any(entry["method"] == "PATCH" and entry["executed"] for entry in sandbox.log("dataverse")):
        assert time.monotonic() < deadline, "the change never reached the CRM"
