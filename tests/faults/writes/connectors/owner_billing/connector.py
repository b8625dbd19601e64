"""The writes of the billing system."""

from tests.faults.writes.owners.asked import ACCOUNT, PARTY, Customer, OwningSystem, contact_details, key_of

from klantbeeld.sdk import Ask, Call, WriteSafety, does, reads
from klantbeeld.sdk.acts import ChangeBillingDetails


class OwnerBilling(OwningSystem):
    """A billing system that keeps keys for a while."""

    @reads(ACCOUNT, resource="customer")
    def billing_accounts(self, ask: Ask) -> Call[Customer]:
        """Read the same customer."""
        return self.party(ask)

    @does(WriteSafety.IDEMPOTENCY_KEY, PARTY)
    def change_billing_details(self, act: ChangeBillingDetails) -> Call[Customer]:
        """Change an account."""
        return self.changed(act, {"name": act.name, **contact_details(act.email, None, act.address)}, key_of(act))
