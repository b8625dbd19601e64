"""What the connectors send, held against the published OpenAPI documents: paths, methods, parameters, members.

The requests are those of the recorded examples, so a new call is held to them as well.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.examples import Request, load_examples

pytestmark = pytest.mark.shared

CHECKOUT = Path(__file__).resolve().parents[2]
SPECS = Path(os.environ.get("KLANTBEELD_SHARED", CHECKOUT.parent / "shared")) / "specs"
DOCUMENTS = {
    "stripe": ("stripe-customers", "stripe-invoices", "stripe-credit-notes"),
    "zendesk": ("zendesk-users", "zendesk-tickets", "zendesk-incremental-export"),
}
UNPUBLISHED = {  # documented by the makers, and left out of the documents at hand
    "/v1/events",
    "/v1/products",
    "/v1/products/*",
    "/v1/subscriptions",
    "/v1/subscriptions/*",
    "/api/v2/users/*/tickets/requested",
}
# Zendesk's document of comments names neither cursor paging nor sorting, which all its listings have.
LISTING = {"page", "sort", "include"}


@cache
def operations(connector: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for name in DOCUMENTS[connector]:
        file = SPECS / f"{name}.yml"
        if not file.exists():
            pytest.skip(f"{file} is not here: set KLANTBEELD_SHARED to the folder that holds specs/")
        document = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for path, item in document["paths"].items():
            full = path if path.startswith(("/v1", "/api")) else f"/api/v2{path}"
            for method, operation in item.items():
                if isinstance(operation, dict):
                    shared = item.get("parameters", [])
                    found[method.upper(), full] = {
                        "parameters": [*shared, *operation.get("parameters", [])],
                        "form": form_members(operation, document),
                    }
    return found


def form_members(operation: Mapping[str, Any], document: Mapping[str, Any]) -> frozenset[str]:
    """Return the members of an operation's form; it may be a reference."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return frozenset(schema.get("properties", ()))


def requests(connector: str) -> Iterator[tuple[str, Request]]:
    for example in load_examples(load_connectors().manifests[connector]):
        for exchange in example.exchanges:
            yield example.name, exchange.request


def template(path: str) -> str:
    """Write ids as stars."""
    return re.sub(r"/(cus_|in_|cn_|sub_|KB-)[^/]+|/\d+(?=/|$)", "/*", path)


def operation_of(connector: str, request: Request) -> Mapping[str, Any] | None:
    return next(
        (
            operation
            for (method, path), operation in operations(connector).items()
            if method == request.method and re.sub(r"\{[^}]+\}", "*", path) == template(request.path)
        ),
        None,
    )


@pytest.mark.parametrize("connector", DOCUMENTS)
def test_every_path_is_published(connector: str) -> None:
    unknown = {
        f"{name}: {request.method} {template(request.path)}"
        for name, request in requests(connector)
        if template(request.path) not in UNPUBLISHED and operation_of(connector, request) is None
    }
    assert unknown == set()


@pytest.mark.parametrize("connector", DOCUMENTS)
def test_every_query_parameter_is_published(connector: str) -> None:
    unknown = set()
    for name, request in requests(connector):
        operation = operation_of(connector, request)
        if operation is None or any("$ref" in parameter for parameter in operation["parameters"]):
            continue
        known = {base(parameter["name"]) for parameter in operation["parameters"]}
        known |= LISTING if connector == "zendesk" else set()
        unknown |= {f"{name}: {key}" for key, _ in request.query if base(key) not in known}
    assert unknown == set()


def test_every_member_of_a_form_is_published() -> None:
    unknown, seen = set(), 0
    for name, request in requests("stripe"):
        operation = operation_of("stripe", request)
        if operation is None or request.form is None:
            continue
        unknown |= {f"{name}: {key}" for key, _ in request.form if base(key) not in operation["form"]}
        seen += 1
    assert unknown == set()
    assert seen


def base(name: str) -> str:
    return name.partition("[")[0]
