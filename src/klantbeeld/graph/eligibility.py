"""Marketing eligibility: whether a customer may be approached now, and what speaks against it.

It fails closed. Every rule has a setting and shows evidence, and a source that could have known something and did not
say it is a rule of its own. Whoever asks needs no right to what is read: only the result leaves, and the evidence is
cut to what the caller may see.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import strawberry
from strawberry import Parent, Private

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Answer, Answers
from klantbeeld.graph.billing import FINANCIAL
from klantbeeld.graph.complaints import COMPLAINED, is_open
from klantbeeld.graph.data import Data
from klantbeeld.graph.ids import open_record_id
from klantbeeld.graph.joined import Ruled, joined
from klantbeeld.graph.marketing import ALLOWED, effective_consents
from klantbeeld.graph.party import PERSONAL
from klantbeeld.graph.products import BOUGHT, HELD
from klantbeeld.graph.sourced import Sourced
from klantbeeld.graph.statuses import consequence_of
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING
from klantbeeld.sdk.words import Category, Channel, ConsentStatus, InvoiceState, OrderStatus, PartyKind
from klantbeeld.sources.questions import SourceState
from klantbeeld.texts import say

ELIGIBLE = Data(owner="MARKETING", category=Category.REGISTRATION, scope="eligibility:read")

# What has to be known, all of it and now, before anybody may be approached.
NEEDED = (
    Read(MARKETING, "consents", uses=("purpose", "channel", "status"), everything=True, fresh=True),
    Read(MARKETING, "preferences", uses=("topic", "channel", "subscribed"), everything=True, fresh=True),
    Read(COMPLAINTS, "complaints", uses=("state", "filed_at", "product_reference"), everything=True, fresh=True),
    Read(BILLING, "invoices", uses=("settlement", "due_on"), everything=True, fresh=True),
    Read(CRM, "party", uses=("kind", "birth_date", "deceased_on"), everything=True, fresh=True),
)
# A subscription's id is not what complaints about it name; the billing source knows both.
NARROWED = Read(BILLING, "product", uses=("code",), key="product_reference", optional=True, fresh=True)
# The purchase that complaints are about; shown, never judged.
SHOWN = "evidence"
PURCHASES = (
    Ruled(Read(CRM, "orders", uses=("status", "lines"), everything=True, fresh=True, only_when=SHOWN), BOUGHT),
    Ruled(Read(BILLING, "purchases", uses=("code",), everything=True, fresh=True, only_when=SHOWN), HELD),
    Ruled(Read(BILLING, "products", uses=("code",), everything=True, fresh=True, only_when=SHOWN), HELD),
)

# What a caller must be allowed to read to see a record as evidence.
RULES: dict[type[Record], Data] = {
    records.Consent: ALLOWED,
    records.Preference: ALLOWED,
    records.Complaint: COMPLAINED,
    records.Invoice: FINANCIAL,
    records.Party: PERSONAL,
    records.Order: BOUGHT,
    records.Product: HELD,
}

# States in which a source said, now, all that it has; a stale answer is an old one.
SAID = frozenset({SourceState.OK, SourceState.CACHED, SourceState.NOT_LINKED})

ProductArgument = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Count only complaints about this product: its id, or the billing source's reference to it. Where "
        "billing does not know it for this customer, all complaints count."
    ),
]


@strawberry.enum(description="What speaks against approaching a customer.")
class BlockerCode(StrEnum):
    """What speaks against it; each has words in both languages."""

    NO_CONSENT = "NO_CONSENT"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    OPTED_OUT = "OPTED_OUT"
    OPEN_COMPLAINT = "OPEN_COMPLAINT"
    REPEATED_COMPLAINTS = "REPEATED_COMPLAINTS"
    OVERDUE_INVOICE = "OVERDUE_INVOICE"
    DECEASED = "DECEASED"
    MINOR = "MINOR"
    AGE_UNKNOWN = "AGE_UNKNOWN"
    PARTY_UNKNOWN = "PARTY_UNKNOWN"
    SOURCE_MISSING = "SOURCE_MISSING"
    WITHHELD = "WITHHELD"


# What a partner must be allowed to read to be told which it is.
TOLD: Mapping[BlockerCode, Data] = {
    BlockerCode.NO_CONSENT: ALLOWED,
    BlockerCode.CONSENT_WITHDRAWN: ALLOWED,
    BlockerCode.OPTED_OUT: ALLOWED,
    BlockerCode.OPEN_COMPLAINT: COMPLAINED,
    BlockerCode.REPEATED_COMPLAINTS: COMPLAINED,
    BlockerCode.OVERDUE_INVOICE: FINANCIAL,
    BlockerCode.DECEASED: PERSONAL,
    BlockerCode.MINOR: PERSONAL,
    BlockerCode.AGE_UNKNOWN: PERSONAL,
    BlockerCode.PARTY_UNKNOWN: PERSONAL,
}


@strawberry.type(description="One thing that speaks against approaching the customer.")
class Blocker:
    """One thing that speaks against it."""

    code: BlockerCode = strawberry.field(description="What it is.")
    message: str = strawberry.field(description="What it is, in words for a person, with what a missing source means.")
    source: str | None = strawberry.field(description="Source that says so, or that did not say anything.")
    evidence: list[Sourced] = strawberry.field(
        description="Records that show it, and the purchases they are about; those that you may see."
    )


@strawberry.type(description="Whether the customer may be approached on a channel, now.")
class Eligibility:
    """The answer for one customer and channel; fails closed."""

    customer_id: Private[str]
    channel: Private[Channel]
    product_reference: Private[str | None]

    @joined(*NEEDED, NARROWED)
    def allowed(answers: Parent[Answers[Record]]) -> bool:
        """Whether nothing speaks against it; false as well when a source that is needed did not answer."""
        return not blockers_of(answers)

    @joined(*NEEDED, NARROWED, *PURCHASES)
    def blockers(answers: Parent[Answers[Record]]) -> list[Blocker]:
        """What speaks against it."""
        return told(answers, blockers_of(answers))

    @joined(*NEEDED, NARROWED)
    def as_of(answers: Parent[Answers[Record]]) -> datetime:
        """The oldest moment at which something that was looked at was true."""
        fetched = [record.origin.fetched_at for record in answers.records if record.origin]
        return min(fetched, default=answers.moment.now)


def eligibility_of(customer_id: str, channel: Channel, product: str | None) -> Eligibility:
    """Make what is judged below it; raises RequestError for a product that is none."""
    return Eligibility(customer_id=customer_id, channel=channel, product_reference=_reference(product))


def blockers_of(answers: Answers[Any]) -> list[Blocker]:
    """Return all that speaks against approaching the customer; `answers` are those to what is needed."""
    return [
        *_unsaid(answers),
        *_by_consents(answers),
        *_by_preferences(answers),
        *_by_complaints(answers),
        *_by_invoices(answers),
        *_by_party(answers),
    ]


def told(answers: Answers[Any], blockers: Sequence[Blocker]) -> list[Blocker]:
    """Cut blockers to what the caller may know: a partner who may not read a thing is told that something is, no more.

    Within the organisation the kind of blocker is the result; to a partner "overdue" would be payment data.
    """
    if not answers.moment.rights.is_partner:
        return list(blockers)
    known = [blocker for blocker in blockers if blocker.code not in TOLD or answers.may(TOLD[blocker.code])]
    if len(known) == len(blockers):
        return known
    message = say("WITHHELD", answers.moment.language)
    return [*known, Blocker(code=BlockerCode.WITHHELD, message=message, source=None, evidence=[])]


def _unsaid(answers: Answers[Any]) -> Iterator[Blocker]:
    """Yield a blocker for each source, or role without one, that did not say all that is needed."""
    named = set()
    for read in NEEDED:
        for source in _silent(answers, read):
            if (source or read.role.name) not in named:
                named.add(source or read.role.name)
                yield _missing(answers, source, read.role.name)


def _silent(answers: Answers[Any], read: Read) -> list[str]:
    """Return the sources that left a read without its whole answer; one without a name where no source could answer."""
    found = answers.of(read.call).by(read.role.name).every
    able = [answer for answer in found if answer.state is not SourceState.NOT_SUPPORTED]
    if not able:
        # Who keeps no preferences has none to say; the rest somebody must be able to say.
        return [] if read.call == "preferences" and found else [answer.source for answer in found] or [""]
    return [answer.source for answer in able if not _has_said(answer)]


def _has_said(answer: Answer[Any]) -> bool:
    return answer.state in SAID and answer.complete


def _missing(answers: Answers[Any], source: str, role: str) -> Blocker:
    language = answers.moment.language
    if not source:
        return Blocker(
            code=BlockerCode.SOURCE_MISSING, message=say("ROLE_MISSING", language, role=role), source=None, evidence=[]
        )
    words = (say("SOURCE_MISSING", language, source=source), consequence_of(source, answers.moment))
    message = " ".join(word for word in words if word)
    return Blocker(code=BlockerCode.SOURCE_MISSING, message=message, source=source, evidence=[])


def _by_consents(answers: Answers[Any]) -> Iterator[Blocker]:
    """Demand a consent for the purpose, on the channel or on all; a withdrawal on either wins."""
    consents = [
        consent
        for consent in effective_consents(answers.of("consents").records)
        if consent.purpose == answers.moment.settings.eligibility.purpose and _is_on(answers, consent.channel)
    ]
    withdrawn = [consent for consent in consents if consent.status is ConsentStatus.WITHDRAWN]
    if withdrawn:
        yield _blocker(answers, BlockerCode.CONSENT_WITHDRAWN, withdrawn)
    elif all(consent.status is not ConsentStatus.GIVEN for consent in consents) and not _silent(answers, NEEDED[0]):
        yield _blocker(answers, BlockerCode.NO_CONSENT, consents)


def _by_preferences(answers: Answers[Any]) -> Iterator[Blocker]:
    refused = [
        preference
        for preference in answers.of("preferences").records
        if preference.topic in answers.moment.settings.eligibility.opt_out_topics
        and preference.subscribed is False
        and _is_on(answers, preference.channel)
    ]
    if refused:
        yield _blocker(answers, BlockerCode.OPTED_OUT, refused)


def _by_complaints(answers: Answers[Any]) -> Iterator[Blocker]:
    settings = answers.moment.settings.eligibility
    product = _asked_product(answers)
    complaints = [
        complaint
        for complaint in answers.of("complaints").records
        if product is None or complaint.product_reference in product
    ]
    unsolved = [complaint for complaint in complaints if is_open(complaint)]
    if len(unsolved) >= settings.open_complaints:
        yield _blocker(answers, BlockerCode.OPEN_COMPLAINT, [*unsolved, *_bought(answers, unsolved)])
    since = answers.moment.now - timedelta(days=settings.repeated_days)
    recent = [complaint for complaint in complaints if complaint.filed_at is None or complaint.filed_at >= since]
    if len(recent) >= settings.repeated_complaints:
        evidence = [*recent, *_bought(answers, recent)]
        counts = {"count": len(recent), "days": settings.repeated_days}
        yield _blocker(answers, BlockerCode.REPEATED_COMPLAINTS, evidence, **counts)


def _by_invoices(answers: Answers[Any]) -> Iterator[Blocker]:
    """Find invoices that are overdue; one whose settlement is not known counts as not paid."""
    latest = answers.moment.today - timedelta(days=answers.moment.settings.eligibility.overdue_days)
    overdue = [
        invoice
        for invoice in answers.of("invoices").records
        if invoice.settlement in {InvoiceState.OPEN, None} and invoice.due_on is not None and invoice.due_on < latest
    ]
    if overdue:
        yield _blocker(answers, BlockerCode.OVERDUE_INVOICE, overdue)


def _by_party(answers: Answers[Any]) -> Iterator[Blocker]:
    settings = answers.moment.settings.eligibility
    parties = answers.of("party").records
    if not parties and not _silent(answers, NEEDED[-1]):
        yield _blocker(answers, BlockerCode.PARTY_UNKNOWN, [])
    deceased = [party for party in parties if party.deceased_on is not None]
    if deceased:
        yield _blocker(answers, BlockerCode.DECEASED, deceased)
    people = [party for party in parties if party.kind is not PartyKind.ORGANISATION]
    born = [party for party in people if party.birth_date is not None]
    minors = [party for party in born if age_on(answers.moment.today, party.birth_date) < settings.adult_age]
    if minors:
        yield _blocker(answers, BlockerCode.MINOR, minors)
    elif people and not born and settings.needs_known_age:
        yield _blocker(answers, BlockerCode.AGE_UNKNOWN, people)


def age_on(day: date, born: date) -> int:
    """Return an age in whole years; who was born on 29 February has the birthday on 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _blocker(answers: Answers[Any], code: BlockerCode, evidence: Sequence[Record], **values: object) -> Blocker:
    """Make a blocker, its evidence cut to what the caller may see."""
    source = next((record.origin.source for record in evidence if record.origin), None)
    shown: list[Any] = [record for record in evidence if answers.may(RULES[type(record)])]
    return Blocker(code=code, message=say(code.value, answers.moment.language, **values), source=source, evidence=shown)


def _is_on(answers: Answers[Any], channel: Channel | None) -> bool:
    return channel is None or channel is answers.parent.channel


def _asked_product(answers: Answers[Any]) -> frozenset[str] | None:
    """Return all references to the product that was asked about; None where complaints cannot be narrowed to one."""
    known = answers.of("product").records
    if answers.parent.product_reference is None or not known:
        return None
    codes = {product.code for product in known if product.code}
    return frozenset({answers.parent.product_reference, *codes})


def _bought(answers: Answers[Any], complaints: Sequence[records.Complaint]) -> list[Record]:
    """Return the purchases that complaints are about; none for who may not see the complaints."""
    named = {complaint.product_reference for complaint in complaints} - {None}
    if not answers.may(COMPLAINED):
        return []
    orders = [
        order
        for order in answers.of("orders").records
        if order.status is not OrderStatus.CANCELLED
        and any(line.product_reference in named for line in order.lines or ())
    ]
    held = [
        product for product in answers.of("purchases", "products").records if named & {product.code, product.record_id}
    ]
    return [*orders, *held]


def _reference(product: str | None) -> str | None:
    """Return the billing source's reference to a product; raises RequestError for what is no product's."""
    if product is None:
        return None
    if not product.strip():
        raise RequestError(
            "an empty text is no product", code="BAD_USER_INPUT", place="product", allowed=("length >= 1",)
        )
    try:
        opened = open_record_id(product)
    except RequestError:  # not a global id, so the source's own reference
        return product.strip()
    if opened.kind != "Product":
        raise RequestError(f"the id of a {opened.kind}, not of a product", code="ID_INVALID")
    return opened.record_id
