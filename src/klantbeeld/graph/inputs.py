"""Mutation inputs: what callers send to be written, checked by pydantic before anything is done.

Each carries the channel through which it came, and may carry an idempotency key and the version that the caller saw.
"""

from decimal import Decimal
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from strawberry.experimental.pydantic import input as pydantic_input

from klantbeeld.graph import enums as enums  # noqa: PLC0414 - made before the first type
from klantbeeld.sdk.words import Channel, Direction

LONGEST_KEY = 255

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9][0-9]{6,14}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_KEY, pattern=r"^[\x21-\x7e]+$")]
Id = Annotated[strawberry.ID, StringConstraints(min_length=1, max_length=2_000)]


class WriteModel(BaseModel):
    """What every mutation input has."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    channel: Channel
    """Channel through which the caller came."""
    idempotency_key: Key | None = None
    """Key under which a repetition of this request is the same write; printable ASCII."""


class OfCustomer(WriteModel):
    """A write about a customer."""

    customer_id: Id
    """The customer."""


class Versioned(BaseModel):
    """A write that may be conditional."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    expected_version: Line | None = None
    """Version that the caller saw; with it the write is refused when the record has changed since."""


class AddressModel(BaseModel):
    """A postal address."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    street: Line
    """Street name."""
    house_number: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{1,6}$")]
    """House number, without addition."""
    addition: Line | None = None
    """Addition to the house number."""
    postcode: Line
    """Postcode."""
    city: Line
    """Town."""
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "NL"
    """ISO 3166-1 alpha-2 code."""


class ChangeContactDetailsModel(OfCustomer, Versioned):
    """New contact details; what is left out stays."""

    email: Email | None = None
    """New e-mail address."""
    phone: Phone | None = None
    """New phone number, in E.164."""
    address: AddressModel | None = None
    """New postal address, whole."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.email or self.phone or self.address):
            raise ValueError("nothing is to be changed")
        return self


class ChangeBillingDetailsModel(OfCustomer, Versioned):
    """New details on the billing account; what is left out stays."""

    name: Line | None = None
    """New name on the account."""
    email: Email | None = None
    """New address to which invoices are sent."""
    address: AddressModel | None = None
    """New address of the account, whole."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.name or self.email or self.address):
            raise ValueError("nothing is to be changed")
        return self


class CreditInvoiceModel(WriteModel, Versioned):
    """An invoice to give back, whole or in part."""

    invoice_id: Id
    """The invoice."""
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)] | None = None
    """Amount to give back, in the invoice's currency; without it what is still due."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the amount."""
    reason: Line
    """Why."""


class FileComplaintModel(OfCustomer):
    """A new complaint."""

    subject: Line
    """What it is about, in a few words."""
    description: Text
    """The complaint in the customer's words."""
    product_id: Id | None = None
    """The product that it is about."""


class CommentOnComplaintModel(WriteModel, Versioned):
    """Something to say about a complaint."""

    complaint_id: Id
    """The complaint."""
    body: Text
    """What is said."""
    public: bool = True
    """Whether the customer may read it."""


class SolveComplaintModel(WriteModel, Versioned):
    """A complaint that is solved."""

    complaint_id: Id
    """The complaint."""
    resolution: Text
    """What was done about it."""


class ConsentModel(OfCustomer, Versioned):
    """A consent to give or to withdraw."""

    purpose: Line
    """What it is for."""
    consent_channel: Channel | None = None
    """Channel for which it holds; all channels without it."""
    notice_version: Line | None = None
    """Version of the text that the customer saw."""


class SetPreferenceModel(OfCustomer, Versioned):
    """A choice about content or frequency."""

    topic: Line
    """What the choice is about."""
    subscribed: bool
    """Whether the customer wants it."""
    preference_channel: Channel | None = None
    """Channel for which it holds."""


class RecordInteractionModel(OfCustomer):
    """A contact that took place."""

    direction: Direction
    """Who began, seen from the organisation."""
    subject: Line
    """What it was about, in a few words."""
    note: Text | None = None
    """What was said."""
    about_id: Id | None = None
    """The complaint, order or product that it was about."""


class ReportDataErrorModel(OfCustomer):
    """Something that is wrong with what a source holds."""

    field: Line
    """Name of the field, as the schema has it."""
    description: Text
    """What is wrong, and what it should be."""


@pydantic_input(model=AddressModel, all_fields=True, description="A postal address.")
class AddressInput:
    """A postal address."""


@pydantic_input(
    model=ChangeContactDetailsModel, all_fields=True, description="New contact details; what is left out stays."
)
class ChangeContactDetailsInput:
    """New contact details; what is left out stays."""


@pydantic_input(
    model=ChangeBillingDetailsModel,
    all_fields=True,
    description="New details on the billing account; what is left out stays.",
)
class ChangeBillingDetailsInput:
    """New details on the billing account; what is left out stays."""


@pydantic_input(model=CreditInvoiceModel, all_fields=True, description="An invoice to give back, whole or in part.")
class CreditInvoiceInput:
    """An invoice to give back, whole or in part."""


@pydantic_input(model=FileComplaintModel, all_fields=True, description="A new complaint.")
class FileComplaintInput:
    """A new complaint."""


@pydantic_input(model=CommentOnComplaintModel, all_fields=True, description="Something to say about a complaint.")
class CommentOnComplaintInput:
    """Something to say about a complaint."""


@pydantic_input(model=SolveComplaintModel, all_fields=True, description="A complaint that is solved.")
class SolveComplaintInput:
    """A complaint that is solved."""


@pydantic_input(model=ConsentModel, all_fields=True, description="A consent to give or to withdraw.")
class ConsentInput:
    """A consent to give or to withdraw."""


@pydantic_input(model=SetPreferenceModel, all_fields=True, description="A choice about content or frequency.")
class SetPreferenceInput:
    """A choice about content or frequency."""


@pydantic_input(model=RecordInteractionModel, all_fields=True, description="A contact that took place.")
class RecordInteractionInput:
    """A contact that took place."""


@pydantic_input(
    model=ReportDataErrorModel, all_fields=True, description="Something that is wrong with what a source holds."
)
class ReportDataErrorInput:
    """Something that is wrong with what a source holds."""
