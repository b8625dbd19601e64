"""The writes of the marketing system."""

from tests.faults.writes.owners.asked import PARTY, Customer, OwningSystem, contact_details, key_of

from klantbeeld.sdk import Call, WriteSafety, does
from klantbeeld.sdk.acts import ChangeContactDetails, SetPreference


class OwnerMarketing(OwningSystem):
    """A marketing system that keeps keys for changes of details."""

    @does(WriteSafety.IDEMPOTENCY_KEY, PARTY)
    def change_contact_details(self, act: ChangeContactDetails) -> Call[Customer]:
        """Change a customer."""
        return self.changed(act, contact_details(act.email, act.phone, act.address), key_of(act))

    @does(WriteSafety.NONE, PARTY)
    def set_preference(self, act: SetPreference) -> Call[Customer]:
        """Note a choice; a second time would note it twice."""
        return self.changed(act, {f"wants {act.topic}": "yes" if act.subscribed else "no"})
