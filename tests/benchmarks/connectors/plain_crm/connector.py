"""The calls to the CRM."""

from klantbeeld.sdk import Ask, Call, Connector, reads, segment

from . import mapping
from . import records as wire

BATCH = 500


class PlainCrm(Connector):
    """A CRM with one object: the customer."""

    @reads(mapping.PARTY, resource="customer", batch=BATCH)
    def party(self, ask: Ask) -> Call[wire.Customer]:
        """Read one customer, or a list of several."""
        if len(ask.keys) == 1:
            return Call(path=f"/customers/{segment(ask.key)}", record=wire.Customer)
        query = [("limit", str(len(ask.keys))), ("ids", ",".join(ask.keys))]
        return Call(path="/customers", query=query, items=(), record=wire.Customer)

    @reads(mapping.EMAIL, mapping.PHONE, mapping.ADDRESS, resource="customer", batch=BATCH)
    def contact_media(self, ask: Ask) -> Call[wire.Customer]:
        """Read the same customers."""
        return self.party(ask)

    @reads(mapping.SEGMENT, mapping.VIP, resource="customer", batch=BATCH)
    def attributes(self, ask: Ask) -> Call[wire.Customer]:
        """Read the same customers."""
        return self.party(ask)
