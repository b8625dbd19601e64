"""Issue 3, the HTTP side: content negotiation, trusted documents by hash, introspection's own depth, compression."""

import gzip
import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from klantbeeld.cli.views import view, views_folder

from .running import PURPOSES, Ask

KEY = "fatima-el-amrani"
HELLO = "{ __typename }"
GRAPHQL = "application/graphql-response+json"


def sent(ask: Ask, document: str, **more: str) -> httpx.Response:
    """Ask as an agent, and give the answer as it came over the wire, undecoded."""
    given = {
        "Authorization": f"Bearer {ask.token('agent')}",
        "Klantbeeld-Purpose": PURPOSES["agent"],
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return ask.http.post(ask.url, json={"query": document}, headers=given)


@pytest.mark.parametrize(
    ("accept", "comes"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        (f"application/json, {GRAPHQL};q=0.5", "application/json"),
        ("multipart/mixed;incrementalSpec=v0.2, application/json", "application/json"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("application/xml, application/*;q=0.2", "application/json"),
    ],
)
@pytest.mark.feature(
    "3 http", "Content negotiation: the media type that the client rates best, and no stream that it did not ask for"
)
def test_the_answer_has_the_type_that_the_client_rates_best(accept: str, comes: str, ask: Ask) -> None:
    answer = sent(ask, HELLO, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == comes


@pytest.mark.feature(
    "3 http", "Content negotiation: what cannot be given is refused with 406, and a foreign body with 415"
)
def test_what_cannot_be_given_is_refused(ask: Ask) -> None:
    refused = sent(ask, HELLO, Accept="image/png")
    assert refused.status_code == 406
    assert "application/graphql-response+json" in refused.json()["errors"][0]["extensions"]["allowed"]
    token = {"Authorization": f"Bearer {ask.token('agent')}"}
    foreign = ask.http.post(ask.url, content=HELLO, headers={**token, "Content-Type": "text/plain"})
    assert (foreign.status_code, foreign.headers["accept-post"]) == (415, "application/json")


@pytest.mark.feature(
    "3 http", "The status tells a refused document where the client takes graphql-response+json, and not elsewhere"
)
def test_the_status_of_a_refused_document_depends_on_the_type(ask: Ask) -> None:
    assert sent(ask, "{ missing }", Accept=GRAPHQL).status_code == 400
    assert sent(ask, "{ missing }", Accept="application/json").status_code == 200


@pytest.mark.feature(
    "3 http", "A trusted document is asked by the SHA-256 of its text, in either of the ways clients know"
)
def test_a_trusted_document_is_asked_by_its_hash(ask: Ask, ids: dict[str, str]) -> None:
    digest = hashlib.sha256((views_folder() / "service-call.graphql").read_bytes()).hexdigest()
    by_id = {"documentId": f"sha256:{digest}"}
    by_apollo = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    token = {"Authorization": f"Bearer {ask.token('agent')}", "Klantbeeld-Purpose": PURPOSES["agent"]}
    whole = ask(view("service-call"), {"id": ids[KEY]}).data
    for named in (by_id, by_apollo):
        answer = ask.http.post(ask.url, json={**named, "variables": {"id": ids[KEY]}}, headers=token).json()
        assert answer["data"]["customer"]["party"] == whole["customer"]["party"]
    unknown = ask.http.post(ask.url, json={"documentId": f"sha256:{'0' * 64}"}, headers=token)
    assert (unknown.status_code, unknown.json()["errors"][0]["extensions"]["code"]) == (404, "DOCUMENT_UNKNOWN")


@pytest.mark.feature(
    "3 http", "Introspection has a depth limit of its own: graphql-core's query passes, a deeper one does not"
)
def test_introspection_has_a_depth_of_its_own(ask: Ask) -> None:
    schema = ask(get_introspection_query(input_value_deprecation=True)).data["__schema"]
    assert {"Customer", "Subscription"} <= {kind["name"] for kind in schema["types"]}
    assert {"defer", "stream"} <= {directive["name"] for directive in schema["directives"]}
    deep = "{ __schema { types { fields { type { " + "ofType { " * 14 + "name" + " }" * 14 + " } } } } }"
    assert ask(deep).codes == ["DOCUMENT_TOO_DEEP"]


@pytest.mark.feature("3 http", "gzip or zstd by negotiation where it pays: large answers, and small ones never")
def test_answers_are_compressed_where_it_pays(ask: Ask) -> None:
    large = get_introspection_query()
    plain = sent(ask, large, Accept_Encoding="identity")
    assert "content-encoding" not in plain.headers
    zstandard: Any = pytest.importorskip("zstandard", reason="the extra zstd is not installed")
    undo: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "zstd": zstandard.ZstdDecompressor().decompress,
    }
    for accepted, coding in (("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd")):
        token = {"Authorization": f"Bearer {ask.token('agent')}", "Accept-Encoding": accepted}
        with ask.http.stream("POST", ask.url, json={"query": large}, headers=token) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == coding
        assert "accept-encoding" in answer.headers["vary"]
        assert len(raw) < len(plain.content) / 3
        assert undo[coding](raw) == plain.content
    assert "content-encoding" not in sent(ask, HELLO, Accept_Encoding="gzip, zstd").headers


@pytest.mark.feature("3 http", "GET asks a query, a mutation by GET is refused with 405")
def test_get_asks_and_does_not_write(ask: Ask) -> None:
    token = {"Authorization": f"Bearer {ask.token('agent')}", "Klantbeeld-Purpose": PURPOSES["agent"]}
    assert ask.http.get(ask.url, params={"query": HELLO}, headers=token).json() == {"data": {"__typename": "Query"}}
    document = 'mutation { giveConsent(input: {customerId: "x", channel: APP, purpose: "x"}) { status } }'
    refused = ask.http.get(ask.url, params={"query": document}, headers=token)
    assert refused.status_code == 405
