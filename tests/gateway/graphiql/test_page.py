"""GraphiQL: nothing from other servers, nothing that a page of somebody else could put in."""

import html
import json
import re
from importlib import resources
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from tests.gateway.conftest import Client

from klantbeeld.gateway.graphiql import Example, GraphiQL

pytestmark = pytest.mark.asyncio

EXAMPLE = Example(title="The call", query='{ hello(name: "<script>alert(1)</script>") }', variables='{"a": "\'"}')
MOST_BYTES = 3_000_000
STATIC = resources.files("klantbeeld.gateway.graphiql").joinpath("static")


def asking(client: Client, *, token: str | None = None) -> httpx.AsyncClient:
    return client(Starlette(routes=GraphiQL("/graphql", examples=(EXAMPLE,), token=token).routes()))


def config(page: str) -> Any:
    found = re.search(r'data-config="([^"]*)"', page)
    assert found is not None
    return json.loads(html.unescape(found[1]))


async def test_the_page_names_endpoint_examples_and_token(client: Client) -> None:
    page = (await asking(client, token="t").get("/graphiql")).text
    assert config(page) == {
        "endpoint": "/graphql",
        "examples": [{"title": "The call", "query": EXAMPLE.query, "variables": EXAMPLE.variables, "headers": ""}],
        "token": "t",
    }
    assert "<script>alert" not in page


async def test_without_a_token_the_field_is_empty(client: Client) -> None:
    assert config((await asking(client).get("/graphiql")).text)["token"] == ""


async def test_the_policy_allows_our_own_files_and_a_fresh_nonce_alone(client: Client) -> None:
    pages = [await asking(client).get("/graphiql") for _ in range(2)]
    policies = [page.headers["content-security-policy"] for page in pages]
    assert policies[0] != policies[1]
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "http" not in policies[0]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policies[0])
    assert nonce is not None
    assert f'nonce="{nonce[1]}"' in pages[0].text
    assert pages[0].headers["x-frame-options"] == "DENY"


async def test_the_page_loads_nothing_from_other_servers(client: Client) -> None:
    page = (await asking(client).get("/graphiql")).text
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == ["data:,", "/graphiql/graphiql.css", "/graphiql/graphiql.js"]
    css = STATIC.joinpath("graphiql.css").read_text(encoding="utf-8")
    assert re.findall(r"url\((?!['\"]?(?:data:|#))[^)]*\)|@import", css) == []


@pytest.mark.parametrize(("name", "kind"), [("graphiql.js", "javascript"), ("graphiql.css", "css")])
async def test_its_files_are_served(client: Client, name: str, kind: str) -> None:
    answer = await asking(client).get(f"/graphiql/{name}")
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await asking(client).get(f"/graphiql/{name}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/graphiql/../page.py", "/graphiql/%2e%2e/page.py", "/graphiql/missing.js"])
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    assert (await asking(client).get(path)).status_code == 404


async def test_it_is_small_and_keeps_the_licences() -> None:
    files = {file.name: len(file.read_bytes()) for file in STATIC.iterdir()}
    assert sum(files.values()) < MOST_BYTES
    notices = STATIC.joinpath("LICENSES.txt").read_text(encoding="utf-8")
    assert all(name in notices for name in ("graphiql 4", "react 19", "codemirror 5", "graphql 16", "graphql-ws 6"))
