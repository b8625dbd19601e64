"""The settings of what is made of a customer's data: eligibility, the views of kinds of work, and quality."""

from typing import Annotated, Literal

from pydantic import Field

from klantbeeld.settings_section import Bilingual, Section


class EligibilitySettings(Section):
    """What speaks against approaching a customer: `marketingEligibility`. A source that is missing always does."""

    purpose: str = Field(default="marketing", min_length=1)
    """Purpose of the consent that is needed, on the channel asked or on all."""
    opt_out_topics: tuple[str, ...] = ("newsletter", "marketing")
    """Topics of preferences whose refusal, on the channel asked or on all, is an opt-out."""
    open_complaints: int = Field(default=1, ge=1)
    """So many open complaints block."""
    repeated_complaints: int = Field(default=2, ge=1)
    """So many complaints within `repeated_days` block, open or not."""
    repeated_days: int = Field(default=90, ge=1)
    """Days that are looked back for repeated complaints."""
    overdue_days: int = Field(default=0, ge=0)
    """Days that an invoice may be overdue before it blocks."""
    adult_age: int = Field(default=18, ge=0, le=130)
    """Age in years below which a person is a minor; also decides what `profileGaps` lets be asked."""
    needs_known_age: bool = True
    """Block where a person's date of birth is not known."""


ProfileField = Literal[
    "full_name",
    "given_name",
    "family_name",
    "birth_date",
    "gender",
    "language",
    "customer_number",
    "organisation_name",
    "kvk_number",
    "email",
    "phone",
    "postal_address",
    "billing_account",
    "billing_email",
    "marketing_consent",
    "preferences",
]


class ViewSettings(Section):
    """What somebody who works with customers needs to know of one, for `profileGaps` and `dataQuality`."""

    title: Bilingual
    """What the view is for."""
    fields: dict[ProfileField, Annotated[int, Field(ge=1, le=100)]] = Field(min_length=1)
    """Fields that it needs, each with its weight: how much is gained by knowing it."""


class QualitySettings(Section):
    """How the quality of a customer's data is measured."""

    current_days: int = Field(default=730, ge=1)
    """Days for which a value counts as up to date after it was given or verified."""


DEFAULT_VIEWS: dict[str, tuple[str, str, dict[str, int]]] = {
    "service": (
        "Klantenservice",
        "Customer service",
        {"full_name": 5, "phone": 5, "email": 4, "postal_address": 3, "customer_number": 2, "language": 1},
    ),
    "advice": (
        "Advies",
        "Advice",
        {"full_name": 5, "preferences": 4, "email": 3, "phone": 3, "birth_date": 2, "language": 2, "gender": 1},
    ),
    "marketing": (
        "Marketing",
        "Campaigns",
        {"marketing_consent": 5, "email": 5, "birth_date": 4, "preferences": 3, "language": 2, "given_name": 1},
    ),
    "collections": (
        "Incasso",
        "Debt collection",
        {"full_name": 5, "postal_address": 5, "billing_account": 4, "billing_email": 4, "phone": 3, "email": 2},
    ),
    "self-service": (
        "Eigen gegevens",
        "Self service",
        {"email": 5, "phone": 4, "postal_address": 4, "full_name": 3, "marketing_consent": 2, "preferences": 2},
    ),
    "partner": ("Levering", "Delivery by partners", {"full_name": 5, "postal_address": 5, "phone": 2, "email": 2}),
}


def default_views() -> dict[str, ViewSettings]:
    """Give the views of the six kinds of work that the named operations serve."""
    return {
        name: ViewSettings.model_validate({"title": {"nl": dutch, "en": english}, "fields": fields})
        for name, (dutch, english, fields) in DEFAULT_VIEWS.items()
    }
