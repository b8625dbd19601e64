"""The rules of marketing eligibility, each alone and together, and that all of them fail closed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.graph.told import CUSTOMER, NOW, Rights, Told, kinds, source_settings

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Moment
from klantbeeld.graph.eligibility import NEEDED, BlockerCode, age_on, blockers_of, eligibility_of, told
from klantbeeld.graph.ids import RecordId, seal_record_id
from klantbeeld.sdk.records import Complaint, Consent, Invoice, Order, OrderLine, Party, Preference, Product
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING
from klantbeeld.sdk.words import Channel, ComplaintState, ConsentStatus, InvoiceState, OrderStatus, PartyKind
from klantbeeld.settings import EligibilitySettings, Settings
from klantbeeld.sources.questions import SourceState
from klantbeeld.texts import codes

GIVEN, WITHDRAWN, NOT_ASKED = ConsentStatus.GIVEN, ConsentStatus.WITHDRAWN, ConsentStatus.NOT_ASKED
TODAY = NOW.date()
MACHINE, PLAN = "KB-KOFFIE-200", "KB-BONEN"


def consent(status: ConsentStatus | None = GIVEN, channel: Channel | None = Channel.EMAIL, **more: Any) -> Consent:
    made: dict[str, Any] = {"record_id": "k1", "purpose": "marketing", "channel": channel, "status": status}
    return Consent(**(made | more))


def preference(**more: Any) -> Preference:
    made: dict[str, Any] = {"record_id": "v1", "topic": "newsletter", "channel": Channel.EMAIL, "subscribed": False}
    return Preference(**(made | more))


def complaint(days_ago: int, state: ComplaintState | None = ComplaintState.SOLVED, **more: Any) -> Complaint:
    filed = NOW - timedelta(days=days_ago)
    made: dict[str, Any] = {"record_id": f"c{days_ago}", "state": state, "filed_at": filed}
    return Complaint(**(made | more))


def invoice(due_in: int | None, settlement: InvoiceState | None = InvoiceState.OPEN) -> Invoice:
    due_on = None if due_in is None else TODAY + timedelta(days=due_in)
    return Invoice(record_id="i1", settlement=settlement, due_on=due_on)


def party(**more: Any) -> Party:
    made: dict[str, Any] = {"record_id": "p1", "kind": PartyKind.PERSON, "birth_date": date(1980, 1, 1)}
    return Party(**(made | more))


@dataclass(frozen=True)
class Case:
    """What makes one blocker: the read and what is said to it."""

    code: str
    call: str
    records: tuple[Any, ...]


def nothing_against(told_so_far: Told | None = None) -> Told:
    """Say of somebody that nothing speaks against them."""
    found = told_so_far or Told()
    found.say(MARKETING, "consents", consent())
    found.say(MARKETING, "preferences", preference(subscribed=True))
    found.say(COMPLAINTS, "complaints")
    found.say(BILLING, "invoices", invoice(-400, InvoiceState.PAID), invoice(0))
    return found.say(CRM, "party", party())


def judged(found: Told, *, channel: Channel = Channel.EMAIL, product: str | None = None) -> list[Any]:
    return blockers_of(found.answers(eligibility_of(CUSTOMER, channel, product)))


def judged_codes(found: Told, **asked: Any) -> list[str]:
    return [blocker.code.value for blocker in judged(found, **asked)]


def with_settings(**changes: Any) -> Told:
    return Told(settings=Settings(eligibility=EligibilitySettings(**changes)))


CASES = [
    Case("NO_CONSENT", "consents", ()),
    Case("NO_CONSENT", "consents", (consent(NOT_ASKED),)),
    Case("NO_CONSENT", "consents", (consent(None),)),
    Case("NO_CONSENT", "consents", (consent(channel=Channel.PHONE),)),
    Case("NO_CONSENT", "consents", (consent(purpose="profiling"),)),
    Case("CONSENT_WITHDRAWN", "consents", (consent(WITHDRAWN),)),
    Case("CONSENT_WITHDRAWN", "consents", (consent(), consent(WITHDRAWN, record_id="k2"))),
    Case("CONSENT_WITHDRAWN", "consents", (consent(channel=None), consent(WITHDRAWN, record_id="k2"))),
    Case("CONSENT_WITHDRAWN", "consents", (consent(WITHDRAWN, channel=None), consent(record_id="k2"))),
    Case("OPTED_OUT", "preferences", (preference(),)),
    Case("OPTED_OUT", "preferences", (preference(channel=None),)),
    Case("OPEN_COMPLAINT", "complaints", (complaint(300, ComplaintState.OPEN),)),
    Case("OPEN_COMPLAINT", "complaints", (complaint(300, ComplaintState.NEW),)),
    Case("OPEN_COMPLAINT", "complaints", (complaint(300, ComplaintState.PENDING),)),
    Case("OPEN_COMPLAINT", "complaints", (complaint(300, None),)),
    Case("REPEATED_COMPLAINTS", "complaints", (complaint(1), complaint(90))),
    Case("REPEATED_COMPLAINTS", "complaints", (complaint(1), complaint(2, filed_at=None))),
    Case("OVERDUE_INVOICE", "invoices", (invoice(-1),)),
    Case("OVERDUE_INVOICE", "invoices", (invoice(-1, None),)),
    Case("DECEASED", "party", (party(deceased_on=TODAY),)),
    Case("DECEASED", "party", (party(kind=PartyKind.ORGANISATION, deceased_on=TODAY),)),
    Case("MINOR", "party", (party(birth_date=date(TODAY.year - 17, 1, 1)),)),
    Case("MINOR", "party", (party(), party(record_id="p2", birth_date=date(TODAY.year - 3, 1, 1)))),
    Case("AGE_UNKNOWN", "party", (party(birth_date=None),)),
    Case("AGE_UNKNOWN", "party", (party(birth_date=None, kind=None),)),
    Case("PARTY_UNKNOWN", "party", ()),
]


def test_nobody_is_refused_against_whom_nothing_speaks() -> None:
    assert judged_codes(nothing_against()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_one_thing_against_it_is_enough(case: Case) -> None:
    found = nothing_against().instead(case.call, records=list(case.records))
    assert judged_codes(found) == [case.code]


def test_everything_that_speaks_against_it_is_said() -> None:
    found = nothing_against()
    found.instead("consents", records=[consent(WITHDRAWN)]).instead("preferences", records=[preference()])
    found.instead("complaints", records=[complaint(1, ComplaintState.OPEN), complaint(2)])
    found.instead("invoices", records=[invoice(-1)])
    found.instead("party", records=[party(deceased_on=TODAY, birth_date=TODAY)])
    found.instead("invoices", complete=False)
    assert judged_codes(found) == [
        *("SOURCE_MISSING", "CONSENT_WITHDRAWN", "OPTED_OUT", "OPEN_COMPLAINT", "REPEATED_COMPLAINTS"),
        *("OVERDUE_INVOICE", "DECEASED", "MINOR"),
    ]


@pytest.mark.parametrize(
    ("call", "records"),
    [
        ("consents", (consent(channel=None),)),
        ("consents", (consent(), consent(WITHDRAWN, record_id="k2", channel=Channel.PHONE))),
        ("consents", (consent(), consent(WITHDRAWN, record_id="k2", purpose="profiling"))),
        ("preferences", ()),
        ("preferences", (preference(channel=Channel.PHONE),)),
        ("preferences", (preference(topic="recipes"),)),
        ("preferences", (preference(subscribed=None),)),
        ("complaints", (complaint(1),)),
        ("complaints", (complaint(1), complaint(91))),
        ("complaints", (complaint(1, ComplaintState.CLOSED), complaint(100))),
        ("invoices", ()),
        ("invoices", (invoice(-1, InvoiceState.PAID),)),
        ("invoices", (invoice(-1, InvoiceState.VOID),)),
        ("invoices", (invoice(-1, InvoiceState.DRAFT),)),
        ("invoices", (invoice(None),)),
        ("invoices", (invoice(0),)),
        ("party", (party(kind=PartyKind.ORGANISATION, birth_date=None),)),
        ("party", (party(birth_date=date(TODAY.year - 18, TODAY.month, TODAY.day)),)),
        ("party", (party(birth_date=None), party(record_id="p2"))),
    ],
)
def test_what_does_not_speak_against_it_does_not_block(call: str, records: tuple[Any, ...]) -> None:
    assert judged_codes(nothing_against().instead(call, records=list(records))) == []


@pytest.mark.parametrize("read", NEEDED, ids=lambda read: read.call)
@pytest.mark.parametrize(
    "state",
    [
        *(SourceState.TIMEOUT, SourceState.UNAVAILABLE, SourceState.DENIED, SourceState.STALE),
        *(SourceState.NOT_ASKED, SourceState.NOT_CONFIGURED),
    ],
)
def test_whoever_is_not_told_all_now_is_refused(read: Any, state: SourceState) -> None:
    found = nothing_against().instead(read.call, state=state, records=[])
    if state is SourceState.NOT_CONFIGURED:
        found.instead(read.call, source="")
    assert judged_codes(found) == ["SOURCE_MISSING"]


@pytest.mark.parametrize("read", NEEDED, ids=lambda read: read.call)
def test_a_list_that_is_cut_off_refuses(read: Any) -> None:
    assert judged_codes(nothing_against().instead(read.call, complete=False)) == ["SOURCE_MISSING"]


@pytest.mark.parametrize("read", NEEDED, ids=lambda read: read.call)
def test_a_read_that_was_never_answered_refuses(read: Any) -> None:
    assert "SOURCE_MISSING" in judged_codes(nothing_against().forget(read.call))


@pytest.mark.parametrize("call", ["consents", "complaints", "invoices", "party"])
def test_sources_of_which_none_can_say_it_refuse(call: str) -> None:
    assert judged_codes(nothing_against().instead(call, state=SourceState.NOT_SUPPORTED, records=[])) == [
        "SOURCE_MISSING"
    ]


def test_a_source_that_keeps_no_preferences_has_none_that_speak_against_it() -> None:
    assert judged_codes(nothing_against().instead("preferences", state=SourceState.NOT_SUPPORTED, records=[])) == []


def test_one_source_that_cannot_say_it_is_not_missed_beside_one_that_can() -> None:
    found = nothing_against().say(BILLING, "invoices", source="catalogue", state=SourceState.NOT_SUPPORTED)
    assert judged_codes(found) == []


def test_one_silent_source_refuses_beside_one_that_answers() -> None:
    found = nothing_against().say(COMPLAINTS, "complaints", source="other", state=SourceState.TIMEOUT)
    (blocker,) = judged(found)
    assert (blocker.code, blocker.source) == (BlockerCode.SOURCE_MISSING, "other")


def test_a_silent_source_is_named_once_whatever_it_was_asked() -> None:
    found = nothing_against()
    found.instead("consents", state=SourceState.TIMEOUT, records=[])
    found.instead("preferences", state=SourceState.TIMEOUT, records=[])
    assert judged_codes(found) == ["SOURCE_MISSING"]


def test_a_withdrawal_that_is_known_is_said_beside_the_source_that_is_silent() -> None:
    found = nothing_against().instead("consents", records=[consent(WITHDRAWN)])
    found.say(MARKETING, "consents", source="mailer", state=SourceState.UNAVAILABLE)
    assert judged_codes(found) == ["SOURCE_MISSING", "CONSENT_WITHDRAWN"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("complaints", []),
        ("invoices", []),
        ("consents", ["NO_CONSENT"]),
        ("preferences", []),
        ("party", ["PARTY_UNKNOWN"]),
    ],
)
def test_who_is_not_known_to_a_system_has_nothing_there(call: str, expected: list[str]) -> None:
    assert judged_codes(nothing_against().instead(call, state=SourceState.NOT_LINKED, records=[])) == expected


@pytest.mark.parametrize(("language", "consequence"), [("nl", "Stuur niets."), ("en", "Send nothing.")])
def test_a_silent_source_is_blocked_with_what_that_means(language: str, consequence: str) -> None:
    settings = Settings(sources={"complaints": source_settings("Stuur niets.", "Send nothing.")})
    found = nothing_against(Told(settings=settings, language=language))
    (blocker,) = judged(found.instead("complaints", state=SourceState.TIMEOUT))
    assert "complaints" in blocker.message
    assert blocker.message.endswith(consequence)


def test_a_role_that_nobody_fills_is_named() -> None:
    found = nothing_against().instead("complaints", state=SourceState.NOT_CONFIGURED, source="")
    (blocker,) = judged(found)
    assert blocker.source is None
    assert "COMPLAINTS" in blocker.message


@pytest.mark.parametrize(
    ("changes", "call", "records", "expected"),
    [
        ({"purpose": "profiling"}, "consents", (consent(),), ["NO_CONSENT"]),
        ({"purpose": "profiling"}, "consents", (consent(purpose="profiling"),), []),
        ({"opt_out_topics": ("recipes",)}, "preferences", (preference(),), []),
        ({"opt_out_topics": ("recipes",)}, "preferences", (preference(topic="recipes"),), ["OPTED_OUT"]),
        ({"open_complaints": 2}, "complaints", (complaint(300, ComplaintState.OPEN),), []),
        ({"repeated_complaints": 3}, "complaints", (complaint(1), complaint(2)), []),
        ({"repeated_days": 10}, "complaints", (complaint(1), complaint(11)), []),
        ({"overdue_days": 14}, "invoices", (invoice(-14),), []),
        ({"overdue_days": 14}, "invoices", (invoice(-15),), ["OVERDUE_INVOICE"]),
        ({"adult_age": 16}, "party", (party(birth_date=date(TODAY.year - 17, 1, 1)),), []),
        ({"needs_known_age": False}, "party", (party(birth_date=None),), []),
    ],
)
def test_each_rule_has_its_setting(
    changes: dict[str, Any], call: str, records: tuple[Any, ...], expected: list[str]
) -> None:
    found = nothing_against(with_settings(**changes))
    if "purpose" in changes and call != "consents":
        found.instead("consents", records=[consent(purpose=changes["purpose"])])
    assert judged_codes(found.instead(call, records=list(records))) == expected


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 11, 23), date(2026, 11, 23), 18),
        (date(2008, 11, 24), date(2026, 11, 23), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_ages_are_in_whole_years(born: date, day: date, age: int) -> None:
    assert age_on(day, born) == age


def test_the_birthday_is_counted_where_the_organisation_is() -> None:
    found = nothing_against().instead("party", records=[party(birth_date=date(2008, 11, 24))])
    asked = found.answers(eligibility_of(CUSTOMER, Channel.EMAIL, None))
    half_past_midnight_in_amsterdam = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    there = Moment(half_past_midnight_in_amsterdam, asked.moment.language, asked.moment.settings, asked.moment.rights)
    later = msgspec.structs.replace(asked, moment=there)
    assert [blocker.code.value for blocker in blockers_of(asked)] == ["MINOR"]
    assert [blocker.code.value for blocker in blockers_of(later)] == ["OVERDUE_INVOICE"]  # the one due today, too


def two_complaints() -> Told:
    """Somebody who bought a machine and a plan, and complained twice about the machine."""
    found = nothing_against().instead(
        "complaints",
        records=[
            complaint(6, ComplaintState.OPEN, product_reference=MACHINE),
            complaint(30, product_reference=MACHINE),
        ],
    )
    found.say(
        CRM,
        "orders",
        Order(record_id="o1", lines=[OrderLine(product_reference=MACHINE), OrderLine(product_reference="KB-FILTER")]),
        Order(record_id="o2", lines=[OrderLine(product_reference=PLAN)]),
        Order(record_id="o3", status=OrderStatus.CANCELLED, lines=[OrderLine(product_reference=MACHINE)]),
        Order(record_id="o4", lines=None),
    )
    found.say(BILLING, "purchases", Product(record_id=MACHINE, code=MACHINE))
    return found.say(BILLING, "products", Product(record_id="sub_1", code=PLAN))


def test_complaints_are_shown_with_the_purchase_that_they_are_about() -> None:
    unsolved, repeated = judged(two_complaints())
    assert [record.record_id for record in unsolved.evidence] == ["c6", "o1", MACHINE]
    assert [record.record_id for record in repeated.evidence] == ["c6", "c30", "o1", MACHINE]
    assert repeated.source == "complaints"
    assert "2" in repeated.message
    assert "90" in repeated.message


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [
        (MACHINE, Product(record_id=MACHINE, code=MACHINE), 2),
        (PLAN, Product(record_id=PLAN, code=PLAN), 0),
        ("sub_9", Product(record_id="sub_9", code=MACHINE), 2),
        ("sub_1", Product(record_id="sub_1", code=PLAN), 0),
        (seal_record_id(RecordId("Product", CUSTOMER, "billing", "sub_9")), Product(code=MACHINE), 2),
        (seal_record_id(RecordId("Product", CUSTOMER, "billing", "sub_1")), Product(code=PLAN), 0),
    ],
)
def test_a_product_narrows_the_complaints_that_count(asked: str, known: Product, expected: int) -> None:
    found = two_complaints().say(BILLING, "product", known)
    assert len(judged(found, product=asked)) == expected


@pytest.mark.parametrize("state", [SourceState.OK, SourceState.NOT_LINKED, SourceState.NOT_SUPPORTED])
def test_all_complaints_count_where_billing_does_not_know_the_product(state: SourceState) -> None:
    found = two_complaints().say(BILLING, "product", state=state)
    assert len(judged(found, product="KB-NIEUW")) == 2


def test_a_complaint_about_nothing_in_particular_does_not_count_for_a_product() -> None:
    found = nothing_against().instead("complaints", records=[complaint(1, ComplaintState.OPEN)])
    found.say(BILLING, "product", Product(record_id=MACHINE, code=MACHINE))
    assert judged(found, product=MACHINE) == []


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_product_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        eligibility_of(CUSTOMER, Channel.EMAIL, text)
    assert refused.value.reason == "BAD_USER_INPUT"


def test_an_id_of_something_else_is_no_product() -> None:
    with pytest.raises(RequestError) as refused:
        eligibility_of(CUSTOMER, Channel.EMAIL, seal_record_id(RecordId("Invoice", CUSTOMER, "billing", "i1")))
    assert refused.value.reason == "ID_INVALID"


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("complaints:read", []),
        ("crm:read", ["Complaint", "Product"]),
        ("billing:read", ["Complaint", "Order"]),
        ("marketing:read", ["Complaint", "Order", "Product"]),
    ],
)
def test_evidence_is_cut_to_what_the_caller_may_see(scope: str, left: list[str]) -> None:
    by_rights = two_complaints()
    by_rights.rights = Rights(frozenset({scope}))
    by_grant = two_complaints()
    by_grant.withheld = frozenset({scope})
    for found in (by_rights, by_grant):
        unsolved, _ = judged(found)
        assert kinds(unsolved.evidence) == left
        assert unsolved.source == "complaints"


@pytest.mark.parametrize(
    ("case", "scope"),
    [
        (CASES[5], "marketing:read"),
        (CASES[9], "marketing:read"),
        (CASES[11], "complaints:read"),
        (CASES[17], "billing:read"),
        (CASES[19], "crm:read"),
        (CASES[21], "crm:read"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code,
)
def test_a_partner_is_told_that_something_speaks_against_it_and_not_what(case: Case, scope: str) -> None:
    found = nothing_against().instead(case.call, records=list(case.records))
    found.rights = Rights(is_partner=True)
    answers = found.answers(eligibility_of(CUSTOMER, Channel.EMAIL, None))
    assert [blocker.code.value for blocker in told(answers, blockers_of(answers))] == [case.code]
    found.withheld = frozenset({scope})
    answers = found.answers(eligibility_of(CUSTOMER, Channel.EMAIL, None))
    (blocker,) = told(answers, blockers_of(answers))
    assert (blocker.code.value, blocker.source, blocker.evidence) == ("WITHHELD", None, [])


def test_every_code_has_words() -> None:
    assert {code.value for code in BlockerCode} <= codes()
