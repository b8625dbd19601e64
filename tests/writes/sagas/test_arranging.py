"""What belongs to an order besides what its mutation asks: hooks, approvals, and what a customer is found by."""

import pytest

from klantbeeld.identity.links import Sighting
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind
from klantbeeld.sdk.acts import Act, ChangeContactDetails, CreditInvoice, ReopenComplaint
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.words import Channel
from klantbeeld.settings_saga import SagaSettings
from klantbeeld.writes.planning import Order, PlannedStep
from klantbeeld.writes.sagas.arranging import FIRST, Arranging
from klantbeeld.writes.sagas.linking import REMEMBER, Renewed
from klantbeeld.writes.sagas.payloads import Approval, Until
from klantbeeld.writes.sagas.persons import Persons

PERSONS = Persons(b"s" * 32)
TITLE = {"nl": "Goedkeuren", "en": "Approve"}


def call(act: str, payload: Act, *, compensates: int | None = None, left_out: str | None = None) -> PlannedStep:
    return PlannedStep(act=act, source="s", role="R", payload=payload, compensates=compensates, left_out=left_out)


CREDIT = call("credit_invoice", CreditInvoice(customer="c", invoice="i", reason="r", key="", channel=Channel.PHONE))
REOPEN = call(
    "reopen_complaint",
    ReopenComplaint(customer="c", complaint="1", note="n", key="", channel=Channel.PHONE),
    compensates=0,
)


def order(*steps: PlannedStep, mutation: str = "creditInvoice") -> Order:
    return Order(
        mutation=mutation,
        customer_id="x",
        channel=Channel.PHONE,
        caller="issuer\0client\0subject",
        asked={},
        steps=steps,
    )


def arranged(settings: dict[str, object], *steps: PlannedStep) -> tuple[PlannedStep, ...]:
    return Arranging(SagaSettings.model_validate(settings), PERSONS)(order(*steps)).steps


def test_an_order_to_which_nothing_belongs_stays_the_same() -> None:
    asked = order(CREDIT)
    assert Arranging(SagaSettings(), PERSONS)(asked) is asked


def test_hooks_stand_before_and_after_their_act_and_compensations_keep_their_step() -> None:
    hooks = [
        {"act": "credit_invoice", "moment": "before", "does": "wait", "seconds": 5},
        {"act": "credit_invoice", "moment": "after", "does": "notify", "topic": "credited"},
        {"act": "another", "moment": "after", "does": "notify", "topic": "never"},
    ]
    steps = arranged({"hooks": hooks}, CREDIT, REOPEN)
    assert [step.kind for step in steps] == ["wait", "call", "notify", "call"]
    assert steps[0].payload == Until(seconds=5)
    assert steps[3].compensates == 1


def test_a_whole_mutation_waits_for_a_second_person_who_is_not_the_first() -> None:
    steps = arranged({"approve_first": {"creditInvoice": TITLE}}, CREDIT)
    assert [(step.kind, step.act) for step in steps] == [("approve", FIRST), ("call", "credit_invoice")]
    assert isinstance(steps[0].payload, Approval)
    assert steps[0].payload.starter == PERSONS.of("issuer", "subject")
    assert (steps[0].payload.title_nl, steps[0].payload.escalates_to) == ("Goedkeuren", "tasks:escalated")


def test_somebody_is_the_same_person_through_another_client() -> None:
    assert PERSONS.of_caller("issuer\0one\0subject") == PERSONS.of_caller("issuer\0other\0subject")
    assert PERSONS.of_caller("issuer\0one\0subject") != PERSONS.of_caller("issuer\0one\0somebody")


def test_a_step_that_is_left_out_has_no_hooks() -> None:
    hooks = [{"act": "credit_invoice", "moment": "before", "does": "approve", "title": TITLE}]
    left = call("credit_invoice", CREDIT.payload, left_out="NOT_SUPPORTED")
    assert arranged({"hooks": hooks}, left) == (left,)


def test_new_contact_details_renew_what_the_customer_is_found_by() -> None:
    act = ChangeContactDetails(customer="c", email="a@b.nl", phone="+31612345678", key="", channel=Channel.APP)
    steps = arranged({}, call("change_contact_details", act))
    assert [step.kind for step in steps] == ["call", REMEMBER]
    keys = (MatchKey(MatchKeyKind.EMAIL, "a@b.nl"), MatchKey(MatchKeyKind.PHONE, "+31612345678"))
    kinds = frozenset({MatchKeyKind.EMAIL, MatchKeyKind.PHONE})
    assert steps[1].payload == Renewed(records=(Sighting("s", "c", keys),), kinds=kinds)


def test_a_new_address_renews_the_keys_that_are_made_of_one() -> None:
    act = ChangeContactDetails(customer="c", address=PostalAddress(postcode="1016 AB"), key="", channel=Channel.APP)
    steps = arranged({}, call("change_contact_details", act))
    kinds = frozenset({MatchKeyKind.NAME_POSTCODE_BIRTH_DATE, MatchKeyKind.ADDRESS_BIRTH_DATE})
    assert steps[1].payload == Renewed(records=(Sighting("s", "c"),), kinds=kinds)


@pytest.mark.parametrize(
    ("hook", "needs"),
    [({"does": "approve"}, "title"), ({"does": "wait"}, "seconds"), ({"does": "engage", "engine": "x"}, "process")],
)
def test_a_hook_without_what_it_needs_is_refused(hook: dict[str, str], needs: str) -> None:
    with pytest.raises(ValueError, match=needs):
        SagaSettings.model_validate({"hooks": [{"act": "credit_invoice", **hook}]})


def test_an_engine_that_is_not_described_is_refused() -> None:
    hook = {"act": "credit_invoice", "does": "engage", "engine": "camunda", "process": "credit"}
    with pytest.raises(ValueError, match="camunda"):
        SagaSettings.model_validate({"hooks": [hook]})
