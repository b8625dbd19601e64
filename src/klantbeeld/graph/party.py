"""Who the customer is and how to reach them."""

import strawberry

from klantbeeld.graph.data import Data
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records, words
from klantbeeld.sdk.words import Category

strawberry.enum(words.PartyKind, description="Person or organisation.")
strawberry.enum(words.PartyStatus, description="Where the customer stands with the organisation.")
strawberry.enum(words.ContactKind, description="Kind of contact medium.")

PERSONAL = Data(owner="CRM", category=Category.SOCIAL, scope="crm:read")
REGISTERED = Data(owner="CRM", category=Category.REGISTRATION, scope="crm:read")


@published(
    records.Party,
    PERSONAL,
    language=REGISTERED,
    customer_number=REGISTERED,
    status=REGISTERED,
    customer_since=REGISTERED,
)
class Party(Sourced):
    """Who the customer is."""


@published(records.PostalAddress, PERSONAL)
class PostalAddress:
    """A postal address."""


@published(records.ContactMedium, PERSONAL, preferred=REGISTERED)
class ContactMedium(Sourced):
    """A way to reach the customer."""

    address: PostalAddress | None
