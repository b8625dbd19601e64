"""From a complaint of this system to the unified model."""

from klantbeeld.sdk import Mapping, records, take
from klantbeeld.sdk.words import ComplaintState, Priority

from . import records as wire

STATES = {"open": ComplaintState.OPEN, "closed": ComplaintState.CLOSED}
PRIORITIES = {"low": Priority.LOW, "high": Priority.HIGH}

COMPLAINT = Mapping(
    records.Complaint,
    wire.Complaint,
    {
        "record_id": take("id"),
        "subject": take("subject"),
        "state": take("status", via=STATES),
        "priority": take("priority", via=PRIORITIES),
        "filed_at": take("opened_at"),
        "solved_at": take("closed_at"),
    },
)
