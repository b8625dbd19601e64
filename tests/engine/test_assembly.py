"""Both assemblers give the same answer."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from tests.engine.house import CUSTOMER, STRANGER, House, invoice

from klantbeeld.engine.engine import Engine
from klantbeeld.sdk.records import Money

VIEWS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[2] / "docs" / "views").glob("*.graphql"))
}

pytestmark = pytest.mark.asyncio


async def both(house: House, query: str, variables: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Ask twice, once with graphql-core alone; gives the compiled answer."""
    compiled = await house.ask(query, variables, **more)
    assert house.fallbacks == 0, "graphql-core had to help"
    assert house.faults == []
    with patch.object(Engine, "_assembly", lambda *_: None):
        slow = await house.ask(query, variables, **more)
    assert house.fallbacks == 1
    house.fallbacks = 0
    assert list(compiled["data"] or ()) == list(slow["data"] or ())
    assert compiled == slow
    return compiled


EVERYTHING = """
query Everything($id: ID!, $some: Boolean! = true) {
  one: customer(id: $id) {
    __typename id redirectedFrom links { source recordId since }
    party { fullName kind provenance { source freshness fetchedAt } version id }
    ...Billing
    complaints(first: 2) { nodes { id subject state filedAt about { name } comments { nodes { body } } } }
    consents { purpose status origins { field rule } }
    attributes(category: SOCIAL) { name value }
    interactions(first: 4) { edges { cursor node { kind subject record { __typename ... on Invoice { number } } } } }
    balances { amount currency }
    sources { source state latencyMs }
  }
}
fragment Billing on Customer {
  invoices(first: 2) @include(if: $some) {
    edges { node { number total { amount currency } state daysOverdue lines { description product { name } } } }
    pageInfo { hasNextPage endCursor } incomplete { source }
  }
  products @skip(if: $some) { nodes { name } }
}
"""


async def test_a_whole_customer_is_assembled_alike() -> None:
    answer = await both(House(), EVERYTHING, {"id": CUSTOMER})

    assert "errors" not in answer
    assert answer["data"]["one"]["invoices"]["edges"][0]["node"]["number"] == "2026-4"
    assert "products" not in answer["data"]["one"]


async def test_conditions_choose_another_assembly() -> None:
    answer = await both(House(), EVERYTHING, {"id": CUSTOMER, "some": False})

    assert answer["data"]["one"]["products"] == {"nodes": [{"name": "Device"}]}
    assert "invoices" not in answer["data"]["one"]


@pytest.mark.parametrize("problem", ["timeout", "unavailable", "invalid"])
@pytest.mark.parametrize("source", ["crm", "billing", "complaints", "marketing"])
async def test_a_source_that_fails_costs_its_own_fields_alike(source: str, problem: str) -> None:
    house = House()
    house.sources[source].problem = problem

    answer = await both(house, EVERYTHING, {"id": CUSTOMER})

    assert {error["extensions"]["source"] for error in answer["errors"]} == {source}
    assert all("path" in error and error["locations"] for error in answer["errors"])


async def test_refused_fields_are_null_with_an_error_alike() -> None:
    answer = await both(House(), EVERYTHING, {"id": CUSTOMER}, without=["billing:read"])

    assert answer["data"]["one"]["invoices"] is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SCOPE_MISSING"}


@pytest.mark.parametrize("customer", [STRANGER, "01900000-0000-7000-8000-0000000000aa"])
async def test_unknown_and_forbidden_are_both_null_without_an_error(customer: str) -> None:
    assert await both(House(), EVERYTHING, {"id": customer}) == {"data": {"one": None}}


async def test_a_malformed_id_is_an_error_at_its_place() -> None:
    answer = await both(House(), EVERYTHING, {"id": "nonsense"})

    assert answer["data"] == {"one": None}
    assert answer["errors"][0]["extensions"]["code"] == "ID_INVALID"
    assert answer["errors"][0]["path"] == ["one"]


async def test_a_null_where_none_may_be_is_left_to_graphql_core() -> None:
    house = House()
    nameless: Any = None
    broken = msgspec.structs.replace(invoice(1), total=Money(Decimal(1), nameless))
    house.sources["billing"].held["invoices"]["cus_1"] = [broken]
    query = "{ me { id invoices { nodes { total { amount currency } } } } }"

    answer = await house.ask(query)

    assert house.fallbacks == 1
    assert answer["data"]["me"]["invoices"]["nodes"] == [{"total": None}]


@pytest.mark.parametrize("view", VIEWS)
async def test_every_view_is_assembled_by_its_plan(view: str) -> None:
    answer = await both(House(), VIEWS[view], {"id": CUSTOMER, "channel": "EMAIL"})

    assert answer["data"]


async def test_introspection_is_left_to_graphql_core() -> None:
    house = House()

    answer = await house.ask("{ __schema { queryType { name } } }")

    assert answer["data"] == {"__schema": {"queryType": {"name": "Query"}}}
    assert house.fallbacks == 1


async def test_abstract_types_are_told_apart() -> None:
    house = House()
    first = await house.ask("{ me { complaints(first: 1) { nodes { id } } } }")
    node = first["data"]["me"]["complaints"]["nodes"][0]["id"]
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Complaint { subject about { name } } } }"

    for asked in (node, CUSTOMER):
        answer = await both(house, query, {"id": asked})
        assert answer["data"]["node"]["id"] == asked


@pytest.mark.parametrize(
    "query", ["{ __schema { queryType { name } } }", '{ me { id } __type(name: "Query") { name } }']
)
async def test_introspection_needs_its_scope(query: str) -> None:
    answer = await House().ask(query, without=["introspect"])

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SCOPE_MISSING"]
    assert "queryType" not in str(answer["data"])


async def test_a_field_stands_where_it_is_first_selected_when_conditions_are_decided() -> None:
    fragment = "fragment P on Customer { links { source } party { kind } }"
    query = f"query ($no: Boolean!) {{ me {{ party @include(if: $no) {{ id }} id ...P }} }} {fragment}"
    answer = await both(House(), query, {"no": False})

    assert list(answer["data"]["me"]) == ["id", "links", "party"]


@pytest.mark.parametrize(
    "body",
    [
        "me { ...F ...F }",
        "me { ...F } me { id ...F }",
        "me { ... { ...F } ...G }",
        "me { ...F @include(if: $yes) ...F }",
        "me { ...F @skip(if: $yes) ...F @include(if: $yes) }",
        "me { ...F @include(if: $yes) } ...Q",
    ],
)
async def test_a_fragment_that_is_spread_twice_is_one_place_of_an_error(body: str) -> None:
    query = f"""query ($yes: Boolean! = true) {{
      {body} other: me {{ ...G id @include(if: $yes) }} ...Q @skip(if: $yes) }}
      fragment F on Customer {{ profileGaps(view: "nonsense") {{ mayBeAsked }} }}
      fragment G on Customer {{ ...F }} fragment Q on Query {{ me {{ ...G }} }}"""
    answer = await both(House(), query)

    assert [(error["path"], len(error["locations"])) for error in answer["errors"]] == [
        (["me", "profileGaps"], 1),
        (["other", "profileGaps"], 1),
    ]


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ("fullName", ["fullName"]),
        ("name: fullName gender", ["fullName"]),
        ("...N", ["fullName"]),
        ("id version", []),
        ("fullName @skip(if: true) kind", ["kind"]),
        ("fullName @skip(if: $yes) kind", ["kind"]),
        ("... @include(if: $yes) { fullName } ...N @skip(if: $yes)", ["fullName"]),
        ("...N @skip(if: $yes) kind", ["kind"]),
        ("... @include(if: $no) { fullName }", []),
    ],
)
async def test_origins_tell_of_the_fields_that_are_selected_beside_them(beside: str, told: list[str]) -> None:
    # What is selected elsewhere shares the record's call, and brings members of its own.
    query = f"""query ($yes: Boolean! = true, $no: Boolean! = false) {{ me {{
      marketingEligibility(channel: EMAIL) {{ allowed }} other: party {{ kind ...N }}
      party {{ origins {{ field }} {beside} }} }} }}
      fragment N on Party {{ fullName id @skip(if: $yes) version @include(if: $no) }}"""
    answer = await both(House(), query)

    assert [one["field"] for one in answer["data"]["me"]["party"]["origins"]] == told


async def test_origins_of_a_party_that_is_evidence_tell_nothing_of_what_the_rule_looked_at() -> None:
    house = House()
    born = msgspec.structs.replace(house.sources["crm"].held["party"]["p1"][0], birth_date=date(2020, 2, 2))
    house.sources["crm"].held["party"]["p1"] = [born]
    query = """{ me { marketingEligibility(channel: EMAIL) { blockers { code
      one: evidence { ... on Party { origins { field source rule } } ... on Order { status } }
      other: evidence { ... on Party { fullName origins { field } } } } } } }"""
    answer = await both(house, query)

    (minor,) = [one for one in answer["data"]["me"]["marketingEligibility"]["blockers"] if one["code"] == "MINOR"]
    assert minor["one"] == [{"origins": []}]
    assert minor["other"] == [{"fullName": "Ada", "origins": [{"field": "fullName"}]}]


async def test_origins_with_alternatives_tell_of_the_fields_beside_them_alone() -> None:
    query = """query ($no: Boolean! = false) { me { party { fullName kind @include(if: $no)
      origins { field alternatives { source value } } } } }"""
    answer = await both(House(), query)

    assert answer["data"]["me"]["party"]["origins"] == [
        {"field": "fullName", "alternatives": [{"source": "billing", "value": "A. Lovelace"}]}
    ]


async def test_origins_of_a_consent_tell_of_its_status_whatever_is_beside_them() -> None:
    origin = [{"field": "status", "source": "marketing", "rule": "WITHDRAWAL_WINS"}]
    answer = await both(House(), "{ me { consents { purpose origins { field source rule } } } }")

    assert answer["data"]["me"]["consents"] == [{"purpose": "marketing", "origins": origin}]


async def test_origins_tell_of_their_own_branch_where_two_types_select_different_fields_under_one_key() -> None:
    query = """{ node(id: "%s") { ... on Customer { x: party { fullName origins { field } } }
      ... on Interaction { x: record { ... on Party { origins { field } } } } } }"""
    answer = await both(House(), query % CUSTOMER)
    assert answer["data"]["node"]["x"]["origins"] == [{"field": "fullName"}]


async def test_a_null_where_none_may_be_is_an_error_at_the_value_alike() -> None:
    query = "query ($first: Int) { me { complaints(first: $first) { nodes { id } } } }"
    answer = await both(House(), query, {"first": None})
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 46}]


@pytest.mark.parametrize(
    ("kind", "field", "given"),
    [
        ("[ID!]!", "customers(ids: $x) { id }", [CUSTOMER]),
        ("String!", "searchCustomers(text: $x) { nodes { id } }", "a@example.nl"),
        ("IdentifyInput!", "identify(by: $x) { outcome }", {"phone": "020 555 0101"}),
    ],
)
async def test_a_variable_that_decides_in_another_operation_decides_nothing(kind: str, field: str, given: Any) -> None:
    document = f"query A($x: Boolean!) {{ me {{ id @skip(if: $x) }} }} query B($x: {kind}) {{ {field} }}"
    house = House()
    answer = await house.ask(document, {"x": given}, name="B")
    assert "errors" not in answer
    (plan,) = house.engine._plans._kept.values()
    assert list(plan.shapes) == [()]  # nothing that a caller gave is kept


async def test_a_variable_that_decides_in_a_fragment_decides() -> None:
    query = """query ($some: Boolean = true) { me { ...One } } fragment One on Customer { ...Two }
      fragment Two on Customer { id links @include(if: $some) { source } }"""
    assert list((await both(House(), query))["data"]["me"]) == ["id", "links"]
    assert list((await both(House(), query, {"some": False}))["data"]["me"]) == ["id"]
    answer = await House().ask(query, {"some": None})
    assert answer["errors"][0]["extensions"]["place"] == "$some"
