"""Statuses of sources in words: what is missing, and what that means for whoever reads the answer."""

from typing import Any

from klantbeeld.graph.answers import EXPECTED, Answer, Moment
from klantbeeld.graph.sourced import SourceStatus


def status_of(answer: Answer[Any], moment: Moment) -> SourceStatus:
    """Return the status of one answer, with the consequence of its absence in the caller's language."""
    fetched = [record.origin.fetched_at for record in answer.records if record.origin]
    return SourceStatus(
        source=answer.source,
        role=answer.role,
        state=answer.state,
        code=answer.code,
        latency_ms=round(answer.seconds * 1000, 1) if answer.seconds else None,
        as_of=min(fetched, default=None),
        consequence=None if answer.state in EXPECTED else consequence_of(answer.source, moment),
    )


def consequence_of(source: str, moment: Moment) -> str | None:
    """Return what it means that a source is missing, as its operator put it."""
    settings = moment.settings.sources.get(source)
    return getattr(settings.risk_when_missing, moment.language) if settings else None
