"""Plans of sagas: owners first, what is hardest to take back last, and nothing where somebody has to and cannot."""

from decimal import Decimal
from typing import Any, cast

import pytest
from msgspec import structs
from tests.engine.memory import MemorySource, links_of

from klantbeeld.errors import Unanswered
from klantbeeld.identity.links import Links
from klantbeeld.sdk.acts import ChangeContactDetails
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping
from klantbeeld.sdk.records import ContactMedium, Money, Party, PostalAddress
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.sdk.sagas import Given, Home, Saga
from klantbeeld.sdk.words import Channel, ConsentStatus, ContactKind, WriteSafety
from klantbeeld.settings_saga import ApprovalSettings
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import PlannedStep
from klantbeeld.writes.sagas import catalogue
from klantbeeld.writes.sagas.complaint_credit import CLOSE_COMPLAINT, Credit
from klantbeeld.writes.sagas.payloads import Approval
from klantbeeld.writes.sagas.planning import APPROVE, Planner, Wanted, compensation
from klantbeeld.writes.states import CALL
from klantbeeld.writes.versions import seal_version

CUSTOMER = "01900000-0000-7000-8000-000000000001"
ADDRESS = PostalAddress(street="Singel", house_number="250", postcode="1016 AB", city="Amsterdam", country="NL")
KNOWN = links_of(CUSTOMER, crm="c1", billing="b1", marketing=["m1", "m2"], complaints="z1")
SAGAS = catalogue.built_in(ApprovalSettings(), "nl")


def source(name: str, role: Role, *acts: str) -> Source:
    """Give a source that can do these acts."""
    nothing = Mapping(Party, Party, {})
    doings = {act: Doing(act, WriteSafety.NONE, nothing) for act in acts}
    return cast("Source", MemorySource(name, role, {}, doings=doings))


def sources(**changed: Source) -> dict[str, Source]:
    return {
        "crm": source("crm", CRM, "change_contact_details"),
        "billing": source("billing", BILLING, "change_billing_details", "credit_invoice", "withdraw_credit"),
        "marketing": source("marketing", MARKETING, "change_contact_details", "set_consent"),
        "complaints": source("complaints", COMPLAINTS, "hold_complaint", "solve_complaint", "reopen_complaint"),
        **changed,
    }


def plan(saga: str | Saga, given: Given, *, over: dict[str, Source] | None = None, customer: Links = KNOWN) -> Any:
    wanted = Wanted(
        saga=SAGAS[saga] if isinstance(saga, str) else saga,
        given=given,
        customer=customer,
        channel=Channel.APP,
        starter=b"p" * 32,
    )
    return Planner(over or sources(), declared={}).plan(wanted)


def moved() -> Given:
    return catalogue.NewAddress(address=ADDRESS, expected=seal_version("crm", "v7"))


def credited(amount: str) -> Given:
    return Credit(
        complaint=Home("complaints", "301", "z1"),
        invoice=Home("billing", "in_1", "b1"),
        amount=Money(Decimal(amount), "EUR"),
        resolution="Tegoed",
        expected=seal_version("complaints", "v3"),
    )


def places(steps: tuple[PlannedStep, ...]) -> list[tuple[str, str | None, str]]:
    return [(step.kind, step.source, step.act) for step in steps]


def test_a_move_goes_to_the_owner_first_and_to_every_record_elsewhere() -> None:
    steps = plan(catalogue.CHANGE_ADDRESS, moved())
    assert places(steps) == [
        (CALL, "crm", "change_contact_details"),
        (CALL, "billing", "change_billing_details"),
        (CALL, "marketing", "change_contact_details"),
        (CALL, "marketing", "change_contact_details"),
    ]
    assert [step.payload.customer for step in steps] == ["c1", "b1", "m1", "m2"]
    assert [step.payload.expected for step in steps] == ["v7", None, None, None]
    assert {step.payload.address for step in steps} == {ADDRESS}


def test_an_owner_that_cannot_refuses_the_whole_and_nothing_is_planned() -> None:
    with pytest.raises(Unanswered) as refused:
        plan(catalogue.CHANGE_ADDRESS, moved(), over=sources(crm=source("crm", CRM)))
    assert (refused.value.reason, refused.value.source_name) == ("NOT_SUPPORTED", "crm")


def test_an_owner_that_does_not_know_the_customer_refuses_the_whole() -> None:
    with pytest.raises(Unanswered) as refused:
        plan(catalogue.CHANGE_ADDRESS, moved(), customer=links_of(CUSTOMER, billing="b1"))
    assert (refused.value.reason, refused.value.source_name) == ("NOT_LINKED", "crm")


def test_another_system_that_cannot_is_left_out_and_says_so() -> None:
    steps = plan(
        catalogue.CHANGE_EMAIL, catalogue.NewEmail(email="a@b.nl"), over=sources(billing=source("billing", BILLING))
    )
    assert [(step.source, step.left_out, step.optional) for step in steps[:2]] == [
        ("crm", None, False),
        ("billing", "NOT_SUPPORTED", True),
    ]


def test_a_system_that_does_not_know_the_customer_has_no_part() -> None:
    steps = plan(catalogue.CHANGE_ADDRESS, moved(), customer=links_of(CUSTOMER, crm="c1"))
    assert [step.source for step in steps] == ["crm"]


def test_a_small_credit_solves_and_credits_with_money_last() -> None:
    steps = plan(CLOSE_COMPLAINT, credited("250.00"))
    assert places(steps) == [
        (CALL, "complaints", "solve_complaint"),
        (CALL, "billing", "credit_invoice"),
        (CALL, "complaints", "reopen_complaint"),
        (CALL, "billing", "withdraw_credit"),
    ]
    assert [step.compensates for step in steps] == [None, None, 0, 1]
    assert [step.payload.expected for step in steps[:2]] == ["v3", None]


def test_a_large_credit_holds_the_complaint_and_waits_for_a_second_person() -> None:
    steps = plan(CLOSE_COMPLAINT, credited("250.01"))
    assert places(steps[:4]) == [
        (CALL, "complaints", "hold_complaint"),
        (APPROVE, None, "approve"),
        (CALL, "complaints", "solve_complaint"),
        (CALL, "billing", "credit_invoice"),
    ]
    assert [step.compensates for step in steps] == [None, None, None, None, 0, 2, 3]
    assert isinstance(steps[1].payload, Approval)
    assert (steps[1].payload.escalates, steps[1].payload.starter) == (172_800, b"p" * 32)
    assert [step.payload.expected for step in (steps[0], steps[2])] == ["v3", None]


def test_a_withdrawn_consent_goes_everywhere_and_is_never_taken_back() -> None:
    steps = plan(catalogue.WITHDRAW_CONSENT, catalogue.Withdrawal(purpose="marketing"))
    assert [(step.source, step.payload.status) for step in steps] == [
        ("marketing", ConsentStatus.WITHDRAWN),
        ("marketing", ConsentStatus.WITHDRAWN),
    ]
    assert [step.compensates for step in steps] == [None, None]
    assert catalogue.WITHDRAWAL.recovery == "INSIST"


def test_what_nobody_knows_cannot_be_withdrawn_anywhere() -> None:
    with pytest.raises(Unanswered) as refused:
        plan(
            catalogue.WITHDRAW_CONSENT, catalogue.Withdrawal(purpose="marketing"), customer=links_of(CUSTOMER, crm="c1")
        )
    assert refused.value.reason == "NOT_LINKED"


def test_what_was_there_before_is_what_is_put_back() -> None:
    (step,) = (one for one in SAGAS[catalogue.CHANGE_EMAIL].steps if one.name == "crm")
    act = ChangeContactDetails(customer="c1", key="", channel=Channel.APP, email="new@example.nl")
    done = PlannedStep(act="change_contact_details", source="crm", role="CRM", payload=act)
    media = [
        ContactMedium(record_id="1", kind=ContactKind.PHONE, value="+31201234567"),
        ContactMedium(record_id="2", kind=ContactKind.EMAIL, value="old@example.nl"),
    ]
    undo = compensation("changeEmail", cast("Any", step), done, media, place=3)
    assert undo is not None
    assert (undo.source, undo.compensates, undo.prepare) == ("crm", 3, "changeEmail/crm/undo")
    assert undo.payload == structs.replace(act, email="old@example.nl")


def test_what_was_empty_before_cannot_be_put_back() -> None:
    (step,) = (one for one in SAGAS[catalogue.CHANGE_EMAIL].steps if one.name == "crm")
    act = ChangeContactDetails(customer="c1", key="", channel=Channel.APP, email="new@example.nl")
    done = PlannedStep(act="change_contact_details", source="crm", role="CRM", payload=act)
    assert compensation("changeEmail", cast("Any", step), done, [], place=0) is None


@pytest.mark.parametrize("role", [CRM, BILLING, MARKETING])
def test_every_act_of_a_built_in_saga_is_one_of_its_role(role: Role) -> None:
    for saga in SAGAS.values():
        for step in saga.steps:
            if getattr(step, "role", None) is role:
                assert getattr(step, "act", None) in role.acts
