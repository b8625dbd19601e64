"""One plan for an operation: what can start together does, keys go in batches, and the whole language is understood."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.engine.cases import case_of

from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

from .acting import INPUTS
from .caching import live_only
from .running import Ask, Calls

SLOW_MS = 300

LANGUAGE = """
query Language($id: ID!, $first: Int = 2, $all: Boolean! = true, $none: Boolean! = false, $open: Boolean) {
  __typename
  one: customer(id: $id) {
    ...Who
    skipped: party @skip(if: $all) { fullName }
    party @include(if: $all) { __typename birthDate ...Sourcing }
    invoices(first: $first) { nodes { number state issuedOn total { amount currency } lines { description } } }
    complaints(first: 1, open: $open) { nodes { id ... on Complaint { subject about { name } } } }
    interactions(first: 3) { nodes { kind record { __typename ... on Invoice { number } ... on Order { number } } } }
    ... @include(if: $none) { campaigns { name } }
  }
  nobody: customer(id: "01900000-0000-7000-8000-000000000000") { id }
}
fragment Who on Customer { id redirectedFrom party { fullName } contactMedia { kind value } }
fragment Sourcing on Sourced { provenance { source freshness fetchedAt } version }
"""


@pytest.mark.feature("3 engine", "All calls that depend on nothing start at once: the time of the slowest, not the sum")
@live_only
def test_calls_that_depend_on_nothing_start_at_once(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    fields = "party { fullName } invoices { nodes { number } } complaints { nodes { id } } consents { status }"
    document = f"query Together($id: ID!) {{ customer(id: $id) {{ {fields} }} }}"
    ask(document, {"id": ids["fatima-el-amrani"]})
    for system in SYSTEMS:
        sandbox.set_fault(system, {"mode": "latency", "ms": SLOW_MS})
    reply = ask(document, {"id": ids["fatima-el-amrani"]})
    assert reply.data["customer"]["party"]
    assert SLOW_MS / 1000 <= reply.seconds < 2 * SLOW_MS / 1000


@pytest.mark.feature("3 engine", "Keys of one source go in one call, and the same is not asked twice")
def test_keys_go_in_one_call_and_nothing_is_asked_twice(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    document = """
    query Batch($ids: [ID!]!) {
      customers(ids: $ids) { party { fullName } again: party { kind } contactMedia { value } }
      customer(id: "SOMEBODY") { party { fullName } }
    }
    """.replace("SOMEBODY", ids["fatima-el-amrani"])
    before = len(calls()["dataverse"])
    reply = ask(document, {"ids": [*ids.values(), *ids.values()]})
    assert len(reply.data["customers"]) == 2 * len(ids)
    assert len(calls()["dataverse"]) - before <= 2


@pytest.mark.feature("3 engine", "No source is asked for what is not selected")
def test_no_source_is_asked_for_what_is_not_selected(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    before = calls()
    ask(
        "query Few($id: ID!) { customer(id: $id) { complaints { nodes { subject } } } }",
        {"id": ids["fatima-el-amrani"]},
    )
    after = calls()
    assert [name for name in SYSTEMS if after[name] != before[name]] == ["zendesk"]


@pytest.mark.feature(
    "3 engine",
    "The whole language: variables with defaults, conditions, fragments on objects and interfaces, aliases, type "
    "names, lists, enums, scalars, computed fields, nested connections",
)
@live_only
def test_the_whole_language_is_understood(ask: Ask, ids: dict[str, str]) -> None:
    first, second = (ask(LANGUAGE, {"id": ids["fatima-el-amrani"], "open": None}).data for _ in range(2))
    for answer in (first, second):
        assert answer["one"]["party"]["provenance"].pop("fetchedAt")
    assert first == second
    one = first["one"]
    assert (first["__typename"], first["nobody"]) == ("Query", None)
    assert list(one) == [
        "id", "redirectedFrom", "party", "contactMedia", "invoices", "complaints", "interactions",
    ]  # fmt: skip
    assert list(one["party"]) == ["fullName", "__typename", "birthDate", "provenance", "version"]
    assert len(one["invoices"]["nodes"]) <= 2
    assert {node["record"]["__typename"] for node in one["interactions"]["nodes"] if node["record"]} <= {
        "Invoice", "Order", "Complaint", "Interaction", "Product",
    }  # fmt: skip


@pytest.mark.feature("3 engine", "Conditions are decided anew for each request")
@pytest.mark.parametrize(("is_all", "is_none"), [(True, True), (True, False), (False, True), (False, False)])
def test_conditions_are_decided_for_each_request(ask: Ask, ids: dict[str, str], *, is_all: bool, is_none: bool) -> None:
    given = {"id": ids["fatima-el-amrani"], "all": is_all, "none": is_none}
    for _ in range(2):
        one = ask(LANGUAGE, given).data["one"]
        assert ("skipped" in one, "birthDate" in one["party"], "campaigns" in one) == (not is_all, is_all, is_none)


@pytest.mark.feature("3 engine", "A null goes up to the nearest field that may be null, with one error, path and place")
def test_an_error_has_its_path_and_its_place(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_fault("stripe", {"mode": "status", "status": 503})
    document = "query Broken($id: ID!) {\n  customer(id: $id) {\n    due: invoices { nodes { number } }\n    id\n  }\n}"
    reply = ask(document, {"id": ids["fatima-el-amrani"]})
    (error,) = reply.body["errors"]
    assert (error["path"], error["locations"]) == (["customer", "due"], [{"line": 3, "column": 5}])
    assert reply.part["customer"] == {"due": None, "id": ids["fatima-el-amrani"]}


@pytest.mark.feature("3 engine", "Mutations of one operation are carried out one after another")
def test_mutations_are_carried_out_in_series(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    kind = INPUTS["giveConsent"]
    document = (
        f"mutation Series($a: {kind}!, $b: {kind}!) {{ first: withdrawConsent(input: $a) {{ status }} "
        "second: giveConsent(input: $b) { status customer { consents { purpose channel status } } } }"
    )
    consent: dict[str, Any] = {
        "customerId": ids["fatima-el-amrani"], "purpose": "marketing", "consentChannel": "EMAIL", "channel": "PHONE",
    }  # fmt: skip
    reply = ask(document, {"a": consent, "b": {**consent, "noticeVersion": "2026-1"}})
    if reply.status != 200:
        reply = ask(document, {"a": consent, "b": consent})
    assert [reply.data[name]["status"] for name in ("first", "second")] == ["APPLIED", "APPLIED"]
    told = {(one["purpose"], one["channel"]): one["status"] for one in reply.data["second"]["customer"]["consents"]}
    assert told["marketing", "EMAIL"] == "GIVEN"


@pytest.mark.feature("3 engine", "Introspection is answered for tokens that may read the schema")
def test_introspection_is_answered(ask: Ask) -> None:
    schema = ask('{ __schema { queryType { name } } __type(name: "Customer") { kind fields { name } } }').data
    assert schema["__schema"] == {"queryType": {"name": "Query"}}
    assert schema["__type"]["kind"] == "OBJECT"


@pytest.mark.feature("3 engine", "Both assemblers and an executor without a plan agree on generated operations")
@pytest.mark.asyncio
async def test_three_executors_agree_on_generated_operations() -> None:
    first = int(os.environ.get("KLANTBEELD_SEED", "50000"))
    for seed in range(first, first + 12):
        case = case_of(seed, mutations=0)
        assert await case.difference() is None, case.operation.text


@pytest.mark.feature("3 engine", "Twenty faults in the engine, one at a time, are each caught by that comparison")
def test_mutants_of_the_engine_are_listed_and_run() -> None:
    listed = (Path(__file__).parents[1] / "engine" / "test_mutants.py").read_text(encoding="utf-8")
    for fault in ("drops an error", "ignores a skip", "reorders the answers", "shares a record between customers"):
        assert f'"{fault}"' in listed
