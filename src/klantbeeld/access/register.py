"""What a customer can read of how their data is used: the trail and the grants, without who was at the keyboard."""

import hashlib
from collections.abc import Sequence

import msgspec

from klantbeeld.access.grants import Grants
from klantbeeld.access.trail_chain import Entry
from klantbeeld.access.trail_check import entries_of
from klantbeeld.graph.data_use import Disclosure, Granted
from klantbeeld.store import Store

# The most disclosures of one customer that are read back; older ones are given by the operator.
MOST_DISCLOSURES = 1_000


class DataUseRegister:
    """Lives as long as the store; every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._grants = Grants(store)

    async def disclosures(self, customer_id: str) -> Sequence[Disclosure]:
        """Return who received or changed data of a customer, newest first."""
        entries = await entries_of(self._store, customer_id, most=MOST_DISCLOSURES)
        return [_disclosure(entry) for entry in entries]

    async def grants(self, customer_id: str) -> Sequence[Granted]:
        """Return all grants of a customer, ended ones too, in the order they began."""
        return [
            Granted(
                record_id=grant.id,
                client=grant.partner.client_id,
                purpose=grant.purpose,
                scopes=sorted(grant.terms.scopes),
                fields=sorted(grant.terms.fields),
                evidence=grant.evidence,
                valid_from=grant.valid_from,
                valid_to=grant.valid_to,
                withdrawn_at=grant.withdrawn_at,
            )
            for grant in await self._grants.of_customer(customer_id)
        ]


def _disclosure(entry: Entry) -> Disclosure:
    """Translate an entry; the subject stays out, since an employee's name is not the customer's to know."""
    return Disclosure(
        record_id=hashlib.sha256(msgspec.json.encode(entry)).hexdigest()[:32],
        at=entry.at,
        changed=entry.act == "WRITE",
        client=entry.client_id,
        caller_class=entry.caller_class,
        purpose=entry.purpose,
        fields=entry.coordinates,
        sources=list(entry.sources),
        channel=entry.channel or None,
    )
