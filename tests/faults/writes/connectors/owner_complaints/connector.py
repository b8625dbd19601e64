"""The writes of the complaints system."""

from tests.faults.writes.owners.asked import COMPLAINT, Item, OwningSystem

from klantbeeld.sdk import Ask, Call, WriteSafety, does, reads, segment
from klantbeeld.sdk.acts import FileComplaint


class OwnerComplaints(OwningSystem):
    """A complaints system that keeps what it is sent, as often as it is sent."""

    @reads(COMPLAINT)
    def complaints(self, ask: Ask) -> Call[Item]:
        """Read a customer's complaints."""
        return self.made(ask, "complaints")

    @reads(COMPLAINT, by_record=True)
    def complaint(self, ask: Ask) -> Call[Item]:
        """Read a complaint."""
        return Call(path=f"/{self.options['system']}/complaints/{segment(ask.key)}", record=Item)

    @does(WriteSafety.NONE, COMPLAINT)
    def file_complaint(self, act: FileComplaint) -> Call[Item]:
        """File a complaint; a second time would file it twice, which can be read."""
        return self.create(act, "complaints", {"subject": act.subject, "note": act.description})
