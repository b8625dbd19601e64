"""Story 1. The mail that should not go.

A customer bought a device and filed two complaints about it. The campaign asks before it sends: refused, with purchase
and complaints as evidence, all naming the same product; refused too when the complaints system does not answer.
"""

from typing import Any

import pytest

from klantbeeld.cli.views import view
from klantbeeld.sandbox.catalogue import COFFEE_MACHINE, COFFEE_PLAN
from klantbeeld.sandbox.launcher import Sandbox

from .running import Ask

MAY_WE = """
query MayWe($id: ID!, $product: ID) {
  customer(id: $id) {
    marketingEligibility(channel: EMAIL, product: $product) {
      allowed
      blockers {
        code message source
        evidence {
          __typename
          ... on Complaint { subject productReference about { code } provenance { source } }
          ... on Order { number lines { productReference } provenance { source } }
          ... on Product { code provenance { source } }
        }
      }
    }
  }
}
"""
NO_COMPLAINTS = "Klachten ontbreken: stuur geen marketing."


def judged(ask: Ask, customer_id: str, **more: Any) -> Any:
    """Ask, with the right to see what the judgement rests on."""
    return ask(MAY_WE, {"id": customer_id, **more}).data["customer"]["marketingEligibility"]


@pytest.mark.feature("story 1", "The mail that should not go: refused, with purchase and complaints as evidence")
def test_the_mail_is_refused_with_purchase_and_complaints_of_one_product(ask: Ask, ids: dict[str, str]) -> None:
    judgement = judged(ask, ids["sanne-de-wit"])
    assert judgement["allowed"] is False
    blockers = {blocker["code"]: blocker for blocker in judgement["blockers"]}
    assert set(blockers) == {"OPEN_COMPLAINT", "REPEATED_COMPLAINTS"}
    evidence = blockers["REPEATED_COMPLAINTS"]["evidence"]
    complaints = [record for record in evidence if record["__typename"] == "Complaint"]
    orders = [record for record in evidence if record["__typename"] == "Order"]
    assert {record["subject"] for record in complaints} == {"Koffiemachine lekt", "Koffiemachine lekt weer"}
    assert [record["number"] for record in orders] == ["SO-00001-01"]
    named = {record["productReference"] for record in complaints} | {c["about"]["code"] for c in complaints}
    assert named == {COFFEE_MACHINE.sku}
    assert COFFEE_MACHINE.sku in {line["productReference"] for line in orders[0]["lines"]}
    assert {record["code"] for record in evidence if record["__typename"] == "Product"} == {COFFEE_MACHINE.sku}
    assert {record["provenance"]["source"] for record in evidence} == {"zendesk", "dataverse", "stripe"}
    assert "2" in blockers["REPEATED_COMPLAINTS"]["message"]


@pytest.mark.feature("story 1", "The mail that should not go: refused when the complaints system does not answer")
@pytest.mark.parametrize("fault", [{"mode": "status", "status": 503}, {"mode": "garbage"}, {"mode": "hang"}])
def test_the_mail_is_refused_when_complaints_do_not_answer(
    fault: dict[str, Any], ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.set_fault("zendesk", fault)
    judgement = judged(ask, ids["daan-van-dijk"])  # for whom nothing else speaks against it
    assert judgement["allowed"] is False
    (blocker,) = judgement["blockers"]
    assert (blocker["code"], blocker["source"], blocker["evidence"]) == ("SOURCE_MISSING", "zendesk", [])
    assert NO_COMPLAINTS in blocker["message"]


@pytest.mark.feature("story 1", "The mail that should not go: refused when the complaints system's process is gone")
def test_the_mail_is_refused_when_the_complaints_system_is_gone(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    sandbox.stop("zendesk")
    assert judged(ask, ids["daan-van-dijk"])["allowed"] is False


@pytest.mark.feature("story 1", "The mail does go where nothing speaks against it")
def test_the_mail_goes_where_nothing_speaks_against_it(ask: Ask, ids: dict[str, str]) -> None:
    assert judged(ask, ids["daan-van-dijk"]) == {"allowed": True, "blockers": []}


@pytest.mark.feature("story 1", "A campaign without the right to read complaints gets the result and no evidence")
def test_a_campaign_gets_the_result_without_what_it_may_not_read(ask: Ask, ids: dict[str, str]) -> None:
    reply = ask(view("marketing"), {"id": ids["sanne-de-wit"], "channel": "EMAIL"}, purpose="marketing")
    judgement = reply.data["customer"]["marketingEligibility"]
    assert judgement["allowed"] is False
    assert {blocker["code"] for blocker in judgement["blockers"]} == {"OPEN_COMPLAINT", "REPEATED_COMPLAINTS"}
    seen = ask(MAY_WE, {"id": ids["sanne-de-wit"]}, purpose="marketing").part["customer"]["marketingEligibility"]
    assert [blocker["evidence"] for blocker in seen["blockers"]] == [[], []]
    assert "lekt" not in reply.text


@pytest.mark.feature("story 1", "A product as argument narrows the complaints that count")
def test_the_product_narrows_the_complaints(ask: Ask, ids: dict[str, str]) -> None:
    judgements = [judged(ask, ids["sanne-de-wit"], product=one.sku) for one in (COFFEE_MACHINE, COFFEE_PLAN)]
    assert [judgement["allowed"] for judgement in judgements] == [False, True]
