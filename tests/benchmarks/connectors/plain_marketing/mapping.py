"""From a profile of this system to the unified model."""

from klantbeeld.sdk import Mapping, records, take
from klantbeeld.sdk.words import Channel, ConsentStatus

from . import records as wire

CHANNELS = {channel.value.lower(): channel for channel in Channel}
STATUSES = {True: ConsentStatus.GIVEN, False: ConsentStatus.WITHDRAWN}


CONSENT = Mapping(
    records.Consent,
    wire.Profile,
    {
        "record_id": take("channel"),
        "channel": take("channel", via=CHANNELS),
        "status": take("granted", via=STATUSES),
        "changed_at": take("updated_at"),
        "evidence": take("source"),
    },
    outer={"owner": take("customer_id")},
    each=take("consents"),
)
CAMPAIGN = Mapping(
    records.Campaign,
    wire.Profile,
    {
        "record_id": take("id"),
        "name": take("name"),
        "sent_at": take("sent_at"),
        "opened": take("opened"),
    },
    outer={"owner": take("customer_id")},
    each=take("campaigns"),
)
