"""The clients that apps use, as they come from npm and with their defaults, and the audit, over the whole gateway."""

import json
from typing import Any

import pytest
from tests.acceptance.running import Deployment

from klantbeeld.sandbox.launcher import Sandbox

from .conftest import Run, needs_install

pytestmark = [pytest.mark.node, needs_install]

CUSTOMER = "fatima-el-amrani"
ASKS = """
query Customer($id: ID!, $first: Int!, $withInvoices: Boolean!) {
  customer(id: $id) {
    id
    party { fullName }
    invoices(first: $first) @include(if: $withInvoices) { nodes { number } }
    complaints(first: $first) { nodes { subject } }
  }
}
"""
ACT = """
mutation Record($input: RecordInteractionInput!) {
  recordInteraction(input: $input) { status steps { source status } customer { id } }
}
"""
PARTY = {"fullName": "Fatima El Amrani"}
SUBJECTS = ["Zuigmond ontbreekt"]


@pytest.fixture
def given(deployment: Deployment, sandbox: Sandbox) -> str:
    """Give what the scripts ask: once for all that is there, once for invoices too, which billing does not tell."""
    sandbox.reset()
    sandbox.set_fault("stripe", {"mode": "status", "status": 503, "paths": "/v1/invoices"})
    customer = deployment.customers[CUSTOMER]
    variables = {"id": customer, "first": 3}
    heard = {"channel": "CHAT", "customerId": customer, "direction": "INBOUND", "subject": "Waar blijft mijn pakket?"}
    return json.dumps(
        {
            "asks": ASKS,
            "all": {**variables, "withInvoices": False},
            "some": {**variables, "withInvoices": True},
            "act": {"document": ACT, "input": heard},
        }
    )


def subjects(data: Any) -> list[str]:
    return [complaint["subject"] for complaint in data["customer"]["complaints"]["nodes"]]


@pytest.mark.feature(
    "3 clients", "Apollo Client 4 with its defaults: a query, a partial answer with errors, a mutation"
)
def test_apollo_client_reads_wholes_and_parts_and_writes(
    run: Run, url: str, agents_token: str, given: str, deployment: Deployment
) -> None:
    found = run("apollo.mjs", url, agents_token, given)
    assert found["whole"]["customer"]["party"] == {**PARTY, "__typename": "Party"}
    assert subjects(found["whole"]) == SUBJECTS
    assert found["thrown"]["isGraphQL"]
    for partial in (found["thrown"], found["partial"]):
        assert partial["codes"] == ["SOURCE_UNAVAILABLE"]
        assert partial["data"]["customer"]["invoices"] is None
        assert subjects(partial["data"]) == SUBJECTS
    assert_recorded(found["acted"], deployment)


@pytest.mark.feature("3 clients", "urql with its defaults: a query, a partial answer with errors, a mutation")
def test_urql_reads_wholes_and_parts_and_writes(
    run: Run, url: str, agents_token: str, given: str, deployment: Deployment
) -> None:
    found = run("urql.mjs", url, agents_token, given)
    assert "error" not in found["whole"]
    assert found["whole"]["data"]["customer"]["party"]["fullName"] == PARTY["fullName"]
    assert found["partial"]["codes"] == ["SOURCE_UNAVAILABLE"]
    assert found["partial"]["data"]["customer"]["invoices"] is None
    assert subjects(found["partial"]["data"]) == SUBJECTS
    assert "error" not in found["acted"]
    assert_recorded(found["acted"]["data"], deployment)


@pytest.mark.feature("3 clients", "61 of 61 audits of npm's graphql-http, with a token that may introspect")
def test_all_61_audits_of_graphql_http_are_ok(run: Run, url: str, agents_token: str) -> None:
    found = run("audit.mjs", url, agents_token)
    assert found["findings"] == []
    assert found["counts"] == {"ok": 61, "warn": 0, "error": 0, "notice": 0}


def assert_recorded(data: Any, deployment: Deployment) -> None:
    recorded = data["recordInteraction"]
    assert recorded["status"] == "APPLIED"
    assert [(step["source"], step["status"]) for step in recorded["steps"]] == [("dataverse", "APPLIED")]
    assert recorded["customer"]["id"] == deployment.customers[CUSTOMER]
