"""The writes of the CRM."""

from tests.faults.writes.owners.asked import INTERACTION, PARTY, Customer, Item, OwningSystem, contact_details

from klantbeeld.sdk import Ask, Call, WriteSafety, does, reads
from klantbeeld.sdk.acts import ChangeContactDetails, RecordInteraction, ReportDataError


class OwnerCrm(OwningSystem):
    """A CRM that compares versions."""

    @reads(INTERACTION)
    def interactions(self, ask: Ask) -> Call[Item]:
        """Read a customer's contacts."""
        return self.made(ask, "interactions")

    @does(WriteSafety.IF_MATCH, PARTY)
    def change_contact_details(self, act: ChangeContactDetails) -> Call[Customer]:
        """Change a customer who is still at the version expected."""
        values = contact_details(act.email, act.phone, act.address)
        return self.changed(act, values, ("if-match", act.expected or "*"))

    @does(WriteSafety.UNIQUE_REFERENCE, INTERACTION)
    def record_interaction(self, act: RecordInteraction) -> Call[Item]:
        """Keep a contact under a reference of ours."""
        return self.create(act, "interactions", {"subject": act.subject, "note": act.note}, ("reference", act.key))

    @does(WriteSafety.NONE, INTERACTION)
    def report_data_error(self, act: ReportDataError) -> Call[Item]:
        """Keep what was said to be wrong; a second time would keep it twice, and nothing tells that it was kept."""
        return self.create(act, "reports", {"subject": act.field, "note": act.description})
