"""Inputs of acts over several systems, of registering and enriching, and of people's tasks."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from strawberry.experimental.pydantic import input as pydantic_input

from klantbeeld.graph.inputs import (
    AddressInput as AddressInput,  # noqa: PLC0414 - made before the inputs that hold one
)
from klantbeeld.graph.inputs import AddressModel, Email, Id, Line, OfCustomer, Phone, Text, Versioned, WriteModel
from klantbeeld.writes.sagas.tasks import Decision

AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9]{0,63}$")]
SagaName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9]{0,63}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9_.-]{0,63}$")]
Amount = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
LANGUAGE = r"^[a-z]{2,3}(-[A-Z]{2})?$"
MOST_VALUES = 50

strawberry.enum(Decision, description="What somebody decided.")


class ChangeAddressModel(OfCustomer, Versioned):
    """Where the customer moves."""

    address: AddressModel
    """New postal address, whole."""


class ChangeEmailModel(OfCustomer, Versioned):
    """The customer's new e-mail address."""

    email: Email
    """New e-mail address."""


class CloseComplaintWithCreditModel(WriteModel, Versioned):
    """A complaint that is settled with a credit on an invoice; the expected version is the complaint's."""

    complaint_id: Id
    """The complaint."""
    invoice_id: Id
    """The invoice on which is given back."""
    amount: Amount
    """Amount to give back."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the amount."""
    resolution: Text
    """What is done about the complaint."""


class RegisterCustomerModel(WriteModel):
    """Somebody who becomes a customer; at least one of e-mail address, phone number, or address with date of birth."""

    given_name: Line | None = None
    """Given name."""
    tussenvoegsel: Line | None = None
    """What stands between given and family name ("van der")."""
    family_name: Line
    """Family name, without tussenvoegsel."""
    birth_date: date | None = None
    """Date of birth."""
    email: Email | None = None
    """E-mail address."""
    phone: Phone | None = None
    """Phone number, in E.164."""
    address: AddressModel | None = None
    """Postal address."""
    language: Annotated[str, StringConstraints(pattern=LANGUAGE)] | None = None
    """Preferred language (BCP 47)."""
    is_new: bool = False
    """Possible matches were looked at, and are somebody else."""

    @model_validator(mode="after")
    def _can_be_found_again(self) -> Self:
        if not (self.email or self.phone or (self.address and self.birth_date)):
            raise ValueError("nothing to find the customer by")
        return self


class EnrichProfileModel(OfCustomer, Versioned):
    """One attribute that was learned of a customer."""

    name: AttributeName
    """Name of the attribute."""
    value: Line
    """Its value."""
    learned_from: Line
    """Where it was learned ("service call", "quiz")."""
    consent: Line
    """Purpose of the consent under which it is kept; it has to be given."""


class SagaValueModel(BaseModel):
    """One member of what a saga is given."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Line
    """Name of the member."""
    value: Text
    """Its value: text, a number, a date, or the id of a record."""


@pydantic_input(model=SagaValueModel, all_fields=True, description="One member of what a saga is given.")
class SagaValueInput:
    """One member of what a saga is given."""


class RunSagaModel(OfCustomer):
    """A saga that was declared for this deployment."""

    saga: SagaName
    """Name of the saga."""
    values: Annotated[list[SagaValueModel], Field(max_length=MOST_VALUES)] = []  # noqa: RUF012 - pydantic copies it
    """What it is given."""


class SignalOperationModel(WriteModel):
    """An event for which an operation waits."""

    operation_id: Id
    """The operation."""
    event: EventName
    """Name of the event."""


class ClaimTaskModel(WriteModel):
    """A task that somebody takes."""

    task_id: Id
    """The task."""


class CompleteTaskModel(WriteModel):
    """What somebody decided."""

    task_id: Id
    """The task; to an external engine, the correlation id."""
    decision: Decision
    """What was decided."""


@pydantic_input(model=ChangeAddressModel, all_fields=True, description="Where the customer moves.")
class ChangeAddressInput:
    """Where the customer moves."""


@pydantic_input(model=ChangeEmailModel, all_fields=True, description="The customer's new e-mail address.")
class ChangeEmailInput:
    """The customer's new e-mail address."""


@pydantic_input(
    model=CloseComplaintWithCreditModel,
    all_fields=True,
    description="A complaint that is settled with a credit; the expected version is the complaint's.",
)
class CloseComplaintWithCreditInput:
    """A complaint that is settled with a credit."""


@pydantic_input(
    model=RegisterCustomerModel,
    all_fields=True,
    description="Somebody who becomes a customer; at least an e-mail address, a phone number, or an address with date "
    "of birth.",
)
class RegisterCustomerInput:
    """Somebody who becomes a customer."""


@pydantic_input(model=EnrichProfileModel, all_fields=True, description="One attribute that was learned of a customer.")
class EnrichProfileInput:
    """One attribute that was learned of a customer."""


@pydantic_input(
    model=RunSagaModel,
    all_fields=True,
    description="A saga that was declared for this deployment, and what it is given.",
)
class RunSagaInput:
    """A saga that was declared for this deployment."""


@pydantic_input(model=SignalOperationModel, all_fields=True, description="An event for which an operation waits.")
class SignalOperationInput:
    """An event for which an operation waits."""


@pydantic_input(model=ClaimTaskModel, all_fields=True, description="A task that somebody takes.")
class ClaimTaskInput:
    """A task that somebody takes."""


@pydantic_input(model=CompleteTaskModel, all_fields=True, description="What somebody decided about a task.")
class CompleteTaskInput:
    """What somebody decided."""


class Registration(StrEnum):
    """What came of registering somebody."""

    CREATED = "CREATED"
    EXISTING = "EXISTING"
    POSSIBLE = "POSSIBLE"
    NOT_CREATED = "NOT_CREATED"


strawberry.enum(
    Registration,
    description="What came of registering somebody: a new customer, one who was known, possible matches to look at "
    "first, or nothing yet.",
)
