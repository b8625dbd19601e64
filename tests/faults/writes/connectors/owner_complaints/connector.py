"""The writes of the complaints system."""

from tests.faults.writes.owners.asked import COMPLAINT, Item, OwningSystem

from klantbeeld.sdk import Ask, Call, WriteSafety, does, reads, segment
from klantbeeld.sdk.acts import FileComplaint


class OwnerComplaints(OwningSystem):
    """A complaints system in which references are unique."""

    @reads(COMPLAINT)
    def complaints(self, ask: Ask) -> Call[Item]:
        """Read a customer's complaints."""
        return self.made(ask, "complaints")

    @reads(COMPLAINT, by_record=True)
    def complaint(self, ask: Ask) -> Call[Item]:
        """Read a complaint."""
        return Call(path=f"/{self.options['system']}/complaints/{segment(ask.key)}", record=Item)

    @does(WriteSafety.UNIQUE_REFERENCE, COMPLAINT)
    def file_complaint(self, act: FileComplaint) -> Call[Item]:
        """File a complaint under a reference of ours."""
        values = {"subject": act.subject, "note": act.description}
        return self.create(act, "complaints", values, ("reference", act.key))
