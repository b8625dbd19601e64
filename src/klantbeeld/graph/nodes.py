"""Anything by its global id: a customer, or a record of a source."""

from typing import Any

from klantbeeld.errors import RequestError
from klantbeeld.graph.ids import open_record_id
from klantbeeld.graph.roots import Roots
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM

# The capability that reads one record of each kind by its id.
BY_ID = {
    "Order": Read(CRM, "order", key="record_id"),
    "Interaction": Read(CRM, "interaction", key="record_id"),
    "Invoice": Read(BILLING, "invoice", key="record_id"),
    "Product": Read(BILLING, "product", key="record_id"),
    "Complaint": Read(COMPLAINTS, "complaint", key="record_id"),
}


async def find_node(roots: Roots, text: str) -> Any:
    """Return what an id names; None if it is not known or not to be seen.

    Raises RequestError with ID_INVALID for what is no id, and with NODE_NOT_REFETCHABLE for a record that its source
    gives only together with its customer.
    """
    if CANONICAL.fullmatch(text.lower()):
        (customer,) = await roots.customers([text])
        return customer
    wanted = open_record_id(text)
    read = BY_ID.get(wanted.kind)
    if read is None:
        raise RequestError(f"a {wanted.kind} cannot be read alone", code="NODE_NOT_REFETCHABLE")
    sensitivity = "FINANCIAL" if wanted.kind == "Invoice" else "ORDINARY"
    scope = f"{read.role.name.lower()}:read"
    refusal = roots.moment.rights.refusal(scope, category="CUSTOM", sensitivity=sensitivity)
    if refusal:
        raise RequestError("the record may not be read", code=refusal, status=403)
    return await roots.record(read, wanted)
