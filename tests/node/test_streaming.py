"""Parts and events with the clients that apps use, as they come from npm, over the whole gateway."""

import json
from typing import Any

import pytest
from tests.acceptance.running import Deployment

from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.sandbox.launcher import Sandbox

from .conftest import Run, needs_install

pytestmark = [pytest.mark.node, needs_install]

CUSTOMER = "fatima-el-amrani"
ASKS = """
query Screen($id: ID!) {
  customer(id: $id) {
    id
    party { fullName }
    ... @defer(label: "money") { invoices(first: 2) { nodes { id number } } }
    ... @defer(label: "trouble") { complaints(first: 2) { nodes { id subject } } }
  }
}
"""
LISTENS = """
subscription Open($id: ID!) {
  customerChanged(id: $id) {
    changes { source learnt }
    customer { id complaints(first: 5) { nodes { id subject } } }
  }
}
"""
ACT = """
mutation File($input: FileComplaintInput!) { fileComplaint(input: $input) { status } }
"""


@pytest.fixture(autouse=True, params=["well"])
def billing(request: pytest.FixtureRequest, sandbox: Sandbox) -> str:
    """Put the systems where they were at their start, and billing down if asked; gives how billing is."""
    sandbox.reset()
    if request.param == "down":
        sandbox.set_fault("stripe", {"mode": "status", "status": 503, "paths": "/v1/invoices"})
    return str(request.param)


def subjects(data: Any) -> list[str]:
    return [one["subject"] for one in data["customer"]["complaints"]["nodes"]]


@pytest.mark.feature(
    "3 clients", "Apollo Client 4 with GraphQL17Alpha9Handler, and urql with its defaults, read @defer"
)
@pytest.mark.parametrize("billing", ["well", "down"], indirect=True)
def test_clients_read_deferred_fragments(
    billing: str, run: Run, url: str, agents_token: str, deployment: Deployment
) -> None:
    given = {"asks": ASKS, "variables": {"id": deployment.customers[CUSTOMER]}}
    found = run("parts.mjs", url, agents_token, json.dumps(given))
    apollo = [one for one in found["apollo"] if one["state"] != "empty"]
    for first, last in ((apollo[0], apollo[-1]), (found["urql"][0], found["urql"][-1])):
        assert first["data"]["customer"]["party"]["fullName"] == "Fatima El Amrani"
        assert "invoices" not in first["data"]["customer"]
        assert subjects(last["data"]) == ["Zuigmond ontbreekt"]
        invoices = last["data"]["customer"]["invoices"]
        assert invoices["nodes"] if billing == "well" else invoices is None
        assert last.get("codes") == (None if billing == "well" else ["SOURCE_UNAVAILABLE"])
    assert (apollo[0]["state"], apollo[-1]["state"]) == ("streaming", "complete")
    assert (found["urql"][0]["hasNext"], found["urql"][-1]["hasNext"]) == (True, False)


@pytest.mark.feature("3 clients", "graphql-ws, graphql-sse, Apollo Client and urql hear of a change, with the customer")
def test_clients_hear_of_a_change(run: Run, url: str, deployment: Deployment) -> None:
    token = token_for(CUSTOMER, deployment.issuer, deployment.settings, minutes=10)
    customer = deployment.customers[CUSTOMER]
    filed = {
        "channel": "APP",
        "customerId": customer,
        "subject": "Snoer te kort",
        "description": "Snoer te kort",
        "idempotencyKey": "node-event",
    }
    given = {"listens": LISTENS, "variables": {"id": customer}, "act": {"document": ACT, "input": filed}}
    found = run("events.mjs", url, token, json.dumps(given))
    assert set(found) == {"ws", "sse", "apollo", "urql"}
    for name, heard in found.items():
        told = heard["data"]["customerChanged"]
        assert "errors" not in heard, name
        assert (told["changes"][0]["source"], told["changes"][0]["learnt"]) == ("zendesk", "WRITE"), name
        assert "Snoer te kort" in subjects(told), name
