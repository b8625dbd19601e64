"""Bad input, and what it gets: a clear code, its place, and everything that could be delivered."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.sandbox.facts import SYSTEMS, System
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sdk.words import Channel
from klantbeeld.settings_views import default_views

from .caching import live_only
from .running import Ask, Deployment, Gateway, Reply

NAME = "query Name($id: ID!) { customer(id: $id) { id party { fullName } } }"
NOBODY = "01900000-0000-7000-8000-000000000000"

VIEWS = sorted(default_views())

# The fields of the unified query that one system alone can fill.
FIELDS: dict[System, tuple[str, ...]] = {
    "dataverse": ("party", "contactMedia", "orders"),
    "stripe": ("products", "balances", "invoices"),
    "zendesk": ("complaints",),
    "sap_customer_data_cloud": ("consents",),
}
SHARED = ("interactions", "sources")  # these come from several systems, and say themselves what is missing

FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an error": ({"mode": "status", "status": 503}, "SOURCE_UNAVAILABLE", "UNAVAILABLE"),
    "a dropped connection": ({"mode": "drop"}, "SOURCE_UNAVAILABLE", "UNAVAILABLE"),
    "silence": ({"mode": "hang"}, "SOURCE_TIMEOUT", "TIMEOUT"),
    "a byte now and then": ({"mode": "drip", "ms": 300, "when": "before"}, "SOURCE_TIMEOUT", "TIMEOUT"),
    "garbage": ({"mode": "garbage"}, "SOURCE_INVALID_ANSWER", "UNAVAILABLE"),
    "a web page": ({"mode": "html"}, "SOURCE_INVALID_ANSWER", "UNAVAILABLE"),
    "a redirect loop": ({"mode": "redirect"}, "SOURCE_INVALID_ANSWER", "UNAVAILABLE"),
    "100 MB": ({"mode": "large"}, "SOURCE_INVALID_ANSWER", "UNAVAILABLE"),
}


@pytest.mark.feature("2 bad input", "An unknown customer is null, without an error")
def test_an_unknown_customer_is_null_without_an_error(ask: Ask) -> None:
    assert ask(NAME, {"id": NOBODY}).data == {"customer": None}


@pytest.mark.feature("2 bad input", "A malformed id is an error with a code and the place")
def test_a_malformed_id_is_an_error_at_its_place(ask: Ask) -> None:
    reply = ask(NAME, {"id": "K100003"})
    assert (reply.part, reply.errors) == ({"customer": None}, {"customer": ("ID_INVALID", None)})


@pytest.mark.feature("2 bad input", "Variables that do not fit are an error with a code and the place")
@pytest.mark.parametrize("variables", [{}, {"id": None}, {"id": {"nested": 1}}])
def test_bad_variables_are_an_error_at_their_place(ask: Ask, variables: dict[str, Any]) -> None:
    reply = ask(NAME, variables, headers={"Accept": "application/graphql-response+json"})
    assert (reply.status, reply.codes) == (400, ["BAD_USER_INPUT"])
    (error,) = reply.body["errors"]
    assert error["locations"] == [{"line": 1, "column": 12}]
    assert "$id" in error["message"]


@pytest.mark.feature("2 bad input", "An error about a value says what is allowed there, and not the value")
@pytest.mark.parametrize(
    ("document", "variables", "allowed"),
    [
        ("query Q($id: ID!) { customer(id: $id) { complaints(first: 500) { nodes { id } } } }", {}, ["1..100"]),
        ('query Q($id: ID!) { customer(id: $id) { dataQuality(view: "geheim") { view } } }', {}, VIEWS),
        (
            "query Q($id: ID!, $by: [Channel!]) { customer(id: $id) { interactions(channels: $by) { nodes { id } } } }",
            {"by": ["GEHEIM"]},
            [channel.name for channel in Channel],
        ),
        (
            "query Q($id: ID!, $t: DateTime) { customer(id: $id) { interactions(since: $t) { nodes { id } } } }",
            {"t": "geheim"},
            ["YYYY-MM-DDThh:mm:ssZ", "YYYY-MM-DDThh:mm:ss+hh:mm"],
        ),
        (
            'query Q($id: ID!) { node(id: $id) { id } identify(by: {phone: "geheim"}) { outcome } }',
            {},
            ["+31201234567"],
        ),
        (
            "query Q($id: ID!) { node(id: $id) { id } identify(by: {}) { outcome } }",
            {},
            ["phone", "email", "customerNumber", "person"],
        ),
    ],
)
def test_what_is_allowed_is_said(
    document: str, variables: dict[str, Any], allowed: list[str], *, ask: Ask, ids: dict[str, str]
) -> None:
    reply = ask(document, {"id": ids["sanne-de-wit"], **variables})
    told = next(error for error in reply.body["errors"] if error["extensions"]["code"] == "BAD_USER_INPUT")
    assert told["extensions"]["allowed"] == allowed
    assert ", ".join(allowed) in told["message"]
    assert "geheim" not in str(told).lower()


@pytest.mark.feature("2 bad input", "Whoever is identified by no key or by two is asked for exactly one")
@pytest.mark.parametrize("by", [{}, {"phone": ""}, {"phone": "geheim", "email": "geheim@example.org"}])
def test_identifying_by_other_than_one_key_asks_for_exactly_one(by: dict[str, str], ask: Ask) -> None:
    reply = ask("query Q($by: IdentifyInput!) { identify(by: $by) { outcome } }", {"by": by})
    (told,) = reply.body["errors"]
    assert told["path"] == ["identify"]
    assert told["extensions"]["place"] == "by"
    assert told["message"].endswith(": phone, email, customerNumber, person.")
    assert "geheim" not in str(told)


@pytest.mark.feature("2 bad input", "An unknown source is an error with a code and the place")
def test_an_unknown_source_is_an_error_at_its_place(ask: Ask) -> None:
    reply = ask('{ customerByReference(source: "salesforce", recordId: "1") { id } }')
    assert reply.errors == {"customerByReference": ("UNKNOWN_SOURCE", None)}
    assert reply.part == {"customerByReference": None}


@pytest.mark.feature("2 bad input", "A source in trouble costs its own fields, each with an error of its own")
@pytest.mark.parametrize("trouble", FAULTS)
@live_only
def test_a_source_in_trouble_costs_its_own_fields(
    trouble: str, ask: Ask, ids: dict[str, str], call_view: str, sandbox: Sandbox
) -> None:
    fault, code, state = FAULTS[trouble]
    calm = ask(call_view, {"id": ids["fatima-el-amrani"]})
    sandbox.set_fault("stripe", fault)
    reply = ask(call_view, {"id": ids["fatima-el-amrani"]})
    _check_only_lost(reply, calm, "stripe", code=code, state=state)


@pytest.mark.feature("2 bad input", "A source in trouble costs its own fields, whichever source it is")
@pytest.mark.parametrize("system", SYSTEMS)
@live_only
def test_every_source_can_be_missed(
    system: System, ask: Ask, ids: dict[str, str], call_view: str, sandbox: Sandbox
) -> None:
    calm = ask(call_view, {"id": ids["fatima-el-amrani"]})
    sandbox.set_fault(system, {"mode": "garbage"})
    reply = ask(call_view, {"id": ids["fatima-el-amrani"]})
    _check_only_lost(reply, calm, system, code="SOURCE_INVALID_ANSWER", state="UNAVAILABLE")


@pytest.mark.feature("2 bad input", "A source whose process is gone costs its own fields")
@pytest.mark.parametrize("system", SYSTEMS)
@live_only
def test_a_source_that_is_down_costs_its_own_fields(
    system: System, ask: Ask, ids: dict[str, str], call_view: str, sandbox: Sandbox
) -> None:
    calm = ask(call_view, {"id": ids["fatima-el-amrani"]})
    sandbox.stop(system)
    reply = ask(call_view, {"id": ids["fatima-el-amrani"]})
    _check_only_lost(reply, calm, system, code="SOURCE_UNAVAILABLE", state="UNAVAILABLE")


@pytest.mark.feature("2 bad input", "No exception text, address or secret is in an answer or a log")
def test_trouble_shows_no_secret_no_address_and_no_exception(
    ask: Ask, ids: dict[str, str], call_view: str, sandbox: Sandbox, gateway: Gateway
) -> None:
    for fault, _, _ in FAULTS.values():
        if fault["mode"] in {"hang", "drip"}:
            continue
        for system in SYSTEMS:
            sandbox.set_fault(system, fault)
        reply = ask(call_view, {"id": ids["sanne-de-wit"]})
        assert _betrayed(reply.text, sandbox) == []
    assert _betrayed(gateway.log.read_text(encoding="utf-8"), sandbox) == []


@pytest.mark.feature("2 bad input", "A missing, expired or forged token: 401 with WWW-Authenticate")
@pytest.mark.parametrize("kind", ["missing", "expired", "forged", "of another audience", "unsigned", "not a token"])
def test_a_token_that_is_not_valid_is_refused(kind: str, ask: Ask, deployment: Deployment) -> None:
    token = _bad_token(kind, deployment)
    response = ask.http.post(
        ask.url, json={"query": "{ me { id } }"}, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    expected = {"missing": "TOKEN_MISSING", "expired": "TOKEN_EXPIRED"}.get(kind, "TOKEN_INVALID")
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [expected]
    assert "data" not in response.json()


@pytest.mark.feature("2 bad input", "A missing scope: the field is null with a code, and nobody is asked for it")
def test_a_missing_scope_costs_its_fields_and_no_call(
    ask: Ask, ids: dict[str, str], deployment: Deployment, sandbox: Sandbox
) -> None:
    token = deployment.issuer.token(
        "agent-1", "agent-desktop", caller_class="agent", scopes=("customer:read", "crm:read")
    )
    document = "query Q($id: ID!) { customer(id: $id) { party { fullName } invoices { nodes { number } } } }"
    reply = ask(document, {"id": ids["fatima-el-amrani"]}, token=token)
    assert reply.part == {"customer": {"party": {"fullName": "Fatima El Amrani"}, "invoices": None}}
    assert reply.errors == {"customer.invoices": ("SCOPE_MISSING", None)}
    assert sandbox.log("stripe") == []


def _check_only_lost(reply: Reply, calm: Reply, system: System, *, code: str, state: str) -> None:
    """Check that exactly what the system fills is gone, and that the answer says so for each field."""
    before, after = calm.data["customer"], reply.part["customer"]
    lost = set(FIELDS[system])
    assert {name for name in before if name not in SHARED and after[name] is None} == lost
    expected = {f"customer.{name}" for name in lost}
    if system == "stripe":  # the complaint arrives; only the product that it is about is billing's
        expected.add("customer.complaints.nodes.0.about")
        before["complaints"]["nodes"][0]["about"] = None
    assert reply.errors == dict.fromkeys(expected, (code, system))
    kept = set(before) - lost - set(SHARED)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    told = {status["source"]: status["state"] for status in after["sources"]}
    assert told == {name: state if name == system else "OK" for name in SYSTEMS}
    assert all((status["consequence"] is not None) is (status["source"] == system) for status in after["sources"])


def _betrayed(text: str, sandbox: Sandbox) -> list[str]:
    """Give what nobody may read in an answer or a log."""
    secrets = [value for name in SYSTEMS for value in sandbox.credentials(name).values() if len(value) > 8]
    addresses = [sandbox.base_url(name).removeprefix("http://") for name in SYSTEMS]
    forbidden = [*secrets, *addresses, "Traceback", "Error(", "Exception", "errno", "cus_", "Sanne", "sanne"]
    return [word for word in forbidden if word in text]


def _bad_token(kind: str, deployment: Deployment) -> str | None:
    issuer = deployment.issuer
    claims: dict[str, Any] = {"caller_class": "agent", "scopes": ("customer:read",)}
    match kind:
        case "missing":
            return None
        case "expired":
            return issuer.token("agent-1", "agent-desktop", lifetime=-120, **claims)
        case "forged":
            return DemoIssuer.new(clock=time.time).token("agent-1", "agent-desktop", **claims)
        case "of another audience":
            other = DemoIssuer.load(
                Path(deployment.file).with_name("issuer.json"), clock=time.time, audience="https://other.invalid"
            )
            return other.token("agent-1", "agent-desktop", **claims)
        case "unsigned":
            _, payload, _ = issuer.token("agent-1", "agent-desktop", **claims).split(".")
            header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode()).rstrip(b"=")
            return f"{header.decode()}.{payload}."
        case _:
            return "not-a-token"
