"""The condition of a source: what its links make of the next call, in one word."""

from enum import StrEnum

from klantbeeld.sources.breaker import BreakerState
from klantbeeld.sources.source import Source


class SourceCondition(StrEnum):
    """How a source can be asked now.

    AVAILABLE: by everybody. LIMITED: what it allows runs low, so the less important are not served from it. PAUSED: it
    asked not to be called for a while. PROBING: it failed, and a few calls find out whether it is back. DOWN: it failed
    so often that it is not called. QUARANTINED: its connector is broken.
    """

    AVAILABLE = "AVAILABLE"
    LIMITED = "LIMITED"
    PAUSED = "PAUSED"
    PROBING = "PROBING"
    DOWN = "DOWN"
    QUARANTINED = "QUARANTINED"


OF_BREAKER = {BreakerState.OPEN: SourceCondition.DOWN, BreakerState.HALF_OPEN: SourceCondition.PROBING}


def condition_of(source: Source) -> SourceCondition:
    """Return how a source can be read now; its writes have a breaker of their own."""
    if source.is_quarantined:
        return SourceCondition.QUARANTINED
    is_bad = OF_BREAKER.get(source.chain.reads_state)
    if is_bad is not None:
        return is_bad
    quota = source.chain.quota
    if quota.is_paused:
        return SourceCondition.PAUSED
    return SourceCondition.LIMITED if quota.stopped else SourceCondition.AVAILABLE
