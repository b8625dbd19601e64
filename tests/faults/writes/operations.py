"""What the clients of the suite want done: a mutation for one customer, whose values name the operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.writes.owners.faults import Fault

PAYLOAD = "status operationId steps { source status code } consistencyToken"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of mutation: whom it changes, how they keep writes apart, and what its input holds for a mark.

    `read` selects of a customer what it changes, where that can be read.
    """

    mutation: str
    input: str
    systems: tuple[str, ...]
    safety: str
    values: Callable[[str], Mapping[str, Any]]
    read: str | None = None

    @property
    def document(self) -> str:
        """The GraphQL document."""
        return f"mutation Write($input: {self.input}!) {{ {self.mutation}(input: $input) {{ {PAYLOAD} }} }}"


def _address(mark: str) -> Mapping[str, Any]:
    return {"address": {"street": f"{mark} straat", "houseNumber": "7", "postcode": "2011 AA", "city": "Haarlem"}}


KINDS: Mapping[str, Kind] = {
    "version": Kind(
        "changeContactDetails",
        "ChangeContactDetailsInput",
        ("crm",),
        "if_match",
        lambda mark: {"email": f"{mark}@new.example"},
        read="contactMedia { value }",
    ),
    "key": Kind(
        "changeBillingDetails",
        "ChangeBillingDetailsInput",
        ("billing",),
        "idempotency_key",
        lambda mark: {"email": f"{mark}@new.example"},
        read="billingAccounts { email }",
    ),
    "reference": Kind(
        "recordInteraction",
        "RecordInteractionInput",
        ("crm",),
        "unique_reference",
        lambda mark: {"direction": "INBOUND", "subject": f"{mark} gebeld"},
        read="interactions { nodes { subject } }",
    ),
    "bare": Kind(
        "reportDataError",
        "ReportDataErrorInput",
        ("crm",),
        "none",
        lambda mark: {"field": "street", "description": f"{mark} klopt niet"},
    ),
    "seen": Kind(
        "fileComplaint",
        "FileComplaintInput",
        ("complaints",),
        "none, and can be read",
        lambda mark: {"subject": f"{mark} kapot", "description": "Het is stuk."},
        read="complaints { nodes { subject } }",
    ),
    "move": Kind(
        "changeAddress",
        "ChangeAddressInput",
        ("crm", "billing", "marketing"),
        "if_match, then idempotency_key twice",
        _address,
        read="contactMedia { address { street } }",
    ),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutation: its mark is in what is written, its key in what is asked.

    `faults` are by system, `faults_back` those of taking back what was done.
    """

    mark: str
    kind: Kind
    customer: str
    customer_id: str
    faults: Mapping[str, Sequence[Fault]] = field(default_factory=dict)
    faults_back: Mapping[str, Sequence[Fault]] = field(default_factory=dict)

    @property
    def request(self) -> Mapping[str, Any]:
        """What a client sends, the first time and every time after."""
        return self._asking(self.mark)

    @property
    def reading(self) -> Mapping[str, Any]:
        """What a client sends to read what it changed."""
        document = f"query Read($id: ID!) {{ customer(id: $id) {{ {self.kind.read} sources {{ state }} }} }}"
        return {"query": document, "variables": {"id": self.customer_id}}

    @property
    def other_request(self) -> Mapping[str, Any]:
        """Another mutation under the same key, which nobody may carry out."""
        return self._asking(f"{self.mark[:-1]}zx")

    def _asking(self, mark: str) -> Mapping[str, Any]:
        given = {"customerId": self.customer_id, "channel": "PHONE", "idempotencyKey": f"key-{self.mark}"}
        return {"query": self.kind.document, "variables": {"input": {**given, **self.kind.values(mark)}}}
