"""Story 2. The call.

A phone rings, the number identifies the customer, and one operation fills the screen from four systems; billing is
down, and everything else is there, with a plain word on what is missing and what that means.
"""

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask

SCREEN = """
query TheCall($phone: String!) {
  identify(by: { phone: $phone }) {
    outcome
    customer {
      id
      party { fullName customerNumber provenance { source freshness } }
      orders(first: 5) { nodes { number deliveries { status } } }
      balances { amount currency }
      invoices(first: 5) { nodes { number state due { amount } } incomplete { source consequence } }
      complaints(first: 5) { nodes { subject state } }
      consents { purpose channel status }
      interactions(first: 20) { nodes { kind subject } incomplete { source state consequence } }
      sources { source state consequence }
    }
  }
}
"""
NUMBERS = ["+31612345603", "06-12345603", "0031 6 1234 5603", "06 12 34 56 03"]


@pytest.mark.feature("story 2", "The call: the number identifies the customer and one operation fills the screen")
@pytest.mark.parametrize("shown", NUMBERS)
def test_the_number_fills_the_screen_from_four_systems(shown: str, ask: Ask, ids: dict[str, str]) -> None:
    found = ask(SCREEN, {"phone": shown}).data["identify"]
    customer = found["customer"]
    assert (found["outcome"], customer["id"]) == ("ONE", ids["fatima-el-amrani"])
    assert customer["party"]["fullName"] == "Fatima El Amrani"
    assert customer["party"]["provenance"] == {"source": "dataverse", "freshness": "LIVE"}
    assert {invoice["number"] for invoice in customer["invoices"]["nodes"]} == {"KB-00003-0001", "KB-00003-0002"}
    assert [complaint["subject"] for complaint in customer["complaints"]["nodes"]] == ["Zuigmond ontbreekt"]
    assert {(c["channel"], c["status"]) for c in customer["consents"]} == {("EMAIL", "WITHDRAWN"), ("SMS", "GIVEN")}
    assert {entry["kind"] for entry in customer["interactions"]["nodes"]} == {
        "CONTACT",
        "PURCHASE",
        "DELIVERY",
        "INVOICE",
        "COMPLAINT",
    }
    assert {status["state"] for status in customer["sources"]} == {"OK"}


@pytest.mark.feature(
    "story 2", "The call: billing is down, everything else is there, with plain words on what it means"
)
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", "Facturen ontbreken: doe geen toezeggingen over bedragen."),
        ("en", "Invoices are missing: promise no amounts."),
    ],
)
def test_billing_is_down_and_the_rest_is_there(
    language: str, words: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.stop("stripe")
    reply = ask(SCREEN, {"phone": "06-12345603"}, headers={"Accept-Language": language})
    customer = reply.part["identify"]["customer"]
    assert reply.status == 200
    assert customer["id"] == ids["fatima-el-amrani"]
    assert (customer["balances"], customer["invoices"]) == (None, None)
    assert reply.errors == {
        f"identify.customer.{name}": ("SOURCE_UNAVAILABLE", "stripe") for name in ("balances", "invoices")
    }
    assert customer["party"]["fullName"] == "Fatima El Amrani"
    assert (len(customer["orders"]["nodes"]), len(customer["complaints"]["nodes"])) == (2, 1)
    assert len(customer["consents"]) == 2
    assert customer["interactions"]["incomplete"] == [
        {"source": "stripe", "state": "UNAVAILABLE", "consequence": words}
    ]
    assert {entry["kind"] for entry in customer["interactions"]["nodes"]} == {
        "CONTACT",
        "PURCHASE",
        "DELIVERY",
        "COMPLAINT",
    }
    told = {status["source"]: (status["state"], status["consequence"]) for status in customer["sources"]}
    assert told.pop("stripe") == ("UNAVAILABLE", words)
    assert set(told.values()) == {("OK", None)}


@pytest.mark.feature("story 2", "The call: a number that is nobody's identifies nobody")
def test_a_number_of_nobody_identifies_nobody(ask: Ask) -> None:
    found = ask(SCREEN, {"phone": "+31612999999"}).data["identify"]
    assert found == {"outcome": "NONE", "customer": None}
