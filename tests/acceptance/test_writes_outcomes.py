"""Issue 5, routing, status and concurrency: one owner, an honest word, and no change over a newer one."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done
from .running import Ask, Gateway, deploy, running
from .test_part_7_mutations import read, writes

MILA = "mila-hendriks"
WRITERS = 8
SECOND = """
[sources.stripe_two]
connector = "stripe"
base_url = "{url}"
credentials = {{ secret_key = {{ file = "{folder}/secrets/stripe_secret_key" }} }}
importance = "optional"
risk_when_missing = {{ nl = "ontbreekt", en = "is missing" }}
hosted_in = "NL"
processor = "nobody"
retention = "P1Y"
"""


def unique() -> str:
    return str(uuid.uuid4())


@pytest.mark.feature("5 what", "Routing: an act that two could own is refused, until the deployment declares its owner")
@pytest.mark.parametrize("owner", [None, "stripe"])
def test_the_deployment_declares_the_owner_of_an_act(
    owner: str | None, servers: Sandbox, sandbox: Sandbox, tmp_path: Any, http: httpx.Client
) -> None:
    def with_two(text: str) -> str:
        declared = f'\n[writes.owners]\nchange_billing_details = "{owner}"\n' if owner else ""
        return text + SECOND.format(url=sandbox.base_url("stripe"), folder=tmp_path) + declared

    deployment = deploy(tmp_path, servers, change=with_two)
    with running(Gateway(deployment.file, deployment.settings.gateway.port)) as gateway:
        ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
        given = {"customerId": deployment.customers[MILA], "email": "nieuw@example.nl"}
        reply = act(ask, "changeBillingDetails", given)
        if owner is None:
            assert reply.errors == {"changeBillingDetails": ("OWNER_AMBIGUOUS", None)}
            assert reply.body["errors"][0]["extensions"]["status"] == "NOT_APPLIED"
            assert writes(sandbox, "stripe") == []
        else:
            payload = done(reply, "changeBillingDetails")
            assert [step["source"] for step in payload["steps"]] == ["stripe"]


@pytest.mark.feature(
    "5 what", "Routing: an owner that does not know the customer is sent nothing, and the answer says so"
)
def test_an_owner_that_does_not_know_the_customer_is_sent_nothing(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    links = "links { source }"
    strangers = [
        key for key in ids if "zendesk" not in {link["source"] for link in read(ask, ids[key], links)["links"]}
    ]
    if not strangers:
        pytest.skip("everybody of the cast is known everywhere")
    given = {"customerId": ids[strangers[0]], "subject": "x", "description": "y"}
    reply = act(ask, "fileComplaint", given)
    assert reply.errors == {"fileComplaint": ("NOT_LINKED", "zendesk")}
    assert reply.body["errors"][0]["extensions"]["status"] == "NOT_APPLIED"
    assert writes(sandbox, "zendesk") == []


@pytest.mark.feature("5 what", "Status: of the mutation and of each step, and UNKNOWN is neither success nor failure")
def test_an_operation_in_doubt_is_unknown_wherever_it_is_shown(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_fault("sap_customer_data_cloud", {"mode": "drop", "when": "before", "paths": ["/accounts.set"]})
    given = {"customerId": ids[MILA], "topic": "newsletter", "subscribed": False, "preferenceChannel": "EMAIL"}
    payload = act(ask, "setPreference", given, who=MILA).data["setPreference"]
    sandbox.clear_fault("sap_customer_data_cloud")
    assert (payload["status"], payload["steps"][0]["status"]) == ("UNKNOWN", "UNKNOWN")
    shown = operation(ask, payload["operationId"], who=MILA)
    assert (shown["status"], shown["steps"][0]["status"], shown["mutation"]) == ("UNKNOWN", "UNKNOWN", "setPreference")
    assert operation(ask, payload["operationId"], who="tom-hendriks") is None, "it is nobody else's"
    assert operation(ask, payload["operationId"])["status"] == "UNKNOWN", "an agent may see it"


@pytest.mark.feature("5 what", "Concurrency: the graph says what keeps each write from going over a newer change")
def test_the_graph_says_what_guards_each_write(ask: Ask) -> None:
    found = ask("{ sources { name capabilities { lock { write kind guard } } } }").data["sources"]
    guards = {
        (source["name"], one["write"]): one["guard"] for source in found for one in source["capabilities"]["lock"]
    }
    assert guards["dataverse", "change_contact_details"] == "IF_MATCH"
    assert guards["zendesk", "solve_complaint"] == "VERSION_FIELD"
    assert guards["sap_customer_data_cloud", "set_preference"] == "LEASE"
    assert guards["stripe", "change_billing_details"] == "NONE"


@pytest.mark.feature(
    "5 what", "Concurrency: a stale version is a conflict, by If-Match, a version field, or a lease of ours"
)
@pytest.mark.parametrize("guard", ["IF_MATCH", "VERSION_FIELD", "LEASE"])
def test_a_stale_version_is_a_conflict(guard: str, ask: Ask, ids: dict[str, str]) -> None:
    name, version = _versioned(ask, ids[MILA], guard)
    done(act(ask, name, _change(ask, ids[MILA], guard, "1", version), who=MILA), name)
    payload = act(ask, name, _change(ask, ids[MILA], guard, "2", version), who=MILA).data[name]
    assert (payload["status"], payload["steps"][0]["code"]) == ("NOT_APPLIED", "CONFLICT")
    assert len(payload["conflicts"]) == 1


@pytest.mark.feature("5 figures", "No lost update: of eight writers on one version exactly one wins")
@pytest.mark.parametrize(
    ("guard", "rounds"),
    [
        ("IF_MATCH", 3),
        ("VERSION_FIELD", 3),
        ("LEASE", 3),
        pytest.param("IF_MATCH", 1_000, marks=pytest.mark.slow),
        pytest.param("LEASE", 1_000, marks=pytest.mark.slow),
    ],
)
def test_of_eight_writers_on_one_version_one_wins(guard: str, rounds: int, ask: Ask, ids: dict[str, str]) -> None:
    token = ask.token(MILA)
    for turn in range(rounds):
        if guard == "VERSION_FIELD":
            time.sleep(1.1)  # the owner's stamp counts whole seconds
        name, version = _versioned(ask, ids[MILA], guard)
        changes = [_change(ask, ids[MILA], guard, f"{turn}{writer}", version) for writer in range(WRITERS)]
        document = (
            f"mutation W($i: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $i) {{ status steps {{ code }} }} }}"
        )
        with ThreadPoolExecutor(WRITERS) as pool:
            replies = list(
                pool.map(
                    lambda given, document=document: ask(
                        document, {"i": {"channel": "APP", "idempotencyKey": unique(), **given}}, who=MILA, token=token
                    ),
                    changes,
                )
            )
        told = [reply.data[name] for reply in replies]
        assert sorted(one["status"] for one in told) == ["APPLIED"] + ["NOT_APPLIED"] * (WRITERS - 1)
        assert {one["steps"][0]["code"] for one in told} <= {None, "CONFLICT", "RECORD_BUSY"}


def operation(ask: Ask, operation_id: str, *, who: str = "agent") -> Any:
    """Read an operation in a request of its own."""
    document = (
        "query O($id: ID!) { operation(id: $id) "
        "{ id mutation status parked channel expiresAt customer { id } steps { number source status code } } }"
    )
    return ask(document, {"id": operation_id}, who=who).data["operation"]


def _versioned(ask: Ask, customer_id: str, guard: str) -> tuple[str, str]:
    """Give a mutation that this guard protects, and the version that is there now."""
    if guard == "IF_MATCH":
        return "changeContactDetails", read(ask, customer_id, "party { version }")["party"]["version"]
    if guard == "VERSION_FIELD":
        return "commentOnComplaint", _complaint(ask, customer_id)["version"]
    return "setPreference", read(ask, customer_id, "preferences { version }")["preferences"][0]["version"]


def _change(ask: Ask, customer_id: str, guard: str, word: str, version: str) -> dict[str, Any]:
    if guard == "IF_MATCH":
        return {"customerId": customer_id, "phone": f"+316{int(word):08d}", "expectedVersion": version}
    if guard == "VERSION_FIELD":
        return {"complaintId": _complaint(ask, customer_id)["id"], "body": f"Nummer {word}", "expectedVersion": version}
    return {
        "customerId": customer_id,
        "topic": "newsletter",
        "subscribed": int(word) % 2 == 0,
        "preferenceChannel": "EMAIL",
        "expectedVersion": version,
    }


def _complaint(ask: Ask, customer_id: str) -> Any:
    return read(ask, customer_id, "complaints { nodes { id version } }")["complaints"]["nodes"][0]
