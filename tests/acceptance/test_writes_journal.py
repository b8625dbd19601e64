"""Issue 5, reconciliation, read your writes, journal, operations and events: what goes on beside the answer."""

import base64
import hmac
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done
from .running import Ask, Deployment, Gateway, command, deploy, free_port, running
from .test_part_7_mutations import read, writes
from .test_writes_outcomes import operation

MILA = "mila-hendriks"
SETTLES_SECONDS, POLL_SECONDS = 20.0, 0.05
CANARY = "Kwikstaartenpad"
SECRET = base64.b64encode(b"e" * 32).decode()


def settled(ask: Ask, operation_id: str, *, wanted: str = "APPLIED") -> Any:
    """Wait until the worker has found out what became of an operation."""
    until = time.monotonic() + SETTLES_SECONDS
    while (found := operation(ask, operation_id))["status"] != wanted:
        assert time.monotonic() < until, found
        time.sleep(POLL_SECONDS)
    return found


@contextmanager
def store_of(deployment: Deployment) -> Iterator[sqlite3.Connection]:
    path = Path(deployment.settings.store.url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.feature("5 what", "Reconciliation: by the owner's key, If-Match, a unique reference, or by reading")
@pytest.mark.parametrize("by", ["key", "if_match", "reference", "reading"])
def test_a_lost_answer_is_settled_without_anybody_asking(
    by: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    system, path, name, given = LOST[by]
    sandbox.set_fault(system, {"mode": "drop", "when": "after", "times": 1, "paths": [path]})
    reply = act(ask, name, {"customerId": ids[MILA], **given}, who=MILA)
    payload = reply.data[name]
    assert payload["status"] == "UNKNOWN"
    settled(ask, payload["operationId"])
    done_by_owner = [entry for entry in sandbox.log(system) if entry["executed"] and entry["path"].startswith(path)]
    if by != "key":  # where the owner is sent it again, and answers from what it remembers
        changed = [entry for entry in done_by_owner if entry["status"] != 412]
        assert len(changed) == (2 if by == "reference" else 1), "a reference is set again to the same values"
    else:
        subjects = read(ask, ids[MILA], "complaints { nodes { subject } }")["complaints"]["nodes"]
        assert [one["subject"] for one in subjects].count("Zoek") == 1


LOST: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "key": ("zendesk", "/api/v2/tickets", "fileComplaint", {"subject": "Zoek", "description": "Waar?"}),
    "if_match": ("dataverse", "/api/data/v9.2/contacts(", "changeContactDetails", {"phone": "+31655556666"}),
    "reference": (
        "dataverse",
        "/api/data/v9.2/tasks(",
        "reportDataError",
        {"field": "party.birthDate", "description": "Anders."},
    ),
    "reading": (
        "sap_customer_data_cloud",
        "/accounts.setAccountInfo",
        "setPreference",
        {"topic": "newsletter", "subscribed": False, "preferenceChannel": "EMAIL"},
    ),
}


@pytest.mark.feature("5 what", "Reconciliation: never look, then send again, while the owner may still execute")
def test_nothing_is_sent_again_where_the_owner_would_not_refuse_it(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.set_fault(
        "sap_customer_data_cloud", {"mode": "drop", "when": "before", "paths": ["/accounts.setAccountInfo"]}
    )
    given = {"customerId": ids[MILA], "topic": "newsletter", "subscribed": False, "preferenceChannel": "EMAIL"}
    payload = act(ask, "setPreference", given, who=MILA).data["setPreference"]
    sandbox.clear_fault("sap_customer_data_cloud")
    time.sleep(3)  # the worker looks, several times
    assert operation(ask, payload["operationId"])["status"] == "UNKNOWN"
    sets = [entry for entry in sandbox.log("sap_customer_data_cloud") if "setAccountInfo" in entry["path"]]
    assert len(sets) == 1


@pytest.mark.feature("5 what", "Reconciliation: what nobody can find out is settled by a person, in the graph")
def test_a_person_settles_what_nobody_knows(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    payload = _in_doubt(ask, ids, sandbox)
    resolve = (
        "mutation R($i: ResolveOperationInput!) { resolveOperation(input: $i) "
        "{ status operationId steps { number status code message } } }"
    )
    given = {"channel": "PHONE", "operationId": payload["operationId"], "step": 0, "outcome": "NOT_APPLIED"}
    refused = ask(resolve, {"i": {**given, "channel": "APP", "idempotencyKey": str(uuid.uuid4())}}, who=MILA)
    assert refused.errors == {"resolveOperation": ("SCOPE_MISSING", None)}
    resolved = ask(resolve, {"i": given}).data["resolveOperation"]
    assert (resolved["status"], resolved["steps"][0]["code"]) == ("NOT_APPLIED", "RESOLVED_BY_HAND")
    again = ask(resolve, {"i": given})
    assert again.errors == {"resolveOperation": ("OPERATION_NOT_PARKED", None)}
    assert ask("{ parkedOperations { nodes { id } } }").data["parkedOperations"]["nodes"] == []


@pytest.mark.feature("5 what", "klantbeeld operations: list, show and resolve")
def test_the_command_lists_shows_and_resolves(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, deployment: Deployment
) -> None:
    payload = _in_doubt(ask, ids, sandbox)
    listed = command("operations", "list", "--all", "-c", deployment.file)
    assert payload["operationId"] in listed.stdout
    shown = command("operations", "show", payload["operationId"], "-c", deployment.file)
    assert (shown.returncode, "set_preference" in shown.stdout, "UNKNOWN" in shown.stdout) == (0, True, True)
    resolved = command("operations", "resolve", payload["operationId"], "0", "applied", "-c", deployment.file)
    assert resolved.returncode == 0, resolved.stderr
    assert operation(ask, payload["operationId"])["status"] == "APPLIED"
    unknown = command("operations", "show", str(uuid.uuid4()), "-c", deployment.file)
    assert unknown.returncode == 1


@pytest.mark.feature("5 what", "The journal: personal data in it is encrypted, and destroyed when the operation ends")
def test_the_input_of_an_operation_is_encrypted_and_then_destroyed(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, deployment: Deployment
) -> None:
    sandbox.set_fault("zendesk", {"mode": "drop", "when": "before", "paths": ["/api/v2/tickets"]})
    given = {"customerId": ids[MILA], "subject": CANARY, "description": CANARY, "idempotencyKey": str(uuid.uuid4())}
    payload = act(ask, "fileComplaint", given, who=MILA).data["fileComplaint"]
    kept = _row(deployment, payload["operationId"])
    assert kept["sealed"] is not None
    assert CANARY.encode() not in kept["sealed"]
    sandbox.clear_fault("zendesk")
    settled(ask, payload["operationId"])
    over = _row(deployment, payload["operationId"])
    assert (over["sealed"], over["sealed_key"]) == (None, None)
    folder = deployment.file.parent
    assert [file.name for file in folder.glob("klantbeeld.sqlite*") if CANARY.encode() in file.read_bytes()] == []


@pytest.mark.feature("5 what", "If the journal cannot be written, nothing is sent, and the answer says so with 503")
def test_nothing_is_sent_while_the_journal_is_locked(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, deployment: Deployment
) -> None:
    given = {"customerId": ids[MILA], "subject": "x", "description": "y", "idempotencyKey": str(uuid.uuid4())}
    with store_of(deployment) as connection:
        connection.execute("BEGIN IMMEDIATE")
        reply = act(ask, "fileComplaint", given, who=MILA)
        connection.execute("ROLLBACK")
    assert (reply.status, reply.codes) == (503, ["JOURNAL_UNAVAILABLE"])
    assert int(reply.headers["retry-after"]) >= 1
    time.sleep(1.5)  # whatever waited for the lock has had its turn
    assert writes(sandbox, "zendesk") == []
    done(act(ask, "fileComplaint", given, who=MILA), "fileComplaint")
    assert len(writes(sandbox, "zendesk")) == 1


@pytest.mark.feature("5 what", "Read your writes: on every replica, with the consistency token of the answer")
def test_another_replica_with_a_cache_sees_the_write(
    servers: Sandbox, sandbox: Sandbox, tmp_path: Path, http: httpx.Client
) -> None:
    deployment = deploy(tmp_path, servers, change=lambda text: f"{text}\n[cache]\nmax_age = 60\n")
    with (
        running(Gateway(deployment.file, deployment.settings.gateway.port)) as first,
        running(Gateway(deployment.file, free_port(), name="second")) as second,
    ):
        here = Ask(first.address, deployment.issuer, deployment.settings, http)
        there = Ask(second.address, deployment.issuer, deployment.settings, http)
        media = "query M($id: ID!) { customer(id: $id) { contactMedia { value } } }"
        customer = {"id": deployment.customers[MILA]}
        for number in range(10):
            there(media, customer, who=MILA)  # it is cached there
            phone = f"+3161234000{number}"
            given = {"customerId": deployment.customers[MILA], "phone": phone}
            payload = done(act(here, "changeContactDetails", given, who=MILA), "changeContactDetails")
            token = {"Klantbeeld-Consistency-Token": payload["consistencyToken"]}
            found = there(media, customer, who=MILA, headers=token).data["customer"]["contactMedia"]
            assert phone in [medium["value"] for medium in found]


@pytest.mark.feature(
    "5 what", "CloudEvents: what was changed, ids and field names without values, at least once, signed"
)
def test_events_leave_the_outbox_at_least_once(
    servers: Sandbox, sandbox: Sandbox, tmp_path: Path, http: httpx.Client
) -> None:
    with _receiver(refuses=1) as (url, received):
        (tmp_path / "events").write_text(SECRET)
        pace = "again_after = 0.2\nevery = 0.1\n"
        events = f'\n[writes.events]\nurl = "{url}"\nsecret = {{ file = "{tmp_path}/events" }}\n{pace}'
        deployment = deploy(tmp_path / "gateway", servers, change=lambda text: text + events)
        with running(Gateway(deployment.file, deployment.settings.gateway.port)) as gateway:
            ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
            customer_id = deployment.customers[MILA]
            address = {"street": CANARY, "houseNumber": "1", "postcode": "3512 LN", "city": "Utrecht"}
            given = {"customerId": customer_id, "phone": "+31612349999", "address": address}
            payload = done(act(ask, "changeContactDetails", given, who=MILA), "changeContactDetails")
            _wait(lambda: len(received) >= 2)
    (headers, body), (_, again) = received[0], received[1]
    assert body == again, "what was refused came again"
    event = json.loads(body)
    assert (event["specversion"], event["type"], event["subject"]) == (
        "1.0",
        "klantbeeld.customer.changed.v1",
        customer_id,
    )
    assert event["data"] == {
        "customerId": customer_id,
        "operationId": payload["operationId"],
        "mutation": "changeContactDetails",
        "source": "dataverse",
        "act": "change_contact_details",
        "fields": ["phone", "address"],
        "channel": "APP",
    }
    assert CANARY.encode() not in body
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"e" * 32, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"].startswith("application/cloudevents+json")


def _in_doubt(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> Any:
    """Make an operation of which nobody can find out what became of it: its owner offers nothing."""
    sandbox.set_fault(
        "sap_customer_data_cloud", {"mode": "drop", "when": "before", "paths": ["/accounts.setAccountInfo"]}
    )
    given = {"customerId": ids[MILA], "topic": "newsletter", "subscribed": False, "preferenceChannel": "EMAIL"}
    payload = act(ask, "setPreference", given, who=MILA).data["setPreference"]
    sandbox.clear_fault("sap_customer_data_cloud")
    assert payload["status"] == "UNKNOWN"
    return payload


def _row(deployment: Deployment, operation_id: str) -> dict[str, Any]:
    with store_of(deployment) as connection:
        found = connection.execute(
            "SELECT sealed, sealed_key FROM steps JOIN operations ON id = operation_id WHERE id = ?", (operation_id,)
        ).fetchone()
    return dict(zip(("sealed", "sealed_key"), found, strict=True))


@contextmanager
def _receiver(*, refuses: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Receive events on this machine; the first ones are refused."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Receives(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(503 if len(received) <= refuses else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receives)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/events", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _wait(there: Callable[[], bool]) -> None:
    until = time.monotonic() + SETTLES_SECONDS
    while not there():
        assert time.monotonic() < until
        time.sleep(POLL_SECONDS)
