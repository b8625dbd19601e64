"""What a write asks of the owner of a field: one act, in our words, with what makes it safe to send.

An act reaches a connector after rights, rows and routing are settled. `None` in an optional member means: leave it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from klantbeeld.sdk.records import Money, PostalAddress
from klantbeeld.sdk.words import Channel, ConsentStatus, Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What every act carries.

    `customer` is the owner's id of the customer. `key` is the idempotency key, derived for this step: the same after
    every crash. `expected` is the version that the caller saw, or None for a write without condition. `channel` is the
    one through which the caller came. `kinds` are the kinds of record that the act changes, named as the customer's
    fields are, for those who listen to changes; none where that depends on the source.
    """

    kinds: ClassVar[tuple[str, ...]] = ()

    customer: str
    key: str
    expected: str | None = None
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContactDetails(Act):
    """New contact details of a customer."""

    kinds = ("party", "contact_media")

    email: str | None = None
    phone: str | None = None
    address: PostalAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer(Act):
    """A customer whom the owner does not know yet; `customer` is empty. A tussenvoegsel is a name part of its own."""

    kinds = ("party", "contact_media")

    given_name: str | None = None
    tussenvoegsel: str | None = None
    family_name: str
    birth_date: date | None = None
    email: str | None = None
    phone: str | None = None
    address: PostalAddress | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAttribute(Act):
    """One attribute of the progressive profile: where it was learned, when, and under which consent it is kept."""

    kinds = ("attributes",)

    name: str
    value: str
    learned_from: str
    learned_at: datetime
    consent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInteraction(Act):
    """A contact that took place."""

    kinds = ("interactions",)

    direction: Direction
    subject: str
    note: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDataError(Act):
    """Something that the customer or an agent says is wrong with what a source holds."""

    field: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBillingDetails(Act):
    """New details on a billing account."""

    kinds = ("billing_accounts",)

    name: str | None = None
    email: str | None = None
    address: PostalAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditInvoice(Act):
    """Part or all of an invoice given back; without an amount, what is still due."""

    kinds = ("invoices",)

    invoice: str
    amount: Money | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCredit(Act):
    """A credit that is taken back, by the owner's id of it; undoes `CreditInvoice`."""

    kinds = ("invoices",)

    credit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileComplaint(Act):
    """A new complaint."""

    kinds = ("complaints",)

    subject: str
    description: str
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOnComplaint(Act):
    """Something said about a complaint; `public` when the customer may read it."""

    kinds = ("complaints",)

    complaint: str
    body: str
    public: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveComplaint(Act):
    """A complaint that is solved, with what was done about it."""

    kinds = ("complaints",)

    complaint: str
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldComplaint(Act):
    """A complaint that waits for something on our side, with a note for colleagues alone."""

    kinds = ("complaints",)

    complaint: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenComplaint(Act):
    """A complaint that is open again, with a note for colleagues alone; undoes `HoldComplaint` and `SolveComplaint`."""

    kinds = ("complaints",)

    complaint: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConsent(Act):
    """A consent given or withdrawn."""

    kinds = ("consents",)

    purpose: str
    status: ConsentStatus
    consent_channel: Channel | None = None
    notice_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPreference(Act):
    """A choice about content or frequency."""

    kinds = ("preferences",)

    topic: str
    subscribed: bool
    preference_channel: Channel | None = None
