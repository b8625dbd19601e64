"""`klantbeeld query`."""

import json
from pathlib import Path

import httpx
import pytest
import respx

from .conftest import Klantbeeld

URL = "http://gateway.example/graphql"
QUERY = "query Name { me { id } }"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "me.graphql"
    path.write_text(QUERY, encoding="utf-8")
    return path


@respx.mock(using="httpx")
def test_the_answer_is_printed_as_json(klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter) -> None:
    answer = {"data": {"me": {"id": "é"}}}
    asked = respx_mock.post(URL).mock(return_value=httpx.Response(200, json=answer))
    done = klantbeeld(
        "query", document, "--url", URL, "--token", "t", "--purpose", "advice", "--variables", '{"a": 1}', "--name", "N"
    )
    assert (done.code, done.err, json.loads(done.out)) == (0, "", answer)
    request = asked.calls.last.request
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["klantbeeld-purpose"] == "advice"
    assert request.headers["accept-language"] == "en"
    assert json.loads(request.content) == {"query": QUERY, "variables": {"a": 1}, "operationName": "N"}


@respx.mock(using="httpx")
def test_the_language_may_be_named(klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter) -> None:
    asked = respx_mock.post(URL).mock(return_value=httpx.Response(200, json={"data": None}))
    klantbeeld("query", document, "--url", URL, "--language", "nl")
    assert asked.calls.last.request.headers["accept-language"] == "nl"


@respx.mock(using="httpx")
def test_errors_are_listed_and_leave_with_1(
    klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter
) -> None:
    error = {"message": "No.", "path": ["me", 0, "id"], "extensions": {"code": "SCOPE_MISSING"}}
    respx_mock.post(URL).mock(return_value=httpx.Response(200, json={"data": None, "errors": [error]}))
    done = klantbeeld("query", document, "--url", URL)
    assert (done.code, done.err) == (1, "me.0.id: SCOPE_MISSING: No.\n")


@respx.mock(using="httpx")
def test_an_error_names_the_argument_that_is_to_be_mended(
    klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter
) -> None:
    error = {"message": "No.", "path": ["me"], "extensions": {"code": "BAD_USER_INPUT", "place": "first"}}
    respx_mock.post(URL).mock(return_value=httpx.Response(200, json={"data": None, "errors": [error]}))
    assert klantbeeld("query", document, "--url", URL).err == "me, first: BAD_USER_INPUT: No.\n"


@respx.mock(using="httpx")
def test_a_server_that_is_no_gateway_is_said_to_be_none(
    klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter
) -> None:
    respx_mock.post(URL).mock(return_value=httpx.Response(404, html="<p>no</p>"))
    done = klantbeeld("query", document, "--url", URL)
    assert (done.code, done.out) == (1, "")
    assert "no GraphQL endpoint" in done.err


@respx.mock(using="httpx")
def test_a_gateway_that_does_not_answer_leaves_with_1(
    klantbeeld: Klantbeeld, document: Path, respx_mock: respx.MockRouter
) -> None:
    respx_mock.post(URL).mock(side_effect=httpx.ConnectError)
    done = klantbeeld("query", document, "--url", URL)
    assert (done.code, done.err) == (1, f"{URL} did not answer (ConnectError). Is the gateway running?\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["me.graphql", "--variables", "{"], "--variables: is not JSON"),
        (["me.graphql", "--variables", "[]"], "--variables: is not an object"),
        (["none.graphql"], "none.graphql: there is no such file"),
        (["me.graphql", "--url", "gateway"], "--url: is not the address"),
    ],
)
def test_bad_arguments_leave_with_2(klantbeeld: Klantbeeld, document: Path, arguments: list[str], said: str) -> None:
    done = klantbeeld("query", *arguments)
    assert done.code == 2
    assert said in done.err
