"""docs/views: each named operation serves whom it says, is a trusted document of the demo, and refuses others."""

import hashlib
import re
from typing import Any

import pytest

from klantbeeld.cli.views import view, views_folder

from .running import Ask, Calls, Gateway

REFUSALS = {"PURPOSE_NOT_ALLOWED", "SCOPE_MISSING"}

# Whom each serves and for what; and who is refused, with the fields that they do not get.
SERVES = {
    "service-call": ("agent", "service"),
    "advice": ("agent", "advice"),
    "marketing": ("agent", "marketing"),
    "collections": ("agent", "collections"),
    "self-service": ("sanne-de-wit", "self-service"),
    "partner": ("partner", "fulfilment"),
}
REFUSES = [
    ("service-call", "partner", "fulfilment", {"products", "balances", "invoices", "complaints", "consents"}),
    ("service-call", "agent", "marketing", {"party", "contactMedia", "orders", "invoices", "complaints"}),
    ("advice", "partner", "fulfilment", {"products", "preferences", "attributes"}),
    ("advice", "agent", "collections", {"preferences", "attributes"}),
    ("marketing", "partner", "fulfilment", {"marketingEligibility"}),
    ("marketing", "agent", "collections", {"marketingEligibility"}),
    ("collections", "partner", "fulfilment", {"billingAccounts", "balances", "invoices", "complaints"}),
    ("collections", "agent", "advice", {"complaints"}),
    ("partner", "agent", "marketing", {"party", "contactMedia"}),
]
STRANGERS = [
    ("service-call", "tom-hendriks", "self-service"),
    ("partner", "tom-hendriks", "self-service"),
    ("marketing", "tom-hendriks", "self-service"),
    ("self-service", "agent", "service"),
    ("self-service", "partner", "fulfilment"),
]


def variables_of(name: str, customer_id: str) -> dict[str, Any]:
    """Give what the operation declares."""
    known = {"id": customer_id, "channel": "EMAIL"}
    return {word: known[word] for word in re.findall(r"\$(\w+)(?=:)", view(name)) if word in known}


@pytest.mark.feature("2.10", "docs/views: each names whom it serves, and is one of the demo's")
def test_every_view_is_tested_here_and_says_whom_it_serves() -> None:
    assert {file.stem for file in views_folder().glob("*.graphql")} == set(SERVES)
    assert [name for name in SERVES if not view(name).startswith("# ")] == []
    assert {name for name, *_ in REFUSES} | {name for name, *_ in STRANGERS} == set(SERVES)


@pytest.mark.feature("2.10", "docs/views: each is answered whole to its own class and purpose")
@pytest.mark.parametrize("name", SERVES)
def test_a_view_is_answered_whole_to_whom_it_serves(name: str, ask: Ask, ids: dict[str, str]) -> None:
    who, purpose = SERVES[name]
    data = ask(view(name), variables_of(name, ids["sanne-de-wit"]), who=who, purpose=purpose).data
    (customer,) = data.values()
    assert customer["id"] == ids["sanne-de-wit"]
    assert [field for field, value in customer.items() if value is None] == []


@pytest.mark.feature("2.10", "docs/views: each is a trusted document, asked by its hash")
@pytest.mark.parametrize("name", SERVES)
def test_a_view_is_a_trusted_document(name: str, ask: Ask, ids: dict[str, str], gateway: Gateway) -> None:
    who, purpose = SERVES[name]
    document = hashlib.sha256(view(name).encode()).hexdigest()
    body = {"documentId": f"sha256:{document}", "variables": variables_of(name, ids["sanne-de-wit"])}
    headers = {"Authorization": f"Bearer {ask.token(who)}", "Klantbeeld-Purpose": purpose}
    answer = ask.http.post(ask.url, json=body, headers=headers).json()
    assert "errors" not in answer
    assert ids["sanne-de-wit"] in str(answer["data"])


@pytest.mark.feature("2.10", "docs/views: each is refused with another's token or for another's purpose")
@pytest.mark.parametrize(("name", "who", "purpose", "refused"), REFUSES)
def test_a_view_is_refused_to_whom_it_does_not_serve(
    name: str, who: str, purpose: str, refused: set[str], *, ask: Ask, ids: dict[str, str]
) -> None:
    reply = ask(view(name), variables_of(name, ids["sanne-de-wit"]), who=who, purpose=purpose)
    codes = {path.removeprefix("customer."): code for path, (code, _) in reply.errors.items()}
    assert refused <= set(codes)
    assert set(codes.values()) <= REFUSALS
    assert [reply.part["customer"][field] for field in refused] == [None] * len(refused)


@pytest.mark.feature("2.10", "docs/views: somebody else's customer is not there, and no source is asked")
@pytest.mark.parametrize(("name", "who", "purpose"), STRANGERS)
def test_a_view_of_somebody_elses_customer_is_empty(
    name: str, who: str, purpose: str, *, ask: Ask, ids: dict[str, str], calls: Calls
) -> None:
    data = ask(view(name), variables_of(name, ids["sanne-de-wit"]), who=who, purpose=purpose).data
    assert list(data.values()) == [None]
    assert not any(calls().values())
