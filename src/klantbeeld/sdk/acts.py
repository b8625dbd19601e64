"""What a write asks of the owner of a field: one act, in our words, with what makes it safe to send.

An act reaches a connector after rights, rows and routing are settled. `None` in an optional member means: leave it.
"""

from datetime import date, datetime
from typing import ClassVar

import msgspec

from klantbeeld.sdk.records import Money, PostalAddress
from klantbeeld.sdk.words import Channel, ConsentStatus, Direction


class Act(msgspec.Struct, frozen=True, kw_only=True):
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


class ChangeContactDetails(Act, frozen=True, kw_only=True):
    """New contact details of a customer."""

    kinds = ("party", "contact_media")

    email: str | None = None
    phone: str | None = None
    address: PostalAddress | None = None


class RegisterCustomer(Act, frozen=True, kw_only=True):
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


class SetAttribute(Act, frozen=True, kw_only=True):
    """One attribute of the progressive profile: where it was learned, when, and under which consent it is kept."""

    kinds = ("attributes",)

    name: str
    value: str
    learned_from: str
    learned_at: datetime
    consent: str


class RecordInteraction(Act, frozen=True, kw_only=True):
    """A contact that took place."""

    kinds = ("interactions",)

    direction: Direction
    subject: str
    note: str | None = None
    reference: str | None = None


class ReportDataError(Act, frozen=True, kw_only=True):
    """Something that the customer or an agent says is wrong with what a source holds."""

    field: str
    description: str


class ChangeBillingDetails(Act, frozen=True, kw_only=True):
    """New details on a billing account."""

    kinds = ("billing_accounts",)

    name: str | None = None
    email: str | None = None
    address: PostalAddress | None = None


class CreditInvoice(Act, frozen=True, kw_only=True):
    """Part or all of an invoice given back; without an amount, what is still due."""

    kinds = ("invoices",)

    invoice: str
    amount: Money | None = None
    reason: str


class WithdrawCredit(Act, frozen=True, kw_only=True):
    """A credit that is taken back, by the owner's id of it; undoes `CreditInvoice`."""

    kinds = ("invoices",)

    credit: str


class FileComplaint(Act, frozen=True, kw_only=True):
    """A new complaint."""

    kinds = ("complaints",)

    subject: str
    description: str
    product: str | None = None


class CommentOnComplaint(Act, frozen=True, kw_only=True):
    """Something said about a complaint; `public` when the customer may read it."""

    kinds = ("complaints",)

    complaint: str
    body: str
    public: bool = True


class SolveComplaint(Act, frozen=True, kw_only=True):
    """A complaint that is solved, with what was done about it."""

    kinds = ("complaints",)

    complaint: str
    resolution: str


class HoldComplaint(Act, frozen=True, kw_only=True):
    """A complaint that waits for something on our side, with a note for colleagues alone."""

    kinds = ("complaints",)

    complaint: str
    note: str


class ReopenComplaint(Act, frozen=True, kw_only=True):
    """A complaint that is open again, with a note for colleagues alone; undoes `HoldComplaint` and `SolveComplaint`."""

    kinds = ("complaints",)

    complaint: str
    note: str


class SetConsent(Act, frozen=True, kw_only=True):
    """A consent given or withdrawn."""

    kinds = ("consents",)

    purpose: str
    status: ConsentStatus
    consent_channel: Channel | None = None
    notice_version: str | None = None


class SetPreference(Act, frozen=True, kw_only=True):
    """A choice about content or frequency."""

    kinds = ("preferences",)

    topic: str
    subscribed: bool
    preference_channel: Channel | None = None
