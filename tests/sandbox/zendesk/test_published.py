"""What this Zendesk answers and accepts, held against the published OpenAPI documents.

Some of their references lead nowhere; ``STAND_INS`` names what is meant. They also leave out where a value may be null
(a ticket without an assignee), so null is let pass, and everything that is not null must be of its type.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from klantbeeld.sandbox.zendesk.app import ENDPOINTS

pytestmark = [pytest.mark.asyncio, pytest.mark.shared]

CHECKOUT = Path(__file__).resolve().parents[3]
SPECS = Path(os.environ.get("KLANTBEELD_SHARED", CHECKOUT.parent / "shared")) / "specs"

STAND_INS: Mapping[str, tuple[str, str]] = {
    "UserObject": ("users", "User"),
    "TicketObject": ("tickets", "Ticket"),
}
UNPUBLISHED = {
    "/users/{id}/identities",
    "/users/{id}/identities/{identity}/make_primary",
    "/users/{id}/tickets/requested",
}
"""Endpoints that Zendesk documents and the documents at hand leave out."""

ANSWERS = [
    ("users", "/api/v2/users/{user_id}", "/users/{sanne}"),
    ("users", "/api/v2/users", "/users?page[size]=3"),
    ("users", "/api/v2/users/me", "/users/me"),
    ("users", "/api/v2/users/show_many", "/users/show_many?ids={sanne}"),
    ("users", "/api/v2/users/search", "/users/search?query=email:sanne@example.org"),
    ("users", "/users", "/users?per_page=3"),
    ("users", "/users/{user_id}", "/users/{sanne}"),
    ("users", "/users/search", "/users/search?query=Sanne"),
    ("tickets", "/api/v2/tickets/{ticket_id}", "/tickets/102"),
    ("tickets", "/api/v2/tickets/show_many", "/tickets/show_many?ids=101,102"),
    ("tickets", "/api/v2/tickets", "/tickets?page[size]=3"),
    ("tickets", "/tickets", "/tickets?per_page=3"),
    ("tickets", "/tickets/{ticket_id}", "/tickets/102"),
    ("tickets", "/tickets/{ticket_id}/comments", "/tickets/101/comments"),
    ("search", "/api/v2/search", "/search?query=type:ticket"),
    ("incremental-export", "/api/v2/incremental/tickets/cursor", "/incremental/tickets/cursor?start_time=0"),
    ("incremental-export", "/api/v2/incremental/users/cursor", "/incremental/users/cursor?start_time=0"),
]
SAMPLES = {"sort_by": "updated_at", "sort_order": "desc", "page": 1, "per_page": 2, "external_id": "x"}
REFUSALS = [
    ("users", "/users/{user_id}", "404", "/users/1"),
    ("tickets", "/tickets/{ticket_id}", "404", "/tickets/1"),
    ("tickets", "/tickets/{ticket_id}/comments", "404", "/tickets/1/comments"),
]
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


@cache
def document(name: str) -> dict[str, Any]:
    file = SPECS / f"zendesk-{name}.yml"
    if not file.exists():
        pytest.skip(f"{file} is not here: set KLANTBEELD_SHARED to the folder that holds specs/")
    parsed: dict[str, Any] = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return parsed


def resolve(name: str, schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Follow a reference; one that leads nowhere and has no stand-in allows anything."""
    if "$ref" not in schema:
        return name, schema
    _, _, kind, member = schema["$ref"].split("/")
    found = document(name)["components"].get(kind, {}).get(member)
    if found is None and member in STAND_INS:
        name, member = STAND_INS[member]
        found = document(name)["components"][kind][member]
    return name, found or {}


def problems(name: str, schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield where a value is not what the schema says."""
    name, schema = resolve(name, schema)
    for part in schema.get("allOf", ()):
        yield from problems(name, part, value, path)
    if value is None:
        return
    kind = schema.get("type")
    wanted = TYPES.get(kind, (object,)) if isinstance(kind, str) else (object,)
    if not isinstance(value, wanted) or (kind in ("integer", "number") and isinstance(value, bool)):
        yield f"{path} is no {kind}: {value!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path} is none of {schema['enum']}: {value!r}"
    elif isinstance(value, dict):
        for member, inner in schema.get("properties", {}).items():
            if member in value:
                yield from problems(name, inner, value[member], f"{path}.{member}")
    elif isinstance(value, list):
        for place, element in enumerate(value):
            yield from problems(name, schema.get("items", {}), element, f"{path}[{place}]")


def body_schema(name: str, path: str, method: str, status: str) -> Mapping[str, Any]:
    response = document(name)["paths"][path][method]["responses"][status]
    _, response = resolve(name, response)
    schema: Mapping[str, Any] = response["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(("name", "path", "asked"), ANSWERS)
async def test_an_answer_is_of_the_published_shape(
    zendesk: httpx.AsyncClient, sanne: str, name: str, path: str, asked: str
) -> None:
    answer = await zendesk.get("/api/v2" + asked.format(sanne=sanne))
    assert answer.status_code == 200
    schema = body_schema(name, path, "get", "200")
    assert list(problems(name, schema, answer.json())) == []
    _, resolved = resolve(name, schema)
    assert answer.json().keys() & resolved["properties"].keys()


@pytest.mark.parametrize(("name", "path", "status", "asked"), REFUSALS)
async def test_a_refusal_is_of_the_published_shape(
    zendesk: httpx.AsyncClient, name: str, path: str, status: str, asked: str
) -> None:
    answer = await zendesk.get("/api/v2" + asked)
    assert str(answer.status_code) == status
    assert list(problems(name, body_schema(name, path, "get", status), answer.json())) == []


@pytest.mark.parametrize(
    ("schema", "asked", "where"),
    [
        (("users", "User"), "/users/{sanne}", "user"),
        (("tickets", "Ticket"), "/tickets/102", "ticket"),
        (("tickets", "Comment"), "/tickets/102/comments", "comments"),
    ],
)
async def test_a_record_has_every_published_member(
    zendesk: httpx.AsyncClient, sanne: str, schema: tuple[str, str], asked: str, where: str
) -> None:
    answer = (await zendesk.get("/api/v2" + asked.format(sanne=sanne))).json()[where]
    record = answer[0] if isinstance(answer, list) else answer
    published = document(schema[0])["components"]["schemas"][schema[1]]["properties"].keys()
    assert published - record.keys() <= {"chat_only"}  # deprecated, and left out of the vendor's own examples


async def test_created_and_updated_are_of_the_published_shape(zendesk: httpx.AsyncClient, sanne: str) -> None:
    given = {"subject": "Klacht", "comment": {"body": "Het lekt."}, "requester_id": int(sanne)}
    created = await zendesk.post("/api/v2/tickets", json={"ticket": given})
    number = created.json()["ticket"]["id"]
    updated = await zendesk.put(f"/api/v2/tickets/{number}", json={"ticket": {"status": "solved"}})
    user = await zendesk.post("/api/v2/users", json={"user": {"name": "Nieuw", "email": "nieuw@example.nl"}})
    held = [
        ("tickets", "/api/v2/tickets", "post", "201", created),
        ("tickets", "/api/v2/tickets/{ticket_id}", "put", "200", updated),
        ("users", "/api/v2/users", "post", "201", user),
    ]
    for name, path, method, status, answer in held:
        assert str(answer.status_code) == status
        assert list(problems(name, body_schema(name, path, method, status), answer.json())) == []


async def test_an_invalid_record_is_refused_in_the_published_shape(zendesk: httpx.AsyncClient) -> None:
    answer = await zendesk.post("/api/v2/tickets", json={"ticket": {"subject": "Klacht"}})
    assert list(problems("tickets", body_schema("tickets", "/tickets", "post", "422"), answer.json())) == []


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ENDPOINTS])
async def test_every_endpoint_is_published(method: str, path: str) -> None:
    wanted = path.replace("{id}", "{}").replace("{identity}", "{}")
    published = {
        (verb.upper(), _without_names(published.removeprefix("/api/v2")))
        for name in ("users", "tickets", "search", "incremental-export")
        for published, operations in document(name)["paths"].items()
        for verb in operations
    }
    assert (method, wanted) in published or path in UNPUBLISHED


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("users", "/api/v2/users/search"),
        ("users", "/api/v2/users/show_many"),
        ("users", "/users"),
        ("tickets", "/api/v2/tickets"),
        ("tickets", "/tickets"),
        ("search", "/api/v2/search"),
    ],
)
async def test_every_published_parameter_is_accepted(zendesk: httpx.AsyncClient, name: str, path: str) -> None:
    parameters = [resolve(name, each)[1] for each in document(name)["paths"][path]["get"]["parameters"]]
    always = {"query": "type:ticket"} if name == "search" else {"ids": "1"} if "show_many" in path else {}
    for parameter in parameters:
        values = parameter["schema"].get("enum") or [parameter.get("example") or SAMPLES[parameter["name"]]]
        for value in values:
            query = always | {parameter["name"]: str(value)}
            answer = await zendesk.get(f"/api/v2{path.removeprefix('/api/v2')}", params=query)
            assert answer.status_code == 200, (parameter["name"], value)


@pytest.mark.parametrize(("schema", "method", "path"), [("TicketCreate", "POST", ""), ("TicketUpdate", "PUT", "/102")])
async def test_every_published_member_of_a_ticket_is_accepted(
    zendesk: httpx.AsyncClient, sanne: str, schema: str, method: str, path: str
) -> None:
    members = document("tickets")["components"]["schemas"][schema]["properties"]
    samples: dict[str, Any] = {
        "comment": {"body": "Het lekt.", "public": True},
        "requester": {"name": "Nieuw", "email": "nieuw@example.nl"},
        "custom_fields": [{"id": 360_000_000_101, "value": "KB-STOF-70"}],
        "tags": ["klacht"],
        "due_at": "2026-12-01T00:00:00Z",
    }
    for member, described in members.items():
        _, inner = resolve("tickets", described)
        value = samples.get(member) or (inner.get("enum") or [int(sanne) if inner["type"] == "integer" else "x"])[0]
        value = [value] if inner.get("type") == "array" and not isinstance(value, list) else value
        ticket = {"comment": {"body": "Het lekt."}} | {member: value}
        answer = await zendesk.request(method, f"/api/v2/tickets{path}", json={"ticket": ticket})
        assert answer.status_code in (200, 201), member


def _without_names(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
