"""The calls to the marketing system."""

from klantbeeld.sdk import Ask, Call, Connector, reads, segment

from . import mapping
from . import records as wire


class PlainMarketing(Connector):
    """A marketing system with one object: the profile."""

    @reads(mapping.CONSENT, resource="profile")
    def consents(self, ask: Ask) -> Call[wire.Profile]:
        """Read the profile, for what was allowed."""
        return Call(path=f"/profiles/{segment(ask.key)}", record=wire.Profile)

    @reads(mapping.CAMPAIGN, resource="profile")
    def campaigns(self, ask: Ask) -> Call[wire.Profile]:
        """Read the same profile, for what was sent."""
        return self.consents(ask)
