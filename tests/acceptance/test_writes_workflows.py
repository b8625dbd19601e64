"""Workflows around writes: crashes while people think, escalation, hooks, sagas of one's own, and other engines."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act
from .running import Ask, Deployment, Gateway, deploy, free_port, running
from .test_part_7_mutations import MILA, read, writes
from .test_writes_customers import REGISTER, identify
from .test_writes_sagas import credit, steps, wait_for
from .test_writes_tasks import CLOSE, Person, states
from .variants import doubled, link

SECRET = b"e" * 32
PATIENCE_SECONDS, POLL_SECONDS = 15.0, 0.05
DAAN = "daan-van-dijk"
SETTINGS = """
[writes.sagas]
declared = ["declared:RETURN_GOODS"]
approval = {{ escalates = 1.5, due = 1 }}
approve_first = {{ changeBillingDetails = {{ nl = "Rekening wijzigen?", en = "Change the account?" }} }}

[[writes.sagas.hooks]]
act = "file_complaint"
moment = "before"
does = "wait"
seconds = 0.5

[[writes.sagas.hooks]]
act = "file_complaint"
moment = "after"
does = "notify"
topic = "complaint-filed"

[[writes.sagas.hooks]]
act = "record_interaction"
moment = "before"
does = "engage"
engine = "camunda"
process = "may-we-note-it"

[writes.sagas.engines.camunda]
url = "http://127.0.0.1:{port}/start"
secret = {{ file = "{secret}" }}
scope = "tasks:engine"
decides_within = 2

[writes.events]
url = "http://127.0.0.1:{port}/events"
secret = {{ file = "{secret}" }}
every = 0.1
"""


class Listener:
    """A workflow engine and a listener to events in one: keeps what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.handed: list[tuple[dict[str, str], bytes]] = []
        self.events: list[Any] = []
        self.answer: tuple[int, bytes] = (200, b'{"decision": "APPROVED"}')
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, reply = listener.take(self.path, headers, body)
                self.send_response(status)
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if path == "/events":
            self.events.append(json.loads(body))
            return 204, b""
        self.handed.append((headers, body))
        return self.answer


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener()
    listener.thread.start()
    yield listener
    listener.server.shutdown()
    listener.thread.join()
    listener.server.server_close()


@pytest.fixture(scope="module")
def deployed(servers: Sandbox, listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Deploy with hooks, an engine, a saga of our own, and people who have a second and a half."""
    folder = tmp_path_factory.mktemp("workflows")
    secret = folder / "engine"
    secret.write_text(base64.b64encode(SECRET).decode())

    def change(text: str) -> str:
        engine = '"tasks:read", "tasks:decide", "tasks:engine"'
        more = SETTINGS.format(port=listener.port, secret=secret.as_posix())
        two = doubled(text, {"sap_customer_data_cloud": "abroad"})
        return two.replace('"tasks:read", "tasks:decide"', engine) + more

    deployment = deploy(folder, servers, change=change)
    daan = next(member for member in servers.population.cast if member.key == DAAN)
    (record,) = (person.records["sap_customer_data_cloud"][0].record_id for person in daan.persons)
    link(deployment, DAAN, {"abroad": record})
    return deployment


@pytest.fixture(scope="module")
def workflows(deployed: Deployment) -> Iterator[Gateway]:
    environ = {"PYTHONPATH": str(Path(__file__).parent)}
    with running(Gateway(deployed.file, free_port(), name="workflows", environ=environ)) as gateway:
        yield gateway


@pytest.fixture
def there(workflows: Gateway, deployed: Deployment, ask: Ask) -> Ask:
    """Ask the gateway with workflows, over systems as they were at their start."""
    return Ask(workflows.address, deployed.issuer, deployed.settings, ask.http)


@pytest.fixture
def customers(deployed: Deployment) -> dict[str, str]:
    return deployed.customers


def until(look: Callable[[], Any]) -> Any:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(POLL_SECONDS)
    return seen


@pytest.mark.feature(
    "5 what", "A credit over 250 euros survives kill -9, escalates, and is compensated on refusal, all of it"
)
def test_a_large_credit_through_a_kill_an_escalation_and_a_refusal(  # noqa: PLR0917 - fixtures
    workflows: Gateway,
    deployed: Deployment,
    there: Ask,
    customers: dict[str, str],
    sandbox: Sandbox,
    listener: Listener,
) -> None:
    given = credit(there, customers, "300.00") | {"idempotencyKey": "workflow-credit"}
    payload = act(there, CLOSE, given).data[CLOSE]
    assert (payload["status"], steps(payload)[0]) == ("PENDING_APPROVAL", ("zendesk", "APPLIED", None))
    workflows.kill()
    workflows.start()
    junior = Person(there, deployed, "junior", ("customer:read", "tasks:read", "tasks:decide", "tasks:work"))
    senior = Person(there, deployed, "senior", ("customer:read", "tasks:read", "tasks:decide", "tasks:escalated"))
    (task,) = until(lambda: [one for one in senior.tasks() if one["operationId"] == payload["operationId"]])
    assert task["escalatedAt"] is not None
    assert [one for one in junior.tasks() if one["operationId"] == payload["operationId"]] == []
    told = until(lambda: [one for one in listener.events if one["type"] == "klantbeeld.operation.task-escalated.v1"])
    assert told[0]["data"]["operationId"] == payload["operationId"]
    assert act(there, CLOSE, given).data[CLOSE]["status"] == "PENDING_APPROVAL"
    workflows.kill()
    workflows.start()
    assert senior.complete(task, "REFUSED").data["completeTask"]["status"] == "COMPENSATED"
    assert states(there, customers) == ["OPEN"]
    assert (len(writes(sandbox, "zendesk")), writes(sandbox, "stripe")) == (2, [])


@pytest.mark.feature("5 what", "Optional approval by a second person before anything is sent")
def test_a_mutation_may_need_approval_before_it_starts(
    deployed: Deployment, there: Ask, customers: dict[str, str], sandbox: Sandbox
) -> None:
    given = {"customerId": customers[MILA], "email": "nieuw@example.nl", "idempotencyKey": "workflow-billing"}
    payload = act(there, "changeBillingDetails", given).data["changeBillingDetails"]
    assert payload["status"] == "PENDING_APPROVAL"
    assert writes(sandbox, "stripe") == []
    second = Person(there, deployed, "supervisor-1")
    task = second.task_of(payload["operationId"])
    assert task["title"] == "Rekening wijzigen?"
    assert second.complete(task, "APPROVED").data["completeTask"]["status"] == "APPLIED"
    assert len(writes(sandbox, "stripe")) == 1


@pytest.mark.feature("5 what", "Workflow hooks before and after a step: wait, then tell")
def test_hooks_stand_before_and_after_a_step(
    there: Ask, customers: dict[str, str], sandbox: Sandbox, listener: Listener
) -> None:
    given = {
        "customerId": customers[DAAN],
        "subject": "Met haken",
        "description": "x",
        "idempotencyKey": "workflow-hook",
    }
    payload = act(there, "fileComplaint", given).data["fileComplaint"]
    assert payload["status"] == "PENDING_APPROVAL"
    assert writes(sandbox, "zendesk") == []
    wait_for(lambda: act(there, "fileComplaint", given), "fileComplaint", "APPLIED")
    assert len(writes(sandbox, "zendesk")) == 1
    told = until(lambda: [one for one in listener.events if one["type"] == "klantbeeld.operation.complaint-filed.v1"])
    assert told[0]["data"] == {
        "operationId": payload["operationId"],
        "customerId": customers[DAAN],
        "mutation": "fileComplaint",
        "step": "after_file_complaint",
        "channel": "PHONE",
    }


@pytest.mark.feature("5 what", "An external workflow engine decides by a signed call with a correlation id")
def test_an_engine_decides_at_once(there: Ask, customers: dict[str, str], sandbox: Sandbox, listener: Listener) -> None:
    listener.handed.clear()
    listener.answer = (200, b'{"decision": "REFUSED"}')
    payload = act(there, "recordInteraction", contact(customers, "workflow-engine-1")).data["recordInteraction"]
    assert payload["status"] == "NOT_APPLIED"
    assert writes(sandbox, "dataverse") == []
    ((headers, body),) = listener.handed
    moment, signed = (part.partition("=")[2] for part in headers["klantbeeld-signature"].split(","))
    assert signed == hmac.digest(SECRET, moment.encode() + b"." + body, "sha256").hex()
    asked = json.loads(body)
    assert (asked["operationId"], asked["process"]) == (payload["operationId"], "may-we-note-it")
    assert "Mila" not in body.decode()


@pytest.mark.feature("5 what", "An external workflow engine decides later, with the correlation id, by completeTask")
def test_an_engine_decides_later(
    deployed: Deployment, there: Ask, customers: dict[str, str], sandbox: Sandbox, listener: Listener
) -> None:
    listener.handed.clear()
    listener.answer = (202, b"")
    payload = act(there, "recordInteraction", contact(customers, "workflow-engine-2")).data["recordInteraction"]
    assert payload["status"] == "PENDING_APPROVAL"
    ((_, body),) = listener.handed
    engine = Person(there, deployed, "camunda", ("tasks:decide", "tasks:engine"))
    done = engine.complete({"id": json.loads(body)["correlationId"]}, "APPROVED").data["completeTask"]
    assert done["status"] == "APPLIED"
    assert len(writes(sandbox, "dataverse")) >= 1


@pytest.mark.feature("5 what", "An external workflow engine that does not decide in time has not decided")
def test_an_engine_that_is_silent_is_too_late(there: Ask, customers: dict[str, str], listener: Listener) -> None:
    listener.answer = (202, b"")
    given = contact(customers, "workflow-engine-3")
    assert act(there, "recordInteraction", given).data["recordInteraction"]["status"] == "PENDING_APPROVAL"
    wait_for(lambda: act(there, "recordInteraction", given), "recordInteraction", "NOT_APPLIED")


@pytest.mark.feature("5 what", "withdrawConsent goes to every source that holds that consent")
def test_a_consent_is_withdrawn_everywhere(there: Ask, customers: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": customers[DAAN], "purpose": "marketing", "idempotencyKey": "workflow-consent"}
    payload = wait_for(lambda: act(there, "withdrawConsent", given, who=DAAN), "withdrawConsent", "APPLIED")
    assert {step["source"]: step["status"] for step in payload["steps"]} == {
        "abroad": "APPLIED",
        "sap_customer_data_cloud": "APPLIED",
    }
    assert len(writes(sandbox, "sap_customer_data_cloud")) == 2


@pytest.mark.feature("5 what", "registerCustomer: a crash between making and linking ends in one customer, linked once")
def test_a_crash_between_making_and_linking(
    workflows: Gateway, there: Ask, deployed: Deployment, sandbox: Sandbox
) -> None:
    given = {"familyName": "Kraak", "email": "kraak@example.nl", "channel": "SHOP", "idempotencyKey": "workflow-kraak"}
    sandbox.set_fault("dataverse", {"mode": "hang", "when": "after", "times": 1, "paths": [CONTACT]})
    lost = threading.Thread(target=_registered_and_lost, args=(there, given))
    lost.start()
    until(lambda: [one for one in sandbox.log("dataverse") if one["method"] == "PATCH" and one["executed"]])
    workflows.kill()
    lost.join()
    workflows.start()
    made = wait_for(lambda: there(REGISTER, {"input": given}), "registerCustomer", "APPLIED")
    assert made["registration"] == "CREATED"
    assert identify(there, email="kraak@example.nl") == {"outcome": "ONE", "customer": {"id": made["customer"]["id"]}}
    paths = {one["path"] for one in sandbox.log("dataverse") if one["method"] == "PATCH"}
    assert len(paths) == 1


def _registered_and_lost(ask: Ask, given: dict[str, Any]) -> None:
    with pytest.raises(httpx.TransportError):
        ask(REGISTER, {"input": given})


CONTACT = "/api/data/v9.2/contacts("  # a contact by its id: looking asks for the list

RUN = "mutation Run($input: RunSagaInput!) { runSaga(input: $input) { status operationId steps { source status } } }"
SIGNAL = """
mutation Signal($input: SignalOperationInput!) { signalOperation(input: $input) { status steps { source status } } }
"""


@pytest.mark.feature("5 what", "A saga of one's own: waits for a date and an event, calls, tells and escalates")
def test_a_declared_saga_runs(
    deployed: Deployment, there: Ask, customers: dict[str, str], sandbox: Sandbox, listener: Listener
) -> None:
    listener.answer = (200, b'{"decision": "APPROVED"}')
    begun = there(RUN, {"input": returning(there, customers, "workflow-saga-1")}).data["runSaga"]
    assert (begun["status"], writes(sandbox, "zendesk")) == ("PENDING_APPROVAL", [])
    until(lambda: writes(sandbox, "zendesk"))
    signal = {"operationId": begun["operationId"], "event": "goods-arrived", "channel": "WEB"}
    done = until(lambda: there(SIGNAL, {"input": signal}).part["signalOperation"])
    assert done["status"] == "APPLIED"
    assert [step["status"] for step in done["steps"]] == ["APPLIED", "APPLIED"]
    again = there(SIGNAL, {"input": signal})
    assert again.errors == {"signalOperation": ("OPERATION_NOT_WAITING", None)}
    until(lambda: [one for one in listener.events if one["type"] == "klantbeeld.operation.goods-returned.v1"])
    second = Person(there, deployed, "supervisor-1")
    assert second.task_of(begun["operationId"])["title"] == "Retour nakijken"


@pytest.mark.feature("5 what", "A saga of one's own is taken back when the event does not come in time")
def test_a_declared_saga_is_taken_back(there: Ask, customers: dict[str, str]) -> None:
    given = returning(there, customers, "workflow-saga-2")
    assert there(RUN, {"input": given}).data["runSaga"]["status"] == "PENDING_APPROVAL"
    wait_for(lambda: there(RUN, {"input": given}), "runSaga", "COMPENSATED")
    assert states(there, customers) == ["OPEN"]


@pytest.mark.feature("5 bad input", "A saga that nobody declared, and what does not fit one")
def test_a_saga_that_is_unknown_or_given_something_else(
    there: Ask, customers: dict[str, str], sandbox: Sandbox
) -> None:
    given = {"customerId": customers[MILA], "channel": "WEB"}
    unknown = there(RUN, {"input": {**given, "saga": "noSuchSaga"}})
    assert unknown.errors == {"runSaga": ("SAGA_UNKNOWN", None)}
    misfit = there(RUN, {"input": {**given, "saga": "returnGoods", "values": [{"name": "subject", "value": "x"}]}})
    assert misfit.errors == {"runSaga": ("BAD_USER_INPUT", None)}
    assert writes(sandbox, "zendesk") == []


def returning(ask: Ask, customers: dict[str, str], key: str) -> dict[str, Any]:
    """Give the input of the saga of our own, about Mila's complaint, that begins in half a second."""
    found = read(ask, customers[MILA], "complaints { nodes { id } }")["complaints"]["nodes"][0]
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    values = {"complaint": found["id"], "subject": "Tablet terug", "not_before": soon}
    given = [{"name": name, "value": value} for name, value in values.items()]
    asked = {"customerId": customers[MILA], "saga": "returnGoods", "values": given, "channel": "WEB"}
    return {**asked, "idempotencyKey": key}


def contact(customers: dict[str, str], key: str) -> dict[str, Any]:
    return {"customerId": customers[MILA], "direction": "INBOUND", "subject": "Gebeld", "idempotencyKey": key}
