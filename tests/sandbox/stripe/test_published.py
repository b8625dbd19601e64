"""The sandbox's Stripe held against Stripe's published specification and sample objects.

They are no part of this repository: the folder that holds ``specs/`` is told by KLANTBEELD_SHARED, or lies beside the
checkout.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.stripe.app import ENDPOINTS
from klantbeeld.sandbox.stripe.endpoints import Endpoint

pytestmark = pytest.mark.shared

CHECKOUT = Path(__file__).parents[3]
SPECS = Path(os.environ.get("KLANTBEELD_SHARED", CHECKOUT.parent / "shared")) / "specs"
FILES = ("stripe-customers.yml", "stripe-invoices.yml", "stripe-credit-notes.yml")
SPECIFIED = ("/v1/customers", "/v1/invoices", "/v1/credit_notes")
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}
# Fields of version 2023-10-16 that the newer sample objects have no more.
WITHDRAWN = {
    "product": {"features"},
    "price": set[str](),
    "subscription": {"current_period_end", "current_period_start", "discount"},
    "subscription_item": set[str](),
    "event": set[str](),
    "credit_note_line_item": {"amount_excluding_tax", "tax_amounts", "unit_amount_excluding_tax"},
    "customer_balance_transaction": set[str](),
}


@cache
def specification() -> dict[str, Any]:
    whole: dict[str, Any] = {"paths": {}, "schemas": {}}
    for name in FILES:
        file = SPECS / name
        if not file.exists():
            pytest.skip(f"{file} is not here: set KLANTBEELD_SHARED to the folder that holds specs/")
        read = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        whole["paths"].update(read["paths"])
        whole["schemas"][name] = read["components"]["schemas"]
        for path in read["paths"].values():
            for operation in path.values():
                operation["file"] = name
    return whole


@cache
def samples() -> dict[str, Any]:
    file = SPECS / "stripe-fixtures3.json"
    if not file.exists():
        pytest.skip(f"{file} is not here: set KLANTBEELD_SHARED to the folder that holds specs/")
    read: dict[str, Any] = json.loads(file.read_text())["resources"]
    return read


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = specification()["paths"][endpoint.path][endpoint.method.lower()]
    return found


def resolved(schema: dict[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a schema refers to, or None where the copy of the specification does not have it."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] | None = schemas.get(schema["$ref"].rsplit("/", 1)[-1])
    return found


def problems(value: Any, schema: dict[str, Any], schemas: Mapping[str, Any], *, at: str) -> Iterator[str]:
    """Yield what is wrong with ``value`` by its schema: missing, unknown and mistyped members, wrong options."""
    meant = resolved(schema, schemas)
    if meant is None:
        return
    choices = meant.get("anyOf", meant.get("oneOf"))
    kind = meant.get("type")
    if value is None:
        yield from () if meant.get("nullable") else (f"{at} is null",)
    elif choices:
        tried = [list(problems(value, each, schemas, at=at)) for each in choices]
        yield from min(tried, key=len)
    elif kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{at} is no {kind}: {value!r}"
    elif value not in meant.get("enum", (value,)):
        yield f"{at} is none of {meant['enum']}: {value!r}"
    else:
        yield from inner_problems(value, meant, schemas, at=at)


def inner_problems(value: Any, schema: dict[str, Any], schemas: Mapping[str, Any], *, at: str) -> Iterator[str]:
    if isinstance(value, list) and "items" in schema:
        for position, each in enumerate(value):
            yield from problems(each, schema["items"], schemas, at=f"{at}[{position}]")
    elif isinstance(value, dict) and "properties" in schema:
        yield from member_problems(value, schema, schemas, at=at)


def member_problems(
    value: dict[str, Any], schema: dict[str, Any], schemas: Mapping[str, Any], *, at: str
) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}.{name} is missing"
    for name, each in value.items():
        if name not in schema["properties"]:
            yield f"{at}.{name} is not in the specification"
        else:
            yield from problems(each, schema["properties"][name], schemas, at=f"{at}.{name}")


def specified() -> list[Endpoint]:
    return [endpoint for endpoint in ENDPOINTS if endpoint.path.startswith(SPECIFIED)]


@pytest.mark.parametrize("endpoint", specified(), ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_endpoint_and_its_parameters_are_in_the_specification(endpoint: Endpoint) -> None:
    operation = operation_of(endpoint)
    schemas = specification()["schemas"][operation["file"]]
    known = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    for media in operation.get("requestBody", {}).get("content", {}).values():
        known |= set((resolved(media["schema"], schemas) or {}).get("properties", {}))
    assert set(endpoint.accepts) <= known


@pytest.fixture
def paths(population: Population) -> dict[str, str]:
    """Return a request for each reading endpoint that the specification has."""
    person, fact = next((person, fact) for person in population.people for fact in person.invoices if fact.credit_notes)
    customer = person.records["stripe"][fact.account].record_id
    note = fact.credit_notes[0].record_id
    return {
        "/v1/customers": "/v1/customers?limit=100",
        "/v1/customers/search": "/v1/customers/search?query=created>0&limit=100",
        "/v1/customers/{customer}": f"/v1/customers/{customer}",
        "/v1/customers/{customer}/balance_transactions": f"/v1/customers/{customer}/balance_transactions",
        "/v1/customers/{customer}/cash_balance": f"/v1/customers/{customer}/cash_balance",
        "/v1/invoices": "/v1/invoices?limit=100",
        "/v1/invoices/search": "/v1/invoices/search?query=total>0&limit=100",
        "/v1/invoices/{invoice}": f"/v1/invoices/{fact.record_id}",
        "/v1/invoices/{invoice}/lines": f"/v1/invoices/{fact.record_id}/lines",
        "/v1/credit_notes": "/v1/credit_notes?limit=100",
        "/v1/credit_notes/{id}": f"/v1/credit_notes/{note}",
        "/v1/credit_notes/{credit_note}/lines": f"/v1/credit_notes/{note}/lines",
    }


def schema_of_answer(endpoint: Endpoint) -> tuple[dict[str, Any], Mapping[str, Any]]:
    operation = operation_of(endpoint)
    schema: dict[str, Any] = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema, specification()["schemas"][operation["file"]]


@pytest.mark.parametrize(
    "endpoint", [each for each in specified() if each.method == "GET"], ids=lambda endpoint: str(endpoint.path)
)
@pytest.mark.asyncio
async def test_answer_is_as_the_specification_says(
    client: httpx.AsyncClient, paths: dict[str, str], endpoint: Endpoint
) -> None:
    schema, schemas = schema_of_answer(endpoint)
    assert resolved(schema, schemas) is not None
    answer = (await client.get(paths[endpoint.path])).json()
    assert not list(problems(answer, schema, schemas, at=endpoint.path))


@pytest.mark.asyncio
async def test_every_state_of_an_invoice_is_as_the_specification_says(
    client: httpx.AsyncClient, population: Population
) -> None:
    open_ones = [fact for person in population.people for fact in person.invoices if fact.status == "open"]
    schema = {"$ref": "#/components/schemas/invoice"}
    schemas = specification()["schemas"]["stripe-invoices.yml"]
    requests: tuple[tuple[str, dict[str, str]], ...] = (
        ("pay", {"payment_method": "pm_card_visa"}),
        ("pay", {"paid_out_of_band": "true"}),
        ("void", {}),
        ("mark_uncollectible", {}),
    )
    for fact, (action, form) in zip(open_ones, requests, strict=False):
        answer = await client.post(f"/v1/invoices/{fact.record_id}/{action}", data=form)
        assert answer.status_code == 200
        assert not list(problems(answer.json(), schema, schemas, at=action))


@pytest.mark.asyncio
async def test_what_a_write_makes_is_as_the_specification_says(
    client: httpx.AsyncClient, population: Population
) -> None:
    fact = next(fact for person in population.people for fact in person.invoices if fact.status == "paid")
    customer = await client.post("/v1/customers", data={"name": "Nieuw", "address[city]": "Delft"})
    note = await client.post("/v1/credit_notes", data={"invoice": fact.record_id, "amount": "1", "credit_amount": "1"})
    moves = await client.get(f"/v1/customers/{note.json()['customer']}/balance_transactions")
    gone = await client.delete(f"/v1/customers/{customer.json()['id']}")
    made = (
        ("stripe-customers.yml", "customer", customer.json()),
        ("stripe-customers.yml", "deleted_customer", gone.json()),
        ("stripe-customers.yml", "customer_balance_transaction", moves.json()["data"][0]),
        ("stripe-credit-notes.yml", "credit_note", note.json()),
    )
    for file, name, thing in made:
        schema = {"$ref": f"#/components/schemas/{name}"}
        assert not list(problems(thing, schema, specification()["schemas"][file], at=name))


@pytest.mark.asyncio
async def test_subscription_is_as_the_specification_says(client: httpx.AsyncClient) -> None:
    schemas = specification()["schemas"]["stripe-customers.yml"]
    found = (await client.get("/v1/subscriptions?status=all&limit=100")).json()["data"]
    assert found
    for each in found:
        schema = {"$ref": "#/components/schemas/subscription"}
        assert not list(problems(each, schema, schemas, at=each["id"]))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("product", "/v1/products"),
        ("price", "/v1/prices"),
        ("subscription", "/v1/subscriptions"),
        ("event", "/v1/events"),
    ],
)
@pytest.mark.asyncio
async def test_object_has_the_fields_of_the_sample(client: httpx.AsyncClient, kind: str, path: str) -> None:
    found = (await client.get(path)).json()["data"]
    assert found
    for each in found:
        assert not list(unlike_sample(each, kind))


@pytest.mark.asyncio
async def test_parts_have_the_fields_of_the_samples(client: httpx.AsyncClient, population: Population) -> None:
    item = (await client.get("/v1/subscriptions")).json()["data"][0]["items"]["data"][0]
    fact = next(fact for person in population.people for fact in person.invoices if fact.credit_notes)
    line = (await client.get(f"/v1/credit_notes/{fact.credit_notes[0].record_id}/lines")).json()["data"][0]
    assert not list(unlike_sample(item, "subscription_item"))
    assert not list(unlike_sample(line, "credit_note_line_item"))


def unlike_sample(thing: dict[str, Any], kind: str) -> Iterator[str]:
    """Yield the members that Stripe's own sample does not have, or has with another type."""
    sample = samples()[kind]
    for name, value in thing.items():
        if name not in sample:
            if name not in WITHDRAWN[kind]:
                yield f"{kind}.{name} is not in the sample"
        elif value is not None and sample[name] is not None and type(value) is not type(sample[name]):
            yield f"{kind}.{name} is a {type(value).__name__}, in the sample a {type(sample[name]).__name__}"


def test_a_wrong_object_is_found_wrong() -> None:
    schemas = specification()["schemas"]["stripe-customers.yml"]
    wrong = {"id": 5, "object": "client", "livemode": False, "surname": "X"}
    found = list(problems(wrong, {"$ref": "#/components/schemas/customer"}, schemas, at="customer"))
    assert {each.split(" ", 1)[0] for each in found} == {
        "customer.created",
        "customer.id",
        "customer.object",
        "customer.surname",
    }
