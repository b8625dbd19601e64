"""Roles: what a source is for, and what may be asked of whoever fills the role.

A role is a value, so a package may add one. Its capabilities are the names of methods that a connector may have; each
says which record it gives. A connector that lacks one simply does not have the method, and the graph says
NOT_SUPPORTED for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from klantbeeld.sdk import acts, records
from klantbeeld.sdk.acts import Act


@dataclass(frozen=True, slots=True)
class Role:
    """What a source is for: `reads` by name the record that each gives, `acts` by name the input that each takes."""

    name: str
    reads: Mapping[str, type[records.Record]] = field(hash=False, compare=False)
    acts: Mapping[str, type[Act]] = field(hash=False, compare=False, default_factory=dict)


# What every source that knows customers may offer: finding, searching and listing them.
CUSTOMERS: Mapping[str, type[records.Record]] = {
    "find": records.Party,
    "search": records.Party,
    "everyone": records.Party,
    "changes": records.Party,
}

CRM = Role(
    "CRM",
    reads={
        **CUSTOMERS,
        "party": records.Party,
        "contact_media": records.ContactMedium,
        "orders": records.Order,
        "order": records.Order,
        "interactions": records.Interaction,
        "interaction": records.Interaction,
    },
    acts={
        "register_customer": acts.RegisterCustomer,
        "change_contact_details": acts.ChangeContactDetails,
        "set_attribute": acts.SetAttribute,
        "record_interaction": acts.RecordInteraction,
        "report_data_error": acts.ReportDataError,
    },
)
BILLING = Role(
    "BILLING",
    reads={
        **CUSTOMERS,
        "party": records.Party,
        "contact_media": records.ContactMedium,
        "billing_accounts": records.BillingAccount,
        "invoices": records.Invoice,
        "invoice": records.Invoice,
        "products": records.Product,
        "purchases": records.Product,
        "product": records.Product,
    },
    acts={
        "change_billing_details": acts.ChangeBillingDetails,
        "credit_invoice": acts.CreditInvoice,
        "withdraw_credit": acts.WithdrawCredit,
    },
)
COMPLAINTS = Role(
    "COMPLAINTS",
    reads={
        **CUSTOMERS,
        "party": records.Party,
        "contact_media": records.ContactMedium,
        "complaints": records.Complaint,
        "complaint": records.Complaint,
        "comments": records.Comment,
    },
    acts={
        "file_complaint": acts.FileComplaint,
        "comment_on_complaint": acts.CommentOnComplaint,
        "hold_complaint": acts.HoldComplaint,
        "solve_complaint": acts.SolveComplaint,
        "reopen_complaint": acts.ReopenComplaint,
    },
)
MARKETING = Role(
    "MARKETING",
    reads={
        **CUSTOMERS,
        "party": records.Party,
        "contact_media": records.ContactMedium,
        "consents": records.Consent,
        "preferences": records.Preference,
        "campaigns": records.Campaign,
        "attributes": records.Attribute,
    },
    acts={
        "set_consent": acts.SetConsent,
        "set_preference": acts.SetPreference,
        "set_attribute": acts.SetAttribute,
        "change_contact_details": acts.ChangeContactDetails,
    },
)
ANALYTICS = Role("ANALYTICS", reads={"attributes": records.Attribute})
EXTERNAL = Role("EXTERNAL", reads={"attributes": records.Attribute})

ROLES: Mapping[str, Role] = {role.name: role for role in (CRM, BILLING, COMPLAINTS, MARKETING, ANALYTICS, EXTERNAL)}
