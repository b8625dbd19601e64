"""Requests that are meant to hurt: each is refused with a code before it costs anything, and others do not notice.

How much processor a refusal takes is measured by tests/gateway/test_limits.py, where nothing else runs; here each is
sent over HTTP as somebody would, and what the gateway says of it is held.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .caching import live_only
from .running import Ask, Calls, Gateway

HARMLESS = "query Harmless { me { id } }"
MOST_CPU_SECONDS = 0.05

# A generous bound on what refusing one may take of the gateway's processor, HTTP and all, on a machine that is busy.
ANY_MACHINE = 10


def bomb(depth: int) -> str:
    """Write fragments that double at each level."""
    fragments = [f"fragment F{level} on Query {{ ...F{level + 1} ...F{level + 1} }}" for level in range(depth)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{depth} on Query {{ me {{ id }} }}"])


def body(query: str, **more: Any) -> bytes:
    """Write a request's body."""
    return json.dumps({"query": query, **more}).encode()


BAD: dict[str, tuple[bytes, int, str]] = {
    "a document of 100 KB": (body("{ me { " + "id " * 40_000 + "} }"), 413, "BODY_TOO_LARGE"),
    "a document of almost 100 KB": (body("{ me { " + "id " * 33_000 + "} }"), 400, "DOCUMENT_TOO_LARGE"),
    "10,000 aliases": (
        body("{" + " ".join(f"a{number}: me" for number in range(8_000)) + "}"),
        400,
        "DOCUMENT_TOO_LARGE",
    ),
    "10,000 aliases, of 140 KB": (
        body("{" + " ".join(f"a{number}: me {{ id }}" for number in range(10_000)) + "}"),
        413,
        "BODY_TOO_LARGE",
    ),
    "a hundred aliases": (
        body("{ me { " + " ".join(f"a{number}: id" for number in range(100)) + "} }"),
        400,
        "TOO_MANY_ALIASES",
    ),
    "a fragment bomb": (body(bomb(40)), 400, "TOO_COMPLEX"),
    "a cycle of fragments": (
        body("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
        400,
        "FRAGMENT_CYCLE",
    ),
    "a thousand directives": (body("{ me { id " + "@skip(if: false) " * 1_000 + "} }"), 400, "DOCUMENT_TOO_LARGE"),
    "a hundred directives": (body("{ me { id " + "@skip(if: false) " * 100 + "} }"), 400, "TOO_MANY_DIRECTIVES"),
    "deep nesting": (body("{ me " + "{ me " * 300 + "}" * 301), 400, "DOCUMENT_TOO_DEEP"),
    "deep nesting of JSON": (
        b'{"query": "{ me { id } }", "variables": {"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
        400,
        "JSON_TOO_DEEP",
    ),
    "a JSON key twice": (b'{"query": "{ me { id } }", "query": "{ sources { source } }"}', 400, "DUPLICATE_NAME"),
    "null": (b"null", 400, "BAD_REQUEST"),
    "null for the document": (b'{"query": null}', 400, "BAD_REQUEST"),
    "bad UTF-8": (b'{"query": "{ me { id } } # \xff"}', 400, "INVALID_UTF8"),
    "an unknown operation name": (body("query A { me { id } }", operationName="B"), 400, "OPERATION_NOT_FOUND"),
    "several operations, none named": (
        body("query A { me { id } } query B { me { id } }"),
        400,
        "OPERATION_NAME_MISSING",
    ),
    "a batch": (b"[" + body("{ me { id } }") + b"," + body("{ me { id } }") + b"]", 400, "BATCHING_NOT_SUPPORTED"),
}


def send(ask: Ask, content: bytes, http: httpx.Client | None = None) -> httpx.Response:
    """Send bytes as they are, as an agent."""
    headers = {
        "Authorization": f"Bearer {ask.token('agent')}",
        "Klantbeeld-Purpose": "service",
        "Content-Type": "application/json",
        "Accept": "application/graphql-response+json",
    }
    return (http or ask.http).post(ask.url, content=content, headers=headers)


def cpu(gateway: Gateway) -> float:
    """Return the seconds of the processor that the gateway has had: utime and stime (proc(5))."""
    assert gateway.process is not None
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.feature(
    "3 bad input",
    "100 KB, 10,000 aliases, fragment bombs, cycles, directives, nesting, duplicate keys, null, bad UTF-8, an unknown "
    "operation, a batch: each is refused with its code, 400 or 413",
)
@pytest.mark.parametrize("what", BAD)
def test_each_is_refused_with_its_code_and_asks_nobody(what: str, ask: Ask, calls: Calls) -> None:
    content, status, code = BAD[what]
    before = calls()
    response = send(ask, content)
    assert response.status_code == status, response.text
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]
    assert "data" not in response.json()
    assert calls() == before


@pytest.mark.feature("3 bad input", "A refusal takes little of the processor, whatever was sent")
@pytest.mark.parametrize("what", BAD)
def test_a_refusal_takes_little_of_the_processor(what: str, ask: Ask, gateway: Gateway) -> None:
    content, times = BAD[what][0], 10
    before = cpu(gateway)
    for _ in range(times):
        send(ask, content)
    assert (cpu(gateway) - before) / times < ANY_MACHINE * MOST_CPU_SECONDS


@pytest.mark.feature("3 bad input", "Harmless queries sent meanwhile are all answered")
def test_harmless_queries_sent_meanwhile_are_all_answered(ask: Ask, gateway: Gateway) -> None:
    sent = [content for content, _, _ in BAD.values()] * 3
    with httpx.Client(timeout=20) as other, ThreadPoolExecutor(1) as pool:
        send(ask, body(HARMLESS))
        before = cpu(gateway)
        attack = pool.submit(lambda: [send(ask, content, other).status_code for content in sent])
        statuses: list[int] = []
        while not attack.done() or len(statuses) < 20:
            statuses.append(send(ask, body(HARMLESS)).status_code)
    assert set(statuses) == {200}
    assert set(attack.result()) == {400, 413}
    assert cpu(gateway) - before < ANY_MACHINE * MOST_CPU_SECONDS * (len(sent) + len(statuses))


@pytest.mark.feature("3 bad input", "A source that answers wrong types costs that field, and the error names both")
@live_only
def test_a_source_that_answers_wrong_types_costs_that_field(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    fields = "party { fullName } invoices { nodes { number } } consents { status }"
    document = f"query Q($id: ID!) {{ customer(id: $id) {{ {fields} }} }}"
    calm = ask(document, {"id": ids["fatima-el-amrani"]}).data["customer"]
    sandbox.set_fault("stripe", {"mode": "types"})
    reply = ask(document, {"id": ids["fatima-el-amrani"]})
    assert reply.errors == {"customer.invoices": ("SOURCE_INVALID_ANSWER", "stripe")}
    assert reply.part["customer"] == {**calm, "invoices": None}
