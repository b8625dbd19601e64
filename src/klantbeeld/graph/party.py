"""Who the customer is and how to reach them."""

from strawberry import Parent

from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import computed
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.graph.survivorship import ValueOrigin, origins_of
from klantbeeld.sdk import records
from klantbeeld.sdk.words import Category

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

    @computed(data=PERSONAL, tells_members=True)
    def origins(record: Parent[records.Party]) -> list[ValueOrigin] | None:
        """Where each value beside it comes from: those of the fields that are selected on the same object.

        Select `alternatives` to have the other systems asked and compared.
        """
        return origins_of(record)


@published(records.PostalAddress, PERSONAL)
class PostalAddress:
    """A postal address."""


@published(records.ContactMedium, PERSONAL, preferred=REGISTERED)
class ContactMedium(Sourced):
    """A way to reach the customer."""

    address: PostalAddress | None
