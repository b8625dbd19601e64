"""The calls to the billing system."""

from klantbeeld.sdk import Ask, Call, Connector, reads, segment

from . import mapping
from . import records as wire


class PlainBilling(Connector):
    """A billing system that lists a customer's invoices, in no order."""

    @reads(mapping.INVOICE)
    def invoices(self, ask: Ask) -> Call[wire.Invoice]:
        """Read a customer's invoices."""
        return Call(path=f"/accounts/{segment(ask.key)}/invoices", items=(), record=wire.Invoice)
