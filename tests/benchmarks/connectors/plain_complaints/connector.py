"""The calls to the complaints system."""

from klantbeeld.sdk import Ask, Call, Connector, reads

from . import mapping
from . import records as wire


class PlainComplaints(Connector):
    """A complaints system that lists a customer's complaints, in no order."""

    @reads(mapping.COMPLAINT)
    def complaints(self, ask: Ask) -> Call[wire.Complaint]:
        """Read a customer's complaints."""
        return Call(path="/complaints", query=[("customer", ask.key)], items=(), record=wire.Complaint)
