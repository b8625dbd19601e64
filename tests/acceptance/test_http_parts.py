"""Issue 3, the HTTP side: `@defer` and `@stream` over multipart and event streams, errors masked in every frame."""

import time

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .caching import live_only
from .live import EVENTS, MULTIPART, merged, socket_of, streaming
from .running import Ask, Calls

KEY = "fatima-el-amrani"
SCREEN = """
query Screen($id: ID!) {
  customer(id: $id) {
    party { fullName }
    ... @defer(label: "money") { invoices(first: 2) { nodes { number state } } }
    ... @defer(label: "trouble") { complaints(first: 2) { nodes { subject about { name } } } }
  }
}
"""
WHOLE = SCREEN.replace('@defer(label: "money")', "").replace('@defer(label: "trouble")', "")
PARTS = pytest.mark.parametrize("accept", [MULTIPART, EVENTS], ids=["multipart", "events"])
SLOW = 0.6


@PARTS
@pytest.mark.feature("3 http", "@defer over multipart and SSE: what is needed first comes first, and the rest in parts")
@live_only
def test_deferred_fragments_come_in_parts(accept: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    whole = ask(WHOLE, {"id": ids[KEY]}).data
    sandbox.set_fault("stripe", {"mode": "latency", "ms": int(SLOW * 1000), "paths": "/v1/invoices"})
    with streaming(ask, SCREEN, {"id": ids[KEY]}, accept=accept) as stream:
        assert stream.content_type.startswith(accept.split(";", maxsplit=1)[0])
        parts = list(stream.parts())
    assert parts[0]["data"] == {"customer": {"party": {"fullName": "Fatima El Amrani"}}}
    assert {one["label"] for one in parts[0]["pending"]} == {"money", "trouble"}
    assert [part["hasNext"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert stream.arrived[0] < SLOW <= stream.arrived[-1]
    assert merged(parts) == (whole, [])


@PARTS
@pytest.mark.feature("3 http", "Errors are masked in every frame, each in the part of its field")
def test_errors_are_masked_in_every_frame(accept: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    secret = "secret-of-the-upstream"
    sandbox.set_fault("stripe", {"mode": "status", "status": 500, "paths": "/v1/invoices"})
    sandbox.set_fault("zendesk", {"mode": "garbage"})
    with streaming(ask, SCREEN, {"id": ids[KEY]}, accept=accept, accept_language="en") as stream:
        parts = list(stream.parts())
    assert "errors" not in parts[0]
    data, errors = merged(parts)
    assert data["customer"]["invoices"] is data["customer"]["complaints"] is None
    found = {error["path"][1]: (error["extensions"]["code"], error["extensions"]["source"]) for error in errors}
    assert found["invoices"] == ("SOURCE_UNAVAILABLE", "stripe")
    assert found["complaints"][1] == "zendesk"
    for part in parts:
        assert secret not in str(part)
        assert "127.0.0.1" not in str(part)
        assert "Traceback" not in str(part)


@pytest.mark.feature("3 http", "@stream: the first items of a list come first, with what they join, and the rest later")
def test_streamed_lists_come_in_parts(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    document = (
        """query Many($ids: [ID!]!) { customers(ids: $ids) @stream(initialCount: 1) { id party { fullName } } }"""
    )
    given = {"ids": [ids[KEY], ids["mila-hendriks"], ids["sanne-de-wit"]]}
    with streaming(ask, document, given, accept=MULTIPART) as stream:
        parts = stream.parts()
        first = next(parts)
        assert [one["id"] for one in first["data"]["customers"]] == given["ids"][:1]
        every = [first, *parts]
    assert merged(every) == (ask(document, given).data, [])
    assert calls()["dataverse"]


@pytest.mark.feature("3 http", "A client that takes one answer gets one complete answer, whatever is deferred in it")
def test_a_client_without_parts_gets_one_answer(ask: Ask, ids: dict[str, str]) -> None:
    for accept in ("application/json", "application/graphql-response+json", "*/*"):
        reply = ask(SCREEN, {"id": ids[KEY]}, headers={"Accept": accept})
        assert reply.data == ask(WHOLE, {"id": ids[KEY]}).data
        assert "json" in reply.headers["content-type"]


@pytest.mark.feature("3 http", "A client that goes away after the first part stops the rest: no call is made for it")
def test_a_client_that_goes_away_stops_the_rest(ask: Ask, ids: dict[str, str], sandbox: Sandbox, calls: Calls) -> None:
    document = """
    query Chain($id: ID!) { customer(id: $id) { party { fullName }
      ... @defer { complaints(first: 5) { nodes { subject comments(first: 1) { nodes { body } } } } } } }
    """
    sandbox.set_fault("zendesk", {"mode": "latency", "ms": 700})
    with streaming(ask, document, {"id": ids[KEY]}, accept=MULTIPART) as stream:
        assert next(stream.parts())["hasNext"] is True
    time.sleep(1.2)  # the time in which the comments would have been asked
    assert [call for call in calls()["zendesk"] if "comments" in call] == []


@PARTS
@pytest.mark.feature(
    "3 http", "At the deadline what is pending is completed with an error, and the answer ends properly"
)
@live_only
def test_parts_end_at_the_deadline(accept: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    ask(WHOLE, {"id": ids[KEY]})  # logged in
    sandbox.set_fault("stripe", {"mode": "hang"})
    with streaming(ask, SCREEN, {"id": ids[KEY]}, accept=accept, Klantbeeld_Deadline_Ms="800") as stream:
        parts = list(stream.parts())
    assert parts[-1]["hasNext"] is False
    _, errors = merged(parts)
    assert {error["extensions"]["code"] for error in errors} <= {"SOURCE_TIMEOUT", "DEADLINE_EXCEEDED"}
    assert ["customer", "invoices"] in [error.get("path") for error in errors]
    assert stream.arrived[-1] < 2


@pytest.mark.feature("3 http", "What a rule refuses is refused in a later part too, and its source is not asked")
def test_a_refused_field_is_refused_in_its_part(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    with streaming(ask, SCREEN, {"id": ids["sanne-de-wit"]}, accept=MULTIPART, who="partner") as stream:
        parts = list(stream.parts())
    assert parts[0]["data"]["customer"]["party"] == {"fullName": "Sanne de Wit"}
    _, errors = merged(parts)
    assert {tuple(error["path"]): error["extensions"]["code"] for error in errors} == {
        ("customer", "invoices"): "PURPOSE_NOT_ALLOWED",
        ("customer", "complaints"): "SCOPE_MISSING",
    }
    assert calls()["stripe"] == calls()["zendesk"] == []


@pytest.mark.feature("3 http", "Parts over a WebSocket: each is one message, and `complete` follows the last")
def test_parts_come_over_a_socket(ask: Ask, ids: dict[str, str]) -> None:
    with socket_of(ask) as socket:
        socket.subscribe("1", SCREEN, {"id": ids[KEY]})
        parts = []
        while (message := socket.hear())["type"] == "next":
            parts.append(message["payload"])
        assert message == {"id": "1", "type": "complete"}
    assert merged(parts) == (ask(WHOLE, {"id": ids[KEY]}).data, [])


@pytest.mark.feature("3 http", "More @defer and @stream than the setting allows are refused before anything is asked")
def test_too_many_deferred_fragments_are_refused(ask: Ask, ids: dict[str, str], calls: Calls) -> None:
    spread = "...F @defer " * 21
    document = f"query Q($id: ID!) {{ customer(id: $id) {{ {spread} }} }} fragment F on Customer {{ party {{ kind }} }}"
    before = calls()
    reply = ask(document, {"id": ids[KEY]}, headers={"Accept": MULTIPART})
    assert reply.codes == ["TOO_MANY_DEFERRED"]
    assert calls() == before
